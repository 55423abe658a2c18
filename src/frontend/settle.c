/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where did the rings come to rest, and what was left unanswered? The region is read and written
 * with pread and pwrite, never mapped: a peer that truncates it gives a short read, not a SIGBUS.
 */
#include "frontend/effects.h"

#include "os/fd.h"
#include "os/lock.h"
#include "ring/inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct view {
    struct hf_inflight_ring rings[HF_QUEUE_COUNT_MAX];
    uint16_t counts[HF_QUEUE_COUNT_MAX];
    struct hf_inflight_region region;
    uint8_t *bytes; /* NULL: there is no region, or it cannot be read */
};

/* `ran`: only rings whose last run is to be judged; else all that are set up. */
static void read_rings(struct hf_frontend *frontend, bool ran, struct view *view)
{
    const struct hf_plan *plan = &frontend->front.plan;

    for (uint16_t i = 0; i < plan->queue_count; i++) {
        struct hf_inflight_ring *ring = &view->rings[i];

        if (ran ? !hf_plan_ring_is_same(plan, i) : plan->rings[i].size == 0)
            continue;
        if (frontend->ops->indices(frontend->ops->host, i, &ring->avail_index, &ring->used_index))
            ring->size = plan->rings[i].size;
    }
}

static const char *read_region(const struct hf_inflight_plan *plan, struct view *view)
{
    if (plan->fd < 0)
        return NULL;
    if (plan->mmap_size > HF_FRONTEND_REGION_SIZE_MAX)
        return "the in-flight region is too large to read";
    if (plan->queue_count > HF_QUEUE_COUNT_MAX)
        return "the in-flight region has more rings than there can be";
    view->bytes = malloc(plan->mmap_size);
    if (view->bytes == NULL)
        return "no memory to read the in-flight region";
    ssize_t got = pread(plan->fd, view->bytes, plan->mmap_size, (off_t)plan->mmap_offset);
    enum hf_inflight_fault fault =
        hf_inflight_region_init(&view->region, view->bytes, plan->mmap_size, plan->queue_count);
    if (got == (ssize_t)plan->mmap_size && fault == HF_INFLIGHT_FAULT_NONE)
        return NULL;
    free(view->bytes);
    view->bytes = NULL;
    return fault != HF_INFLIGHT_FAULT_NONE ? hf_inflight_fault_text(fault)
                                           : "the in-flight region is shorter than it was";
}

static bool write_at(const struct hf_inflight_plan *plan, const struct view *view, uint64_t offset,
                     uint64_t length)
{
    return pwrite(plan->fd, view->bytes + offset, length, (off_t)(plan->mmap_offset + offset)) ==
           (ssize_t)length;
}

/* Entries first, each header last: a header that is ahead of its entries would say that a batch is
 * settled whose marks are still there. */
static const char *write_region(const struct hf_inflight_plan *plan, const struct view *view)
{
    const uint64_t header = sizeof(struct hf_inflight_header);

    for (uint16_t i = 0; i < view->region.queue_count; i++) {
        uint64_t offset = i * view->region.stride_bytes;

        if (!write_at(plan, view, offset + header, view->region.stride_bytes - header) ||
            !write_at(plan, view, offset, header))
            return "the in-flight region cannot be written";
    }
    return NULL;
}

static const char *settle_region(const struct hf_inflight_plan *plan, bool write_back,
                                 struct view *view)
{
    if (view->bytes == NULL)
        return NULL;
    enum hf_inflight_fault fault =
        hf_inflight_settle(&view->region, view->rings, view->counts, NULL);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        return hf_inflight_fault_text(fault);
    return write_back ? write_region(plan, view) : NULL;
}

static void note_oldest(struct hf_settled *settled, uint16_t queue,
                        const struct hf_inflight_queue *part)
{
    for (uint16_t head = 0; head < part->ring_size; head++) {
        uint64_t counter = part->entries[head].counter;

        if (!hf_inflight_marked(part, head) ||
            (settled->has_oldest && counter >= settled->oldest_counter))
            continue;
        settled->has_oldest = true;
        settled->oldest_queue = queue;
        settled->oldest_head = head;
        settled->oldest_counter = counter;
    }
}

static uint16_t count_in_flight(const struct view *view, uint16_t queue, struct hf_settled *settled)
{
    const struct hf_inflight_ring *ring = &view->rings[queue];
    struct hf_inflight_queue part;

    if (view->bytes == NULL)
        return (uint16_t)(ring->avail_index - ring->used_index);
    if (queue < view->region.queue_count &&
        hf_inflight_region_queue(&view->region, queue, ring->size, &part) == HF_INFLIGHT_FAULT_NONE)
        note_oldest(settled, queue, &part);
    return view->counts[queue];
}

static void conclude(struct hf_frontend *frontend, const struct view *view,
                     struct hf_settlement *settlement)
{
    const struct hf_plan *plan = &frontend->front.plan;
    struct hf_settled *settled = &settlement->settled;

    /* A region that cannot be read may mark anything. */
    settled->clean = view->bytes == NULL ? plan->inflight.fd < 0 : hf_inflight_clean(&view->region);
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        const struct hf_inflight_ring *ring = &view->rings[i];

        settlement->bases[i] = plan->rings[i].base;
        if (ring->size == 0)
            continue;
        settled->clean = settled->clean && plan->rings[i].base == ring->used_index;
        settled->progressed = settled->progressed || ring->used_index != frontend->used_at_start[i];
        settlement->bases[i] = ring->used_index;
        settlement->in_flights[i] = count_in_flight(view, i, settled);
        settled->in_flight += settlement->in_flights[i];
    }
}

int hf_frontend_lock_region(const struct hf_frontend *frontend)
{
    const struct hf_inflight_plan *plan = &frontend->front.plan.inflight;

    return plan->fd < 0 ? -EOPNOTSUPP : hf_lock_part(plan->fd, plan->mmap_offset, plan->mmap_size);
}

void hf_frontend_settle(struct hf_frontend *frontend, bool write_back)
{
    struct hf_settlement *settlement = &frontend->settlement;
    const struct hf_inflight_plan *inflight = &frontend->front.plan.inflight;
    HF_AUTO_FD int lock = write_back ? hf_frontend_lock_region(frontend) : -EAGAIN;
    struct view view;

    memset(&view, 0, sizeof(view));
    memset(settlement, 0, sizeof(*settlement));
    read_rings(frontend, true, &view);
    const char *note = read_region(inflight, &view);
    if (note == NULL)
        note = settle_region(inflight, lock >= 0 || lock == -EOPNOTSUPP, &view);
    conclude(frontend, &view, settlement);
    settlement->settled.note = note;
    settlement->settled.bases = settlement->bases;
    settlement->settled.in_flights = settlement->in_flights;
    free(view.bytes);
}

/* Other back-ends begin a fresh region at used index 0, whatever the ring says; their successor
 * would then take old answers for the last batch. */
void hf_frontend_begin_region(struct hf_frontend *frontend)
{
    const struct hf_inflight_plan *inflight = &frontend->front.plan.inflight;
    struct view view;

    memset(&view, 0, sizeof(view));
    read_rings(frontend, false, &view);
    const char *note = read_region(inflight, &view);
    if (note == NULL)
        note = settle_region(inflight, true, &view);
    if (note != NULL && frontend->ops->trace != NULL)
        frontend->ops->trace(frontend->ops->host, note);
    free(view.bytes);
}
