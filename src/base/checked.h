/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arithmetic on untrusted numbers: true means the result is exact, false means it would overflow
 * (and *result is not to be used).
 */
#ifndef HF_BASE_CHECKED_H
#define HF_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool hf_add_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

static inline bool hf_mul_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

/* True if [offset, offset + length) lies in [0, limit). An empty range at the limit is inside. */
static inline bool hf_range_inside(uint64_t offset, uint64_t length, uint64_t limit)
{
    return offset <= limit && length <= limit - offset;
}

/* True if [a, a + a_length) and [b, b + b_length) have something in common. Neither is empty. */
static inline bool hf_ranges_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a < b ? b - a < a_length : a - b < b_length;
}

static inline uint64_t hf_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t hf_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool hf_is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Rounds up to a multiple of a power of two; the caller knows that it does not overflow. */
static inline uint64_t hf_align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

#endif
