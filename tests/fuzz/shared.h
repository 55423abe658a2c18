/* SPDX-License-Identifier: BSD-3-Clause */
/* The other side of shared memory: spoils what was read, counts, and kills. Knows no layout. */
#ifndef TESTS_FUZZ_SHARED_H
#define TESTS_FUZZ_SHARED_H

#include "fuzz.h"

#include <setjmp.h>

struct shared {
    uint64_t loads;
    uint64_t stores;
    uint32_t spoil;     /* state of the generator; 0: nothing is spoilt */
    uint64_t die_after; /* so many stores; 0: never. Jumps to `death` */
    jmp_buf death;
};

extern struct shared shared;

/* Forgets everything; `spoil` 0: the other side is quiet. */
void shared_reset(uint32_t spoil);

#endif
