/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of a start and of a stop, and what becomes of a start that the host cannot do (R1 to
 * R4, R10, R12, R14). */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <errno.h>
#include <unistd.h>

static void add_memory(struct rig *rig)
{
    assert_int_equal(
        hf_device_add_memory(rig->device,
                             &(struct hf_device_memory){ .guest_address = RIG_MEMORY,
                                                         .size_bytes = rig->memory.size_bytes,
                                                         .host_address = rig->memory.start,
                                                         .fd = rig->memory_fd },
                             NULL),
        0);
}

/* Memory is told as soon as it is there; here it comes last, so that a start tells all. The rings
 * are enabled from the requests on: see the script. */
static void a_start_goes_from_the_notifiers_to_the_rings(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    uint64_t value = 0;

    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, rig->memory.size_bytes, NULL),
                     0);
    host_connect(rig);
    host_forget();
    add_memory(rig);
    host_set_up(rig);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    host_expect("host 0 on\nhost 1 on\nhost 2 on\nguest 0..2 on\n"
                "-> SET_VRING_CALL ring=0\n-> SET_VRING_CALL ring=1\n-> SET_VRING_CALL ring=2\n"
                "-> SET_FEATURES\n-> GET_INFLIGHT_FD\n-> SET_INFLIGHT_FD\n-> ADD_MEM_REG\n"
                "-> SET_VRING_NUM ring=0\n-> SET_VRING_NUM ring=1\n-> SET_VRING_NUM ring=2\n"
                "-> SET_VRING_BASE ring=0 num=0\n-> SET_VRING_BASE ring=1 num=0\n-> SET_VRING_BASE "
                "ring=2 num=0\n"
                "-> SET_VRING_ADDR ring=0\n-> SET_VRING_ADDR ring=1\n-> SET_VRING_ADDR ring=2\n"
                "-> SET_VRING_KICK ring=0\n-> SET_VRING_KICK ring=1\n-> SET_VRING_KICK ring=2\n"
                "-> SET_VRING_ENABLE ring=2\n-> SET_VRING_ENABLE ring=0\n"
                "-> SET_VRING_ENABLE ring=1\n");
    assert_int_equal(read(rig->call, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, RIG_QUEUES);
    backend_end(pid, true);
}

/* The notifiers only when the back-end has answered for every ring. */
static void a_stop_goes_from_the_rings_to_the_notifiers(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 5 * HF_NS_PER_S, NULL), 0);
    host_expect("-> SET_VRING_ENABLE ring=0\n-> SET_VRING_ENABLE ring=1\n"
                "-> SET_VRING_ENABLE ring=2\n-> GET_VRING_BASE ring=0\n-> GET_VRING_BASE ring=1\n"
                "-> GET_VRING_BASE ring=2\n"
                "guest 0..2 off\nhost 2 off\nhost 1 off\nhost 0 off\n");
    host_expect_off();
    backend_end(pid, true);
}

/* The guest's notifications must reach whoever comes next. */
static void a_loss_leaves_the_notifiers_on(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    backend_end(pid, true);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(host_times("host"), 0);
    assert_int_equal(host_times("guest"), 0);
    assert_int_equal(host.guest_on, 1);
    backend_end(pid, true);
}

/* ---- a host that cannot ---------------------------------------------------------------------- */

static void expect_refusal(struct rig *rig, int code, const char *sentence)
{
    struct hf_error error = { 0 };
    unsigned fds = rig_count_fds();

    host_forget();
    assert_int_equal(hf_device_set_status(rig->device, 15, &error), -code);
    assert_int_equal(error.code, code);
    assert_string_equal(error.text, sentence);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(rig_count_fds(), fds);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 0);
    host_expect_off();
}

/* The driver changes its mind, and the same device starts. */
static void expect_success(struct rig *rig)
{
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
}

static void host_notifiers_before_one_that_fails_are_switched_off_again(void **state)
{
    static const char *const diaries[RIG_QUEUES] = {
        "host 0 on: fails\n", "host 0 on\nhost 1 on: fails\nhost 0 off\n",
        "host 0 on\nhost 1 on\nhost 2 on: fails\nhost 1 off\nhost 0 off\n"
    };
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    host_set_up(rig);
    host_settle(rig);
    for (int queue = 0; queue < RIG_QUEUES; queue++) {
        host.bad_queue = queue;
        host.bad_code = ENOSPC;
        expect_refusal(rig, ENOSPC,
                       "unable to start vhost-user-scsi: Error enabling host notifiers: No space "
                       "left on device");
        host_expect(diaries[queue]);
    }
    host.bad_queue = -1;
    expect_success(rig);
    backend_end(pid, true);
}

