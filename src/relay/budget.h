/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many descriptors the process may have, and how many are promised to its devices. A device
 * that gets none in the middle of a recovery would lose its disk: so it is refused before.
 */
#ifndef HF_RELAY_BUDGET_H
#define HF_RELAY_BUDGET_H

#include "base/error.h"

/* Not for devices: standard streams, the loop, the control socket and its clients. */
#define HF_RELAY_BUDGET_RESERVE 96u

struct hf_relay_budget {
    unsigned limit;    /* RLIMIT_NOFILE */
    unsigned promised; /* to devices */
};

/* Raises RLIMIT_NOFILE to its hard limit. 0 or -errno with a sentence. */
int hf_relay_budget_init(struct hf_relay_budget *budget, struct hf_error *error);
/* -EMFILE with the numbers, and how to get more. */
int hf_relay_budget_take(struct hf_relay_budget *budget, unsigned count, struct hf_error *error);
void hf_relay_budget_give(struct hf_relay_budget *budget, unsigned count);
/* So many devices more that need `count` each. */
unsigned hf_relay_budget_room(const struct hf_relay_budget *budget, unsigned count);

#endif
