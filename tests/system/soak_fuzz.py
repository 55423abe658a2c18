# SPDX-License-Identifier: BSD-3-Clause
"""The word fuzz of soak: every target of tests/fuzz for so long, in pieces, the one with the least
behind it first. What counts is the processor time that a piece used, whoever else was busy."""

import fcntl
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import soak_text
from soak_log import FOLDER, HERE, Log, die, write_down
from soak_where import Load, programs, revision, surroundings

ROOT = os.path.abspath(os.path.join(HERE, "../.."))
BUILD = os.path.join(ROOT, os.environ.get("FUZZ_BUILD", "build-fuzz"))
PROGRAMS = os.path.join(BUILD, "tests/fuzz")
RED = os.path.join(FOLDER, "red")
FIRST = ["wire", "back", "ring", "inflight", "scsi", "unit_spec", "front", "vscsi", "relay"]
LINE = re.compile(r"^(\w+): (\d+) inputs((?:; [^;]+: \d+)*) \[coverage (\d+), features (\d+)\]$",
                  re.MULTILINE)


def known_targets():
    found = [] if not os.path.isdir(PROGRAMS) else sorted(
        name.partition("-")[2] for name in os.listdir(PROGRAMS)
        if name.startswith("fuzz-") and os.path.isfile(os.path.join(PROGRAMS, name)))
    return [name for name in FIRST if name in found] + [name for name in found if name not in FIRST]


def only_one():
    """The pieces hold it too: whoever comes after a soak that was killed does not meet them."""
    os.makedirs(FOLDER, exist_ok=True)
    lock = open(os.path.join(FOLDER, "fuzz-lock"), "w", encoding="utf-8")
    deadline = time.monotonic() + 5
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                die(f"another one is at work in {FOLDER}")
            time.sleep(0.05)


class Piece:
    """One run of tests/fuzz/run. It ends with us, even if we are killed."""

    def __init__(self, target, seconds, lock):
        self.target, self.red, self.cpu_s = target, False, 0
        self.words = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.deadline = time.monotonic() + 120 + 5 * seconds
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", f"{ROOT}/tests/fuzz/run", str(seconds), target],
            stdin=subprocess.DEVNULL, stdout=self.words, stderr=subprocess.STDOUT,
            env=os.environ | {"FUZZ_BUILD": BUILD, "FUZZ_JOBS": "1"}, start_new_session=True,
            pass_fds=[lock.fileno()])

    def has_ended(self):
        pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0 and time.monotonic() > self.deadline:
            self.stop()
            self.words.write(f"{self.target}: it hung\n")
        elif pid == 0:
            return False
        else:
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_s = used.ru_utime + used.ru_stime
        self.red = self.process.returncode != 0 or self.found() is None
        return True

    def stop(self):
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def said(self):
        self.words.seek(0)
        return self.words.read()

    def found(self):
        """Its last words, taken apart; None if it has none."""
        line = LINE.search(self.said())
        if line is None or line[1] != self.target:
            return None
        depths = [part.rpartition(": ") for part in line[3].split("; ")[1:]]
        return {"inputs": int(line[2]), "depths": {name: int(count) for name, _, count in depths},
                "coverage": int(line[4]), "features": int(line[5]),
                "corpus": len(os.listdir(f"{BUILD}/fuzz/{self.target}/corpus"))}


def keep(piece):
    """The next run would forget the input. What it said, with the places where things are now."""
    crashes, log = f"{BUILD}/fuzz/{piece.target}/crashes", f"{BUILD}/fuzz/{piece.target}.log"
    os.makedirs(RED)
    if os.path.isdir(crashes):
        shutil.copytree(crashes, f"{RED}/crashes")
    if os.path.exists(log):
        shutil.copy(log, f"{RED}/log")
    said = piece.said().replace(crashes, f"{RED}/crashes").replace(log, f"{RED}/log")
    with open(f"{RED}/said", "w", encoding="utf-8") as file:
        file.write(said)
    return said


