/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device is in the middle of when it dies: how many requests it took, how it answers them,
 * where the ring stands, what the region was before. All combinations, by number.
 */
#ifndef TESTS_CRASH_SCENARIO_H
#define TESTS_CRASH_SCENARIO_H

#include "guest.h"
#include "world.h"

#define SCENARIO_BATCH_MAX 8u

enum pattern {
    PATTERN_ONE_BATCH,
    PATTERN_NEWEST_FIRST,
    PATTERN_TWO_BATCHES, /* out of order */
    PATTERN_ONE_BY_ONE,
    PATTERN_LEFT_BEHIND, /* some stay unanswered */
    PATTERN_PIPELINE,    /* the next are taken before the first are answered */
    PATTERN_FOR_EVER,    /* to the end of what there is */
    PATTERN_EVENTS,      /* never marked, one by one */
    PATTERN_UNTRACKED,   /* the region is left alone */
    PATTERN_DPDK,        /* DPDK writes, we recover */
    PATTERN_COUNT
};

struct scenario {
    enum pattern pattern;
    uint8_t batch; /* 1..8 */
    bool event_index;
    bool wrap; /* the batch goes over index 65535 */
    bool warm; /* the region has seen batches before; else version 0 */
};

#define SCENARIO_COUNT (PATTERN_COUNT * SCENARIO_BATCH_MAX * 2 * 2 * 2)

/* index < SCENARIO_COUNT */
struct scenario scenario_of(unsigned index);
const char *scenario_text(const struct scenario *scenario);

/* World and guest at the moment before the device's first instruction. */
void scenario_begin(const struct scenario *scenario, struct world *world, struct guest *guest);

/* What a later life is told: finish everything, `batch` at a time. */
void scenario_finish(struct world *world, enum persona persona, uint8_t batch, enum pick pick);

#endif
