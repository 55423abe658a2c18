/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts that fail, at each step and often: what one leaves behind, a thousand show (R1, R53). */
#include "../cmocka_all.h"

#include "../frontend/held.h"
#include "host.h"

#include "os/clock.h"

#include <errno.h>
#include <stdlib.h>

#define STARTS       1000
#define STARTS_FIRST 100 /* until all is there that is made once */

/* So often at each step, by HOLDFAST_FAILING_STARTS; or so often that it is enough in all. */
static unsigned rounds_of(unsigned steps)
{
    const char *more = getenv("HOLDFAST_FAILING_STARTS");

    return more != NULL ? (unsigned)strtoul(more, NULL, 10) : STARTS / steps + 1;
}

static void forget_course(struct rig *rig, const struct hf_device_event *event)
{
    (void)rig;
    if (event->kind == HF_DEVICE_EVENT_LOST)
        host_forget();
}

/* Messages from the first of a connection to the last of a start on it. */
static unsigned count_steps(struct rig *rig)
{
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &good);
    unsigned steps = 0;

    host_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    pid = backend_start(rig->path, &good);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    while (host_message(steps + 1) != NULL)
        steps++;
    rig->meddle = forget_course;
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    return steps;
}

static void starts_that_fail_at_any_message_leave_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct held held = { 0 };

    settings.backoff_first_ns = settings.backoff_last_ns = 100 * HF_NS_PER_US;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    unsigned steps = count_steps(rig);
    unsigned rounds = rounds_of(steps);
    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    pid_t pid = backend_start(rig->path, &(struct backend_script){ .sweeps = (int)steps });

    for (unsigned i = 1; i <= rounds; i++) {
        rig_until(rig, HF_DEVICE_EVENT_LOST, lost + i * steps);
        if (i == STARTS_FIRST / steps + 1)
            held = held_now();
    }
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], lost + rounds * steps);
    held_expect(&held);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 2);
    assert_int_equal(host.guest_on, 1);
    assert_int_equal(hf_device_unrealize(rig->device, 10 * HF_NS_PER_S, NULL) != -ETIMEDOUT, 1);
    host_expect_off();
    backend_end(pid, true);
}

/* At each queue, and behind them. */
static void starts_that_the_host_fails_leave_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &good);
    unsigned starts = rounds_of(RIG_QUEUES + 1) * (RIG_QUEUES + 1);
    struct held held = { 0 };

    host_connect(rig);
    host_set_up(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
    host.bad_code = host.guest_code = ENOSPC;
    for (unsigned i = 1; i <= starts; i++) {
        host.bad_queue = (int)(i % (RIG_QUEUES + 1));
        assert_int_equal(hf_device_set_status(rig->device, 15, NULL), -ENOSPC);
        hf_device_dispatch(rig->device);
        host_forget();
        if (i == STARTS_FIRST)
            held = held_now();
    }
    held_expect(&held);
    host_expect_off();
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(starts_that_fail_at_any_message_leave_nothing_behind),
        WITH_HOST(starts_that_the_host_fails_leave_nothing_behind),
    };

    return cmocka_run_group_tests_name("device/leaks", tests, NULL, NULL);
}
