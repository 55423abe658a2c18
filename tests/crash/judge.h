/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a death left, and whether it can be lived with: every way to go on from it is tried, on a
 * copy, and the guest's account must balance in each.
 */
#ifndef TESTS_CRASH_JUDGE_H
#define TESTS_CRASH_JUDGE_H

#include "guest.h"
#include "world.h"

/* All that is left when a device dies at an instruction. */
struct image {
    struct world world;
    struct guest guest;
    unsigned long instruction;
};

/* Images seen so far: most instructions change nothing that outlives the process. */
struct judge {
    uint64_t *seen;
    size_t seen_capacity;
    size_t seen_count;
    unsigned long image_count; /* different ones, each judged */
    unsigned long life_count;  /* lives lived to judge them */
};

void judge_done(struct judge *judge);

/* Was an image of this content judged before? */
bool judge_knows(const struct judge *judge, const struct image *image);
/* Judges it, unless it is known. True if it was new. */
bool judge_image(struct judge *judge, const struct image *image);

/* The end of a life that was not interrupted and of which log_start was the beginning. */
void judge_last_life(struct world *world, struct guest *guest, uint16_t log_start);

#endif
