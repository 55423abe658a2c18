/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listening Unix socket under a name (CONTRACT §5): binds a temporary name, listens, then
 * renames, under flock on PATH.lock; unlinks only its own socket. A peer that sees the name can
 * connect: there is no instant at which it would be refused. The lock is held as long as the
 * listener lives.
 */
#ifndef HF_OS_LISTENER_H
#define HF_OS_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "os/stream.h"

struct hf_listener {
    int fd; /* watch it for EPOLLIN, then accept */
    int lock_fd;
    uint64_t listening_ns; /* CLOCK_MONOTONIC right after listen() */
    dev_t device;          /* of the socket file we made: the one we may unlink */
    ino_t inode;
    char path[HF_STREAM_PATH_SIZE]; /* empty when adopted */
};

/* Returns 0, or -errno with a sentence. Waits (this call may block, it is for start-up) at most
 * `grace_ns` for a predecessor that is about to end: a process killed a moment ago still holds
 * socket and lock until the kernel has taken it apart; 0 = judge at once.
 *   -EADDRINUSE    somebody serves this path (the sentence says who, as far as one can see)
 *   -EEXIST        the path is there and is not a socket
 *   -ENOENT        the folder is missing
 *   -ENAMETOOLONG  the path does not fit; the sentence names the limit */
int hf_listener_init(struct hf_listener *listener, const char *path, uint64_t grace_ns,
                     struct hf_error *error);

/* The same, with these permission bits of the socket file, whatever the umask: nobody can connect
 * before it has them. */
int hf_listener_init_mode(struct hf_listener *listener, const char *path, mode_t mode,
                          uint64_t grace_ns, struct hf_error *error);

/* Takes a socket that listens already (socket activation, --fd=N), also on failure; no name, no
 * lock. -EINVAL with a sentence if it does not listen. */
int hf_listener_adopt(struct hf_listener *listener, int fd, struct hf_error *error);

/* Unlinks the name if it is still ours, closes, gives the lock back. Accepts a zeroed one (an
 * unused listener is zero or has fd -1). */
void hf_listener_done(struct hf_listener *listener);

/* Returns a connected socket (CLOEXEC, NONBLOCK) or -errno: -EAGAIN = nobody waits; -EMFILE,
 * -ENFILE = fd table full (stop watching for a while, or it spins). */
int hf_listener_accept(struct hf_listener *listener);

#endif
