/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix stream sockets that carry file descriptors (unix(7), SCM_RIGHTS). Nothing here blocks and
 * nothing raises SIGPIPE. It knows no message format.
 */
#ifndef HF_OS_STREAM_H
#define HF_OS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The kernel passes no more in one call (SCM_MAX_FD). */
#define HF_STREAM_FDS_MAX 253
/* sizeof(sun_path): the longest path is one byte shorter. */
#define HF_STREAM_PATH_SIZE 108

/* Non-blocking connect. Returns a connected socket (CLOEXEC, NONBLOCK, owned by the caller), or
 * -errno with a sentence in `error`:
 *   -EAGAIN        the backlog is full: try again soon
 *   -ENOENT        no such file: wait for it (os/path_watch.h)
 *   -ECONNREFUSED  the file is there, nobody listens (yet, or any more)
 *   -ENAMETOOLONG  does not fit sun_path; the sentence names the limit */
int hf_stream_connect(const char *path, struct hf_error *error);

/* Makes a connected Unix stream socket of another's fit for us: CLOEXEC, NONBLOCK (which whoever
 * shares it sees too). 0, or with a sentence -ENOTSOCK, -ENOTCONN, -EPROTOTYPE (not of that kind).
 */
int hf_stream_prepare(int socket_fd, struct hf_error *error);

/* 0 or -ENAMETOOLONG, -EINVAL (empty) with a sentence. */
int hf_stream_check_path(const char *path, struct hf_error *error);

/* A connected pair, both CLOEXEC and NONBLOCK. 0 or -errno. */
int hf_stream_pair(int fds[2]);

/* Who connected to us, or who listened where we connected (SO_PEERCRED). pid 0 = a process that
 * our pid namespace does not show. */
struct hf_stream_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

int hf_stream_peer(int socket_fd, struct hf_stream_peer *peer);

/* Sends some of `bytes`, the `fds` (borrowed) with the first byte. Returns how many bytes went
 * (at least 1: then ALL fds went too, send the rest without fds) or -errno (then nothing went):
 * -EAGAIN = the peer reads too slowly, -EPIPE = it is gone, -EINVAL = no bytes or too many fds. */
ssize_t hf_stream_send(int socket_fd, const void *bytes, size_t size_bytes, const int *fds,
                       size_t fd_count);

/* One read. `fds` belong to the caller afterwards, every one of them, also when truncated. */
struct hf_stream_input {
    size_t size_bytes;
    size_t fd_count;
    int fds[HF_STREAM_FDS_MAX];
    bool fds_truncated; /* MSG_CTRUNC: fds were sent that we could not take (fd table full) */
};

/* Reads at most `capacity` bytes; never blocks. Returns the bytes read, 0 = end of file, -errno =
 * nothing read (-EAGAIN: nothing there). input->size_bytes repeats it; it and the fd fields are
 * set in every case. */
ssize_t hf_stream_receive(int socket_fd, void *buffer, size_t capacity,
                          struct hf_stream_input *input);

/* Closes the fds of an input that nobody wants. */
void hf_stream_input_close(struct hf_stream_input *input);

#endif
