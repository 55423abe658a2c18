# SPDX-License-Identifier: BSD-3-Clause
"""System calls that a container refuses, or that never come back, as on a disk that hangs: a filter
(seccomp(2)) for a program about to be started. Only where the numbers are known."""

import ctypes
import errno
import os
import struct

NUMBERS = {"epoll_wait": 232, "epoll_pwait": 281, "epoll_pwait2": 441, "fdatasync": 75,
           "io_uring_enter": 426, "io_uring_register": 427, "io_uring_setup": 425}
ALLOW, REFUSE, ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
SYS_SECCOMP, SET_FILTER, NEW_LISTENER = 317, 1, 1 << 3
PR_SET_NO_NEW_PRIVS = 38
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06


def is_possible():
    return os.uname().machine == "x86_64"


def program(verdicts):
    words = [(LOAD, 0, 0, 0)]
    for name, verdict in verdicts.items():
        words += [(IF_EQUAL, 0, 1, NUMBERS[name]), (RETURN, 0, 0, verdict)]
    words.append((RETURN, 0, 0, ALLOW))
    return words


def program_on_argument(name, argument, verdict):
    """For calls whose argument is not 0."""
    return [(LOAD, 0, 0, 0), (IF_EQUAL, 0, 3, NUMBERS[name]), (LOAD, 0, 0, 16 + 8 * argument),
            (IF_EQUAL, 1, 0, 0), (RETURN, 0, 0, verdict), (RETURN, 0, 0, ALLOW)]


def install(words, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("=HBBI", *word) for word in words)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(words), ctypes.addressof(buffer))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    fd = libc.syscall(SYS_SECCOMP, SET_FILTER, flags, header)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return fd


def refusing(*names, code=errno.EPERM):
    """For Popen's preexec_fn."""
    return lambda: install(program({name: REFUSE | code for name in names}), 0)


def refusing_to_wait():
    """An io_uring that can be made and asked, and breaks when it shall wait for something."""
    return lambda: install(program_on_argument("io_uring_enter", 2, REFUSE | errno.EPERM), 0)


def hanging(*names):
    """The same, with close_fds=False: the calls wait for an answer from a descriptor that the
    program itself inherits, and so for ever. A signal that kills ends them."""
    def before_exec():
        fd = install(program({name: ASK for name in names}), NEW_LISTENER)
        os.set_inheritable(fd, True)
    return before_exec
