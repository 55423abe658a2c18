# SPDX-License-Identifier: BSD-3-Clause
"""Deeds of a front-end that breaks every rule, one at a time, by tables: bytes, orders, descriptors,
rings; and a good one that is there before and after each."""

import os
import select
import socket
import struct
import time

from frontend import (BUFFERS, Closed, DESC_NEXT, DESC_WRITE, FrontEnd, GUEST, MEMORY_BYTES,
                      PROTOCOL_FEATURES, Refused, REQUESTS, Ring, USER, VERSION_1, first_command,
                      read_10, write_10)
from stories import attach, settles

DESC_INDIRECT = 4
INDIRECT = 1 << 28
TABLE = struct.pack("=IIQQQQ", 1, 0, GUEST, MEMORY_BYTES, USER, 0)
INFLIGHT_BODY = struct.pack("=QQHHI", 6 * 2112, 0, 6, 128, 0)
HEADER = struct.pack("<BBBBIQBBB32s", 1, 0, 0x40, 0, 0, 7, 0, 0, 0, read_10(0, 1))


def state(index, number):
    return struct.pack("=II", index, number)


def u64(value):
    return struct.pack("=Q", value)


def addresses(index, desc, used, avail, flags=0):
    return struct.pack("=IIQQQQ", index, flags, USER + desc, USER + used, USER + avail, 0)


# Raw bytes on a fresh connection; nothing good may come back, and the session ends or goes on.

