/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue. Task management walks through the workers, one after the other: each kills the
 * victims among its queues and lets the task go on when their used entries are published. Worker
 * threads only.
 */
#ifndef HF_TARGET_TASK_H
#define HF_TARGET_TASK_H

#include "target/queue_state.h"

struct hf_worker;

/* Executes a request of the control queue. */
void hf_task_begin(struct hf_request *request);
/* After every publication: lets go the tasks whose victims are all gone. */
void hf_task_check(struct hf_worker *worker);

#endif
