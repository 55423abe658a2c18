/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks a control socket one thing (control/server.h), and waits for the answer. For programs. */
#ifndef HF_CONTROL_CLIENT_H
#define HF_CONTROL_CLIENT_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

struct hf_control_question {
    const char *path; /* of the control socket */
    const char *method;
    json_t *params;      /* taken; NULL: none */
    uint64_t timeout_ns; /* 0: waits for ever */
};

/* Takes the params. 0 and *result, which is the caller's; or with a sentence:
 *   -ENOENT, -ECONNREFUSED, -EACCES  nobody can be asked there
 *   -ETIMEDOUT   no answer in time
 *   -EPROTO      what came is no answer
 *   -EREMOTEIO   it was refused: the sentence is the other side's
 * Blocks. */
int hf_control_ask(const struct hf_control_question *question, json_t **result,
                   struct hf_error *error);

#endif