BYTES = {
    "nothing at all": b"",
    "half a header": b"\x01\0\0\0\x01\0",
    "version 0": struct.pack("=III", 1, 0, 0),
    "version 2": struct.pack("=III", 1, 2, 0),
    "a reply": struct.pack("=III", 1, 5, 8) + bytes(8),
    "flags nobody knows": struct.pack("=III", 1, 0xFFFFFFF1, 0),
    "a body of 4 GiB": struct.pack("=III", 5, 1, 0xFFFFFFFF),
    "a body that never comes": struct.pack("=III", 2, 1, 8) + bytes(3),
    "request 0": struct.pack("=III", 0, 1, 0),
    "request 2^32 - 1": struct.pack("=III", 0xFFFFFFFF, 1, 0),
    "noise": bytes(range(256)) * 16,
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

# Requests with nothing around them, after the handshake, while a ring runs, after its stop: name,
# body. Whether refused or fatal is the target's choice; but see HARMLESS.

REQUESTS_WRONG = [
    (name, body) for name in ("SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ENABLE")
    for body in (state(255, 1), state(6, 128), state(0xFFFFFFFF, 128), state(2, 0xFFFFFFFF))
] + [("SET_VRING_NUM", state(2, size)) for size in (0, 3, 100, 2048, 32768, 65536, 65537)] + [
    ("GET_VRING_BASE", state(6, 0)),
    ("GET_VRING_BASE", state(255, 0)),
    ("GET_VRING_BASE", state(2, 0)),
    ("SET_VRING_KICK", u64(255)),
    ("SET_VRING_KICK", u64(2 | 1 << 9)),
    ("SET_VRING_ADDR", addresses(255, 0, 8192, 4096)),
    ("SET_VRING_ADDR", addresses(2, 8, 8192, 4096)),
    ("SET_VRING_ADDR", addresses(2, 0, 8193, 4096)),
    ("SET_VRING_ADDR", addresses(2, 0, 8192, 4097)),
    ("SET_VRING_ADDR", addresses(2, 2**64 - USER - 16, 8192, 4096)),
    ("SET_VRING_ADDR", addresses(2, 0, 8192, 4096, flags=1)),
    ("SET_MEM_TABLE", struct.pack("=II", 0, 0)),
    ("SET_MEM_TABLE", struct.pack("=II", 0xFFFFFFFF, 0)),
    ("SET_MEM_TABLE", TABLE),
    ("ADD_MEM_REG", bytes(8) + TABLE[8:]),
    ("REM_MEM_REG", bytes(8) + TABLE[8:]),
    ("GET_INFLIGHT_FD", struct.pack("=QQHHI", 0, 0, 255, 128, 0)),
    ("GET_INFLIGHT_FD", struct.pack("=QQHHI", 0, 0, 0, 128, 0)),
    ("GET_INFLIGHT_FD", struct.pack("=QQHHI", 0, 0, 6, 0, 0)),
    ("GET_INFLIGHT_FD", struct.pack("=QQHHI", 2**64 - 1, 2**64 - 1, 65535, 65535, 0)),
    ("SET_INFLIGHT_FD", INFLIGHT_BODY),
    ("SET_FEATURES", u64(2**64 - 1)),
    ("SET_FEATURES", u64(0)),
    ("SET_PROTOCOL_FEATURES", u64(2**64 - 1)),
    ("SET_OWNER", b""),
    ("RESET_OWNER", b""),
    ("SET_LOG_BASE", struct.pack("=QQ", 2**64 - 1, 2**64 - 1)),
    ("SET_LOG_FD", b""),
    ("SEND_RARP", u64(0)),
    ("NET_SET_MTU", u64(0)),
    ("SET_BACKEND_REQ_FD", b""),
    ("IOTLB_MSG", bytes(32)),
    ("SET_VRING_ENDIAN", state(2, 1)),
    ("GET_CONFIG", struct.pack("=III", 0xFFFFFFFF, 0xFFFFFFFF, 0)),
    ("SET_CONFIG", struct.pack("=III", 0, 256, 0) + bytes(256)),
    ("CREATE_CRYPTO_SESSION", bytes(64)),
    ("POSTCOPY_ADVISE", b""),
    ("POSTCOPY_LISTEN", b""),
    ("POSTCOPY_END", b""),
    ("GPU_SET_SOCKET", b""),
    ("VRING_KICK", state(2, 0)),
    ("SET_STATUS", u64(0)),
    ("GET_STATUS", b""),
]

# Those that may be acknowledged: their time comes later (addresses are looked up at the start), or
# they say what holds already. Nothing else is.

HARMLESS = {
    ("SET_VRING_ADDR", addresses(2, 2**64 - USER - 16, 8192, 4096)),
    ("SET_VRING_ADDR", addresses(2, 0, 8192, 4096, flags=1)),
    ("SET_MEM_TABLE", struct.pack("=II", 0, 0)),
    ("REM_MEM_REG", bytes(8) + TABLE[8:]),
    ("SET_FEATURES", u64(0)),
    ("SET_OWNER", b""),
    ("RESET_OWNER", b""),
}

SHORT_BODIES = [(name, bytes(length)) for name in REQUESTS for length in (1, 7, 9, 300)]

# A descriptor of the wrong kind where one belongs, and one where none does.


def open_kinds(folder):
    ours, theirs = socket.socketpair()
    readable, writable = os.pipe()
    sealed = os.memfd_create("read-only")
    os.ftruncate(sealed, MEMORY_BYTES)
    kinds = {
        "a pipe's reading end": readable,
        "a pipe's writing end": writable,
        "a folder": os.open(folder, os.O_RDONLY),
        "/dev/null": os.open("/dev/null", os.O_RDWR),
        "/dev/zero": os.open("/dev/zero", os.O_RDWR),
        "a regular file": os.open(f"{folder}/disk.img", os.O_RDWR),
        "a file for reading only": os.open(f"/proc/self/fd/{sealed}", os.O_RDONLY),
        "a path": os.open(f"{folder}/disk.img", os.O_PATH),
        "a socket": ours.detach(),
        "its peer": theirs.detach(),
        "a process": os.pidfd_open(os.getpid()),
        "an empty file": os.memfd_create("empty"),
    }
    os.close(sealed)
    return kinds


TAKES_DESCRIPTORS = [
    ("SET_MEM_TABLE", TABLE, 1),
    ("ADD_MEM_REG", bytes(8) + TABLE[8:], 1),
    ("SET_INFLIGHT_FD", INFLIGHT_BODY, 1),
    ("SET_LOG_BASE", struct.pack("=QQ", 4096, 0), 1),
    ("SET_BACKEND_REQ_FD", b"", 1),
    ("SET_VRING_CALL", u64(2), 1),
    ("SET_VRING_ERR", u64(2), 1),
    ("SET_VRING_KICK", u64(2), 1),
]

# What a driver may put in its ring: a list of descriptors (address, length, flags, next), the head
# to post, and how far the available index goes.

AT, DATA, RESPONSE = GUEST + BUFFERS, GUEST + BUFFERS + 8192, GUEST + BUFFERS + 4096
HEAD = (AT, 51, DESC_NEXT, 1)
ANSWER = (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 2)
INTO = (DATA, 512, DESC_WRITE, 0)
LISTS = GUEST + BUFFERS + 65536  # of indirect descriptors

RINGS = {
    "a loop of one": ([(AT, 51, DESC_NEXT, 0)], 0, 1),
    "a loop of two": ([HEAD, (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 0)], 0, 1),
    "a loop behind the response": ([HEAD, ANSWER, (DATA, 512, DESC_NEXT | DESC_WRITE, 2)], 0, 1),
    "a next that is not there": ([HEAD, (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 128)], 0, 1),
    "a next of 65535": ([(AT, 51, DESC_NEXT, 65535)], 0, 1),
    "a head that is not there": ([HEAD, ANSWER, INTO], 128, 1),
    "a head of 65535": ([HEAD, ANSWER, INTO], 65535, 1),
    "an index far ahead": ([HEAD, ANSWER, INTO], 0, 129),
    "an index that runs back": ([HEAD, ANSWER, INTO], 0, 65535),
    "the same head everywhere": ([HEAD, ANSWER, INTO], 0, 128),
    "an address below the memory": ([(0, 51, DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "an address behind the memory":
        ([(GUEST + MEMORY_BYTES, 51, DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "a buffer that runs out of the memory":
        ([HEAD, ANSWER, (GUEST + MEMORY_BYTES - 511, 512, DESC_WRITE, 0)], 0, 1),
    "a buffer that wraps": ([HEAD, ANSWER, (2**64 - 16, 512, DESC_WRITE, 0)], 0, 1),
    "a buffer of 4 GiB": ([HEAD, ANSWER, (DATA, 0xFFFFFFFF, DESC_WRITE, 0)], 0, 1),
    "buffers of no length": ([HEAD, ANSWER, (DATA, 0, DESC_WRITE, 0)], 0, 1),
    "a header of no length": ([(AT, 0, DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "a short header": ([(AT, 50, DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "no response": ([(AT, 51, 0, 0)], 0, 1),
    "a short response": ([HEAD, (RESPONSE, 107, DESC_WRITE, 0)], 0, 1),
    "a response that may only be read": ([HEAD, (RESPONSE, 108, 0, 0)], 0, 1),
    "reading after writing": ([(RESPONSE, 108, DESC_NEXT | DESC_WRITE, 1), (AT, 51, 0, 0)], 0, 1),
    "the header in the ring itself": ([(GUEST + 2 * 65536, 51, DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "the answer into the ring itself":
        ([HEAD, (GUEST + 2 * 65536, 108, DESC_NEXT | DESC_WRITE, 2), INTO], 0, 1),
    "128 descriptors": ([(AT, 51, DESC_NEXT, 1), (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 2)] +
                        [(DATA, 1, DESC_WRITE | DESC_NEXT, i + 1) for i in range(2, 127)] +
                        [(DATA, 1, DESC_WRITE, 0)], 0, 1),
    "an indirect list of no length": ([(LISTS, 0, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list of 15 bytes": ([(LISTS, 15, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list of 17 bytes": ([(LISTS, 17, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list of 4 GiB": ([(LISTS, 0xFFFFFFF0, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list outside the memory": ([(0, 48, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list that runs out of the memory":
        ([(GUEST + MEMORY_BYTES - 32, 48, DESC_INDIRECT, 0)], 0, 1),
    "an indirect list with more behind it":
        ([(LISTS, 48, DESC_INDIRECT | DESC_NEXT, 1), ANSWER, INTO], 0, 1),
    "an indirect list for writing": ([(LISTS, 48, DESC_INDIRECT | DESC_WRITE, 0)], 0, 1),
    "an indirect list behind a header": ([HEAD, (LISTS, 48, DESC_INDIRECT, 0)], 0, 1),
    "a list in a list": ([(LISTS + 4096, 16, DESC_INDIRECT, 0)], 0, 1),
    "a list at the end of a list": ([(LISTS + 20480, 48, DESC_INDIRECT, 0)], 0, 1),
    "a list that is its own entry": ([(LISTS + 8192, 16, DESC_INDIRECT, 0)], 0, 1),
    "a list with a loop": ([(LISTS + 12288, 32, DESC_INDIRECT, 0)], 0, 1),
    "a list with a next beyond it": ([(LISTS + 16384, 32, DESC_INDIRECT, 0)], 0, 1),
}
# Those that are odd, and right: how many are answered without and with INDIRECT. (A list's own
# length may exceed the memory, only its entries count; a list's write flag is to be ignored, and a
# header may come before it: virtio 1.3 §2.7.5.3.2.) All others break the ring.
ANSWERED = {
    "buffers of no length": (1, 1), "the header in the ring itself": (1, 1),
    "the answer into the ring itself": (1, 1), "128 descriptors": (1, 1),
    "an indirect list of 4 GiB": (0, 1), "an indirect list for writing": (0, 1),
    "an indirect list behind a header": (0, 1),
}
SOME_ANSWERED = "the same head everywhere"  # how many is a matter of time
LISTED = {0: [HEAD, ANSWER, INTO], 4096: [(LISTS, 48, DESC_INDIRECT, 0)],
          8192: [(LISTS + 8192, 16, DESC_INDIRECT, 0)],
          12288: [HEAD, (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 0)],
          16384: [HEAD, (RESPONSE, 108, DESC_NEXT | DESC_WRITE, 2)],
          20480: [HEAD, ANSWER, (LISTS, 48, DESC_INDIRECT, 0)],
          GUEST + MEMORY_BYTES - 32 - LISTS: [HEAD, ANSWER]}
PAINT = b"\xA5" * (MEMORY_BYTES - BUFFERS)  # so that zeros that are written are seen


class Bystander:
    """Good, and there before and after each deed."""

    def __init__(self, target):
        self.target = target
        self.front_end, self.ring = attach(target)
        first_command(self.ring)
        self.deeds = 0
        self.descriptors, self.mappings = target.descriptors(), target.mappings()

    def look(self, deed):
        self.deeds += 1
        assert self.target.process.poll() is None, f"{deed}: the target died"
        pattern = struct.pack("=I", self.deeds) * 128
        self.ring.good(write_10(100, 1), data=pattern)
        assert self.ring.good(read_10(100, 1), 512) == pattern, deed
        settles(self.target.descriptors, self.descriptors, f"{deed}: descriptors")
        settles(self.target.mappings, self.mappings, f"{deed}: mappings")


def ask(front_end, name, body, fds=()):
    """Whatever comes of it: an answer, which is returned, a refusal, the end."""
    try:
        front_end.send(name, body, fds, 8)
        front_end.socket.settimeout(0.02)
        return front_end.socket.recv(4096)
    except (Closed, Refused, OSError):
        return b""


def judge(target, name, body, answer):
    """Nothing wrong is acknowledged, no region is given to who asks for nonsense."""
    harmless = HARMLESS | getattr(target, "harmless", set())
    if (name, body) in harmless or name == "GET_VRING_BASE":
        return
    assert answer[12:] != u64(0), "it was acknowledged"
    if name == "GET_INFLIGHT_FD" and answer:
        assert struct.unpack_from("=Q", answer, 12)[0] == 0, "a region was made"


def send_bytes(target, data):
    front_end = FrontEnd(target.path)
    front_end.socket.sendall(data)
    front_end.socket.settimeout(0.02)
    try:
        front_end.socket.recv(4096)
    except OSError:
        pass
    front_end.close()


def send_first(target, name, body, fds=()):
    front_end = FrontEnd(target.path)
    answer = ask(front_end, name, body, fds)
    front_end.close()
    return answer


def send_after_handshake(target, name, body, fds=()):
    front_end = FrontEnd(target.path)
    front_end.negotiate()
    answer = ask(front_end, name, body, fds)
    front_end.close()
    return answer


def send_while_running(target, name, body, fds=()):
    front_end, _ = attach(target)
    answer = ask(front_end, name, body, fds)
    front_end.close()
    return answer


def send_after_stop(target, name, body, fds=()):
    front_end, ring = attach(target)
    ring.stop()
    answer = ask(front_end, name, body, fds)
    front_end.close()
    return answer


def send_and_judge(target, moment, name, body):
    judge(target, name, body, moment(target, name, body))


def start_on(target, kick):
    """A whole ring, with a strange thing to kick and call it."""
    front_end = FrontEnd(target.path)
    front_end.negotiate()
    ring = Ring(front_end, front_end.share_memory(), 2)
    os.close(ring.kick_fd)
    os.close(ring.call_fd)
    ring.kick_fd = ring.call_fd = kick
    try:
        ring.start()
        ring.post([(BUFFERS, 51, False), (BUFFERS + 4096, 108, True)])
        time.sleep(0.01)
        front_end.set_state("SET_VRING_ENABLE", 2, 1)
    except (Closed, Refused):
        pass
    front_end.close()


def put(memory, at, descriptors):
    for i, words in enumerate(descriptors):
        struct.pack_into("<QIHH", memory, at + 16 * i, *words)


def wait_for_word(ring, err):
    """Of an answer or an error; a call alone may come for nothing."""
    deadline = time.monotonic() + 10
    while ring.used_index() == 0 and not select.select([err], [], [], 0)[0]:
        assert time.monotonic() < deadline, "neither answer nor error"
        if ring.call_fd in select.select([err, ring.call_fd], [], [], 10)[0]:
            os.eventfd_read(ring.call_fd)


def drive(target, features, descriptors, head, index):
    """The ring in its last state, its memory before and after, and whether its err was rung. What
    becomes of the ring is the target's choice; that it still stops is not."""
    front_end = FrontEnd(target.path)
    front_end.negotiate()
    front_end.set_u64("SET_FEATURES", VERSION_1 | PROTOCOL_FEATURES | features)
    ring = Ring(front_end, front_end.share_memory(), 2)
    err = os.eventfd(0, os.EFD_NONBLOCK)
    front_end.set_u64("SET_VRING_ERR", 2, [err])
    ring.start()
    ring.memory[BUFFERS:] = PAINT
    ring.memory[BUFFERS:BUFFERS + 51] = HEADER
    for at, listed in LISTED.items():
        put(ring.memory, LISTS - GUEST + at, listed)
    put(ring.memory, ring.desc, descriptors)
    for slot in range(ring.size):
        struct.pack_into("<H", ring.memory, ring.avail + 4 + 2 * slot, head)
    before = bytearray(ring.memory[:])
    for memory in before, ring.memory:  # a worker may come to see the enabled ring only now
        struct.pack_into("<H", memory, ring.avail + 2, index)
    ring.kick()
    wait_for_word(ring, err)
    assert ring.stop()[0] == 2
    rung = bool(select.select([err], [], [], 0)[0])
    front_end.close()
    for fd in err, ring.kick_fd, ring.call_fd:
        os.close(fd)
    return ring, before, rung


def written(ring, before):
    """Offsets of bytes that were changed, but for the used ring."""
    used = range(ring.used, ring.used + 6 + 8 * ring.size)
    after = ring.memory[:]
    pages = (at for at in range(0, len(after), 4096) if after[at:at + 4096] != before[at:at + 4096])
    return [at for page in pages for at in range(page, page + 4096)
            if after[at] != before[at] and at not in used]


def drive_and_judge(target, what, features, descriptors, head, index):
    """A broken ring is told by its err descriptor, and nothing is written to the guest's memory; an
    answer is written where the descriptors say, and nowhere else."""
    ring, before, rung = drive(target, features, descriptors, head, index)
    wanted = ANSWERED.get(what, (0, 0))[features & INDIRECT != 0]
    if what != SOME_ANSWERED:
        assert (ring.used_index(), rung) == (wanted, wanted == 0), (ring.used_index(), rung)
    allowed = [(flags & DESC_WRITE and address, length)
               for address, length, flags, _ in descriptors + LISTED[0]]
    for at in written(ring, before):
        assert (wanted or what == SOME_ANSWERED) and any(
            address and address <= GUEST + at < address + length for address, length in allowed), \
            f"wrote at {GUEST + at:#x}"


def shows_that_good_ones_are_answered(target):
    """Else the rest would show nothing."""
    for features, descriptors in (0, [HEAD, ANSWER, INTO]), (INDIRECT,
                                                             [(LISTS, 48, DESC_INDIRECT, 0)]):
        ring, before, rung = drive(target, features, descriptors, 0, 1)
        assert (ring.used_index(), rung) == (1, False)
        assert ring.memory[DATA - GUEST:DATA - GUEST + 512] == bytes(512), "the disk is empty"
        assert ring.memory[RESPONSE - GUEST + 10:RESPONSE - GUEST + 12] == b"\0\0"
        assert min(written(ring, before)) == RESPONSE - GUEST
        assert max(written(ring, before)) == DATA - GUEST + 511
    assert drive(target, 0, [(LISTS, 48, DESC_INDIRECT, 0)], 0, 1)[2], "not negotiated"


def deeds(target, folder):
    """(what it is, function, arguments)"""
    for what, data in BYTES.items():
        yield what, send_bytes, (target, data)
    moments = (send_after_handshake, send_while_running, send_after_stop)
    for moment in (send_first, *moments):
        for name, body in REQUESTS_WRONG:
            yield (f"{moment.__name__} {name} {body[:16].hex()}", send_and_judge,
                   (target, moment, name, body))
    for name, body in SHORT_BODIES:
        yield f"{name} of {len(body)} bytes", send_after_handshake, (target, name, body)
    kinds = open_kinds(folder)
    for kind, fd in kinds.items():
        for moment in moments:
            for name, body, _ in TAKES_DESCRIPTORS:
                yield f"{moment.__name__} {name} with {kind}", moment, (target, name, body, [fd])
        yield f"a ring kicked by {kind}", start_on, (target, os.dup(fd))
    for name in REQUESTS:
        for count in (1, 2, 9, 200):
            fds = [kinds["an empty file"]] * count
            yield (f"{name} with {count} descriptors", send_after_handshake,
                   (target, name, bytes(8), fds))
    for what, (descriptors, head, index) in RINGS.items():
        for features in (0, INDIRECT, INDIRECT | 1 << 29):
            yield (f"{what} ({features:#x})", drive_and_judge,
                   (target, what, features, descriptors, head, index))


def do_all(deeds_of, bystander):
    """Nothing may come of any of them. Returns what to say in the end."""
    slowest = (0, "")
    for what, do, arguments in deeds_of:
        started = time.monotonic()
        try:
            do(*arguments)
        except (AssertionError, OSError, Closed, Refused) as error:
            raise AssertionError(f"{what}: {error!r}") from error
        bystander.look(what)
        slowest = max(slowest, (time.monotonic() - started, what))
    return f"{bystander.deeds} deeds survived; the slowest, {slowest[0]:.2f} s: {slowest[1]}"
