#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A second vhost-user-scsi front-end, written from the specifications, sharing nothing with src/:
handshake, memory in a memfd, rings, SCSI commands. As a module it serves tests; as a program,
frontend.py SOCKET, it shows that a back-end answers INQUIRY, READ, WRITE and stops clean."""

import array
import mmap
import os
import select
import socket
import struct
import sys

REQUESTS = {name: number for number, name in enumerate(
    "NONE GET_FEATURES SET_FEATURES SET_OWNER RESET_OWNER SET_MEM_TABLE SET_LOG_BASE SET_LOG_FD "
    "SET_VRING_NUM SET_VRING_ADDR SET_VRING_BASE GET_VRING_BASE SET_VRING_KICK SET_VRING_CALL "
    "SET_VRING_ERR GET_PROTOCOL_FEATURES SET_PROTOCOL_FEATURES GET_QUEUE_NUM SET_VRING_ENABLE "
    "SEND_RARP NET_SET_MTU SET_BACKEND_REQ_FD IOTLB_MSG SET_VRING_ENDIAN GET_CONFIG SET_CONFIG "
    "CREATE_CRYPTO_SESSION CLOSE_CRYPTO_SESSION POSTCOPY_ADVISE POSTCOPY_LISTEN POSTCOPY_END "
    "GET_INFLIGHT_FD SET_INFLIGHT_FD GPU_SET_SOCKET RESET_DEVICE VRING_KICK GET_MAX_MEM_SLOTS "
    "ADD_MEM_REG REM_MEM_REG SET_STATUS GET_STATUS".split())}

VERSION, REPLY, NEED_REPLY = 1, 4, 8
VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
LOG_ALL, RING_IS_LOGGED = 1 << 26, 1
MQ, LOG_SHMFD, REPLY_ACK, CONFIG, INFLIGHT, RESET, SLOTS = (
    1 << bit for bit in (0, 1, 3, 9, 12, 13, 15))
NO_FD = 0x100

MEMORY_BYTES = 4 << 20
GUEST = 0x100000          # where the memory begins for descriptors
USER = 0x7F0000000000     # and for ring addresses
RING_BYTES = 64 << 10     # room for the parts of one ring
BUFFERS = 1 << 20         # offset of the buffers behind the rings
DESC_NEXT, DESC_WRITE = 1, 2


class Closed(Exception):
    """The back-end ended the session."""


class Refused(Exception):
    """The back-end acknowledged with something else than 0."""


class FrontEnd:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.settimeout(10)
        self.protocol = 0

    def close(self):
        self.socket.close()

    # Messages.

    def send(self, name, body=b"", fds=(), flags=0):
        number = name if isinstance(name, int) else REQUESTS[name]
        header = struct.pack("=III", number, VERSION | flags, len(body))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self.socket.sendmsg([header + body], rights)
        except OSError as error:
            raise Closed(f"{name}: {error}") from error

    def receive_exactly(self, size, fds):
        data = b""
        while len(data) < size:
            try:
                piece, ancillary, _, _ = self.socket.recvmsg(size - len(data), 256)
            except ConnectionError as error:
                raise Closed(str(error)) from error
            if not piece:
                raise Closed("end of file")
            data += piece
            for _, _, rights in ancillary:
                fds.extend(array.array("i", rights[:len(rights) // 4 * 4]))
        return data

    def receive(self, name):
        fds = []
        number, flags, size = struct.unpack("=III", self.receive_exactly(12, fds))
        assert number == REQUESTS[name], f"{name} answered as {number}"
        assert flags == VERSION | REPLY, f"{name} answered with flags {flags:#x}"
        return self.receive_exactly(size, fds), fds

    def get(self, name, body=b""):
        self.send(name, body)
        return self.receive(name)

    def get_u64(self, name):
        return struct.unpack("=Q", self.get(name)[0])[0]

    def set(self, name, body=b"", fds=()):
        """With an acknowledgement where that is negotiated, else without."""
        ack = bool(self.protocol & REPLY_ACK)
        self.send(name, body, fds, NEED_REPLY if ack else 0)
        if ack and struct.unpack("=Q", self.receive(name)[0])[0] != 0:
            raise Refused(name)

    def set_u64(self, name, value, fds=()):
        self.set(name, struct.pack("=Q", value), fds)

    def set_state(self, name, index, number):
        self.set(name, struct.pack("=II", index, number))

    # Stories.

    def negotiate(self, protocol=MQ | REPLY_ACK | CONFIG | INFLIGHT | RESET | SLOTS, more=0):
        offered = self.get_u64("GET_FEATURES")
        assert offered & VERSION_1 and offered & PROTOCOL_FEATURES
        protocol &= self.get_u64("GET_PROTOCOL_FEATURES")
        self.send("SET_PROTOCOL_FEATURES", struct.pack("=Q", protocol))
        self.protocol = protocol
        self.set("SET_OWNER")
        self.set_features(more)

    def config(self, offset, size):
        body, _ = self.get("GET_CONFIG", struct.pack("=III", offset, size, 0) + bytes(size))
        return body[12:]

    def share_memory(self, of=None):
        """A new file, or that of the descriptor `of`."""
        fd = os.memfd_create("guest") if of is None else os.dup(of)
        os.ftruncate(fd, MEMORY_BYTES)
        memory = mmap.mmap(fd, MEMORY_BYTES)
        self.set("SET_MEM_TABLE",
                 struct.pack("=IIQQQQ", 1, 0, GUEST, MEMORY_BYTES, USER, 0), [fd])
        os.close(fd)
        return memory

    def set_features(self, more=0):
        self.set_u64("SET_FEATURES", VERSION_1 | PROTOCOL_FEATURES | more)

    def set_log(self, fd, size, offset=0):
        """Answered without being asked, with LOG_SHMFD."""
        self.send("SET_LOG_BASE", struct.pack("=QQ", size, offset), [fd])
        body, _ = self.receive("SET_LOG_BASE")
        assert body == bytes(8), f"SET_LOG_BASE answered with {body.hex()}"

    def inflight(self, queues, size):
        """Asks for a region and hands it back, as a front-end does before it starts rings."""
        body, fds = self.get("GET_INFLIGHT_FD", struct.pack("=QQHHI", 0, 0, queues, size, 0))
        assert len(body) == 24 and len(fds) == 1
        self.set("SET_INFLIGHT_FD", body, fds)
        return body, fds[0]


class Ring:
    """One split ring in the shared memory, one request at a time."""

    def __init__(self, front_end, memory, index, size=128):
        self.front_end, self.memory, self.index, self.size = front_end, memory, index, size
        self.desc = index * RING_BYTES
        self.avail = self.desc + 16 * size
        self.used = (self.avail + 6 + 2 * size + 3) // 4 * 4
        self.next = 0
        self.log = None  # the guest address for which the used ring's writes are logged
        self.kick_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.call_fd = os.eventfd(0, os.EFD_NONBLOCK)

    def address(self):
        return struct.pack("=IIQQQQ", self.index, 0 if self.log is None else RING_IS_LOGGED,
                           USER + self.desc, USER + self.used, USER + self.avail, self.log or 0)

    def start(self, base=0, order="CALL NUM BASE ADDR KICK ENABLE"):
        address = self.address()
        steps = {
            "CALL": lambda: self.front_end.set_u64("SET_VRING_CALL", self.index, [self.call_fd]),
            "NUM": lambda: self.front_end.set_state("SET_VRING_NUM", self.index, self.size),
            "BASE": lambda: self.front_end.set_state("SET_VRING_BASE", self.index, base),
            "ADDR": lambda: self.front_end.set("SET_VRING_ADDR", address),
            "KICK": lambda: self.front_end.set_u64("SET_VRING_KICK", self.index, [self.kick_fd]),
            "ENABLE": lambda: self.front_end.set_state("SET_VRING_ENABLE", self.index, 1),
        }
        for word in order.split():
            steps[word]()

    def stop(self):
        body, _ = self.front_end.get("GET_VRING_BASE", struct.pack("=II", self.index, 0))
        return struct.unpack("=II", body)

    def used_index(self):
        return struct.unpack_from("<H", self.memory, self.used + 2)[0]

    def prepare(self, buffers):
        """buffers: (offset in memory, length, written by the device). Not seen before publish."""
        for i, (offset, length, write) in enumerate(buffers):
            flags = (DESC_WRITE if write else 0) | (DESC_NEXT if i + 1 < len(buffers) else 0)
            struct.pack_into("<QIHH", self.memory, self.desc + 16 * i, GUEST + offset, length,
                             flags, i + 1)
        struct.pack_into("<H", self.memory, self.avail + 4 + 2 * (self.next % self.size), 0)
        self.next = (self.next + 1) & 0xFFFF

    def publish(self):
        struct.pack_into("<H", self.memory, self.avail + 2, self.next)

    def post(self, buffers):
        self.prepare(buffers)
        self.publish()

    def kick(self):
        os.eventfd_write(self.kick_fd, 1)

    def wait(self, seconds=10):
        """Until everything posted is used; the call must come. Returns the used length."""
        poll = select.poll()
        poll.register(self.call_fd, select.POLLIN)
        while self.used_index() != self.next:
            if not poll.poll(seconds * 1000):
                raise TimeoutError(f"ring {self.index}: no call within {seconds} s")
            os.eventfd_read(self.call_fd)
        slot = (self.next - 1) % self.size
        return struct.unpack_from("<II", self.memory, self.used + 4 + 8 * slot)[1]

    def command(self, cdb, read_bytes=0, data=b"", target=0, lun=0):
        """One SCSI command. Returns (response, status, sense, data in)."""
        header = struct.pack("<BBBBIQBBB32s", 1, target, 0x40 | lun >> 8, lun & 0xFF, 0, self.next,
                             0, 0, 0, cdb)
        at = BUFFERS + self.index * (256 << 10)
        out_at, response_at, in_at = at + 64, at + (128 << 10), at + (128 << 10) + 128
        self.memory[at:at + 51] = header
        self.memory[out_at:out_at + len(data)] = data
        self.memory[response_at:response_at + 108] = b"\xEE" * 108
        buffers = [(at, 51, False)] + ([(out_at, len(data), False)] if data else [])
        buffers += [(response_at, 108, True)]
        buffers += [(in_at, read_bytes, True)] if read_bytes else []
        self.post(buffers)
        self.kick()
        self.wait()
        sense_length, residual, _, status, response = struct.unpack_from(
            "<IIHBB", self.memory, response_at)
        sense = self.memory[response_at + 12:response_at + 12 + sense_length]
        return response, status, sense, self.memory[in_at:in_at + read_bytes - residual]

    def good(self, *arguments, **keywords):
        response, status, sense, data = self.command(*arguments, **keywords)
        assert (response, status) == (0, 0), f"response {response} status {status} {sense.hex()}"
        return data


def read_10(block, count):
    return struct.pack(">BBIBHB", 0x28, 0, block, 0, count, 0)


def write_10(block, count):
    return struct.pack(">BBIBHB", 0x2A, 0, block, 0, count, 0)


def first_command(ring):
    """The power-on unit attention, if there is one, is for the first command."""
    ring.command(bytes(6))
    return ring.good(struct.pack(">BBBHB", 0x12, 0, 0, 96, 0), 96)


def main(path):
    front_end = FrontEnd(path)
    front_end.negotiate()
    print("queues:", front_end.get_u64("GET_QUEUE_NUM"))
    print("config:", front_end.config(0, 52).hex())
    memory = front_end.share_memory()
    front_end.inflight(3, 128)
    ring = Ring(front_end, memory, 2)
    ring.start()
    inquiry = first_command(ring)
    print("inquiry:", inquiry[8:36].decode())
    pattern = os.urandom(8192)
    ring.good(write_10(16, 16), data=pattern)
    assert ring.good(read_10(16, 16), 8192) == pattern, "read something else than was written"
    print("stopped:", ring.stop())
    front_end.close()


if __name__ == "__main__":
    main(sys.argv[1])
