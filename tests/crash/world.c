/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of the world, and what never changes in it. */
#include "world.h"

#include "base/check.h"

#include <string.h>

#define CANARY 0xa5

/* The region's first queue: as another device left it, with one request in flight. */
static void fill_foreign_queue(struct world *world)
{
    struct hf_inflight_region region = world_region(world);
    struct hf_inflight_header *header = region.base;
    struct hf_inflight_entry *entries = (void *)(header + 1);

    *header = (struct hf_inflight_header){
        .version = 1, .desc_num = WORLD_RING_SIZE, .last_batch_head = 3, .used_idx = 777
    };
    entries[5] = (struct hf_inflight_entry){ .inflight = 1, .next = 3, .counter = 99 };
}

void world_init(struct world *world, const struct world_script *script, uint16_t start_index)
{
    memset(world, 0, sizeof(*world));
    world->script = *script;
    memset(world->before, CANARY, sizeof(world->before));
    memset(world->behind, CANARY, sizeof(world->behind));
    memset(world->region, CANARY, sizeof(world->region));
    memset(world->region, 0, script->region_bytes);
    fill_foreign_queue(world);
    world->rung = start_index;
}

static bool all_are(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static bool foreign_queue_is_whole(const struct world *world)
{
    struct world fresh;
    size_t stride = world->script.region_bytes / WORLD_QUEUES;

    world_init(&fresh, &world->script, 0);
    return memcmp(fresh.region, world->region, stride) == 0;
}

bool world_is_whole(const struct world *world)
{
    size_t used = world->script.region_bytes;

    return all_are(world->before, sizeof(world->before), CANARY) &&
           all_are(world->behind, sizeof(world->behind), CANARY) &&
           all_are(world->region + used, WORLD_REGION_MAX - used, CANARY) &&
           foreign_queue_is_whole(world);
}

struct hf_ring world_ring(struct world *world)
{
    struct hf_ring_layout layout = hf_ring_layout_of(WORLD_RING_SIZE);
    struct hf_ring ring;

    if (layout.size_bytes > sizeof(world->ring) ||
        hf_ring_init(&ring, WORLD_RING_SIZE, world->ring, world->ring + layout.avail_offset,
                     world->ring + layout.used_offset) != HF_RING_FAULT_NONE)
        hf_check_failed(__FILE__, __LINE__, "the world is laid out wrongly");
    return ring;
}

struct hf_inflight_region world_region(struct world *world)
{
    struct hf_inflight_region region;

    if (hf_inflight_region_init(&region, world->region, world->script.region_bytes, WORLD_QUEUES) !=
        HF_INFLIGHT_FAULT_NONE)
        hf_check_failed(__FILE__, __LINE__, "the world is laid out wrongly");
    return region;
}

struct hf_inflight_queue world_queue(struct world *world)
{
    struct hf_inflight_region region = world_region(world);
    struct hf_inflight_queue queue;

    if (hf_inflight_region_queue(&region, WORLD_QUEUE, WORLD_RING_SIZE, &queue) !=
        HF_INFLIGHT_FAULT_NONE)
        hf_check_failed(__FILE__, __LINE__, "the world is laid out wrongly");
    return queue;
}

struct hf_inflight_ring world_indices(struct world *world)
{
    struct hf_ring ring = world_ring(world);

    return (struct hf_inflight_ring){ .size = WORLD_RING_SIZE,
                                      .used_index = hf_ring_used_index(&ring),
                                      .avail_index = hf_ring_avail_index(&ring) };
}

uint64_t world_question(uint8_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t world_answer(uint8_t number)
{
    return ~world_question(number);
}

uint64_t world_cell_address(uint8_t number)
{
    return WORLD_GUEST + offsetof(struct world, cells) + number * sizeof(struct world_cell);
}

bool world_executed(const struct world *world, uint8_t number)
{
    return memchr(world->log, number, world->log_count) != NULL;
}

uint64_t world_hash(const struct world *world)
{
    const uint8_t *bytes = (const uint8_t *)world + offsetof(struct world, ring);
    size_t words = (sizeof(*world) - offsetof(struct world, ring)) / sizeof(uint64_t);
    uint64_t hash = world->script.event_index + UINT64_C(0x243f6a8885a308d3);

    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, bytes + i * sizeof(word), sizeof(word));
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    return hash;
}
