/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest and its account. */
#include "guest.h"

#include "report.h"

#include <string.h>

#define POISON UINT64_C(0xdeadbeefdeadbeef)

void guest_enter(struct guest *guest, struct world *world)
{
    guest->driver.ring = world_ring(world);
    guest->driver.slots = guest->slots;
}

void guest_init(struct guest *guest, struct world *world, uint16_t start_index)
{
    struct hf_ring ring = world_ring(world);

    memset(guest, 0, sizeof(*guest));
    hf_ring_driver_init(&guest->driver, &ring, guest->slots, world->script.event_index);
    guest->start_index = start_index;
    ring.avail->index = ring.used->index = start_index;
    guest->driver.avail_index = guest->driver.published_index = start_index;
    guest->driver.kicked_index = guest->driver.used_seen = start_index;
    hf_ring_driver_enable_call(&guest->driver);
}

/* Every second chain is an indirect one. */
static bool post_one(struct guest *guest, struct world *world)
{
    uint8_t number = (uint8_t)(guest->posted + 1);
    uint64_t cell = world_cell_address(number);
    struct hf_ring_segment segments[2] = { { cell, 8 }, { cell + 8, 8 } };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 1,
                                              .cookie = (void *)(uintptr_t)number };

    if (number >= WORLD_REQUESTS)
        return false;
    if (number % 2 != 0) {
        request.indirect = world->tables[number];
        request.indirect_address =
            WORLD_GUEST + (uint64_t)((uint8_t *)world->tables[number] - (uint8_t *)world);
    }
    if (!hf_ring_driver_add(&guest->driver, &request, NULL))
        return false;
    world->cells[number] = (struct world_cell){ .question = world_question(number) };
    guest->posted = number;
    return true;
}

unsigned guest_post(struct guest *guest, struct world *world, unsigned count)
{
    unsigned posted = 0;

    while (posted < count && post_one(guest, world))
        posted++;
    hf_ring_driver_publish(&guest->driver);
    return posted;
}

bool guest_kicks(struct guest *guest)
{
    return hf_ring_driver_kick_needed(&guest->driver);
}

static void check_answer(struct guest *guest, struct world *world,
                         const struct hf_ring_driver_completion *completion)
{
    uint8_t number = (uint8_t)(uintptr_t)completion->cookie;
    struct world_cell *cell = &world->cells[number];

    if (number == 0 || number > guest->posted || guest->back[number])
        crash_fail("request %u was answered twice", number);
    if (!world_executed(world, number))
        crash_fail("request %u was answered and never executed", number);
    if (cell->question != world_question(number) || cell->answer != world_answer(number))
        crash_fail("request %u came back with wrong data", number);
    if (completion->length != 8)
        crash_fail("request %u came back with length %u", number, completion->length);
    guest->back[number] = true;
    guest->back_count++;
    *cell = (struct world_cell){ .question = POISON, .answer = POISON };
}

void guest_take(struct guest *guest, struct world *world)
{
    struct hf_ring_driver_completion completion;

    while (hf_ring_driver_take(&guest->driver, &completion))
        check_answer(guest, world, &completion);
    if (guest->driver.fault != HF_RING_FAULT_NONE)
        crash_fail("the guest found: %s", hf_ring_fault_text(guest->driver.fault));
    hf_ring_driver_enable_call(&guest->driver);
    world->rung = guest->driver.used_seen;
}

void guest_check_called(const struct guest *guest, struct world *world)
{
    uint16_t seen = guest->driver.used_seen;

    if (world_indices(world).used_index != seen && world->rung == seen)
        crash_fail("the guest sleeps on answers it was never called for");
}

void guest_check_untouched(const struct guest *guest, const struct world *world)
{
    if (!world_is_whole(world))
        crash_fail("bytes of somebody else were written");
    for (unsigned number = 1; number <= guest->posted; number++) {
        const struct world_cell *cell = &world->cells[number];
        if (guest->back[number] && (cell->question != POISON || cell->answer != POISON))
            crash_fail("request %u was executed after the guest had taken it back", number);
    }
}

void guest_check_order(const struct world *world, uint16_t log_start)
{
    for (uint16_t i = (uint16_t)(log_start + 1); i < world->log_count; i++)
        if (world->log[i] <= world->log[i - 1])
            crash_fail("request %u was executed before request %u, which is older",
                       world->log[i - 1], world->log[i]);
}

void guest_check_complete(const struct guest *guest, struct world *world)
{
    struct hf_inflight_queue queue = world_queue(world);
    uint16_t used_index = world_indices(world).used_index;

    for (unsigned number = 1; number <= guest->posted; number++)
        if (!guest->back[number])
            crash_fail("request %u is lost", number);
    if (used_index != (uint16_t)(guest->start_index + guest->posted))
        crash_fail("used->idx is %u after %u requests from %u", used_index, guest->posted,
                   guest->start_index);
    if (hf_inflight_count(&queue) != 0)
        crash_fail("everything is answered, and %u are marked", hf_inflight_count(&queue));
    if (queue.header->used_idx != used_index)
        crash_fail("the region's used_idx is %u, the ring's %u", queue.header->used_idx,
                   used_index);
}
