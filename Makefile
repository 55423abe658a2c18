# SPDX-License-Identifier: BSD-3-Clause
# Thin on purpose: meson knows how to build, this file knows the few words one types.
# Each target installs only what it needs (tools/deps); HOLDFAST_NO_INSTALL=1 forbids that.

BUILD ?= build
DRILL_FLAGS ?=
FUZZ_SECONDS ?= 30
PREFIX ?= /usr/local

# Two at a time: the timings of the tiers are meant for a 2-core machine.
TEST = meson test --no-rebuild --num-processes 2 --print-errorlogs -C
QUICK = --suite unit --suite tools --suite quick
PURE = --suite unit --suite sim

# What UBSan has to say fails the test that made it say it.
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1

comma := ,

.PHONY: all build demo tests drill quick check long guest clang asan tsan coverage fuzz fuzz-programs soak soak-pairs soak-relay soak-fleet soak-matrix soak-crash soak-bugs soak-kills soak-comings soak-fuzz bench install deps docs format clean

all: build

# The tests need more than the programs do: without them until somebody asks for tests.
build:
	@tools/deps build
	@[ -f $(BUILD)/build.ninja ] || tools/configure $(BUILD) -Dtests=false
	@ninja -C $(BUILD)

drill: build
	$(BUILD)/holdfast drill $(DRILL_FLAGS)

# A Linux guest that cannot reconnect, and a back-end that dies while you watch.
demo: build
	@tools/deps guest
	@ninja -C $(BUILD) tests/guest/inside/guest-tree
	@HOLDFAST_BUILD=$(BUILD) tests/guest/demo

tests:
	@tools/deps build test format
	@tools/configure $(BUILD) -Dtests=true
	@ninja -C $(BUILD)

quick: tests
	@$(TEST) $(BUILD) $(QUICK)

check: tests
	@tools/deps guest
	@tests/guest/uml-initramfs $(BUILD)/guest
	@$(TEST) $(BUILD) $(QUICK) --suite check
	@tools/check-shown --ran . $(BUILD)

guest: tests
	@tools/deps guest
	@tests/guest/uml-initramfs $(BUILD)/guest
	@tests/guest/qemu_initramfs.py $(BUILD)/guest-qemu $(BUILD)/tests/guest/inside/qemu-blocks
	@$(TEST) $(BUILD) --suite guest

# What takes longer than one waits for: part of .ci/run.
long: tests
	@tools/deps guest
	@tests/guest/uml-initramfs $(BUILD)/guest
	@tests/guest/qemu_initramfs.py $(BUILD)/guest-qemu $(BUILD)/tests/guest/inside/qemu-blocks
	@$(TEST) $(BUILD) --suite long

clang asan tsan:
	@tools/deps build test format clang
	@CC=clang tools/configure build-$@ -Dtests=true $($@_OPTIONS)
	@ninja -C build-$@
	@$(TEST) build-$@ $(PURE)

SANITIZED = -Dbuildtype=debugoptimized -Db_lundef=false
asan_OPTIONS = $(SANITIZED) -Db_sanitize=address$(comma)undefined
tsan_OPTIONS = $(SANITIZED) -Db_sanitize=thread

# What unit and sim leave out of the pure layers. Counts of an earlier build would be added up, and
# threads must not lose any.
coverage:
	@tools/deps build test
	@CC=gcc tools/configure build-$@ -Dtests=true -Db_coverage=true -Doptimization=0 \
		-Dc_args=-fprofile-update=atomic
	@ninja -C build-$@
	@find build-$@ -name '*.gcda' -delete
	@$(TEST) build-$@ $(PURE)
	@tools/check-coverage build-$@

fuzz-programs:
	@tools/deps build test clang
	@CC=clang tools/configure build-fuzz -Dtests=true -Dfuzz=true $(asan_OPTIONS)
	@ninja -C build-fuzz fuzz

# Each target for so long, two at a time; what was found stays for the next run.
fuzz: fuzz-programs
	@FUZZ_JOBS=2 tests/fuzz/run $(FUZZ_SECONDS)

