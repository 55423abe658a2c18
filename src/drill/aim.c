/* SPDX-License-Identifier: BSD-3-Clause */
/* See aim.h. */
#include "drill/aim.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

int hf_aim_init(struct hf_aim *aim, unsigned capacity)
{
    *aim = (struct hf_aim){ .capacity = capacity, .rings = calloc(capacity, sizeof(*aim->rings)) };
    return aim->rings == NULL ? -ENOMEM : 0;
}

void hf_aim_done(struct hf_aim *aim)
{
    free(aim->rings);
    *aim = (struct hf_aim){ 0 };
}

void hf_aim_clear(struct hf_aim *aim)
{
    aim->count = 0;
}

void hf_aim_add(struct hf_aim *aim, const struct hf_ring *ring)
{
    HF_CHECK(aim->count < aim->capacity);
    aim->rings[aim->count++] = *ring;
}

/* What was offered is read first: what is answered between the two reads then does not count, and
 * this never sees a request that is not there. */
static bool has_unanswered(const struct hf_ring *ring)
{
    uint16_t offered = hf_ring_avail_index(ring);
    uint16_t answered = hf_ring_used_index(ring);

    return (int16_t)(uint16_t)(offered - answered) > 0;
}

bool hf_aim_hits(const struct hf_aim *aim)
{
    for (unsigned i = 0; i < aim->count; i++) {
        if (has_unanswered(&aim->rings[i]))
            return true;
    }
    return false;
}
