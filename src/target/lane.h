/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a unit sees of the worker that calls it: the I/O engine, a number, and bounce buffers for
 * direct I/O whose guest buffers are not aligned. Owned by one worker thread.
 */
#ifndef HF_TARGET_LANE_H
#define HF_TARGET_LANE_H

#include <stddef.h>
#include <stdint.h>
#include "base/list.h"
#include "os/aio.h"

#define HF_BOUNCE_SIZE_BYTES (256u * 1024u)
#define HF_BOUNCE_COUNT      16u
#define HF_BOUNCE_ALIGNMENT  4096u

struct hf_lane {
    unsigned index; /* of the worker, below HF_WORKER_MAX */
    struct hf_aio *aio;
    void *bounce_free[HF_BOUNCE_COUNT]; /* made at first need, then kept */
    unsigned bounce_free_count;
    unsigned bounce_made;
    struct hf_link bounce_waiting; /* of hf_unit_io.link */
};

void hf_lane_init(struct hf_lane *lane, unsigned index, struct hf_aio *aio);
void hf_lane_done(struct hf_lane *lane);
/* Aligned to 4096, HF_BOUNCE_SIZE_BYTES; NULL: all are in use (wait) or there is no memory. */
void *hf_lane_bounce_get(struct hf_lane *lane);
void hf_lane_bounce_put(struct hf_lane *lane, void *bounce);

#endif
