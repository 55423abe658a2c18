/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bells: kick and call fds. They come from the peer and may be any fd that takes 8-byte writes:
 * eventfd, pipe (user-mode Linux), socket; blocking or not, and its flags are shared with others,
 * so we never change them. Neither ringing nor draining blocks; full counts as rung; no SIGPIPE.
 */
#ifndef HF_OS_EVENT_H
#define HF_OS_EVENT_H

enum hf_bell_kind {
    HF_BELL_UNFIT, /* no bell: a regular file, folder, block device, or no fd at all */
    HF_BELL_EVENTFD,
    HF_BELL_PIPE,
    HF_BELL_SOCKET,
    HF_BELL_OTHER, /* something that can be polled */
    HF_BELL_KIND_COUNT,
};

/* A bell with its kind remembered, for the data path. Borrows the fd. */
struct hf_bell {
    int fd; /* -1 = none: ringing does nothing, draining finds nothing */
    enum hf_bell_kind kind;
};

/* An eventfd of ours: NONBLOCK, CLOEXEC, value 0. Returns it (owned by the caller) or -errno. */
int hf_event_create(void);

/* Rings such an eventfd, whose flags nobody else sets: one system call. */
void hf_event_ring_own(int fd);

/* Looks once (two or three system calls). A peer's UNFIT fd is a fault of the peer. */
struct hf_bell hf_bell_of(int fd);

/* Adds 1. 0 = rung (or full, which is as good); -EPIPE = nobody is at the other end; another -errno
 * = the fd is no bell. */
int hf_bell_ring(const struct hf_bell *bell);

/* Takes an eventfd's value, or bytes that wait in a pipe or socket (at most 512). 0 = something was
 * there, -EAGAIN = nothing, -EPIPE = end of file (stop watching it), another -errno = broken. */
int hf_bell_drain(const struct hf_bell *bell);

/* The same for an fd used once. */
int hf_event_signal(int fd);
int hf_event_drain(int fd);

#endif
