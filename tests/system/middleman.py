#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""middleman.py SOCKET BEHIND STATE: a back-end that dies while a front-end sets it up. It passes
messages, with their descriptors, between SOCKET and the real back-end at BEHIND, which lives on. The
first processes die under load after a moment; the next ones at the first message, the second, ... of
the front-end, each once swallowed and once passed on; when there are no more messages to die at, it
stays. STATE is the file in which it remembers what to die at next.

middleman.py SOCKET: accepts, and never answers."""

import array
import json
import os
import select
import socket
import struct
import sys
import time

QUIET_S = 0.3   # the front-end has said all it had to say
ANSWER_S = 0.005
LIVES = 40      # that end under load
LIFE_S = 0.1


class End(Exception):
    """Of one of the two connections."""


def listen(path):
    """The name appears when it listens."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(path + ".new")
    made.listen()
    os.rename(path + ".new", path)
    return made


def receive_exactly(source, size, fds):
    data = b""
    while len(data) < size:
        piece, ancillary, _, _ = source.recvmsg(size - len(data), 4096)
        if not piece:
            raise End
        for _, _, rights in ancillary:
            fds.frombytes(rights[:len(rights) // 4 * 4])
        data += piece
    return data


def receive(source):
    fds = array.array("i")
    header = receive_exactly(source, 12, fds)
    return header + receive_exactly(source, struct.unpack_from("=I", header, 8)[0], fds), fds


def send(to, data, fds):
    to.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
    for fd in fds:
        os.close(fd)


def pump(front, back, seconds, before=lambda: None, after=lambda: None):
    """Passes messages until nothing comes for so long."""
    while True:
        ready, _, _ = select.select([front, back], [], [], seconds)
        if not ready:
            return
        for source in ready:
            data, fds = receive(source)
            if source is front:
                before()
            send(back if source is front else front, data, fds)
            if source is front:
                after()


class Plan:
    """What to die at: the way, the number of the message; and how often that was done."""

    WAYS = ("live", "swallowed", "passed on", "stay")

    def __init__(self, path):
        self.path = path
        self.way, self.number, self.deaths = 0, 0, 0
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.way, self.number, self.deaths = json.load(file)

    def end(self, way, number):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump([way, number, self.deaths + 1], file)
        os.rename(self.path + ".new", self.path)
        os._exit(1)

    def die(self):
        self.end(self.way, self.number + 1)

    def next_way(self):
        self.end(self.way + 1, 1)


def serve(front, back, plan):
    way = Plan.WAYS[plan.way]
    seen = 0

    def count(at):
        nonlocal seen
        seen += at == "swallowed"
        if way == at and seen == plan.number:
            if at == "passed on":
                pump(front, back, ANSWER_S)
            plan.die()

    if way == "stay":
        pump(front, back, None)
    if way == "live":
        deadline = time.monotonic() + LIFE_S
        while time.monotonic() < deadline:
            pump(front, back, LIFE_S)
        plan.die() if plan.number + 1 < LIVES else plan.next_way()
    pump(front, back, QUIET_S, lambda: count("swallowed"), lambda: count("passed on"))
    plan.next_way()


def main(path, behind=None, state=None):
    listener = listen(path)
    if not behind:
        silent = []
        while True:
            silent.append(listener.accept())
    while True:
        front, _ = listener.accept()
        back = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        back.connect(behind)
        try:
            serve(front, back, Plan(state))
        except (End, ConnectionError):
            front.close()
            back.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
