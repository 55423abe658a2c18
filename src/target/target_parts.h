/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the control loop (target.c) and what is done once, before and after it. */
#ifndef HF_TARGET_TARGET_PARTS_H
#define HF_TARGET_TARGET_PARTS_H

#include "base/error.h"

#include <stdint.h>

struct hf_target;

/* target_units.c. 0, or -errno and one line; those that are open are in target->units. */
int hf_target_open_units(struct hf_target *target, struct hf_error *error);

/* target.c. 0 or -errno. */
int hf_target_wire(struct hf_target *target);
int hf_target_watch_listener(struct hf_target *target);
/* Takes the socket. */
int hf_target_serve_connection(struct hf_target *target, int socket_fd);

/* Ends the process at once, with status 1. */
_Noreturn void hf_target_leave(struct hf_target *target, const char *why);

/* target_setup.c. 8 bytes to the descriptor of that option, which is closed. -1: 0. Else 0, or
 * -errno and one line. */
int hf_target_stamp(const char *option, int taken_fd, uint64_t stamp_ns, struct hf_error *error);

/* target_flush.c. Everything written is durable, or 1 (said in the log). Ends the crew. A second
 * signal that asks for the end ends the process. */
int hf_target_flush(struct hf_target *target);

#endif
