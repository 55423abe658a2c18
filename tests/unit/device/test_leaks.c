/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts that fail, at each step and often: what one leaves behind, a thousand show (R1, R53). */
#include "../cmocka_all.h"

#include "../frontend/held.h"
#include "host.h"

#include "os/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* ---- no descriptor left ---------------------------------------------------------------------- */

/* Returns how many were possible before. */
static rlim_t allow(rlim_t limit)
{
    struct rlimit all;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    rlim_t before = all.rlim_cur;
    all.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    return before;
}

/* The lowest number that is free, if none is free between others. */
static rlim_t first_free(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

static void a_start_without_a_descriptor_for_a_kick_fails_and_is_tried_again(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &good);

    host_connect(rig);
    host_set_up(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
    host_settle(rig);
    for (rlim_t more = 0; more < RIG_QUEUES; more++) {
        rlim_t before = allow(first_free() + more);
        int result = hf_device_set_status(rig->device, 15, &error);

        allow(before);
        assert_int_equal(result, -EMFILE);
        assert_string_equal(error.text, "unable to start vhost-user-scsi: Error enabling host "
                                        "notifiers: Too many open files");
        host_expect_off();
    }
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
}

/* While there are so many descriptors more, for a while. Returns who serves. */
static pid_t change_back_end(struct rig *rig, pid_t old, rlim_t more)
{
    struct backend_script good = { 0 };
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];
    pid_t next = backend_start(rig->path, &good); /* it waits for the end of the old one */
    rlim_t before = allow(first_free() + more);

    backend_end(old, true);
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    allow(before);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
    host_settle(rig);
    host_forget();
    return next;
}

/* Each lack stops it elsewhere: at the dial, at a message with descriptors, at the region. */
static void a_reconnection_without_descriptors_is_tried_until_there_are(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &good);

    host_start(rig);
    pid = change_back_end(rig, pid, 100);
    struct held held = held_now();
    for (rlim_t more = 0; more < 10; more++)
        pid = change_back_end(rig, pid, more);
    pid = change_back_end(rig, pid, 100);
    held_expect(&held);
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(starts_that_fail_at_any_message_leave_nothing_behind),
        WITH_HOST(starts_that_the_host_fails_leave_nothing_behind),
        WITH_HOST(a_start_without_a_descriptor_for_a_kick_fails_and_is_tried_again),
        WITH_HOST(a_reconnection_without_descriptors_is_tried_until_there_are),
    };

    return cmocka_run_group_tests_name("device/leaks", tests, NULL, NULL);
}
