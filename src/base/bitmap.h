/* SPDX-License-Identifier: BSD-3-Clause */
/* Bits in an array of 64-bit words. The caller sizes the array: HF_BITMAP_WORDS(bits). */
#ifndef HF_BASE_BITMAP_H
#define HF_BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_BITMAP_WORDS(bits) (((bits) + 63u) / 64u)
#define HF_BIT(index)         ((uint64_t)1 << (index))

static inline bool hf_bitmap_test(const uint64_t *words, size_t index)
{
    return (words[index / 64] & HF_BIT(index % 64)) != 0;
}

static inline void hf_bitmap_set(uint64_t *words, size_t index)
{
    words[index / 64] |= HF_BIT(index % 64);
}

static inline void hf_bitmap_clear(uint64_t *words, size_t index)
{
    words[index / 64] &= ~HF_BIT(index % 64);
}

#endif
