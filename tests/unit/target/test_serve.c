/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/serve.c: when the guest is called, and what a ring that stops still takes. Its other
 * sides are in test_queue.c, test_serve_recover.c and test_worker.c. */
#include "rig.h"

#include <poll.h>
#include <sys/eventfd.h>

static void wait_in_flight(struct rig *rig, unsigned queue, unsigned count)
{
    uint64_t end = now_ms() + RIG_PATIENCE_MS;
    struct hf_inflight_queue inflight;

    assert_int_equal(hf_inflight_region_queue(&rig->region, (uint16_t)queue, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    while (hf_inflight_count(&inflight) != count)
        assert_true(now_ms() < end);
}

/* An order to another queue of the same worker is carried out after the one before it. */
static void let_the_worker_come_to(struct rig *rig, unsigned queue)
{
    struct rig_answer answer;

    hf_queue_set_enabled(rig->nexus.queues[queue], true, rig_reply(&answer));
    rig_wait_answer(rig, &answer);
}

static void what_is_posted_to_a_ring_that_stops_is_left_in_it(void **state)
{
    struct rig rig;
    struct rig_call calls[2];
    struct rig_command command = rig_read(0, 1);
    struct rig_answer stop;

    (void)state;
    rig_serve(&rig, "fault:delay=100ms,mem:1M", 1, 4);
    rig_post(&rig, 2, &calls[0], 1, &command);
    wait_in_flight(&rig, 2, 1);
    hf_queue_stop(rig.nexus.queues[2], rig_reply(&stop));
    let_the_worker_come_to(&rig, 3);
    rig_post(&rig, 2, &calls[1], 2, &command);
    rig_wait_answer(&rig, &stop);
    assert_int_equal(stop.answer.base, 1);
    assert_true(stop.answer.settled);
    rig_poll(&rig);
    rig_assert_good(&calls[0]);
    assert_false(calls[1].done);
    rig_start(&rig, 2, true, &stop);
    rig_wait(&rig, &calls[1]);
    rig_assert_good(&calls[1]);
    rig_done(&rig);
}

static void wait_for_the_call(struct rig *rig, unsigned queue)
{
    struct pollfd item = { .fd = rig->rings[queue].call, .events = POLLIN };
    eventfd_t value;

    assert_int_equal(poll(&item, 1, RIG_PATIENCE_MS), 1);
    assert_int_equal(eventfd_read(item.fd, &value), 0);
}

/* It looks once more after it asked to be called, and then only when it is. */
static void a_guest_that_sleeps_until_it_is_called_finds_each_answer(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    for (unsigned i = 0; i < 20; i++) {
        assert_false(hf_ring_driver_enable_call(&rig.rings[2].driver));
        rig_post(&rig, 2, &call, 1, &command);
        wait_for_the_call(&rig, 2);
        assert_int_equal(rig_poll(&rig), 1);
        rig_assert_good(&call);
    }
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_posted_to_a_ring_that_stops_is_left_in_it),
        cmocka_unit_test(a_guest_that_sleeps_until_it_is_called_finds_each_answer),
    };

    return cmocka_run_group_tests_name("target/serve", tests, NULL, NULL);
}
