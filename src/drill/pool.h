/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of the workload in registered memory: half of the completed ones are used again at once
 * (so that a late write of the dead hits something that matters), the others lie in quarantine
 * under a pattern, and are looked at before anybody gets them again. Between buffers lie guards.
 * Knows no requests.
 */
#ifndef HF_DRILL_POOL_H
#define HF_DRILL_POOL_H

#include "base/list.h"
#include "drill/tally.h"

#include <stddef.h>
#include <stdint.h>

#define HF_POOL_GUARD_SIZE 4096u

struct hf_pool_buffer {
    struct hf_link link;
    uint8_t *bytes; /* block_size of them, page aligned; a guard lies before and behind */
};

struct hf_pool {
    struct hf_pool_buffer *buffers;
    struct hf_link free;       /* the next is taken first */
    struct hf_link quarantine; /* the oldest first */
    struct hf_tally *tally;
    uint8_t *memory;
    size_t block_size;
    size_t stride;
    unsigned count;
    unsigned given; /* back, so far: every other one is quarantined */
};

/* Registered memory for `count` buffers. */
size_t hf_pool_bytes(size_t block_size, unsigned count);
/* As many buffers as fit; `memory` is page aligned and borrowed. 0 or -ENOMEM. */
int hf_pool_init(struct hf_pool *pool, void *memory, size_t size_bytes, size_t block_size,
                 struct hf_tally *tally);
void hf_pool_done(struct hf_pool *pool);

/* NULL when all are out. */
struct hf_pool_buffer *hf_pool_take(struct hf_pool *pool);
void hf_pool_give(struct hf_pool *pool, struct hf_pool_buffer *buffer);
/* Looks at all that is in quarantine, and at all guards. */
void hf_pool_check(struct hf_pool *pool);

#endif