static void guest_notifiers_that_fail_switch_the_host_notifiers_off(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    host_set_up(rig);
    host_settle(rig);
    host.guest_code = EBUSY;
    expect_refusal(rig, EBUSY,
                   "unable to start vhost-user-scsi: Error binding guest notifier: Device or "
                   "resource busy");
    host_expect("host 0 on\nhost 1 on\nhost 2 on\nguest 0..2 on: fails\nhost 2 off\nhost 1 off\n"
                "host 0 off\n");
    host.guest_code = 0;
    expect_success(rig);
    backend_end(pid, true);
}

/* Neither an operation nor a descriptor: the requests would be done and nobody be told. */
static void a_host_that_cannot_interrupt_cannot_start(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig->ops.set_guest_notifiers = NULL;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    host_connect(rig);
    host_set_up(rig);
    assert_int_equal(hf_device_set_call(rig->device, 2, -1), 0);
    host_settle(rig);
    expect_refusal(rig, ENOSYS,
                   "unable to start vhost-user-scsi: binding does not support guest notifiers");
    host_expect("");
    assert_int_equal(hf_device_set_call(rig->device, 2, rig->call), 0);
    expect_success(rig);
    backend_end(pid, true);
}

/* It makes kick descriptors of its own, and those go too. */
static void a_start_that_fails_leaves_no_kick_of_its_own(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    host_set_up(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
    host_settle(rig);
    host.bad_queue = 2;
    host.bad_code = EIO;
    expect_refusal(rig, EIO,
                   "unable to start vhost-user-scsi: Error enabling host notifiers: Input/output "
                   "error");
    host.bad_queue = -1;
    expect_success(rig);
    backend_end(pid, true);
}

/* A host need not ask for the reason. */
static void a_start_fails_without_an_error_object_too(void **state)
{
    struct rig *rig = *state;

    host_set_up(rig);
    host.guest_code = EBUSY;
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), -EBUSY);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), -EBUSY);
    host_expect_off();
}

/* All are switched off; the first failure is told. */
static void a_failing_clean_up_is_told_and_carried_through(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    host.guest_off_code = EIO;
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_HOST_FAILED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_HOST_FAILED].error, EIO);
    assert_string_equal(rig->text[HF_DEVICE_EVENT_HOST_FAILED],
                        "vhost guest notifier cleanup failed: Input/output error");
    host_expect_off();
    backend_end(pid, true);
}

/* ---- queues that the guest does not use ------------------------------------------------------ */

/* SeaBIOS uses one request queue of many, and neither control nor events. */
static void queues_not_set_up_are_neither_started_nor_stopped(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    host_forget();
    rig_set_up_queue(rig, 2);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 5 * HF_NS_PER_S, NULL), 0);
    host_expect("host 2 on\nguest 0..2 on\n"
                "-> SET_VRING_CALL ring=2\n-> SET_FEATURES\n-> GET_INFLIGHT_FD\n"
                "-> SET_INFLIGHT_FD\n-> SET_VRING_NUM ring=2\n-> SET_VRING_BASE ring=2 num=0\n"
                "-> SET_VRING_ADDR ring=2\n-> SET_VRING_KICK ring=2\n-> SET_VRING_ENABLE ring=2\n"
                "-> SET_VRING_ENABLE ring=2\n-> GET_VRING_BASE ring=2\n"
                "guest 0..2 off\nhost 2 off\n");
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_start_goes_from_the_notifiers_to_the_rings),
        WITH_HOST(a_stop_goes_from_the_rings_to_the_notifiers),
        WITH_HOST(a_loss_leaves_the_notifiers_on),
        WITH_HOST(host_notifiers_before_one_that_fails_are_switched_off_again),
        WITH_HOST(guest_notifiers_that_fail_switch_the_host_notifiers_off),
        WITH_HOST(a_host_that_cannot_interrupt_cannot_start),
        WITH_HOST(a_start_that_fails_leaves_no_kick_of_its_own),
        WITH_HOST(a_start_fails_without_an_error_object_too),
        WITH_HOST(a_failing_clean_up_is_told_and_carried_through),
        WITH_HOST(queues_not_set_up_are_neither_started_nor_stopped),
    };

    return cmocka_run_group_tests_name("device/start", tests, NULL, NULL);
}
