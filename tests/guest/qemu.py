# SPDX-License-Identifier: BSD-3-Clause
"""QEMU with a Linux guest (qemu_initramfs.py) on a vhost-user device: the machine, its monitor, its
consoles, and a shell in the guest. Knows no version of QEMU, and not what is behind the socket."""

import base64
import json
import os
import re
import select
import socket
import subprocess
import time

PROGRAM = "qemu-system-x86_64"
# What the guest's kernel is made to say (qemu-guest).
UP, DOWN = "guest: is up", "guest: goes down"
# Said by a healthy guest. And what is never harmless, not even before a guest is up.
HARMLESS = ("hrtimer: interrupt took",)
OF_DISKS = r"(?i)I/O error|\bsd[a-z]?\b|scsi|virtio|EXT4|JBD2|hung|blocked for|BUG|Call Trace"
CONNECT_S = 20
BOOT_S = 90


class Broken(Exception):
    """The guest saw, or did, what it must not."""


class Stuck(Exception):
    """Something did not happen in its time, or the machine is gone."""


def version():
    return subprocess.run([PROGRAM, "--version"], check=True, capture_output=True,
                          text=True).stdout.splitlines()[0]


def connect(path, process):
    """A server that QEMU makes: its name may be there before it listens."""
    end = time.monotonic() + CONNECT_S
    while True:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.connect(path)
            return peer
        except OSError:
            peer.close()
            if process.poll() is not None or time.monotonic() > end:
                raise Stuck("QEMU does not start") from None
            time.sleep(0.01)


class Lines:
    """What comes from a socket, line by line, with a limit on the wait."""

    def __init__(self, peer):
        self.peer, self.rest = peer, b""

    def next(self, end):
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.peer], [], [], left)[0]:
                return None
            try:
                data = self.peer.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Stuck("QEMU closed a socket")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")


class Monitor:
    """QMP."""

    def __init__(self, peer):
        self.peer, self.lines, self.events = peer, Lines(peer), []
        self.read(time.monotonic() + CONNECT_S)
        self("qmp_capabilities")

    def read(self, end):
        line = self.lines.next(end)
        if line is None:
            raise Stuck("the monitor does not answer")
        return json.loads(line)

    def __call__(self, command, limit_s=60, **arguments):
        """Runs one command. QEMU waits for its back-end in the same thread: hence the long limit."""
        self.peer.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        end = time.monotonic() + limit_s
        while True:
            answer = self.read(end)
            if "event" in answer:
                self.events.append(answer["event"])
            elif "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def wait(self, event, limit_s=60):
        end = time.monotonic() + limit_s
        while event not in self.events:
            self.events.append(self.read(end).get("event"))
        self.events.remove(event)


class Guest:
    """A shell in the guest, and what it says besides: lines that begin with @beat are counted, one
    with @fault ends the test, the others go to `said`. A kernel that reboots breaks its own queues
    first: then faults mean nothing, until the next system is ready."""

    def __init__(self, peer):
        self.peer, self.lines = peer, Lines(peer)
        self.beats, self.rounds = 0, {}
        self.token, self.ready, self.ends, self.said = 0, False, {}, []

    def take(self, end):
        """One line, if one comes before `end`."""
        line = self.lines.next(end)
        if line is None:
            return False
        if line.startswith("@beat"):
            self.beats += 1
        elif line.startswith("@round"):
            writer = line.split()[1]
            self.rounds[writer] = self.rounds.get(writer, 0) + 1
        elif line.startswith("@fault") and self.ready:
            raise Broken(f"the guest says: {line}")
        elif line == "@ready":
            self.ready = True
        elif line.startswith("@end "):
            _, token, status = line.split()
            self.ends[int(token)] = int(status)
        elif line:
            self.said.append(line)
        return True

    def until(self, done, limit_s, what):
        end = time.monotonic() + limit_s
        while not done():
            if not self.take(end):
                raise Stuck(f"{what}: not within {limit_s} s; the guest said last: "
                            f"{self.said[-5:]}")

    def pause(self, seconds):
        """Lets time pass, and hears what the guest says meanwhile."""
        end = time.monotonic() + seconds
        while self.take(end):
            pass

    def boots(self):
        """A new system comes: what the old one still had to say does not matter."""
        self.until(lambda: self.ready, BOOT_S, "the guest boots")

    def was_reset(self):
        self.ready, self.ends, self.rounds = False, {}, {}

    def reboots(self):
        """By itself."""
        self.start(f"echo '<4>{DOWN}' >/dev/kmsg; reboot -f")
        self.was_reset()
        self.boots()

    def start(self, script):
        self.token += 1
        encoded = base64.b64encode(script.encode()).decode()
        self.peer.sendall(f"{self.token} {encoded}\n".encode())
        return self.token

    def end(self, token, limit_s=60):
        """The status of a script that was started, and what the guest said since it was asked."""
        self.until(lambda: token in self.ends, limit_s, "a script of the guest ends")
        said, self.said = self.said, []
        return self.ends.pop(token), said

    def run(self, script, limit_s=60):
        status, said = self.end(self.start(script), limit_s)
        if status != 0:
            raise Broken(f"in the guest: {script!r} ended with {status}: {said}")
        return said

    def new_beat(self, limit_s):
        """A read that was asked for and answered from here on: so two must come."""
        wanted = self.beats + 2
        self.until(lambda: self.beats >= wanted, limit_s, "the guest's disk answers")

    def new_rounds(self, limit_s):
        """None of the writers waits for a request that is lost."""
        wanted = {writer: rounds + 2 for writer, rounds in self.rounds.items()}
        self.until(lambda: all(self.rounds[writer] >= wanted[writer] for writer in wanted), limit_s,
                   "all writers go on")


