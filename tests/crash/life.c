/* SPDX-License-Identifier: BSD-3-Clause */
/* A device's life, and our own way to be a device: exactly the calls the target makes. */
#include "life.h"

#include <string.h>

#define ROUNDS_MAX 200u

bool life_complain(struct life *life, const char *complaint)
{
    if (life->complaint == NULL)
        life->complaint = complaint;
    return false;
}

bool life_take(struct life *life, uint16_t head)
{
    if (life->taken_count == WORLD_RING_SIZE)
        return life_complain(life, "more heads are out than the ring has");
    life->taken[life->taken_count++] = (struct life_taken){ .head = head };
    return true;
}

/* ---- our way ---- */

static bool begin_ours(struct life *life)
{
    struct hf_inflight_recovery recovery = { .requests = life->requests };

    hf_ring_device_start(&life->device, &life->setup);
    enum hf_inflight_fault fault = hf_ring_device_recover(&life->device, &life->queue, &recovery);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        return life_complain(life, hf_inflight_fault_text(fault));
    for (uint16_t i = 0; i < recovery.count; i++)
        if (!life_take(life, recovery.requests[i].head))
            return false;
    hf_ring_device_disable_kick(&life->device);
    return true;
}

/* What was marked by another device is taken back, and is seen again from used->idx on. */
static bool begin_untracked(struct life *life)
{
    struct hf_inflight_recovery recovery = { .requests = life->requests };
    struct hf_inflight_ring ring = world_indices(life->world);
    enum hf_inflight_fault fault = hf_inflight_recover(&life->queue, &ring, &recovery);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return life_complain(life, hf_inflight_fault_text(fault));
    for (uint16_t i = 0; i < recovery.count; i++)
        hf_inflight_clear(&life->queue, recovery.requests[i].head);
    hf_ring_device_start(&life->device, &life->setup);
    return true;
}

static bool check_fault(struct life *life)
{
    if (life->device.fault != HF_RING_FAULT_NONE)
        life_complain(life, hf_ring_fault_text(life->device.fault));
    return false;
}

static bool fetch_ours(struct life *life, uint16_t *head)
{
    return hf_ring_device_fetch(&life->device, head) || check_fault(life);
}

static bool fetch_unmarked(struct life *life, uint16_t *head)
{
    return hf_ring_device_fetch_unmarked(&life->device, head) || check_fault(life);
}

static void answer_ours(struct life *life, const struct hf_used_element *elements, uint16_t count)
{
    hf_ring_device_complete(&life->device, elements, count);
}

static bool call_needed_ours(struct life *life)
{
    return hf_ring_device_call_needed(&life->device);
}

static bool sleep_ours(struct life *life)
{
    return hf_ring_device_enable_kick(&life->device);
}

const struct life_ops life_ours = { .begin = begin_ours,
                                    .fetch = fetch_ours,
                                    .answer = answer_ours,
                                    .call_needed = call_needed_ours,
                                    .sleep = sleep_ours };

const struct life_ops life_events = { .begin = begin_ours,
                                      .fetch = fetch_unmarked,
                                      .answer = answer_ours,
                                      .call_needed = call_needed_ours,
                                      .sleep = sleep_ours };

const struct life_ops life_untracked = { .begin = begin_untracked,
                                         .fetch = fetch_unmarked,
                                         .answer = answer_ours,
                                         .call_needed = call_needed_ours,
                                         .sleep = sleep_ours };

/* ---- execution ---- */

static void write_down(struct world *world, uint64_t number)
{
    if (world->log_count == WORLD_LOG)
        return;
    world->log[world->log_count] = (uint8_t)number;
    world->log_count++;
}

static bool execute(struct life *life, struct life_taken *taken)
{
    struct hf_ring_chain chain = { .spans = life->spans, .span_capacity = WORLD_RING_SIZE };
    const struct hf_ring_device_setup *setup = &life->setup;
    struct world *world = life->world;

    if (hf_ring_chain_walk(&chain, &setup->ring, &life->memory, taken->head, true) !=
            HF_RING_FAULT_NONE ||
        chain.readable_count != 1 || chain.writable_count != 1)
        return life_complain(life, "a chain is not the guest's");
    const struct world_cell *cell = chain.spans[0].base;
    uint64_t number = (uint64_t)(cell - world->cells);
    if (number == 0 || number >= WORLD_REQUESTS ||
        cell->question != world_question((uint8_t)number))
        return life_complain(life, "a request was executed whose data the guest has taken back");
    *(uint64_t *)chain.spans[1].base = ~cell->question;
    write_down(world, number);
    taken->executed = true;
    return true;
}

