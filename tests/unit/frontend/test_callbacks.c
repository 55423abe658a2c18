/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host may do while it hears a report, and what a report says. */
#include "../cmocka_all.h"

#include "rig.h"

#include "os/clock.h"

#include <poll.h>

static void change_a_call(struct rig *rig, const struct hf_device_event *event)
{
    if (event->kind == HF_DEVICE_EVENT_CONNECTED)
        assert_int_equal(hf_device_set_call(rig->device, 0, rig->call), 0);
}

/* The message that goes out in the same step was made before: it holds its own reference. */
static void descriptors_may_be_replaced_in_a_callback(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    rig->meddle = change_a_call;
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, lost + 1);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], lost + 1);
    backend_end(pid, true);
}

/* Only hf_device_connect leaves it; a driver that goes on does not. */
static void who_gave_up_does_not_dial_because_the_guest_did_something(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct pollfd item;

    settings.outage_limit_ns = 20 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    hf_device_set_status(rig->device, 1, NULL);
    item = (struct pollfd){ .fd = hf_device_fd(rig->device), .events = POLLIN };
    assert_int_equal(poll(&item, 1, 1000), 1);
    hf_device_dispatch(rig->device);
    assert_int_equal(rig_phase(rig), HF_PHASE_FAILED);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 2);
}

static void a_loss_is_reported_with_its_cause(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_LOST], "No such file or directory"));
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 2);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_HANGUP);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_LOST], "end of file"));
}

/* All that a host can do, in an order that makes sense to nobody. */
static void do_everything(struct rig *rig)
{
    hf_device_reset(rig->device);
    hf_device_set_status(rig->device, 15, NULL);
    hf_device_set_status(rig->device, 0, NULL);
    rig_hang_up(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
        assert_int_equal(hf_device_set_call(rig->device, i, -1), 0);
        assert_int_equal(hf_device_set_queue(rig->device, i, NULL), 0);
        rig_set_up_queue(rig, i);
    }
    hf_device_set_status(rig->device, 15, NULL);
    hf_device_realize_begin(rig->device);
    hf_device_realize_begin(rig->device);
    hf_device_dispatch(rig->device);
    hf_device_reset(rig->device);
    hf_device_dispatch(rig->device);
    rig_hang_up(rig);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
}

static void start_anew(struct rig *rig)
{
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    rig_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
}

/* Before there was a back-end, while one serves, and after it died. */
static void every_call_is_legal_at_any_time(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    do_everything(rig);
    for (unsigned turn = 0; turn < 3; turn++) {
        pid_t pid = backend_start(rig->path, &script);

        start_anew(rig);
        do_everything(rig);
        backend_end(pid, true);
        do_everything(rig);
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(descriptors_may_be_replaced_in_a_callback),
        WITH_RIG(who_gave_up_does_not_dial_because_the_guest_did_something),
        WITH_RIG(a_loss_is_reported_with_its_cause),
        WITH_RIG(every_call_is_legal_at_any_time),
    };

    return cmocka_run_group_tests_name("frontend/callbacks", tests, NULL, NULL);
}
