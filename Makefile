# SPDX-License-Identifier: BSD-3-Clause
# Thin on purpose: meson knows how to build, this file knows the few words one types.
# Each target installs only what it needs (tools/deps); HOLDFAST_NO_INSTALL=1 forbids that.

BUILD ?= build
DRILL_FLAGS ?=
PREFIX ?= /usr/local

# Two at a time: the timings of the tiers are meant for a 2-core machine.
TEST = meson test -C $(BUILD) --no-rebuild --num-processes 2 --print-errorlogs
QUICK = --suite unit --suite tools --suite quick
SANITIZE = CC=clang tools/configure $(1) -Dtests=true -Dbuildtype=debugoptimized \
	-Db_lundef=false -Db_sanitize=$(2)

.PHONY: all build drill quick check guest install deps asan tsan format clean tests

all: build

build:
	@tools/deps build
	@tools/configure $(BUILD) --prefix=$(PREFIX)
	@ninja -C $(BUILD)

drill: build
	$(BUILD)/holdfast drill $(DRILL_FLAGS)

tests:
	@tools/deps build test format
	@tools/configure $(BUILD) -Dtests=true
	@ninja -C $(BUILD)

quick: tests
	@$(TEST) $(QUICK)

check: tests
	@tools/deps guest
	@tests/guest/uml-initramfs $(BUILD)/guest
	@$(TEST) $(QUICK) --suite check

guest: tests
	@tools/deps guest
	@tests/guest/uml-initramfs $(BUILD)/guest
	@$(TEST) --suite guest

asan:
	@tools/deps build test clang
	@$(call SANITIZE,build-asan,address$(comma)undefined)
	@ninja -C build-asan
	@meson test -C build-asan --no-rebuild --num-processes 2 --print-errorlogs --suite unit --suite sim

tsan:
	@tools/deps build test clang
	@$(call SANITIZE,build-tsan,thread)
	@ninja -C build-tsan
	@meson test -C build-tsan --no-rebuild --num-processes 2 --print-errorlogs --suite unit --suite sim

install: build
	meson install -C $(BUILD) --no-rebuild

deps:
	@tools/deps build test format guest man

format:
	@tools/deps format
	@find src cmd tests include -name '*.[ch]' 2>/dev/null | xargs -r clang-format -i

clean:
	rm -rf build build-asan build-tsan build-clang

comma := ,
