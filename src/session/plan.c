/* SPDX-License-Identifier: BSD-3-Clause */
/* Setters of the plan: each change takes a new generation, and nothing else happens here. */
#include "session/plan.h"

#include "base/check.h"
#include "base/checked.h"

#include <errno.h>
#include <string.h>

#define NOT_THE_GUESTS (HF_FEATURE(LOG_ALL) | HF_FEATURE(PROTOCOL_FEATURES))

void hf_plan_init(struct hf_plan *plan, uint16_t queue_count)
{
    HF_CHECK(queue_count > 0 && queue_count <= HF_QUEUE_COUNT_MAX);
    memset(plan, 0, sizeof(*plan));
    plan->queue_count = queue_count;
    plan->epoch = 1;
    plan->inflight.fd = -1;
    plan->log.fd = -1;
    plan->channel_fd = -1;
    for (unsigned i = 0; i < HF_QUEUE_COUNT_MAX; i++) {
        plan->rings[i].kick_fd = -1;
        plan->rings[i].call_fd = -1;
        plan->rings[i].err_fd = -1;
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        plan->regions[i].fd = -1;
}

uint64_t hf_plan_next_generation(struct hf_plan *plan)
{
    return ++plan->last_generation;
}

void hf_plan_set_run(struct hf_plan *plan, bool run)
{
    plan->run = run;
}

void hf_plan_set_features(struct hf_plan *plan, uint64_t features)
{
    features &= ~NOT_THE_GUESTS;
    if (plan->features_generation != 0 && plan->features == features)
        return;
    plan->features = features;
    plan->features_generation = hf_plan_next_generation(plan);
}

void hf_plan_forget_features(struct hf_plan *plan)
{
    plan->features = 0;
    plan->features_generation = 0;
}

static struct hf_ring_plan *ring_of(struct hf_plan *plan, uint16_t queue)
{
    HF_CHECK(queue < plan->queue_count);
    return &plan->rings[queue];
}

void hf_plan_set_ring(struct hf_plan *plan, uint16_t queue, uint16_t size,
                      const struct hf_ring_addresses *addresses, uint16_t base)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    ring->size = size;
    ring->base = base;
    ring->in_flight = 0;
    ring->desc_address = addresses->desc;
    ring->avail_address = addresses->avail;
    ring->used_address = addresses->used;
    ring->used_guest_address = addresses->used_guest;
    ring->generation = hf_plan_next_generation(plan);
    ring->layout_generation = ring->generation;
}

void hf_plan_set_ring_log(struct hf_plan *plan, uint16_t queue, uint64_t used_guest)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    ring->used_guest_address = used_guest;
    ring->log_generation = hf_plan_next_generation(plan);
}

void hf_plan_set_enabled(struct hf_plan *plan, uint16_t queue, bool enabled)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    if (ring->disabled == !enabled)
        return;
    ring->disabled = !enabled;
    hf_plan_next_generation(plan); /* who looks whether anything changed sees it */
}

static int replace_fd(int *place, int fd)
{
    int old = *place;

    *place = fd;
    return old;
}

int hf_plan_set_channel(struct hf_plan *plan, int fd)
{
    plan->channel_generation = fd >= 0 ? hf_plan_next_generation(plan) : 0;
    return replace_fd(&plan->channel_fd, fd);
}

int hf_plan_set_kick(struct hf_plan *plan, uint16_t queue, int fd)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    ring->generation = hf_plan_next_generation(plan);
    return replace_fd(&ring->kick_fd, fd);
}

int hf_plan_set_call(struct hf_plan *plan, uint16_t queue, int fd)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    ring->call_generation = hf_plan_next_generation(plan);
    return replace_fd(&ring->call_fd, fd);
}

int hf_plan_set_err(struct hf_plan *plan, uint16_t queue, int fd)
{
    struct hf_ring_plan *ring = ring_of(plan, queue);

    ring->err_generation = hf_plan_next_generation(plan);
    return replace_fd(&ring->err_fd, fd);
}

bool hf_plan_region_is_sane(const struct hf_region_plan *region)
{
    uint64_t end;

    return region->size_bytes != 0 && hf_add_u64(region->guest_address, region->size_bytes, &end) &&
           hf_add_u64(region->user_address, region->size_bytes, &end) &&
           hf_add_u64(region->mmap_offset, region->size_bytes, &end);
}

static bool region_collides(const struct hf_region_plan *a, const struct hf_region_plan *b)
{
    return a->generation != 0 &&
           hf_ranges_overlap(a->guest_address, a->size_bytes, b->guest_address, b->size_bytes);
}

static void memory_changed(struct hf_plan *plan)
{
    plan->memory_generation = hf_plan_next_generation(plan);
}

