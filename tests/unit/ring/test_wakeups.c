/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two moments at which a wake-up can be lost: one side asks to be woken and looks once more,
 * while the other puts something in and looks whether it is asked (virtio 1.3 §2.7.7.1, §2.7.10).
 * Two threads do just that at the same time, over and over: at least one of them must see the
 * other. Without the fence on either side both can miss, on x86 too.
 */
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define ROUNDS_LEAST 2000u
#define LIMIT_NS     400000000u

/* The device's thread does what it is told by number, at the moment it is told. */
enum order { ORDER_LOOK, ORDER_ENABLE_KICK, ORDER_COMPLETE, ORDER_END };

struct meeting {
    struct rig *rig;
    uint32_t told;
    uint32_t done;
    enum order order;
    uint16_t head;
    bool device_saw;
};

static void wait_until(const uint32_t *number, uint32_t wanted)
{
    for (unsigned spins = 1; __atomic_load_n(number, __ATOMIC_ACQUIRE) != wanted; spins++)
        if (spins % 2000 == 0)
            sched_yield();
}

static bool obey(struct meeting *meeting)
{
    struct hf_ring_device *device = &meeting->rig->device;
    struct hf_used_element element = { .id = meeting->head };

    if (meeting->order == ORDER_LOOK)
        return hf_ring_device_pending(device);
    if (meeting->order == ORDER_ENABLE_KICK)
        return hf_ring_device_enable_kick(device);
    hf_ring_device_complete(device, &element, 1);
    return hf_ring_device_call_needed(device);
}

static void *run_device(void *argument)
{
    struct meeting *meeting = argument;

    for (uint32_t turn = 1;; turn++) {
        wait_until(&meeting->told, turn);
        if (meeting->order == ORDER_END)
            return NULL;
        meeting->device_saw = obey(meeting);
        __atomic_store_n(&meeting->done, turn, __ATOMIC_RELEASE);
    }
}

static void tell(struct meeting *meeting, enum order order)
{
    meeting->order = order;
    __atomic_store_n(&meeting->told, meeting->told + 1, __ATOMIC_RELEASE);
}

/* Both have what they will look at in their caches: a look that is early is what goes wrong. */
static void look(struct meeting *meeting)
{
    tell(meeting, ORDER_LOOK);
    wait_until(&meeting->done, meeting->told);
    assert_false(meeting->device_saw);
    assert_false(hf_ring_driver_used_pending(&meeting->rig->driver));
}

/* Each meets the other a little earlier or later. */
static void dawdle(uint32_t round)
{
    for (volatile uint32_t i = 0; i < round % 97; i++)
        ;
}

static void round_of(struct meeting *meeting, uint32_t round)
{
    struct rig *rig = meeting->rig;
    struct hf_ring_segment segment = { RIG_DATA_GUEST, 8 };
    struct hf_ring_driver_request request = { .segments = &segment, .writable_count = 1 };
    struct hf_ring_driver_completion completion;
    bool saw;

    hf_ring_device_disable_kick(&rig->device);
    assert_true(hf_ring_driver_add(&rig->driver, &request, NULL));
    look(meeting);
    tell(meeting, ORDER_ENABLE_KICK);
    dawdle(round);
    hf_ring_driver_publish(&rig->driver);
    saw = hf_ring_driver_kick_needed(&rig->driver);
    wait_until(&meeting->done, meeting->told);
    assert_true(saw || meeting->device_saw);

    assert_true(hf_ring_device_fetch(&rig->device, &meeting->head));
    hf_ring_driver_disable_call(&rig->driver);
    look(meeting);
    tell(meeting, ORDER_COMPLETE);
    dawdle(round);
    saw = hf_ring_driver_enable_call(&rig->driver);
    wait_until(&meeting->done, meeting->told);
    assert_true(saw || meeting->device_saw);
    assert_true(hf_ring_driver_take(&rig->driver, &completion));
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void meet(bool event_index)
{
    struct meeting meeting = { .rig = rig_new((struct rig_setup){ 256, event_index, 0 }) };
    uint64_t end_ns = now_ns() + LIMIT_NS;
    uint32_t round = 0;
    pthread_t device;

    rig_start(meeting.rig);
    assert_int_equal(pthread_create(&device, NULL, run_device, &meeting), 0);
    while (round < ROUNDS_LEAST || now_ns() < end_ns)
        round_of(&meeting, round++);
    tell(&meeting, ORDER_END);
    assert_int_equal(pthread_join(device, NULL), 0);
    print_message("%u rounds\n", round);
    rig_free(meeting.rig);
}

static void no_wake_up_is_lost_with_event_index(void **state)
{
    (void)state;
    meet(true);
}

static void no_wake_up_is_lost_by_flags(void **state)
{
    (void)state;
    meet(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost_with_event_index),
        cmocka_unit_test(no_wake_up_is_lost_by_flags),
    };

    return cmocka_run_group_tests_name("ring/wakeups", tests, NULL, NULL);
}
