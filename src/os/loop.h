/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One epoll set that shows its host ONE pollable fd: when it is readable, call hf_loop_dispatch.
 * Number of watches unlimited; a dispatch calls a bounded number of callbacks. One thread owns a
 * loop. It knows nothing of what it watches and never closes a watched fd.
 */
#ifndef HF_OS_LOOP_H
#define HF_OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "os/timer.h"

struct hf_loop;

/* Zero it, set `ready`, add it. `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP. */
struct hf_watch {
    void (*ready)(struct hf_watch *watch, uint32_t events);
    struct hf_loop *loop; /* NULL = not added */
    int fd;
};

struct hf_loop {
    int epoll_fd;
    int timer_fd;
    uint64_t armed_ns; /* what timer_fd will fire at; HF_CLOCK_NEVER = disarmed */
    struct hf_watch timer_watch;
    struct hf_timers timers;
    struct hf_loop_batch *batch; /* the dispatch that runs, innermost first */
};

/* Returns 0 or -errno (nothing to undo then). */
int hf_loop_init(struct hf_loop *loop);

/* Legal in a callback of this loop: the dispatch then returns at once and no longer touches the
 * loop. Timers still armed (they must still exist) are disarmed; watches left are forgotten, their
 * fds stay open. Accepts a zeroed loop. */
void hf_loop_done(struct hf_loop *loop);

/* Readable when there is something to dispatch. Borrowed: the loop closes it. */
int hf_loop_fd(const struct hf_loop *loop);

/* Level-triggered. Returns 0 or -errno: -EEXIST for an fd already in the loop (duplicate it),
 * -EPERM for a file that cannot be polled (a regular file). */
int hf_loop_add(struct hf_loop *loop, struct hf_watch *watch, int fd, uint32_t events);

/* Replaces the events of an added watch; 0 leaves only EPOLLERR and EPOLLHUP. */
int hf_loop_modify(struct hf_watch *watch, uint32_t events);

/* Remove first, then close the fd. No callback of this watch comes any more, not even in the
 * dispatch that runs now: the watch may be freed. Harmless when not added. */
void hf_loop_remove(struct hf_watch *watch);

/* Arms or moves; the callback comes in a dispatch at or after the deadline. */
void hf_loop_set_timer(struct hf_loop *loop, struct hf_timer *timer, uint64_t deadline_ns);
void hf_loop_cancel_timer(struct hf_loop *loop, struct hf_timer *timer);

/* Waits at most `timeout_ms` (0 = does not block, -1 = for ever) and calls what is ready.
 * Returns the number of callbacks, or -errno; a signal counts as 0. May be called from a callback
 * (a host that waits inside its own event). */
int hf_loop_dispatch(struct hf_loop *loop, int timeout_ms);

#endif
