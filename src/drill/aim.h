/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is anything in flight right now, as the rings say it: asked by the killer's thread, while the
 * loop's thread may not know yet what was answered long ago. Holds copies of where the rings are,
 * knows no requests.
 */
#ifndef HF_DRILL_AIM_H
#define HF_DRILL_AIM_H

#include "ring/split.h"

#include <stdbool.h>

struct hf_aim {
    struct hf_ring *rings; /* capacity of them; their memory is borrowed */
    unsigned capacity;
    unsigned count;
};

/* 0 or -ENOMEM. */
int hf_aim_init(struct hf_aim *aim, unsigned capacity);
void hf_aim_done(struct hf_aim *aim);

void hf_aim_clear(struct hf_aim *aim);
void hf_aim_add(struct hf_aim *aim, const struct hf_ring *ring);

/* True if some ring has a request that was offered and not answered. Any thread. */
bool hf_aim_hits(const struct hf_aim *aim);

#endif
