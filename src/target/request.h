/* SPDX-License-Identifier: BSD-3-Clause */
/* A request of a request queue, from its chain to its response. Worker threads only. */
#ifndef HF_TARGET_REQUEST_H
#define HF_TARGET_REQUEST_H

#include "target/queue_state.h"

/* Executes; the answer comes through hf_serve_finish, perhaps inside. */
void hf_request_begin(struct hf_request *request);
/* Wants it dead: answered with `code` as soon as no I/O of it is under way. */
void hf_request_kill(struct hf_request *request, enum hf_vscsi_code code);

#endif
