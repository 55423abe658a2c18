/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways to go on, as a table. */
#include "judge.h"

#include "life.h"
#include "report.h"
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

enum front_end {
    FRONT_END_NOTHING, /* another front-end, or none: the device gets the region as it is */
    FRONT_END_SETTLES,
    FRONT_END_CONVERTS, /* to a back-end that lays the region out without rounding */
    FRONT_END_CONVERTS_TWICE,
};

struct way {
    const char *text;
    enum front_end front_end;
    bool guest_busy; /* takes and posts before the new device comes */
    bool begins_twice;
    enum persona persona;
    uint8_t batch;
    enum pick pick;
};

static const struct way ways[] = {
    { .text = "guest asleep", .batch = 8, .pick = PICK_NEWEST },
    { .text = "guest busy", .guest_busy = true, .batch = 3, .pick = PICK_ODD },
    { .text = "a device that only begins, then another",
      .guest_busy = true,
      .begins_twice = true,
      .batch = 1 },
    { .text = "settled, guest busy",
      .front_end = FRONT_END_SETTLES,
      .guest_busy = true,
      .batch = 5,
      .pick = PICK_ODD },
    { .text = "settled, then DPDK", .front_end = FRONT_END_SETTLES, .persona = PERSONA_DPDK },
    { .text = "settled, guest busy, then DPDK",
      .front_end = FRONT_END_SETTLES,
      .guest_busy = true,
      .persona = PERSONA_DPDK,
      .batch = 8,
      .pick = PICK_ODD },
    { .text = "converted to another stride",
      .front_end = FRONT_END_CONVERTS,
      .guest_busy = true,
      .batch = 4,
      .pick = PICK_NEWEST },
    { .text = "converted, then DPDK",
      .front_end = FRONT_END_CONVERTS_TWICE,
      .guest_busy = true,
      .persona = PERSONA_DPDK,
      .batch = 2 },
};

/* ---- what was seen ---- */

static uint64_t hash_of(const struct image *image)
{
    uint64_t hash = world_hash(&image->world) ^ image->guest.posted;

    for (unsigned i = 0; i < WORLD_REQUESTS; i++)
        hash = hash * 31 + image->guest.back[i];
    return hash | 1; /* 0 is a free place */
}

static size_t place_of(const struct judge *judge, uint64_t hash)
{
    size_t mask = judge->seen_capacity - 1;
    size_t place = (size_t)(hash >> 7) & mask;

    while (judge->seen[place] != 0 && judge->seen[place] != hash)
        place = (place + 1) & mask;
    return place;
}

static void grow(struct judge *judge)
{
    struct judge larger = { .seen_capacity =
                                judge->seen_capacity == 0 ? 4096 : 2 * judge->seen_capacity };

    larger.seen = calloc(larger.seen_capacity, sizeof(*larger.seen));
    if (larger.seen == NULL)
        crash_fail("no memory");
    for (size_t i = 0; i < judge->seen_capacity; i++)
        if (judge->seen[i] != 0)
            larger.seen[place_of(&larger, judge->seen[i])] = judge->seen[i];
    free(judge->seen);
    judge->seen = larger.seen;
    judge->seen_capacity = larger.seen_capacity;
}

void judge_done(struct judge *judge)
{
    free(judge->seen);
    judge->seen = NULL;
}

bool judge_knows(const struct judge *judge, const struct image *image)
{
    return judge->seen_count != 0 && judge->seen[place_of(judge, hash_of(image))] != 0;
}

static bool remember(struct judge *judge, const struct image *image)
{
    uint64_t hash = hash_of(image);

    if (2 * judge->seen_count >= judge->seen_capacity)
        grow(judge);
    size_t place = place_of(judge, hash);
    if (judge->seen[place] != 0)
        return false;
    judge->seen[place] = hash;
    judge->seen_count++;
    return true;
}

/* ---- the front-end in between ---- */

