/* SPDX-License-Identifier: BSD-3-Clause */
/* The start of a queue in its worker: what the in-flight region says (CONTRACT §4). For serve.c. */
#ifndef HF_TARGET_SERVE_RECOVER_H
#define HF_TARGET_SERVE_RECOVER_H

#include "target/queue_state.h"

/* True when every other ring of the nexus that has requests in flight runs them again. */
bool hf_serve_siblings_recovered(const struct hf_queue *queue);
/* Once: says so of this ring, to whoever waits. */
void hf_serve_tell_recovered(struct hf_queue *queue);
/* Signals the err fd and sends a line to the log. */
void hf_serve_report(struct hf_queue *queue, bool broken, const char *what, const char *why);

#endif
