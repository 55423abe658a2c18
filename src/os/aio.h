/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one place where a worker thread sleeps: disk I/O, doorbells and timers arrive here as
 * callbacks of hf_aio_wait. Two engines behind one face: io_uring, and a pool of threads with
 * preadv, pwritev and fdatasync where io_uring is refused. One thread owns an engine (only
 * hf_aio_wake is for others); it may be made and freed by another, before and after.
 *
 * Plain fds, never registered files: what holds the lock of CONTRACT §1 alive past SIGKILL is the
 * reference of the I/O in flight to the open file.
 */
#ifndef HF_OS_AIO_H
#define HF_OS_AIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "os/timer.h"

struct hf_aio;

enum hf_aio_engine {
    HF_AIO_ENGINE_BEST, /* io_uring, threads where it is refused */
    HF_AIO_ENGINE_URING,
    HF_AIO_ENGINE_THREADS,
    HF_AIO_ENGINE_COUNT,
};

struct hf_aio_options {
    enum hf_aio_engine engine;
    unsigned depth;        /* expected I/Os in flight; more are queued, not refused. 0 = 128 */
    unsigned thread_count; /* of the thread engine; 0 = 8 */
};

/* 0 and *aio (freed by hf_aio_free), or -errno with a sentence. */
int hf_aio_new(struct hf_aio **aio, const struct hf_aio_options *options, struct hf_error *error);

/* Waits until nothing is in flight (without calling anybody), then frees. With something in flight
 * only from the owner's thread. Watches and timers left (they must still
 * exist) are disarmed. Accepts NULL. */
void hf_aio_free(struct hf_aio *aio);

/* "io_uring" or "threads", and why not io_uring (NULL = it is, or was not asked for). */
const char *hf_aio_name(const struct hf_aio *aio);
const char *hf_aio_fallback_reason(const struct hf_aio *aio);

/* Disk I/O. */

enum hf_aio_op {
    HF_AIO_READ,
    HF_AIO_WRITE,
    HF_AIO_FLUSH, /* fdatasync */
    HF_AIO_OP_COUNT,
};

/* The caller's memory, with its iovecs and buffers, untouched until `done` (which may submit it
 * again, or free it). `result` is bytes (short reads and writes are the caller's business) or
 * -errno. */
struct hf_aio_request {
    enum hf_aio_op op;
    int fd;
    const struct iovec *iov; /* at most 1024 (IOV_MAX) */
    unsigned iov_count;
    uint64_t offset;
    void (*done)(struct hf_aio_request *request, int32_t result);
    /* Below: of the engine. */
    struct hf_link link;
    int32_t result;
};

/* Never fails, never calls back: errors arrive in `done`. Goes to the kernel with the next
 * hf_aio_push or hf_aio_wait. */
void hf_aio_submit(struct hf_aio *aio, struct hf_aio_request *request);

/* Hands over what was submitted, without waiting and without callbacks. */
void hf_aio_push(struct hf_aio *aio);

/* Submitted and not yet done. */
unsigned hf_aio_in_flight(const struct hf_aio *aio);

/* Doorbells. */

struct hf_aio_slot;

/* Zero it, set `ready`, add it. Level-triggered: drain the fd in `ready` or be called again. */
struct hf_aio_watch {
    void (*ready)(struct hf_aio_watch *watch);
    int fd;
    struct hf_aio_slot *slot; /* of the engine; NULL = not added */
};

/* Watches `fd` for input, hang-up and error. 0 or -errno (-EPERM: a regular file). One fd may be
 * watched once per engine. */
int hf_aio_add_watch(struct hf_aio *aio, struct hf_aio_watch *watch, int fd);

/* No callback comes any more; the fd may be closed and the watch freed. Harmless when not added. */
void hf_aio_remove_watch(struct hf_aio *aio, struct hf_aio_watch *watch);

/* Timers. */

void hf_aio_set_timer(struct hf_aio *aio, struct hf_timer *timer, uint64_t deadline_ns);
void hf_aio_cancel_timer(struct hf_aio *aio, struct hf_timer *timer);

/* Sleep. */

/* Before sleeping, look for at most `poll_ns` whether anything is there: completions, bells,
 * timers, and `poll`, which returns true if it found (and did) work. How long it really looks
 * follows what happens: sleeps that ended soon lengthen it, long ones shorten it. 0 = straight to
 * sleep, the default. `before_sleep` is called once, last of all (turn notifications on, look
 * again): true = found work after all, do not sleep. Both may be NULL, and may submit. */
struct hf_aio_polling {
    uint64_t poll_ns;
    bool (*poll)(void *context);
    bool (*before_sleep)(void *context);
    void *context;
};

void hf_aio_set_polling(struct hf_aio *aio, const struct hf_aio_polling *polling);

/* Pushes, then waits until something happened, at the latest at `deadline_ns` (0 = does not wait,
 * HF_CLOCK_NEVER = for ever), and calls what is due: a bounded number. Returns how many (work that
 * `poll` or `before_sleep` found and a wake count as one each), maybe 0 early (a signal). -errno
 * only if the engine is broken. Not from a callback. */
int hf_aio_wait(struct hf_aio *aio, uint64_t deadline_ns);

/* From any thread: makes the present or the next hf_aio_wait return. Put the work where the worker
 * finds it (with release/acquire) before the call. */
void hf_aio_wake(struct hf_aio *aio);

#endif
