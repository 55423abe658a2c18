/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver's status and the VM's state make of the rings (R16 to R20, R25, R31). */
#include "../cmocka_all.h"

#include "host.h"

#include "base/check.h"
#include "os/clock.h"

#include <errno.h>

#define SOON_NS (5 * HF_NS_PER_S)

static void what_was_wanted_without_a_back_end_is_done_when_one_comes(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    host_set_up(rig);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    assert_int_equal(hf_device_get_status(rig->device), 15);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    pid_t pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

static void a_status_that_changes_nothing_sends_nothing(void **state)
{
    static const uint8_t statuses[] = { 15, 3 };
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    uint64_t features = rig->device->frontend.front.plan.features;
    assert_true((features & HF_FEATURE(VERSION_1)) != 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hf_device_set_status(rig->device, statuses[i], NULL), 0);
        host_settle(rig);
        host_forget();
        for (unsigned j = 0; j < 5; j++) {
            assert_int_equal(hf_device_set_status(rig->device, statuses[i], NULL), 0);
            assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
            rig_dispatch_for(rig, HF_NS_PER_MS);
        }
        host_expect("");
    }
    assert_true(rig->device->frontend.front.plan.features == features);
    backend_end(pid, true);
}

/* Rings run where both are true, whichever became so last. */
static void rings_run_while_the_vm_runs_and_the_driver_is_there(void **state)
{
    static const struct {
        bool vm_running;
        uint8_t status;
        bool run;
    } steps[] = { { false, 15, false }, { false, 3, false },  { true, 3, false },
                  { true, 15, true },   { false, 15, false }, { true, 15, true },
                  { true, 11, false },  { true, 15, true } };
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    struct hf_device_info info;
    unsigned started = 1;

    host_start(rig);
    for (unsigned i = 0; i < HF_ARRAY_COUNT(steps); i++) {
        assert_int_equal(hf_device_set_vm_running(rig->device, steps[i].vm_running, NULL), 0);
        assert_int_equal(hf_device_set_status(rig->device, steps[i].status, NULL), 0);
        hf_device_get_info(rig->device, &info, sizeof(info));
        assert_int_equal(info.should_run, steps[i].run);
        if (steps[i].run)
            rig_until(rig, HF_DEVICE_EVENT_STARTED, ++started);
        else
            assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
    }
    backend_end(pid, true);
}

/* The back-end itself is not disturbed: its session goes on. */
static void a_pause_stops_the_rings_and_a_resume_starts_them(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(host_times("-> GET_VRING_BASE"), RIG_QUEUES);
    assert_true(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    host_forget();
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_false(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    assert_int_equal(host_times("-> SET_VRING_KICK"), RIG_QUEUES);
    assert_int_equal(host_times("-> SET_OWNER"), 0);
    backend_end(pid, true);
}

static void a_back_end_that_comes_while_the_vm_is_paused_starts_no_ring(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    assert_int_equal(host_times("-> SET_VRING_KICK"), 0);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

/* ---- a back-end that refuses ----------------------------------------------------------------- */

/* Of the first connection on which all is told at once. */
static int number_of(struct rig *rig, const struct backend_script *script, const char *message)
{
    pid_t pid = backend_start(rig->path, script);
    int number = 1;

    host_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    pid = backend_start(rig->path, script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    while (strcmp(host_message((unsigned)number), message) != 0)
        number++;
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    return number;
}

/* It is hung up on, the sentence says at what, and the very same one serves at the next try. */
static void refuse_memory_once(struct rig *rig, struct backend_script script, const char *message)
{
    script.naks_at = number_of(rig, &script, message);
    script.good_from = 2;
    unsigned refused = rig->events[HF_DEVICE_EVENT_REFUSED];
    pid_t pid = backend_start(rig->path, &script);

    rig_until(rig, HF_DEVICE_EVENT_STARTED, 3);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REFUSED], refused + 1);
    assert_true(rig->last[HF_DEVICE_EVENT_REFUSED].will_retry);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED],
                           "unable to start vhost-user-scsi: Error starting vhost dev: "));
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], message));
    assert_int_equal(hf_device_get_status(rig->device), 15);
    backend_end(pid, true);
}

static void a_refused_memory_region_ends_the_connection_and_nothing_else(void **state)
{
    refuse_memory_once(*state, (struct backend_script){ 0 }, "ADD_MEM_REG");
}

static void a_refused_memory_table_ends_the_connection_and_nothing_else(void **state)
{
    refuse_memory_once(
        *state,
        (struct backend_script){ .lacks_protocol = HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) },
        "SET_MEM_TABLE");
}

/* ---- what waiting for rest says -------------------------------------------------------------- */

static void rest_is_not_waited_for_while_rings_are_to_run(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, &error), 0);
    host_start(rig);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, &error), -EBUSY);
    assert_int_equal(error.code, EBUSY);
    assert_string_equal(error.text, "the rings were not told to stop");
    backend_end(pid, true);
}

static void rest_after_a_crash_is_an_error_that_counts_the_requests(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, SOON_NS, &error), -EIO);
    assert_int_equal(error.code, EIO);
    assert_string_equal(error.text, "the rings stopped after a crash: 0 requests were in flight");
}

static int waited;
static int unrealized;

static void wait_in_a_callback(struct rig *rig, const struct hf_device_event *event)
{
    struct hf_error error = { 0 };

    if (event->kind != HF_DEVICE_EVENT_LOST)
        return;
    waited = hf_device_wait_at_rest(rig->device, SOON_NS, &error);
    if (error.code != EDEADLK || error.text[0] == '\0')
        waited = 0;
    unrealized = hf_device_unrealize(rig->device, SOON_NS, NULL);
    hf_device_set_status(rig->device, 3, NULL);
    hf_device_set_status(rig->device, 15, NULL);
    hf_device_dispatch(rig->device);
}

/* Everything else may be called: what it wants is done later. */
static void a_callback_may_change_the_status_and_not_wait(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    rig->meddle = wait_in_a_callback;
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    rig->meddle = NULL;
    assert_int_equal(waited, -EDEADLK);
    assert_int_equal(unrealized, -EDEADLK);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(what_was_wanted_without_a_back_end_is_done_when_one_comes),
        WITH_HOST(a_status_that_changes_nothing_sends_nothing),
        WITH_HOST(rings_run_while_the_vm_runs_and_the_driver_is_there),
        WITH_HOST(a_pause_stops_the_rings_and_a_resume_starts_them),
        WITH_HOST(a_back_end_that_comes_while_the_vm_is_paused_starts_no_ring),
        WITH_HOST(a_refused_memory_region_ends_the_connection_and_nothing_else),
        WITH_HOST(a_refused_memory_table_ends_the_connection_and_nothing_else),
        WITH_HOST(rest_is_not_waited_for_while_rings_are_to_run),
        WITH_HOST(rest_after_a_crash_is_an_error_that_counts_the_requests),
        WITH_HOST(a_callback_may_change_the_status_and_not_wait),
    };

    return cmocka_run_group_tests_name("device/status", tests, NULL, NULL);
}
