/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bells. The open file is shared with the peer, so O_NONBLOCK is neither ours to set nor to trust:
 *
 * - socket: MSG_DONTWAIT, MSG_NOSIGNAL; exact.
 * - pipe: RWF_NOWAIT, exact where pipes have it (Linux 6.4 on); before: poll, then write, 8 bytes
 *   being atomic (PIPE_BUF). SIGPIPE is held back around the write.
 * - eventfd: reads with RWF_NOWAIT, exact. Writes have no such thing: poll, then write. A write of
 *   1 waits only at 2^64 - 2, so somebody must fill it between the two calls: not an accident.
 * - other: poll, then read or write.
 */
#include "os/event.h"

#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Not an eventfd: several rings may wait, 8 bytes each. */
#define DRAIN_SIZE 512

int hf_event_create(void)
{
    return hf_fd_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void hf_event_ring_own(int fd)
{
    const uint64_t one = 1;

    /* Fails only when full, which is as good. */
    ssize_t written = write(fd, &one, sizeof(one));
    (void)written;
}

/* Without /proc an eventfd counts as OTHER, which is right and slower. */
static bool is_eventfd(int fd)
{
    static const char name[] = "anon_inode:[eventfd]";
    char link[32];
    char target[sizeof(name)];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof(target));
    return length == (ssize_t)sizeof(name) - 1 && memcmp(target, name, sizeof(name) - 1) == 0;
}

static enum hf_bell_kind kind_of(int fd)
{
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return HF_BELL_UNFIT;
    if (S_ISSOCK(status.st_mode))
        return HF_BELL_SOCKET;
    if (S_ISFIFO(status.st_mode))
        return HF_BELL_PIPE;
    if (is_eventfd(fd))
        return HF_BELL_EVENTFD;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
        return HF_BELL_UNFIT;
    return HF_BELL_OTHER;
}

struct hf_bell hf_bell_of(int fd)
{
    return (struct hf_bell){ .fd = fd, .kind = kind_of(fd) };
}

/* What poll says at once: 0 = nothing. */
static short look(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };

    return poll(&one, 1, 0) < 0 ? 0 : one.revents;
}

/* Full, or interrupted while full: rung already. A socket whose peer closed without reading all is
 * reset. */
static int judge_ring(ssize_t written)
{
    if (written > 0 || errno == EAGAIN || errno == EINTR)
        return 0;
    return errno == ECONNRESET ? -EPIPE : -errno;
}

static int ring_socket(int fd)
{
    const uint64_t one = 1;

    return judge_ring(send(fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Full reads as 0: no POLLOUT. (An eventfd that the kernel itself has filled says POLLERR.) */
static int ring_eventfd(int fd)
{
    const uint64_t one = 1;
    short state = look(fd, POLLOUT);

    if ((state & POLLNVAL) != 0)
        return -EBADF;
    if ((state & POLLOUT) == 0)
        return 0;
    return judge_ring(write(fd, &one, sizeof(one)));
}

static int ring_polled(int fd)
{
    /* The write end of a pipe without a reader. */
    if ((look(fd, POLLOUT) & POLLERR) != 0)
        return -EPIPE;
    return ring_eventfd(fd);
}

/* What an old kernel, a file without it, or a filter answers to RWF_NOWAIT. */
static bool has_no_nowait(int code)
{
    return code == EOPNOTSUPP || code == ENOSYS || code == EINVAL;
}

static int ring_pipe_now(int fd)
{
    const uint64_t one = 1;
    struct iovec piece = { .iov_base = (void *)(uintptr_t)&one, .iov_len = sizeof(one) };

    ssize_t written = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
    if (written < 0 && has_no_nowait(errno))
        return ring_polled(fd);
    return judge_ring(written);
}

/* SIGPIPE goes to the thread that writes (pipe(7)): hold it back, and take away the one we made. */
static int ring_pipe(int fd)
{
    const struct timespec now = { 0 };
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int result = ring_pipe_now(fd);
    if (result == -EPIPE && !was_pending)
        sigtimedwait(&pipe_signal, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int judge_drain(ssize_t got)
{
    if (got > 0)
        return 0;
    return got == 0 || errno == ECONNRESET ? -EPIPE : -errno;
}

static int drain_socket(int fd)
{
    uint8_t bytes[DRAIN_SIZE];

    return judge_drain(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
}

static int drain_polled(int fd)
{
    uint8_t bytes[DRAIN_SIZE];
    short state = look(fd, POLLIN);

    if ((state & POLLNVAL) != 0)
        return -EBADF;
    if ((state & (POLLIN | POLLHUP | POLLERR)) == 0)
        return -EAGAIN;
    return judge_drain(read(fd, bytes, sizeof(bytes)));
}

static int drain_now(int fd)
{
    uint8_t bytes[DRAIN_SIZE];
    struct iovec piece = { .iov_base = bytes, .iov_len = sizeof(bytes) };

    ssize_t got = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
    if (got < 0 && has_no_nowait(errno))
        return drain_polled(fd);
    return judge_drain(got);
}

static int refuse(int fd)
{
    (void)fd;
    return -EINVAL;
}

static const struct {
    int (*ring)(int fd);
    int (*drain)(int fd);
} ways[HF_BELL_KIND_COUNT] = {
    [HF_BELL_UNFIT] = { refuse, refuse },
    [HF_BELL_EVENTFD] = { ring_eventfd, drain_now },
    [HF_BELL_PIPE] = { ring_pipe, drain_now },
    [HF_BELL_SOCKET] = { ring_socket, drain_socket },
    [HF_BELL_OTHER] = { ring_polled, drain_polled },
};

int hf_bell_ring(const struct hf_bell *bell)
{
    return bell->fd < 0 ? 0 : ways[bell->kind].ring(bell->fd);
}

int hf_bell_drain(const struct hf_bell *bell)
{
    int result = -EAGAIN;

    if (bell->fd < 0)
        return result;
    do
        result = ways[bell->kind].drain(bell->fd);
    while (result == -EINTR);
    return result;
}

int hf_event_signal(int fd)
{
    struct hf_bell bell = hf_bell_of(fd);

    return hf_bell_ring(&bell);
}

int hf_event_drain(int fd)
{
    struct hf_bell bell = hf_bell_of(fd);

    return hf_bell_drain(&bell);
}
