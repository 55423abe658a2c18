/* SPDX-License-Identifier: BSD-3-Clause */
#include "shared.h"

#include "ring/order.h"

struct shared shared;

void shared_reset(uint32_t spoil)
{
    memset(&shared, 0, sizeof(shared));
    shared.spoil = spoil;
}

/* Every second value is another one when it is read again. */
void shared_loaded(const void *from, size_t size_bytes)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)from;

    shared.loads++;
    if (shared.spoil == 0)
        return;
    shared.spoil = shared.spoil * 1664525u + 1013904223u;
    if ((shared.spoil >> 16 & 1) == 0)
        bytes[(shared.spoil >> 24) % size_bytes] ^= (uint8_t)(1u << (shared.spoil >> 17 & 7));
    if (shared.spoil == 0)
        shared.spoil = 1;
}

void shared_stored(void)
{
    shared.stores++;
    if (shared.stores == shared.die_after)
        longjmp(shared.death, 1);
}
