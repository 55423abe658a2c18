/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounce buffers: few, large, made when first needed and then kept. */
#include "target/lane.h"

#include <stdlib.h>
#include <string.h>

void hf_lane_init(struct hf_lane *lane, unsigned index, struct hf_aio *aio)
{
    memset(lane, 0, sizeof(*lane));
    lane->index = index;
    lane->aio = aio;
    hf_list_init(&lane->bounce_waiting);
}

void hf_lane_done(struct hf_lane *lane)
{
    for (unsigned i = 0; i < lane->bounce_free_count; i++)
        free(lane->bounce_free[i]);
    lane->bounce_free_count = 0;
}

static void *make(struct hf_lane *lane)
{
    void *bounce;

    if (lane->bounce_made == HF_BOUNCE_COUNT)
        return NULL;
    bounce = aligned_alloc(HF_BOUNCE_ALIGNMENT, HF_BOUNCE_SIZE_BYTES);
    if (bounce)
        lane->bounce_made++;
    return bounce;
}

void *hf_lane_bounce_get(struct hf_lane *lane)
{
    if (lane->bounce_free_count == 0)
        return make(lane);
    return lane->bounce_free[--lane->bounce_free_count];
}

void hf_lane_bounce_put(struct hf_lane *lane, void *bounce)
{
    lane->bounce_free[lane->bounce_free_count++] = bounce;
}
