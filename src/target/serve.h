/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue as its worker serves it: fetch, publish, stop, break. Worker threads only. Must not know
 * SCSI: what a request means is request.h and task.h.
 */
#ifndef HF_TARGET_SERVE_H
#define HF_TARGET_SERVE_H

#include "target/queue_state.h"

/* Orders, as they arrive in the worker (hf_mail.run). */
void hf_serve_start(struct hf_mail *mail);
void hf_serve_stop(struct hf_mail *mail);
void hf_serve_abandon(struct hf_mail *mail);
void hf_serve_set_call(struct hf_mail *mail);
void hf_serve_set_err(struct hf_mail *mail);
void hf_serve_set_enabled(struct hf_mail *mail);
void hf_serve_set_memory(struct hf_mail *mail);
/* Another ring of this nexus has been recovered: held task management may go. */
void hf_serve_siblings(struct hf_mail *mail);

/* Fetches and begins what is there, a bounded number. True if there may be more. */
bool hf_serve_fetch(struct hf_queue *queue);
/* Asks for a kick before the worker sleeps. True if something is there already. */
bool hf_serve_arm(struct hf_queue *queue);
/* Publishes what is answered; ends a stop, an abandon or a swap that waited for it. */
void hf_serve_settle(struct hf_queue *queue);
/* Is there something new in the ring? For busy polling: cheap. */
bool hf_serve_pending(struct hf_queue *queue);

/* The request is answered with `length` bytes written; published at the end of the round. */
void hf_serve_finish(struct hf_request *request, uint32_t length);
/* The chain makes no sense: a new one breaks the ring, a replayed one is answered with nothing. */
void hf_serve_malformed(struct hf_request *request, const char *why);

#endif