static void settle(struct world *world)
{
    struct hf_inflight_region region = world_region(world);
    struct hf_inflight_ring rings[WORLD_QUEUES] = { [WORLD_QUEUE] = world_indices(world) };
    uint16_t counts[WORLD_QUEUES];
    uint16_t bad_queue;
    enum hf_inflight_fault fault = hf_inflight_settle(&region, rings, counts, &bad_queue);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        crash_fail("the region cannot be settled: %s", hf_inflight_fault_text(fault));
    if (counts[WORLD_QUEUE] >
        (uint16_t)(rings[WORLD_QUEUE].avail_index - rings[WORLD_QUEUE].used_index))
        crash_fail("%u requests are in flight, which is more than were posted",
                   counts[WORLD_QUEUE]);
}

static void convert(struct world *world, uint16_t region_bytes)
{
    struct world before = *world;
    struct hf_inflight_region from = world_region(&before);

    memset(world->region, world->behind[0], sizeof(world->region));
    world->script.region_bytes = region_bytes;
    struct hf_inflight_region to = world_region(world);
    enum hf_inflight_fault fault = hf_inflight_convert(&from, &to, WORLD_RING_SIZE);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        crash_fail("the region cannot be converted: %s", hf_inflight_fault_text(fault));
}

static void front_end_comes(enum front_end front_end, struct world *world)
{
    if (front_end == FRONT_END_NOTHING)
        return;
    settle(world);
    if (front_end == FRONT_END_SETTLES)
        return;
    convert(world, WORLD_REGION_PACKED);
    if (front_end == FRONT_END_CONVERTS_TWICE)
        convert(world, WORLD_REGION_WIDE);
}

/* ---- going on ---- */

static void live(struct judge *judge, struct world *world)
{
    static struct life life;

    judge->life_count++;
    life_prepare(&life, world);
    if (!life_run(&life))
        crash_fail("the new device: %s", life.complaint);
}

void judge_last_life(struct world *world, struct guest *guest, uint16_t log_start)
{
    guest_check_order(world, log_start);
    guest_check_called(guest, world);
    guest_take(guest, world);
    guest_check_untouched(guest, world);
    guest_check_complete(guest, world);
}

static void begin_only(struct judge *judge, struct world *world)
{
    memset(world->script.orders, 0, sizeof(world->script.orders));
    world->script.persona = PERSONA_OURS;
    live(judge, world);
}

static void live_to_the_end(struct judge *judge, const struct way *way, struct world *world,
                            struct guest *guest)
{
    uint16_t log_start = world->log_count;
    uint8_t batch = way->batch != 0 ? way->batch : 1;

    scenario_finish(world, way->persona, batch, way->pick);
    live(judge, world);
    judge_last_life(world, guest, log_start);
}

static void go_on(struct judge *judge, const struct way *way, struct world *world,
                  struct guest *guest)
{
    guest_enter(guest, world);
    if (way->guest_busy) {
        guest_take(guest, world);
        guest_check_untouched(guest, world);
        guest_post(guest, world, 3);
    }
    front_end_comes(way->front_end, world);
    if (way->guest_busy)
        guest_post(guest, world, 2);
    if (way->begins_twice)
        begin_only(judge, world);
    live_to_the_end(judge, way, world, guest);

    /* And the day after: the device sleeps, and is to be woken. */
    guest_kicks(guest);
    if (guest_post(guest, world, 3) > 0 && !guest_kicks(guest))
        crash_fail("the device sleeps and is not kicked");
    live_to_the_end(judge, way, world, guest);
}

bool judge_image(struct judge *judge, const struct image *image)
{
    static struct world world;
    static struct guest guest;

    if (!remember(judge, image))
        return false;
    judge->image_count++;
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        crash_at(3, "%s", ways[i].text);
        world = image->world;
        guest = image->guest;
        go_on(judge, &ways[i], &world, &guest);
    }
    return true;
}