def wait_for(pieces):
    running = list(pieces)
    while running:
        ended = [piece for piece in running if piece.has_ended()]
        for piece in ended:
            if piece.red:
                print(keep(piece))
                die(f"{piece.target} is red: see {RED}")
        running = [piece for piece in running if piece not in ended]
        time.sleep(0.05)


def one_round(plan, lock):
    """Pieces that begin together, so that between beginning and end all that is ours has ended, and
    the rest is others' load. The round's time is shared between them."""
    load, started, pieces = Load(), time.monotonic(), []
    try:
        for target, seconds in plan.items():
            pieces.append(Piece(target, seconds, lock))
        wait_for(pieces)
    finally:
        for piece in pieces:
            piece.stop()
    common = {"when": time.time(), "seconds": (time.monotonic() - started) / len(pieces),
              "others": load.of_others()}
    return [{"target": piece.target, "cpu_s": piece.cpu_s, **common, **piece.found()}
            for piece in pieces]


def seconds_of(log, target):
    return sum(chunk["cpu_s"] for chunk in log.chunks if chunk["target"] == target)


def show(log, chunks, options, left_s):
    for chunk in chunks:
        print(f"{seconds_of(log, chunk['target']):7.1f} of {options.seconds:g} s  "
              f"{chunk['target']:10} {chunk['inputs']} inputs in {chunk['cpu_s']:.1f} s, features "
              f"{chunk['features']}, corpus {chunk['corpus']}, others' load {chunk['others']:.0%}; "
              f"{left_s / 60:.0f} min left", flush=True)


def hours(log, targets, options, lock):
    began, used_s = time.monotonic(), 0
    while True:
        left = {target: options.seconds - seconds_of(log, target) for target in targets}
        least = sorted((name for name in targets if left[name] > 0), key=lambda name: -left[name])
        if not least:
            return
        chunks = one_round({name: min(options.piece, math.ceil(left[name]))
                            for name in least[:options.jobs]}, lock)
        log.add(*chunks)
        used_s += sum(chunk["cpu_s"] for chunk in chunks)
        left_s = sum(max(0, options.seconds - seconds_of(log, target)) for target in targets)
        show(log, chunks, options, left_s * (time.monotonic() - began) / used_s)


def fuzz(options):
    known = known_targets()
    if not known:
        die(f"no target in {PROGRAMS}: make fuzz")
    if not set(options.target or []) <= set(known):
        die(f"the targets are: {', '.join(known)}")
    targets = [name for name in known if not options.target or name in options.target]
    if min(options.seconds, options.piece, options.jobs) <= 0:
        die("--seconds, --piece and --jobs are more than nothing")
    lock = only_one()
    if os.path.exists(RED):
        die(f"{RED} is there: look into it, then rm it")
    log = Log(os.path.join(FOLDER, "fuzz-log"), {
        "programs": programs(PROGRAMS, [f"fuzz-{name}" for name in known]),
        "revision": revision()})
    try:
        hours(log, targets, options, lock)
    except KeyboardInterrupt:
        done_s = sum(seconds_of(log, target) for target in targets)
        print(f"\nsoak: {done_s:.1f} s are done; the same command goes on from there")
        return 130
    chunks = [chunk for chunk in log.chunks if chunk["target"] in targets]
    section = soak_text.fuzzing(chunks, targets, options.seconds,
                                surroundings(log.head["revision"]))
    print(section)
    if options.dry:
        return 0
    if targets == known:
        log.finish(section)
    else:
        write_down(section)
    return 0


def add_word(words):
    word = words.add_parser("fuzz")
    word.add_argument("--seconds", type=float, default=3600)
    word.add_argument("--piece", type=int, default=300)
    word.add_argument("--jobs", type=int, default=1)
    word.add_argument("--target", action="append")
    word.add_argument("--dry", action="store_true")
    word.set_defaults(run=fuzz)
