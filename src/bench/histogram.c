/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bucket a number is in, and where that ends; see histogram.h. */
#include "bench/histogram.h"

/* How many of the lowest bits of a number its bucket forgets. */
static unsigned forgotten_bits(uint64_t value)
{
    unsigned width = 64u - (unsigned)__builtin_clzll(value | 1);

    return width > HF_HISTOGRAM_BITS + 1 ? width - HF_HISTOGRAM_BITS - 1 : 0;
}

/* Numbers of two neighbouring powers of two differ by a whole row, so that no bucket is left out:
 * with s bits forgotten, value >> s is 64 to 127 (or below 64, and s is 0). */
static unsigned bucket_of(uint64_t value)
{
    unsigned bits = forgotten_bits(value);

    return bits * (unsigned)HF_HISTOGRAM_PART + (unsigned)(value >> bits);
}

static uint64_t last_of(unsigned bucket)
{
    unsigned row = bucket >> HF_HISTOGRAM_BITS;
    unsigned bits = row > 1 ? row - 1 : 0;
    uint64_t first = (uint64_t)(bucket - bits * (unsigned)HF_HISTOGRAM_PART) << bits;

    return first + ((UINT64_C(1) << bits) - 1);
}

void hf_histogram_add(struct hf_histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t hf_histogram_mean(const struct hf_histogram *histogram)
{
    return histogram->count == 0 ? 0 : (uint64_t)(histogram->sum / histogram->count);
}

static uint64_t rank_of(uint64_t count, unsigned per_mille)
{
    return (uint64_t)(((unsigned __int128)count * per_mille + 999) / 1000);
}

uint64_t hf_histogram_percentile(const struct hf_histogram *histogram, unsigned per_mille)
{
    uint64_t left = rank_of(histogram->count, per_mille);
    unsigned bucket = 0;

    if (left == 0)
        return 0;
    while (bucket < HF_HISTOGRAM_BUCKETS - 1 && histogram->buckets[bucket] < left)
        left -= histogram->buckets[bucket++];
    uint64_t last = last_of(bucket);
    return last < histogram->max ? last : histogram->max;
}
