# SPDX-License-Identifier: BSD-3-Clause
"""What stands behind QEMU's device: two disks of one holdfast-target, which is killed and started
again, and holdfast-relay in front of it. Without a relay the target cannot be killed."""

import hashlib
import os
import signal
import subprocess
import time

BUILD = os.environ.get("HOLDFAST_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
DISK_MIB, AREA_BLOCKS, BLOCK_BYTES = 320, 64, 16 << 10
START_S = 20


def started(words, log, socket):
    """A program that listens on `socket`; it dies with this test."""
    process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *words], stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log)
    end = time.monotonic() + START_S
    while not os.path.exists(socket):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            process.wait()
            raise RuntimeError(f"{words[0]} does not listen")
        time.sleep(0.002)
    return process


class Scene:
    """`disk` holds the file system. `area` is written past it, and each of its requests takes a
    while: some are always in flight. `spare` is for what else there is to try."""

    def __init__(self, folder, relayed):
        self.folder, self.relayed = folder, relayed
        self.disk, self.area = f"{folder}/disk.img", f"{folder}/area.img"
        self.spare = f"{folder}/spare.img"
        self.target = self.relay = None
        self.kills = 0
        self.log = open(f"{folder}/target.log", "ab")
        self.relay_log = open(f"{folder}/relay.log", "ab")
        self.back_end = f"{folder}/target.sock"
        self.socket = f"{folder}/relay.sock" if relayed else self.back_end
        for path, length in ((self.disk, DISK_MIB << 20), (self.area, AREA_BLOCKS * BLOCK_BYTES),
                             (self.spare, 8 << 20)):
            with open(path, "wb") as file:
                file.truncate(length)

    def __enter__(self):
        try:
            self.back()
            if self.relayed:
                self.relay = started([f"{BUILD}/holdfast-relay", f"--listen={self.socket}",
                                      f"--backend={self.back_end}", "--stop-wait=1s", "--trace"],
                                     self.relay_log, self.socket)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        for process in (self.relay, self.target):
            if process:
                process.kill()
                process.wait()
        self.log.close()
        self.relay_log.close()

    def back(self):
        self.target = started([f"{BUILD}/holdfast-target", "--trace", "--queues=2",
                               f"--socket-path={self.back_end}", self.disk,
                               f"fault:delay=50ms,{self.area}", self.spare], self.log, self.back_end)

    def away(self):
        """The name goes with it: `back` can tell when there is a new one."""
        self.target.kill()
        self.target.wait()
        os.unlink(self.back_end)
        self.kills += 1

    def stop(self):
        """Both end as they are asked to, and say that all is well."""
        for name in ("relay", "target"):
            process = getattr(self, name)
            if process:
                process.send_signal(signal.SIGTERM)
                status = process.wait(30)
                if status != 0:
                    raise RuntimeError(f"holdfast-{name} ended with {status} on SIGTERM")

    def area_now(self):
        with open(self.area, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def wrong_blocks(self, generation):
        """Blocks of the area that are not, all of them, what the guest wrote last."""
        wrong = []
        with open(self.area, "rb") as file:
            for block in range(AREA_BLOCKS):
                data = file.read(BLOCK_BYTES)
                words = memoryview(data).cast("Q")
                if set(words[0::4]) != {block} or set(words[1::4]) != {generation} or \
                        set(words[2::4]) != {0}:
                    wrong.append(block)
        return wrong

    def trace(self):
        with open(f"{self.folder}/target.log", encoding="utf-8", errors="replace") as file:
            return file.read()
