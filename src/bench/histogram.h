/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many numbers in little memory: a bucket for each number below 64, then 64 buckets for each power
 * of two. What is told of a percentile is never below the true one, and above it by less than a
 * 64th. Adding costs no division and no allocation. Knows no clock and no unit.
 */
#ifndef HF_BENCH_HISTOGRAM_H
#define HF_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HF_HISTOGRAM_BITS    6u
#define HF_HISTOGRAM_PART    (UINT64_C(1) << HF_HISTOGRAM_BITS)
#define HF_HISTOGRAM_BUCKETS ((64u - HF_HISTOGRAM_BITS + 1u) * (unsigned)HF_HISTOGRAM_PART)

/* Begins zeroed. */
struct hf_histogram {
    uint64_t buckets[HF_HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t max; /* exact */
    unsigned __int128 sum;
};

void hf_histogram_add(struct hf_histogram *histogram, uint64_t value);
/* Exact but for the fraction that is dropped; 0 without numbers. */
uint64_t hf_histogram_mean(const struct hf_histogram *histogram);
/* The smallest bucket's end with at least so many of a thousand numbers at or below it (nearest
 * rank), at most `max`; 0 without numbers. `per_mille` 1 to 1000. */
uint64_t hf_histogram_percentile(const struct hf_histogram *histogram, unsigned per_mille);

#endif
