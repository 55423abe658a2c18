/* SPDX-License-Identifier: BSD-3-Clause */
/* What status and switch share: where a relay's control socket is, and errors that help. */
#ifndef HF_CMD_CONTROL_H
#define HF_CMD_CONTROL_H

#include "control/client.h"

/* Of --control=PATH, for --help. */
#define CONTROL_HELP                                                                               \
    "The relay's control socket ($XDG_RUNTIME_DIR/holdfast/relay.sock if it is there, else "       \
    "/run/holdfast/relay.sock)"

/* Where it is if nobody says. Static memory. */
const char *control_default_path(void);

/* As hf_control_ask; where nobody could be asked, the sentence says what to do about it. */
int control_ask(const struct hf_control_question *question, json_t **result,
                struct hf_error *error);

#endif