# By hand, for hours on a quiet machine; each word adds a section to docs/soak.md, with date, kernel,
# commit and who else was busy. Interrupted, kills and fuzzing go on where they stopped.
SOAK = HOLDFAST_BUILD=$(BUILD) tests/system/soak
SOAK_KILLS ?= 20000
SOAK_FUZZ_SECONDS ?= 3600

soak: soak-matrix soak-pairs soak-relay soak-fleet soak-crash soak-bugs soak-comings soak-kills

# Faults at the first message and at later ones; then two different events.
soak-matrix: tests
	@$(SOAK) note 'Every event in every state, twice, with every fault between' \
		$(BUILD)/tests/matrix/test_matrix --at=0
	@$(SOAK) note 'The same, with faults at later messages: a fifth of it' \
		$(BUILD)/tests/matrix/test_matrix --at=35 --part=2/5

# Interrupted, they go on where they stopped, if the program is the same.
soak-pairs: tests
	@$(SOAK) note --words=8 'All pairs of faults, in virtual time' \
		$(BUILD)/tests/sim/test_all_pairs --progress=$(BUILD)/all-pairs

# One or two faults, at messages of either side.
soak-relay: tests
	@$(SOAK) note 'Two million lives of a relay, drawn, in virtual time' \
		$(BUILD)/tests/sim/test_relay --cases=2000000

soak-fleet: tests
	@$(SOAK) note 'Five hundred devices in one relay on one target' \
		tests/system/relay-fleet --devices=500 --kills=20

# Of every fourth scenario, every second image is recovered, and killed after each instruction of that.
soak-crash: tests
	@for victim in $(BUILD)/tests/crash/crash-victim-*; do \
		$(SOAK) note --words=4 "All crash points, and those of recovery: $${victim##*-}" \
			$(BUILD)/tests/crash/crash-points $$victim full || exit 1; done

soak-bugs:
	@$(SOAK) note --words=2 'Every sown bug' tools/seed-bugs

soak-kills: tests
	@$(SOAK) kills --kills=$(SOAK_KILLS)

soak-comings: tests
	@$(SOAK) note 'Ten thousand sessions and failing handshakes, two thousand reconnections' \
		tests/system/comings-and-goings 10000
	@$(SOAK) note --words=2 'Fifteen thousand reconnections, two in three after a failing handshake' \
		env HOLDFAST_RECONNECTS=15000 $(BUILD)/tests/unit/frontend/test_device
	@$(SOAK) note 'Ten thousand starts that fail at each message, and at each notifier' \
		env HOLDFAST_FAILING_STARTS=10000 $(BUILD)/tests/unit/device/test_device_leaks

# Four hours and a half, in pieces of five minutes: an hour of processor time a target.
soak-fuzz: fuzz-programs
	@$(SOAK) fuzz --seconds=$(SOAK_FUZZ_SECONDS) --jobs=2

# By hand, on a quiet machine: two processors are the load's and the back-end's. Adds a section to
# docs/performance.md. BENCH_FLAGS=--null measures one socket against itself.
BENCH_FLAGS ?=

bench: build
	@HOLDFAST_BUILD=$(BUILD) tests/system/bench $(BENCH_FLAGS)

install: build
	@tools/configure $(BUILD) --prefix=$(PREFIX)
	@ninja -C $(BUILD)
	meson install --no-rebuild -C $(BUILD)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

deps:
	@tools/deps build test format clang guest man

docs: tests
	@ninja -C $(BUILD) tools/protocol-support
	$(BUILD)/tools/protocol-support docs/protocol-support.md >$(BUILD)/protocol-support.md
	mv $(BUILD)/protocol-support.md docs/protocol-support.md

format:
	@tools/deps format
	@find src cmd tests include examples -name '*.[ch]' 2>/dev/null | xargs -r clang-format -i

clean:
	rm -rf $(BUILD) build-clang build-asan build-tsan build-coverage build-fuzz build-ci
