/* SPDX-License-Identifier: BSD-3-Clause */
/* Percentiles by nearest rank over a sorted copy. */
#include "drill/timeline.h"

#include <errno.h>
#include <stdlib.h>

int hf_timeline_init(struct hf_timeline *timeline, size_t capacity)
{
    *timeline = (struct hf_timeline){ .capacity = capacity };
    timeline->kills = calloc(capacity == 0 ? 1 : capacity, sizeof(*timeline->kills));
    return timeline->kills == NULL ? -ENOMEM : 0;
}

void hf_timeline_done(struct hf_timeline *timeline)
{
    free(timeline->kills);
    *timeline = (struct hf_timeline){ 0 };
}

struct hf_timeline_kill *hf_timeline_add(struct hf_timeline *timeline)
{
    if (timeline->count == timeline->capacity)
        return NULL;
    struct hf_timeline_kill *kill = &timeline->kills[timeline->count++];
    *kill = (struct hf_timeline_kill){ 0 };
    return kill;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Nearest rank: the smallest sample that is not below `percent` of all. */
static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;

    return sorted[rank == 0 ? 0 : rank - 1];
}

typedef uint64_t sample_fn(const struct hf_timeline_kill *kill);

/* Sorted samples that are not UINT64_MAX; the caller frees. */
static uint64_t *collect(const struct hf_timeline *timeline, sample_fn *sample, size_t *count)
{
    uint64_t *samples = calloc(timeline->count + 1, sizeof(*samples));

    *count = 0;
    for (size_t i = 0; samples != NULL && i < timeline->count; i++) {
        uint64_t value = sample(&timeline->kills[i]);
        if (value != UINT64_MAX)
            samples[(*count)++] = value;
    }
    if (samples != NULL)
        qsort(samples, *count, sizeof(*samples), compare);
    return samples;
}

static struct hf_timeline_gap gap_of(const struct hf_timeline *timeline, sample_fn *sample)
{
    struct hf_timeline_gap gap = { 0 };
    size_t count = 0;
    uint64_t *samples = collect(timeline, sample, &count);

    if (count > 0)
        gap = (struct hf_timeline_gap){ .samples = count,
                                        .p50_ms = (double)percentile(samples, count, 50) / 1e6,
                                        .p99_ms = (double)percentile(samples, count, 99) / 1e6,
                                        .max_ms = (double)samples[count - 1] / 1e6 };
    free(samples);
    return gap;
}

static uint64_t since(uint64_t start_ns, uint64_t end_ns)
{
    if (start_ns == 0 || end_ns == 0)
        return UINT64_MAX;
    return end_ns > start_ns ? end_ns - start_ns : 0;
}

static uint64_t kill_sample(const struct hf_timeline_kill *kill)
{
    return since(kill->killed_ns, kill->first_ns);
}

static uint64_t listen_sample(const struct hf_timeline_kill *kill)
{
    return since(kill->listening_ns, kill->first_ns);
}

static uint64_t lock_sample(const struct hf_timeline_kill *kill)
{
    return since(kill->unlocked_ns, kill->first_ns);
}

static uint64_t in_flight_sample(const struct hf_timeline_kill *kill)
{
    return kill->in_flight;
}

struct hf_timeline_gap hf_timeline_kill_gap(const struct hf_timeline *timeline)
{
    return gap_of(timeline, kill_sample);
}

struct hf_timeline_gap hf_timeline_listen_gap(const struct hf_timeline *timeline)
{
    return gap_of(timeline, listen_sample);
}

struct hf_timeline_gap hf_timeline_lock_gap(const struct hf_timeline *timeline)
{
    return gap_of(timeline, lock_sample);
}

unsigned hf_timeline_hits(const struct hf_timeline *timeline)
{
    unsigned hits = 0;

    for (size_t i = 0; i < timeline->count; i++)
        hits += timeline->kills[i].in_flight > 0;
    return hits;
}

static uint32_t in_flight_at(const struct hf_timeline *timeline, unsigned percent)
{
    size_t count = 0;
    uint64_t *samples = collect(timeline, in_flight_sample, &count);
    uint32_t value = count > 0 ? (uint32_t)percentile(samples, count, percent) : 0;

    free(samples);
    return value;
}

uint32_t hf_timeline_in_flight_min(const struct hf_timeline *timeline)
{
    return in_flight_at(timeline, 0);
}

uint32_t hf_timeline_in_flight_median(const struct hf_timeline *timeline)
{
    return in_flight_at(timeline, 50);
}