def memory(name, mebibytes):
    return f"memory-backend-memfd,id={name},size={mebibytes}M,share=on"


def complaints_in(text):
    state, last_s = "boots", 0.0
    for line in text.splitlines():
        said = re.match(r"\[ *(\d+\.\d+)\] (.*)", line.strip())
        if not said:
            continue
        # Two processors' lines may come in either order.
        if state == DOWN and float(said[1]) < last_s - 1:
            state = "boots"
        last_s = float(said[1])
        if said[2] in (UP, DOWN):
            state = said[2]
        elif state == UP and not said[2].startswith(HARMLESS) or \
                state == "boots" and re.search(OF_DISKS, said[2]):
            yield line.strip()


class Qemu:
    """One machine. `boot` is the folder of qemu_initramfs.py; `device` is vhost-user-scsi-pci or
    vhost-user-blk-pci, with its properties. Use as a context: at its end QEMU is gone, whatever
    happened."""

    def __init__(self, folder, boot, sock, device="vhost-user-scsi-pci,num_queues=2", disks=1,
                 mebibytes=256):
        self.folder, self.slots, self.resets = folder, 0, []
        self.console_path = f"{folder}/console"
        self.arguments = [
            PROGRAM, "-nodefaults", "-no-user-config", "-display", "none",
            "-accel", "tcg,thread=multi", "-machine", "pc,memory-backend=ram", "-smp", "2",
            "-m", f"{mebibytes}M,slots=4,maxmem=4G", "-object", memory("ram", mebibytes),
            "-chardev", f"socket,id=disk,path={sock}",
            "-device", f"{device},id=disk0,chardev=disk",
            "-kernel", f"{boot}/kernel", "-initrd", f"{boot}/initramfs", "-append",
            f"console=ttyS0 quiet loglevel=5 panic=-1 hf.disks={disks}",
            "-chardev", f"file,id=console,path={self.console_path}", "-serial", "chardev:console",
            # What SeaBIOS says (its debug port).
            "-chardev", f"file,id=bios,path={folder}/bios",
            "-device", "isa-debugcon,iobase=0x402,chardev=bios",
            "-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off",
            "-serial", "chardev:agent",
            "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]

    def __enter__(self):
        with open(f"{self.folder}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *self.arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.monitor = Monitor(connect(f"{self.folder}/qmp", self.process))
            self.guest = Guest(connect(f"{self.folder}/agent", self.process))
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.kill()
        self.process.wait()
        for talker in ("monitor", "guest"):
            if hasattr(self, talker):
                getattr(self, talker).peer.close()

    def power_off(self):
        """By the monitor: it stops the device as at any end, and lets QEMU end by itself."""
        try:
            self.monitor("quit")
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Stuck("QEMU does not end") from None
        if status != 0:
            raise RuntimeError(f"QEMU ended with {status}")

    def reset(self):
        self.guest.was_reset()
        self.monitor.events.clear()
        self.monitor("system_reset", limit_s=120)
        self.monitor.wait("RESET", 120)
        self.resets.append(os.path.getsize(self.console_path))

    def plug_memory(self, mebibytes):
        """The guest brings it online by itself (qemu-guest)."""
        self.slots += 1
        self.monitor("object-add", **{"qom-type": "memory-backend-memfd", "id": f"more{self.slots}",
                                      "size": mebibytes << 20, "share": True})
        self.monitor("device_add", driver="pc-dimm", id=f"dimm{self.slots}",
                     memdev=f"more{self.slots}")

    def plugged_at(self):
        """Where the modules lie in guest memory, as QEMU tells: the address of each."""
        return {device["data"]["id"]: device["data"]["addr"]
                for device in self.monitor("query-memory-devices") if device["type"] == "dimm"}

    def bios(self):
        with open(f"{self.folder}/bios", encoding="utf-8", errors="replace") as file:
            return file.read()

    def console(self):
        """What the kernels said, one text for each of the systems that reset() separated."""
        with open(self.console_path, "rb") as file:
            data = file.read()
        ends = [*self.resets, len(data)]
        return [data[begin:end].decode("utf-8", "replace")
                for begin, end in zip([0, *self.resets], ends)]

    def complaints(self):
        """What the guests' kernels said, warnings and worse (by their loglevel): anything once a
        guest is up; of its disks from the beginning; nothing while it goes down by itself."""
        return [line for text in self.console() for line in complaints_in(text)]
