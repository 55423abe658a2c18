/* SPDX-License-Identifier: BSD-3-Clause */
/* Words that say where and when they were written. */
#include "disk.h"

#include <stdbool.h>

static uint64_t word_of(unsigned chunk, uint32_t generation, size_t index)
{
    uint64_t x = ((uint64_t)chunk << 48) ^ ((uint64_t)generation << 16) ^ index;

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void disk_fill(uint64_t *words, size_t count, unsigned chunk, uint32_t generation)
{
    for (size_t i = 0; i < count; i++)
        words[i] = word_of(chunk, generation, i);
}

static bool is(const uint64_t *words, size_t count, unsigned chunk, uint32_t generation)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] != word_of(chunk, generation, i))
            return false;
    }
    return true;
}

uint32_t disk_recognise(const uint64_t *words, size_t count, unsigned chunk, uint32_t oldest,
                        uint32_t newest)
{
    for (uint32_t generation = newest; generation >= oldest && generation > 0; generation--) {
        if (is(words, count, chunk, generation))
            return generation;
    }
    return 0;
}
