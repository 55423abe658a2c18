/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device dies after its n-th store, for every n, and its successor dies after the m-th store of
 * its recovery, for every m. Guest, ring and region live on; the ledger says that every request was
 * answered once, with the right data, and was replayed in order.
 *
 * The stores are those of the real code: shadow/ring/order.h stands before the real one.
 */
#include "rig.h"

#define SIZE  16u
#define CELLS 64u
#define POSTS 40u /* requests of one run */

struct ledger {
    struct rig *rig;
    uint32_t seed;
    uint64_t posted;   /* requests 1..posted were posted, in this order */
    uint64_t answered; /* how many came back */
    bool back[POSTS + 1];
    uint16_t taken[SIZE]; /* memory of the device: dies with it */
    uint16_t taken_count;
};

static jmp_buf death;
static unsigned long stores_left; /* 0: immortal */
static bool mortal;
static unsigned long deaths;

void crash_point(void)
{
    if (!mortal || stores_left == 0 || --stores_left != 0)
        return;
    mortal = false;
    deaths++;
    longjmp(death, 1);
}

/* ---- the guest ---- */

static uint64_t *cell_of(struct ledger *ledger, uint64_t number)
{
    return rig_at(ledger->rig, RIG_DATA_GUEST + number % CELLS * 16);
}

static void post(struct ledger *ledger)
{
    uint64_t number = ledger->posted + 1;
    uint64_t address = RIG_DATA_GUEST + number % CELLS * 16;
    struct hf_ring_segment segments[2] = { { address, 8 }, { address + 8, 8 } };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 1,
                                              .cookie = cell_of(ledger, number) };

    if (number > POSTS || !hf_ring_driver_add(&ledger->rig->driver, &request, NULL))
        return;
    cell_of(ledger, number)[0] = number;
    cell_of(ledger, number)[1] = 0;
    ledger->posted = number;
    hf_ring_driver_publish(&ledger->rig->driver);
}

static void take_back(struct ledger *ledger)
{
    struct hf_ring_driver_completion completion;

    while (hf_ring_driver_take(&ledger->rig->driver, &completion)) {
        uint64_t *cell = completion.cookie;
        assert_in_range(cell[0], 1, ledger->posted);
        assert_int_equal(cell[1], cell[0]); /* executed, with its own data */
        assert_int_equal(completion.length, 8);
        assert_false(ledger->back[cell[0]]);
        ledger->back[cell[0]] = true;
        ledger->answered++;
    }
    assert_int_equal(ledger->rig->driver.fault, HF_RING_FAULT_NONE);
}

static void guest_runs(struct ledger *ledger)
{
    uint32_t dice = rig_random(&ledger->seed);

    if (dice & 1)
        take_back(ledger);
    for (uint32_t i = dice >> 1 & 3; i > 0; i--)
        post(ledger);
}

/* ---- the device ---- */

static uint64_t *data_of(struct ledger *ledger, uint16_t head)
{
    struct rig *rig = ledger->rig;

    assert_int_equal(rig_walk(rig, head), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_count, 1);
    assert_int_equal(rig->chain.writable_count, 1);
    return rig->spans[0].base;
}

static void answer_some(struct ledger *ledger, uint32_t dice)
{
    struct hf_used_element batch[SIZE];
    uint16_t count = (uint16_t)(ledger->taken_count == 0 ? 0 : 1 + dice % ledger->taken_count);

    for (uint16_t i = 0; i < count; i++) {
        uint16_t pick = (uint16_t)(rig_random(&ledger->seed) % ledger->taken_count);
        uint16_t head = ledger->taken[pick];
        uint64_t *cell = data_of(ledger, head);
        cell[1] = cell[0];
        batch[i] = (struct hf_used_element){ .id = head, .length = 8 };
        ledger->taken[pick] = ledger->taken[--ledger->taken_count];
    }
    mortal = true;
    hf_ring_device_complete(&ledger->rig->device, batch, count);
    mortal = false;
}

static void fetch_one(struct ledger *ledger)
{
    uint16_t head;

    mortal = true;
    bool fetched = hf_ring_device_fetch(&ledger->rig->device, &head);
    mortal = false;
    if (fetched)
        ledger->taken[ledger->taken_count++] = head;
}

/* As the event queue does. */
static void fetch_unmarked_and_answer(struct ledger *ledger)
{
    struct rig *rig = ledger->rig;
    struct hf_used_element element = { .length = 8 };
    uint16_t head;

    mortal = true;
    if (hf_ring_device_fetch_unmarked(&rig->device, &head)) {
        uint64_t *cell = data_of(ledger, head);
        cell[1] = cell[0];
        element.id = head;
        hf_ring_device_complete(&rig->device, &element, 1);
    }
    mortal = false;
}

