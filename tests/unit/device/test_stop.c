/* SPDX-License-Identifier: BSD-3-Clause */
/* A stop: what it asks of the back-end, where the rings then stand, and what becomes of one that
 * the back-end does not take part in (R11 to R13, R15, R20). */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <errno.h>

#define SOON_NS (5 * HF_NS_PER_S)

/* As the guest and the back-end had left the ring. */
static void leave_ring_at(struct rig *rig, uint16_t queue, uint16_t avail, uint16_t used)
{
    rig->device->rings[queue].avail->index = avail;
    rig->device->rings[queue].used->index = used;
}

static void a_second_stop_asks_for_nothing(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
        assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
        assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
    }
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(host_times("-> GET_VRING_BASE"), RIG_QUEUES);
    assert_int_equal(host_times("guest 0..2 off"), 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 1);
    backend_end(pid, true);
}

static int number_of(const char *message)
{
    int number = 1;

    while (strcmp(host_message((unsigned)number), message) != 0)
        number++;
    return number;
}

/* The number of this one, which is sent once, on a connection with a start and a stop. */
static int find(struct rig *rig, const char *message)
{
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    unsigned started;

    host_start(rig);
    backend_end(pid, true);
    host_forget();
    pid = backend_start(rig->path, &script);
    started = rig->events[HF_DEVICE_EVENT_STARTED];
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
    int number = number_of(message);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    return number;
}

/* One ring has answered, the others never will: all are at rest, where the guest's memory says. */
static void a_back_end_that_goes_in_the_middle_of_a_stop_leaves_no_ring_running(void **state)
{
    struct rig *rig = *state;
    struct hf_error error = { 0 };
    struct backend_script script = { .closes_at = find(rig, "GET_VRING_BASE ring=1"),
                                     .good_from = 2 };
    pid_t pid = backend_start(rig->path, &script);
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
    leave_ring_at(rig, 0, 2, 2);
    leave_ring_at(rig, 2, 9, 5);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, &error), -EIO);
    assert_non_null(strstr(error.text, "after a crash"));
    assert_false(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    host_expect_off();
    host_forget();
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 2);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=0 num=2"), 1);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=1 num=0"), 1);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=2 num=5"), 1);
    backend_end(pid, true);
}

/* Three rings are disabled, then asked. */
static void a_back_end_may_go_at_any_message_of_a_stop(void **state)
{
    struct rig *rig = *state;
    int last = find(rig, "GET_VRING_BASE ring=2");
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    for (int i = 0; i < 2 * RIG_QUEUES; i++) {
        struct backend_script script = { .closes_at = last - i, .good_from = 2 };
        pid_t pid = backend_start(rig->path, &script);

        assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
        rig_until(rig, HF_DEVICE_EVENT_STARTED, ++started);
        assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
        assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), -EIO);
        assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_HANGUP);
        host_expect_off();
        assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
        rig_until(rig, HF_DEVICE_EVENT_STARTED, ++started);
        assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
        assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
        host_expect_off();
        host_forget();
        backend_end(pid, true);
        rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    }
}

static void after_a_kill_the_rings_begin_at_their_used_index(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    leave_ring_at(rig, 2, 9, 5);
    backend_end(pid, true);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=0 num=0"), 1);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=2 num=5"), 1);
    backend_end(pid, true);
}

static void after_a_clean_stop_the_rings_begin_at_their_answered_base(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .base = 7 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        leave_ring_at(rig, i, 7, 7);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
    host_forget();
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        char line[HOST_LINE_SIZE];

        snprintf(line, sizeof(line), "-> SET_VRING_BASE ring=%u num=7", i);
        assert_int_equal(host_times(line), 1);
    }
    backend_end(pid, true);
}

/* ---- a back-end that does not stop ----------------------------------------------------------- */

static void a_stop_that_takes_too_long_is_waited_for_no_longer(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .keeps_base = true };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 30 * HF_NS_PER_MS, &error), -ETIMEDOUT);
    assert_int_equal(error.code, ETIMEDOUT);
    assert_string_not_equal(error.text, "");
    assert_false(hf_device_at_rest(rig->device));
    backend_end(pid, true);
}

/* As if it had been lost: the limit of a stop is a minute, and nobody waits for it. */
static void a_forced_stop_does_not_wait_for_the_back_end(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .keeps_base = true };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    leave_ring_at(rig, 2, 9, 5);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    rig_dispatch_for(rig, 10 * HF_NS_PER_MS);
    hf_device_force_stop(rig->device);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, &error), -EIO);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_CUT);
    host_expect_off();
    host_forget();
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(host_times("-> SET_VRING_BASE ring=2 num=5"), 1);
    backend_end(pid, true);
}

static void a_forced_stop_of_a_device_at_rest_is_none(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_force_stop(rig->device);
    host_connect(rig);
    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    hf_device_force_stop(rig->device);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], lost);
    backend_end(pid, true);
}

static void a_stop_without_an_answer_is_a_loss(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { .keeps_base = true };

    settings.stop_timeout_ns = 30 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    pid_t pid = backend_start(rig->path, &script);
    host_start(rig);
    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_LOST, lost + 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_STOP_TIMEOUT);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), -EIO);
    backend_end(pid, true);
}

/* It was told when they stopped; what was in flight may be another device's by now. */
static void to_unrealize_what_is_at_rest_after_a_crash_is_no_error(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    leave_ring_at(rig, 2, 9, 5);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), -EIO);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, &error), 0);
    assert_int_equal(error.code, 0);
    assert_string_equal(error.text, "");
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_second_stop_asks_for_nothing),
        WITH_HOST(a_back_end_that_goes_in_the_middle_of_a_stop_leaves_no_ring_running),
        WITH_HOST(a_back_end_may_go_at_any_message_of_a_stop),
        WITH_HOST(after_a_kill_the_rings_begin_at_their_used_index),
        WITH_HOST(after_a_clean_stop_the_rings_begin_at_their_answered_base),
        WITH_HOST(a_stop_that_takes_too_long_is_waited_for_no_longer),
        WITH_HOST(a_forced_stop_does_not_wait_for_the_back_end),
        WITH_HOST(a_forced_stop_of_a_device_at_rest_is_none),
        WITH_HOST(a_stop_without_an_answer_is_a_loss),
        WITH_HOST(to_unrealize_what_is_at_rest_after_a_crash_is_no_error),
    };

    return cmocka_run_group_tests_name("device/stop", tests, NULL, NULL);
}
