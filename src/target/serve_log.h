/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dirty log, as a queue's worker writes it (ring/dirty.h). For serve.c and serve_recover.c.
 *
 * A page is marked when its request is about to be published, in one go with the rest of the batch:
 * by then everything was written, by this thread or by the kernel, whenever it began. So a log that
 * comes while requests are under way misses nothing of theirs, and the log itself is touched by no
 * I/O: it may go as soon as the worker has the next one.
 */
#ifndef HF_TARGET_SERVE_LOG_H
#define HF_TARGET_SERVE_LOG_H

#include "target/queue_state.h"

/* Takes another log, or none. What is not its own doing since it began is marked at once: the used
 * ring, and buffers of requests that a predecessor had in flight and may have written to. */
void hf_serve_take_log(struct hf_queue *queue, const struct hf_queue_log *log);
/* What the first `count` of queue->finished may have written to the guest. */
void hf_serve_mark_finished(struct hf_queue *queue, uint16_t count);
/* The order of hf_queue_set_log (hf_mail.run). */
void hf_serve_set_log(struct hf_mail *mail);

#endif