static void device_runs(struct ledger *ledger)
{
    uint32_t dice = rig_random(&ledger->seed);

    if (dice % 8 < 4)
        fetch_one(ledger);
    else if (dice % 8 < 7)
        answer_some(ledger, dice >> 3);
    else
        fetch_unmarked_and_answer(ledger);
    assert_int_equal(ledger->rig->device.fault, HF_RING_FAULT_NONE);
}

static void settle_at_the_front_end(struct rig *rig)
{
    struct hf_inflight_ring ring = { SIZE, rig->ring.used->index, rig->ring.avail->index };
    uint16_t count;

    assert_int_equal(hf_inflight_settle(&rig->region, &ring, &count, NULL), HF_INFLIGHT_FAULT_NONE);
}

static void device_begins(struct ledger *ledger)
{
    struct rig *rig = ledger->rig;
    uint64_t before = 0;

    mortal = true;
    if (rig_random(&ledger->seed) & 1)
        settle_at_the_front_end(rig);
    rig_start_tracked(rig);
    mortal = false;
    ledger->taken_count = 0;
    for (uint16_t i = 0; i < rig->recovery.count; i++) {
        uint16_t head = rig->recovery.requests[i].head;
        uint64_t number = data_of(ledger, head)[0];
        assert_true(number > before); /* replayed in the order of posting */
        assert_false(ledger->back[number]);
        before = number;
        ledger->taken[ledger->taken_count++] = head;
    }
}

/* One life; returns false if it ended by death after `stores` stores. */
static bool live(struct ledger *ledger, unsigned long stores)
{
    stores_left = stores;
    if (setjmp(death) != 0)
        return false;
    device_begins(ledger);
    for (unsigned i = 0; i < 60; i++) {
        guest_runs(ledger);
        device_runs(ledger);
    }
    return true;
}

static void live_to_the_end(struct ledger *ledger)
{
    struct rig *rig = ledger->rig;

    stores_left = 0;
    device_begins(ledger);
    while (ledger->answered < POSTS) {
        uint64_t answered = ledger->answered;
        for (unsigned i = 0; i < SIZE; i++)
            fetch_one(ledger);
        answer_some(ledger, (uint32_t)(ledger->taken_count - 1u));
        take_back(ledger);
        if (ledger->posted == POSTS)
            assert_true(ledger->answered > answered); /* else: lost */
        post(ledger);
    }
    assert_int_equal(rig->driver.outstanding_count, 0);
    assert_int_equal(rig->ring.used->index, (uint16_t)(rig->setup.start_index + POSTS));
    assert_true(hf_inflight_clean(&rig->region));
    assert_int_equal(rig->queue.header->used_idx, rig->ring.used->index);
}

/* ---- all deaths ---- */

/* False if neither of the two deaths came: the lives were shorter. */
static bool run(struct rig_setup setup, uint32_t seed, unsigned long first, unsigned long second)
{
    struct ledger ledger = { .rig = rig_new(setup), .seed = seed };
    bool died = !live(&ledger, first);

    if (died && second != 0) {
        guest_runs(&ledger);
        died = !live(&ledger, second);
    }
    guest_runs(&ledger);
    live_to_the_end(&ledger);
    rig_free(ledger.rig);
    return died;
}

static void a_death_after_any_store_loses_and_doubles_nothing(void **state)
{
    struct rig_setup setup = { .size = SIZE, .start_index = 65525 };

    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        unsigned long stores = 1;
        setup.event_index = seed & 1;
        while (run(setup, seed * 7919, stores, 0))
            stores++;
        assert_true(stores > 100);
    }
}

static void a_second_death_at_any_store_of_the_recovery_changes_nothing(void **state)
{
    const struct rig_setup setup = { .size = SIZE, .start_index = 65530 };
    unsigned long before = deaths;

    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++)
        for (unsigned long first = 1; run(setup, seed * 104729, first, 0); first++)
            for (unsigned long second = 1; second <= 24; second++)
                run(setup, seed * 104729, first, second);
    assert_true(deaths - before > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_after_any_store_loses_and_doubles_nothing),
        cmocka_unit_test(a_second_death_at_any_store_of_the_recovery_changes_nothing),
    };

    return cmocka_run_group_tests_name("ring/crash", tests, NULL, NULL);
}
