/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that look random and repeat with their seed (splitmix64, public domain algorithm). */
#ifndef HF_BASE_RANDOM_H
#define HF_BASE_RANDOM_H

#include <stdint.h>

struct hf_random {
    uint64_t state;
};

static inline uint64_t hf_random_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline uint64_t hf_random_next(struct hf_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return hf_random_mix(random->state);
}

/* 0 <= result < limit; 0 for limit 0. */
static inline uint64_t hf_random_below(struct hf_random *random, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)hf_random_next(random) * limit) >> 64);
}

/* A value of [first, last]. */
static inline uint64_t hf_random_between(struct hf_random *random, uint64_t first, uint64_t last)
{
    return first + hf_random_below(random, last - first + 1);
}

#endif
