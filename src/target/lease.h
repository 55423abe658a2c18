/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lock of CONTRACT §1 over all units of this target, taken for as long as any ring of any
 * session runs or wants to: all units or none. Knows no session; somebody else retries.
 */
#ifndef HF_TARGET_LEASE_H
#define HF_TARGET_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct hf_unit;

struct hf_lease {
    struct hf_unit *const *units; /* borrowed */
    unsigned unit_count;
    unsigned users; /* rings started, or held back until they may */
    bool held;
    uint64_t waiting_ns; /* since when; 0: not waiting */
    uint64_t told_ns;    /* when it was last asked whom we wait for; 0: not yet */
    struct hf_error why; /* what stands in the way, as far as it was asked */
};

void hf_lease_init(struct hf_lease *lease, struct hf_unit *const *units, unsigned unit_count);
void hf_lease_join(struct hf_lease *lease);
/* The last one who leaves gives the lock back. */
void hf_lease_leave(struct hf_lease *lease);
/* 0: the lock is ours. -EAGAIN: somebody else has it. Another -errno: it cannot be taken at all,
 * and lease->why says so. Does not block. */
int hf_lease_try(struct hf_lease *lease, uint64_t now_ns);

#endif
