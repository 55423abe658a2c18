/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver thread and a device thread on one ring: a million requests, each side asleep whenever
 * the ring allows it. A missing fence is a lost wake-up sooner or later (the alarm ends it); a
 * missing acquire or release is a report of ThreadSanitizer.
 */
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/check.h"

#define SIZE 256u
#ifdef HF_ORDER_TSAN
#define REQUESTS 200000u /* it sees the order, not the number */
#else
#define REQUESTS 1000000u
#endif
#define CELLS (SIZE / 2)

struct pair {
    struct rig *rig;
    uint32_t kick, call; /* bells: 1 = rung. They wake and order nothing, as an eventfd would. */
    unsigned long sleeps[2];
    uint32_t failures;
    uint32_t finished;
};

static void ring_bell(uint32_t *bell)
{
    __atomic_store_n(bell, 1, __ATOMIC_RELAXED);
}

static void wait_for_bell(uint32_t *bell)
{
    while (__atomic_exchange_n(bell, 0, __ATOMIC_RELAXED) == 0)
        sched_yield();
}

static uint64_t *cell_at(struct pair *pair, uint32_t cell)
{
    return (uint64_t *)(void *)(pair->rig->data[0] + (size_t)cell * 16);
}

/* ---- driver thread ---- */

struct guest {
    uint64_t posted;
    uint64_t answered;
    uint32_t free_cells[CELLS];
    uint32_t free_count;
};

static bool post(struct pair *pair, struct guest *guest)
{
    struct hf_ring_segment segments[2];
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 1 };

    if (guest->posted == REQUESTS || guest->free_count == 0)
        return false;
    uint32_t cell = guest->free_cells[guest->free_count - 1];
    segments[0] = (struct hf_ring_segment){ RIG_DATA_GUEST + cell * 16, 8 };
    segments[1] = (struct hf_ring_segment){ RIG_DATA_GUEST + cell * 16 + 8, 8 };
    request.cookie = cell_at(pair, cell);
    if (!hf_ring_driver_add(&pair->rig->driver, &request, NULL))
        return false;
    guest->free_count--;
    cell_at(pair, cell)[0] = ++guest->posted;
    cell_at(pair, cell)[1] = 0;
    return true;
}

static void take(struct pair *pair, struct guest *guest)
{
    struct hf_ring_driver_completion completion;

    while (hf_ring_driver_take(&pair->rig->driver, &completion)) {
        uint64_t *cell = completion.cookie;
        pair->failures += cell[1] != ~cell[0];
        guest->free_cells[guest->free_count++] = (uint32_t)((cell - cell_at(pair, 0)) / 2);
        guest->answered++;
    }
    pair->failures += pair->rig->driver.fault != HF_RING_FAULT_NONE;
}

static void run_guest(struct pair *pair)
{
    struct guest guest = { .free_count = CELLS };

    for (uint32_t i = 0; i < CELLS; i++)
        guest.free_cells[i] = i;
    while (guest.answered < REQUESTS && pair->failures == 0) {
        hf_ring_driver_disable_call(&pair->rig->driver);
        take(pair, &guest);
        uint64_t burst = 1 + guest.posted % 61; /* short ones too: both shall sleep often */
        while (burst-- > 0 && post(pair, &guest))
            ;
        hf_ring_driver_publish(&pair->rig->driver);
        if (hf_ring_driver_kick_needed(&pair->rig->driver))
            ring_bell(&pair->kick);
        if (guest.answered < REQUESTS && !hf_ring_driver_enable_call(&pair->rig->driver)) {
            pair->sleeps[0]++;
            wait_for_bell(&pair->call);
        }
    }
    __atomic_store_n(&pair->finished, 1, __ATOMIC_RELEASE);
    ring_bell(&pair->kick);
}

/* ---- device thread ---- */

static uint16_t fetch_some(struct pair *pair, struct hf_used_element *batch, uint16_t limit)
{
    struct hf_span spans[2];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = 2 };
    uint16_t count = 0;
    uint16_t head;

    while (count < limit && hf_ring_device_fetch(&pair->rig->device, &head)) {
        if (hf_ring_device_walk(&pair->rig->device, &chain, head) != HF_RING_FAULT_NONE)
            abort();
        *(uint64_t *)spans[1].base = ~*(uint64_t *)spans[0].base;
        batch[count++] = (struct hf_used_element){ .id = head, .length = 8 };
    }
    if (pair->rig->device.fault != HF_RING_FAULT_NONE)
        abort();
    return count;
}

static void *run_device(void *argument)
{
    struct pair *pair = argument;
    struct hf_used_element batch[16];

    while (!__atomic_load_n(&pair->finished, __ATOMIC_ACQUIRE)) {
        hf_ring_device_disable_kick(&pair->rig->device);
        for (;;) {
            uint16_t count = fetch_some(pair, batch, HF_ARRAY_COUNT(batch));
            if (count == 0)
                break;
            hf_ring_device_complete(&pair->rig->device, batch, count);
            if (hf_ring_device_call_needed(&pair->rig->device))
                ring_bell(&pair->call);
        }
        if (!hf_ring_device_enable_kick(&pair->rig->device)) {
            pair->sleeps[1]++;
            wait_for_bell(&pair->kick);
        }
    }
    return NULL;
}

static void run_pair(bool event_index, bool tracked)
{
    struct pair pair = { .rig = rig_new((struct rig_setup){ SIZE, event_index, 0 }) };
    pthread_t device;

    alarm(60);
    if (tracked)
        rig_start_tracked(pair.rig);
    else
        rig_start(pair.rig);
    assert_int_equal(pthread_create(&device, NULL, run_device, &pair), 0);
    run_guest(&pair);
    assert_int_equal(pthread_join(device, NULL), 0);
    alarm(0);
    assert_int_equal(pair.failures, 0);
    assert_true(pair.sleeps[0] + pair.sleeps[1] > 0);
    print_message("slept: driver %lu, device %lu\n", pair.sleeps[0], pair.sleeps[1]);
    assert_int_equal(pair.rig->ring.used->index, (uint16_t)REQUESTS);
    assert_true(hf_inflight_clean(&pair.rig->region));
    rig_free(pair.rig);
}

static void a_million_requests_pass_between_two_threads_with_event_index(void **state)
{
    (void)state;
    run_pair(true, true);
}

static void a_million_requests_pass_between_two_threads_by_flags_and_untracked(void **state)
{
    (void)state;
    run_pair(false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_requests_pass_between_two_threads_with_event_index),
        cmocka_unit_test(a_million_requests_pass_between_two_threads_by_flags_and_untracked),
    };

    return cmocka_run_group_tests_name("ring/threads", tests, NULL, NULL);
}
