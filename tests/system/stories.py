# SPDX-License-Identifier: BSD-3-Clause
"""What stories about holdfast-target share: a target, a front-end attached to it, waiting with a
bound, and a teller."""

import os
import struct
import subprocess
import tempfile
import time

from frontend import BUFFERS, FrontEnd, Ring, read_10, write_10

BUILD = os.environ.get("HOLDFAST_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))


class Target:
    def __init__(self, folder, *arguments, name="s", unit="", options="", limit=1024, filters=None):
        self.path, self.disk = f"{folder}/{name}", f"{folder}/disk.img"
        if not os.path.exists(self.disk):
            with open(self.disk, "wb") as file:
                file.truncate(16 << 20)
        self.log = open(f"{folder}/log", "ab")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "prlimit", f"--nofile={limit}:{limit}",
             f"{BUILD}/holdfast-target",
             f"--socket-path={self.path}", *arguments, unit + self.disk + options],
            stdout=self.log, stderr=self.log, preexec_fn=filters, close_fds=filters is None)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path):
            assert self.process.poll() is None and time.monotonic() < deadline, "does not listen"
            time.sleep(0.005)
        self.idle_descriptors = self.descriptors()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def mappings(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as maps:
            return sum("memfd" in line for line in maps)

    def end(self):
        self.process.terminate()
        status = self.process.wait(20)
        assert status == 0, f"ended with {status} on SIGTERM"
        assert not os.path.exists(self.path), "the socket is still there"
        self.log.close()


def attach(target, order="CALL NUM BASE ADDR KICK ENABLE", index=2, **keywords):
    front_end = FrontEnd(target.path)
    front_end.negotiate(**keywords)
    memory = front_end.share_memory()
    ring = Ring(front_end, memory, index)
    ring.start(order=order)
    return front_end, ring


def settles(measure, wanted, what):
    deadline = time.monotonic() + 10
    while measure() != wanted:
        assert time.monotonic() < deadline, f"{what}: {measure()}, was {wanted}"
        time.sleep(0.005)


def post(ring, cdb, length, write):
    """Posts and kicks without waiting."""
    ring.memory[BUFFERS:BUFFERS + 51] = struct.pack("<BBBBIQBBB32s", 1, 0, 0x40, 0, 0, 0, 0, 0, 0,
                                                    cdb)
    data, response = (BUFFERS + 8192, length, not write), (BUFFERS + 4096, 108, True)
    ring.post([(BUFFERS, 51, False)] + ([data, response] if write else [response, data]))
    ring.kick()


def kicks(ring):
    """How many of them nobody has taken yet."""
    with open(f"/proc/self/fdinfo/{ring.kick_fd}", encoding="ascii") as told:
        return int(next(line for line in told if line.startswith("eventfd-count")).split()[1], 16)


def post_read(ring, length=512):
    post(ring, read_10(0, length // 512), length, False)


def post_write(ring, length=512):
    post(ring, write_10(0, length // 512), length, True)


def tell(story, *arguments):
    started = time.monotonic()
    story(*arguments)
    print(f"{time.monotonic() - started:6.2f} s  {story.__name__.replace('_', ' ')}", flush=True)


def tell_all(stories, parent=None):
    """Each with a folder of its own, in `parent`."""
    for story in stories:
        with tempfile.TemporaryDirectory(prefix="holdfast-test.", dir=parent) as folder:
            tell(story, folder)