int hf_plan_add_region(struct hf_plan *plan, const struct hf_region_plan *region)
{
    struct hf_region_plan *free_slot = NULL;

    if (!hf_plan_region_is_sane(region))
        return -EINVAL;
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        if (region_collides(&plan->regions[i], region))
            return -EEXIST;
        if (plan->regions[i].generation == 0 && free_slot == NULL)
            free_slot = &plan->regions[i];
    }
    if (free_slot == NULL)
        return -ENOSPC;
    *free_slot = *region;
    memory_changed(plan);
    free_slot->generation = plan->memory_generation;
    plan->region_count++;
    plan->region_slots =
        (uint32_t)hf_max_u64(plan->region_slots, (uint64_t)(free_slot - plan->regions) + 1);
    return 0;
}

int hf_plan_remove_region(struct hf_plan *plan, uint64_t guest_address, uint64_t size_bytes)
{
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        struct hf_region_plan *region = &plan->regions[i];

        if (region->generation == 0 || region->guest_address != guest_address ||
            region->size_bytes != size_bytes)
            continue;
        region->generation = 0;
        plan->region_count--;
        memory_changed(plan);
        return replace_fd(&region->fd, -1);
    }
    return -ENOENT;
}

int hf_plan_end_epoch(struct hf_plan *plan)
{
    int fd = plan->inflight.fd;

    plan->epoch++;
    plan->epoch_generation = hf_plan_next_generation(plan);
    if (!plan->must_track)
        plan->promise.protocol_features &= ~HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    plan->inflight = (struct hf_inflight_plan){ .fd = -1 };
    return fd;
}

/* The least a split region for this many rings can take: strides differ, headers do not. */
bool hf_plan_inflight_is_sane(const struct hf_inflight_plan *inflight, uint16_t queue_count,
                              uint16_t ring_size)
{
    uint64_t least = (uint64_t)inflight->queue_count * (16u + 16u * (uint64_t)ring_size);
    uint64_t end;

    return inflight->mmap_size >= least && inflight->queue_count >= queue_count &&
           inflight->queue_count <= HF_QUEUE_COUNT_MAX && inflight->queue_size >= ring_size &&
           hf_add_u64(inflight->mmap_offset, inflight->mmap_size, &end) && end <= INT64_MAX;
}

int hf_plan_set_inflight(struct hf_plan *plan, const struct hf_inflight_plan *inflight)
{
    int old = plan->inflight.fd;

    plan->inflight = *inflight;
    plan->inflight.generation = hf_plan_next_generation(plan);
    return old;
}

int hf_plan_set_log(struct hf_plan *plan, uint64_t size_bytes, uint64_t mmap_offset, int fd)
{
    int old = plan->log.fd;
    bool toggled = (old >= 0) != (fd >= 0);
    uint64_t generation = hf_plan_next_generation(plan);

    plan->log.fd = fd;
    plan->log.size_bytes = size_bytes;
    plan->log.mmap_offset = mmap_offset;
    plan->log.generation = fd >= 0 ? generation : 0;
    if (toggled)
        plan->log.toggle_generation = generation;
    return old;
}

uint64_t hf_plan_ring_generation(const struct hf_plan *plan, uint16_t queue)
{
    uint64_t device = hf_max_u64(plan->features_generation, plan->epoch_generation);

    return hf_max_u64(plan->rings[queue].generation, device);
}

bool hf_plan_any_ran(const struct hf_plan *plan)
{
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (plan->rings[i].ran != 0)
            return true;
    }
    return false;
}

bool hf_plan_ring_is_same(const struct hf_plan *plan, uint16_t queue)
{
    const struct hf_ring_plan *ring = &plan->rings[queue];

    return ring->size != 0 && ring->ran != 0 && ring->ran == ring->layout_generation;
}

void hf_plan_settle(struct hf_plan *plan, const uint16_t *bases, const uint16_t *in_flight)
{
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (hf_plan_ring_is_same(plan, i)) {
            plan->rings[i].base = bases[i];
            plan->rings[i].in_flight = in_flight != NULL ? in_flight[i] : 0;
        }
        plan->rings[i].ran = 0;
    }
    plan->settle_owed = false;
}

uint16_t hf_plan_ring_at(const struct hf_plan *plan, uint16_t place)
{
    return (uint16_t)((place + plan->late_rings) % plan->queue_count);
}

uint16_t hf_plan_tracked_queues(const struct hf_plan *plan)
{
    return plan->tracked_queues != 0 ? plan->tracked_queues : plan->queue_count;
}

uint16_t hf_plan_largest_ring(const struct hf_plan *plan)
{
    uint16_t largest = 0;

    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (plan->rings[i].size > largest)
            largest = plan->rings[i].size;
    }
    return largest;
}

bool hf_plan_outgrows_region(const struct hf_plan *plan)
{
    return plan->inflight.generation != 0 && hf_plan_largest_ring(plan) > plan->inflight.queue_size;
}