static bool execute_all(struct life *life)
{
    for (uint16_t i = 0; i < life->taken_count; i++)
        if (!life->taken[i].executed && !execute(life, &life->taken[i]))
            return false;
    return true;
}

/* ---- answers ---- */

static uint16_t picked(const struct life *life, uint8_t pick, uint16_t nth)
{
    uint16_t count = life->taken_count;

    if (pick == PICK_NEWEST)
        return (uint16_t)(count - 1 - nth);
    if (pick == PICK_ODD)
        return (uint16_t)(2 * nth + 1 < count ? 2 * nth + 1 : 2 * (nth - count / 2));
    return nth;
}

static void drop_answered(struct life *life, const bool *answered)
{
    uint16_t kept = 0;

    for (uint16_t i = 0; i < life->taken_count; i++)
        if (!answered[i])
            life->taken[kept++] = life->taken[i];
    life->taken_count = kept;
}

static void ring_the_bell(struct life *life)
{
    if (life->ops->call_needed(life))
        hf_order_store_u16(&life->world->rung, hf_ring_used_index(&life->setup.ring));
}

static void answer(struct life *life, uint16_t count, uint8_t pick)
{
    struct hf_used_element batch[WORLD_RING_SIZE];
    bool answered[WORLD_RING_SIZE] = { false };

    if (count > life->taken_count)
        count = life->taken_count;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t nth = picked(life, pick, i);
        answered[nth] = true;
        batch[i].id = life->taken[nth].head;
        batch[i].length = LIFE_ANSWER_BYTES;
    }
    life->ops->answer(life, batch, count);
    drop_answered(life, answered);
    ring_the_bell(life);
}

/* ---- the script ---- */

static void fetch(struct life *life, uint16_t count)
{
    uint16_t head;

    while (count-- > 0 && life->ops->fetch(life, &head))
        if (!life_take(life, head))
            return;
}

static bool finish(struct life *life, uint16_t count, uint8_t pick)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        if (!execute_all(life))
            return false;
        if (life->taken_count != 0)
            answer(life, count, pick);
        fetch(life, count);
        if (life->complaint != NULL)
            return false;
        if (life->taken_count == 0 && !life->ops->sleep(life))
            return true;
    }
    return life_complain(life, "there is no end of it");
}

static bool carry_out(struct life *life, const struct world_order *order)
{
    switch ((enum act)order->act) {
    case ACT_FETCH:
        fetch(life, order->count);
        break;
    case ACT_EXECUTE:
        return execute_all(life);
    case ACT_ANSWER:
        answer(life, order->count, order->pick);
        break;
    case ACT_FINISH:
        return finish(life, order->count, order->pick);
    case ACT_END:
    case ACT_COUNT:
        break;
    }
    return life->complaint == NULL;
}

void life_prepare(struct life *life, struct world *world)
{
    static const struct life_ops *const personas[PERSONA_COUNT] = {
        [PERSONA_OURS] = &life_ours,
        [PERSONA_DPDK] = &life_dpdk,
        [PERSONA_EVENTS] = &life_events,
        [PERSONA_UNTRACKED] = &life_untracked,
    };
    struct hf_memory_region everything = { .guest_address = WORLD_GUEST,
                                           .size_bytes = sizeof(*world),
                                           .host = world };

    memset(life, 0, sizeof(*life));
    life->ops = personas[world->script.persona];
    life->world = world;
    hf_memory_init(&life->memory);
    if (hf_memory_add(&life->memory, &everything) != HF_MEMORY_FAULT_NONE)
        life_complain(life, "the world is no memory");
    life->queue = world_queue(world);
    life->setup = (struct hf_ring_device_setup){ .ring = world_ring(world),
                                                 .memory = &life->memory,
                                                 .base = world_indices(world).used_index,
                                                 .event_index = world->script.event_index,
                                                 .indirect = true };
}

bool life_run(struct life *life)
{
    const struct world_order *orders = life->world->script.orders;

    if (life->complaint != NULL || !life->ops->begin(life))
        return false;
    ring_the_bell(life);
    for (unsigned i = 0; i < WORLD_ORDERS && orders[i].act != ACT_END; i++)
        if (!carry_out(life, &orders[i]))
            return false;
    return true;
}
