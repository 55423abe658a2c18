/* SPDX-License-Identifier: BSD-3-Clause */
/* The patterns as a table, and how the world came to be what it is when they begin. */
#include "scenario.h"

#include "life.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

#define WRAPPING_INDEX 65532u
#define WARM_REQUESTS  6u

enum amount {
    AMOUNT_BATCH,
    AMOUNT_HALF, /* rounded up */
    AMOUNT_REST,
    AMOUNT_ONE,
};

struct pattern_row {
    const char *text;
    enum persona persona;
    struct {
        enum act act;
        enum amount amount;
        enum pick pick;
    } orders[WORLD_ORDERS];
};

static const struct pattern_row patterns[PATTERN_COUNT] = {
    [PATTERN_ONE_BATCH] = { .text = "one batch",
                            .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                        { ACT_EXECUTE, 0, 0 },
                                        { ACT_ANSWER, AMOUNT_BATCH, PICK_OLDEST } } },
    [PATTERN_NEWEST_FIRST] = { .text = "one batch, newest first",
                               .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                           { ACT_EXECUTE, 0, 0 },
                                           { ACT_ANSWER, AMOUNT_BATCH, PICK_NEWEST } } },
    [PATTERN_TWO_BATCHES] = { .text = "two batches out of order",
                              .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                          { ACT_EXECUTE, 0, 0 },
                                          { ACT_ANSWER, AMOUNT_HALF, PICK_ODD },
                                          { ACT_ANSWER, AMOUNT_REST, PICK_NEWEST } } },
    [PATTERN_ONE_BY_ONE] = { .text = "one by one, newest first",
                             .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                         { ACT_EXECUTE, 0, 0 },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST },
                                         { ACT_ANSWER, AMOUNT_ONE, PICK_NEWEST } } },
    [PATTERN_LEFT_BEHIND] = { .text = "some left behind",
                              .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                          { ACT_EXECUTE, 0, 0 },
                                          { ACT_ANSWER, AMOUNT_HALF, PICK_ODD },
                                          { ACT_FETCH, AMOUNT_ONE, 0 } } },
    [PATTERN_PIPELINE] = { .text = "pipeline",
                           .orders = { { ACT_FETCH, AMOUNT_HALF, 0 },
                                       { ACT_EXECUTE, 0, 0 },
                                       { ACT_FETCH, AMOUNT_REST, 0 },
                                       { ACT_ANSWER, AMOUNT_HALF, PICK_OLDEST },
                                       { ACT_EXECUTE, 0, 0 },
                                       { ACT_ANSWER, AMOUNT_REST, PICK_NEWEST } } },
    [PATTERN_FOR_EVER] = { .text = "all there is",
                           .orders = { { ACT_FINISH, AMOUNT_BATCH, PICK_ODD } } },
    [PATTERN_EVENTS] = { .text = "event buffers",
                         .persona = PERSONA_EVENTS,
                         .orders = { { ACT_FINISH, AMOUNT_ONE, PICK_OLDEST } } },
    [PATTERN_UNTRACKED] = { .text = "not tracked",
                            .persona = PERSONA_UNTRACKED,
                            .orders = { { ACT_FINISH, AMOUNT_ONE, PICK_OLDEST } } },
    [PATTERN_DPDK] = { .text = "DPDK's way",
                       .persona = PERSONA_DPDK,
                       .orders = { { ACT_FETCH, AMOUNT_BATCH, 0 },
                                   { ACT_EXECUTE, 0, 0 },
                                   { ACT_ANSWER, AMOUNT_HALF, PICK_ODD },
                                   { ACT_ANSWER, AMOUNT_REST, PICK_NEWEST } } },
};

struct scenario scenario_of(unsigned index)
{
    struct scenario scenario = { .event_index = index & 1,
                                 .wrap = (index >> 1) & 1,
                                 .warm = (index >> 2) & 1 };

    index >>= 3;
    scenario.batch = (uint8_t)(1 + index % SCENARIO_BATCH_MAX);
    scenario.pattern = (enum pattern)(index / SCENARIO_BATCH_MAX);
    return scenario;
}

const char *scenario_text(const struct scenario *scenario)
{
    static char text[120];

    snprintf(text, sizeof(text), "%s, batch of %u%s%s%s", patterns[scenario->pattern].text,
             scenario->batch, scenario->event_index ? ", event_idx" : "",
             scenario->wrap ? ", index wraps" : "", scenario->warm ? ", used region" : "");
    return text;
}

static uint8_t amount_of(enum amount amount, uint8_t batch)
{
    const uint8_t amounts[] = { [AMOUNT_BATCH] = batch,
                                [AMOUNT_HALF] = (uint8_t)((batch + 1) / 2),
                                [AMOUNT_REST] = (uint8_t)(batch / 2),
                                [AMOUNT_ONE] = 1 };

    return amounts[amount];
}

static struct world_script script_of(const struct scenario *scenario)
{
    const struct pattern_row *row = &patterns[scenario->pattern];
    struct world_script script = { .persona = (uint8_t)row->persona,
                                   .event_index = scenario->event_index,
                                   .region_bytes = WORLD_REGION_BYTES };

    for (unsigned i = 0; i < WORLD_ORDERS; i++)
        script.orders[i] =
            (struct world_order){ .act = (uint8_t)row->orders[i].act,
                                  .count = amount_of(row->orders[i].amount, scenario->batch),
                                  .pick = (uint8_t)row->orders[i].pick };
    return script;
}

void scenario_finish(struct world *world, enum persona persona, uint8_t batch, enum pick pick)
{
    world->script.persona = (uint8_t)persona;
    memset(world->script.orders, 0, sizeof(world->script.orders));
    world->script.orders[0] =
        (struct world_order){ .act = ACT_FINISH, .count = batch, .pick = (uint8_t)pick };
}

/* A life before: it answers out of order, so that heads and links are in no order either. */
static void warm_up(struct world *world, struct guest *guest)
{
    static struct life life;

    guest_post(guest, world, WARM_REQUESTS);
    scenario_finish(world, PERSONA_OURS, 2, PICK_ODD);
    life_prepare(&life, world);
    if (!life_run(&life))
        crash_fail("the life before: %s", life.complaint);
    guest_take(guest, world);
}

/* What the front-end does with every region before it hands it to a back-end. */
static void settle(struct world *world)
{
    struct hf_inflight_queue queue = world_queue(world);
    struct hf_inflight_ring ring = world_indices(world);
    enum hf_inflight_fault fault = hf_inflight_settle_queue(&queue, &ring, NULL);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        crash_fail("the region cannot be settled: %s", hf_inflight_fault_text(fault));
}

void scenario_begin(const struct scenario *scenario, struct world *world, struct guest *guest)
{
    struct world_script script = script_of(scenario);
    uint16_t begin = scenario->wrap ? WRAPPING_INDEX : 0;
    uint16_t start = (uint16_t)(begin - (scenario->warm ? WARM_REQUESTS : 0));

    world_init(world, &script, start);
    guest_init(guest, world, start);
    if (scenario->warm)
        warm_up(world, guest);
    if (script.persona == PERSONA_DPDK)
        settle(world);
    world->script = script;
    guest_post(guest, world, WORLD_RING_SIZE);
    guest_kicks(guest);
}
