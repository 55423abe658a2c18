/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings and in-flight regions as numbers (virtio 1.3 §2.7; vhost-user "Inflight I/O tracking"). */
#include "memory.h"

#include <string.h>

unsigned sim_object_new(struct sim_memory *memory, enum sim_kind kind, uint16_t index)
{
    unsigned object = ++memory->object_count;

    if (object >= SIM_OBJECTS_MAX) {
        sim_fail(memory->verdict, "sim: more than %d objects", SIM_OBJECTS_MAX);
        memory->object_count = object = 1;
    }
    memory->objects[object] = (struct sim_object){ .kind = kind, .index = index };
    return object;
}

bool sim_object_is(const struct sim_memory *memory, unsigned object, enum sim_kind kind)
{
    return object != 0 && object < SIM_OBJECTS_MAX && memory->objects[object].kind == kind;
}

void sim_ring_lay_out(struct sim_memory *memory, uint16_t queue, uint16_t size, uint16_t index)
{
    struct sim_ring *ring = &memory->rings[queue];

    memory->abandoned += ring->outstanding_count;
    *ring = (struct sim_ring){ .size = size,
                               .generation = ring->generation + 1,
                               .avail_index = index,
                               .used_index = index,
                               .harvested = index };
}

bool sim_guest_post(struct sim_memory *memory, uint16_t queue)
{
    struct sim_ring *ring = &memory->rings[queue];
    /* Heads are not handed out in order, so that a head and a place in the ring differ. */
    uint16_t first = (uint16_t)(memory->last_request * 3u);

    for (uint16_t i = 0; i < ring->size; i++) {
        uint16_t head = (uint16_t)((first + i) % ring->size);

        if (ring->outstanding[head] != 0)
            continue;
        ring->outstanding[head] = ++memory->last_request;
        ring->outstanding_count++;
        ring->avail[ring->avail_index % ring->size] = head;
        ring->avail_index++;
        memory->posted++;
        return true;
    }
    return false;
}

unsigned sim_guest_harvest(struct sim_memory *memory, uint16_t queue)
{
    struct sim_ring *ring = &memory->rings[queue];
    unsigned count = 0;

    while (ring->size != 0 && ring->harvested != ring->used_index) {
        uint16_t head = ring->used[ring->harvested % ring->size];

        ring->harvested++;
        if (head >= ring->size || ring->outstanding[head] == 0) {
            sim_fail(memory->verdict,
                     "requests: ring %u answers head %u, which is not outstanding (twice?)", queue,
                     head);
            return count;
        }
        ring->outstanding[head] = 0;
        ring->outstanding_count--;
        memory->completed++;
        count++;
    }
    return count;
}

unsigned sim_inflight_new(struct sim_memory *memory, const struct sim_inflight *inflight)
{
    unsigned at = memory->inflight_count;

    if (at == SIM_REGIONS_MAX) {
        sim_fail(memory->verdict, "sim: more than %d in-flight regions", SIM_REGIONS_MAX);
        at = 0;
    } else {
        memory->inflight_count++;
    }
    memory->inflight[at] = *inflight;
    return sim_object_new(memory, SIM_KIND_INFLIGHT, (uint16_t)at);
}

struct sim_inflight *sim_inflight_of(struct sim_memory *memory, unsigned object)
{
    return sim_object_is(memory, object, SIM_KIND_INFLIGHT)
               ? &memory->inflight[memory->objects[object].index]
               : NULL;
}

static void walk_last_batch(struct sim_memory *memory, struct sim_track *track, uint16_t queue)
{
    const struct sim_ring *ring = &memory->rings[queue];
    uint16_t length = (uint16_t)(ring->used_index - track->used_index);
    uint16_t head = track->last_batch_head;

    if (length > ring->size) {
        sim_fail(memory->verdict, "in-flight: ring %u at %u, its region at %u", queue,
                 ring->used_index, track->used_index);
        return;
    }
    for (uint16_t i = 0; i < length; i++) {
        track->entries[head].inflight = false;
        head = track->entries[head].next;
    }
}

unsigned sim_track_settle(struct sim_memory *memory, struct sim_track *track, uint16_t queue)
{
    const struct sim_ring *ring = &memory->rings[queue];
    unsigned count = 0;

    if (track->version == 0)
        *track = (struct sim_track){ .version = 1, .desc_num = ring->size };
    else
        walk_last_batch(memory, track, queue);
    track->used_index = ring->used_index;
    for (uint16_t head = 0; head < SIM_RING_SIZE; head++)
        count += track->entries[head].inflight;
    if (count > (uint16_t)(ring->avail_index - ring->used_index))
        sim_fail(memory->verdict, "in-flight: ring %u has %u marked, %u available", queue, count,
                 (uint16_t)(ring->avail_index - ring->used_index));
    return count;
}
