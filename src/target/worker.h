/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The threads that carry the data path. A crew is all workers of one target; each worker is one
 * thread with one I/O engine, owns whole queues and sleeps in one place. The control thread never
 * waits for a worker: orders go out as mail, answers come back through the crew's own mailbox.
 * Must not know vhost-user messages.
 */
#ifndef HF_TARGET_WORKER_H
#define HF_TARGET_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

struct hf_worker;
struct hf_crew;

struct hf_crew_options {
    unsigned threads;    /* 1 .. HF_WORKER_MAX */
    uint32_t poll_us;    /* busy polling before each sleep; 0 = none */
    bool avoid_io_uring; /* tests: the thread pool even where io_uring works */
    /* An I/O engine does not work any more, and its worker has ended: what it had in flight is not
     * heard of again, so neither guest memory nor units can be let go of. Better end the process:
     * all is as after SIGKILL then. Out of hf_crew_dispatch; `error` is -errno. */
    void (*broken)(void *context, int error);
    void *context;
};

#define HF_WORKER_MAX 64

/* Starts the threads. NULL and *error on failure. Control thread, as everything in this header. */
struct hf_crew *hf_crew_new(const struct hf_crew_options *options, struct hf_error *error);
/* Ends and joins the threads. Every queue must be gone before (reported by its stop or abandon).
 * Accepts NULL. */
void hf_crew_free(struct hf_crew *crew);
/* For the control loop: readable when answers wait. Belongs to the crew. */
int hf_crew_fd(const struct hf_crew *crew);
/* Runs the callbacks of all answers that wait, in this thread. Returns how many. */
unsigned hf_crew_dispatch(struct hf_crew *crew);
/* "io_uring" or "threads", and why not io_uring (NULL = it is, or was not asked for). */
const char *hf_crew_engine(const struct hf_crew *crew);
const char *hf_crew_fallback_reason(const struct hf_crew *crew);

#endif
