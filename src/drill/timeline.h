/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a back-end was killed, when the next one listened, when the first request completed, and
 * what was in flight: one entry a kill, and the numbers over all of them. Reads no clock.
 */
#ifndef HF_DRILL_TIMELINE_H
#define HF_DRILL_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#define HF_TIMELINE_KILLS_MAX 100000u

struct hf_timeline_kill {
    uint64_t killed_ns;
    uint64_t listening_ns; /* 0: it never did */
    uint64_t unlocked_ns;  /* it listened, and nobody else had its locks any more; 0: not told */
    uint64_t first_ns;     /* first completion; 0: none came */
    uint32_t in_flight;
};

struct hf_timeline {
    struct hf_timeline_kill *kills; /* capacity of them, of the heap */
    size_t capacity;
    size_t count;
};

/* In milliseconds; all 0 without a sample. */
struct hf_timeline_gap {
    size_t samples;
    double p50_ms;
    double p99_ms;
    double max_ms;
};

/* 0 or -ENOMEM. */
int hf_timeline_init(struct hf_timeline *timeline, size_t capacity);
void hf_timeline_done(struct hf_timeline *timeline);

/* NULL when full. */
struct hf_timeline_kill *hf_timeline_add(struct hf_timeline *timeline);

/* To the first completion: from the kill, from listening, from listening and being unlocked. */
struct hf_timeline_gap hf_timeline_kill_gap(const struct hf_timeline *timeline);
struct hf_timeline_gap hf_timeline_listen_gap(const struct hf_timeline *timeline);
struct hf_timeline_gap hf_timeline_lock_gap(const struct hf_timeline *timeline);

/* Kills that met at least one request. */
unsigned hf_timeline_hits(const struct hf_timeline *timeline);
uint32_t hf_timeline_in_flight_min(const struct hf_timeline *timeline);
uint32_t hf_timeline_in_flight_median(const struct hf_timeline *timeline);

#endif
