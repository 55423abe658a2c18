/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting, and connecting again to somebody who is not the same (R21 to R27, R30). */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <errno.h>

static struct hf_device_info info_of(const struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    return info;
}

static void who_is_connected_is_not_connected_again(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    hf_device_realize_begin(rig->device);
    assert_int_equal(hf_device_realize(rig->device, HF_NS_PER_S, NULL), 0);
    hf_device_realize_begin(rig->device);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    host_expect("");
    assert_int_equal(info_of(rig).sessions, 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 1);
    backend_end(pid, true);
}

/* Accepts, and closes at the first question, again and again: never half connected. */
static void a_handshake_that_fails_makes_no_connection(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .closes_at = 1, .good_from = 30 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    rig_until_fault(rig, HF_FAULT_HANGUP);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 20);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 0);
    assert_false(info_of(rig).realized);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    assert_int_equal(info_of(rig).sessions, 30);
    backend_end(pid, true);
}

/* The same of a device that serves: what it was told and what it has at stake stays. */
static void handshakes_that_fail_do_not_hurt_a_device_that_ran(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    struct backend_script bad = { .closes_at = 1, .good_from = 20 };
    pid_t pid = backend_start(rig->path, &good);

    host_start(rig);
    backend_end(pid, true);
    pid = backend_start(rig->path, &bad);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 2);
    assert_true(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    assert_int_equal(info_of(rig).losses, 1);
    backend_end(pid, true);
}

/* Nothing of the last connection is used for the next. */
static void each_back_end_is_asked_what_it_can(void **state)
{
    struct rig *rig = *state;
    struct backend_script rich = { .queues = 8, .slots = 40 };
    struct backend_script poor = { .lacks_protocol = HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |
                                                     HF_PROTOCOL_FEATURE(MQ) |
                                                     HF_PROTOCOL_FEATURE(REPLY_ACK) };
    pid_t pid = backend_start(rig->path, &rich);

    host_start(rig);
    struct hf_device_info first = info_of(rig);
    assert_int_equal(first.backend_queues, 8);
    assert_int_equal(first.memory_slots, 40);
    backend_end(pid, true);
    pid = backend_start(rig->path, &poor);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    struct hf_device_info second = info_of(rig);
    assert_int_equal(second.protocol, first.protocol & ~poor.lacks_protocol);
    assert_int_equal(second.backend_queues, 0);
    assert_int_equal(second.memory_slots, 0);
    assert_int_equal(host_times("-> SET_MEM_TABLE"), 1);
    assert_int_equal(host_times("-> ADD_MEM_REG"), 0);
    backend_end(pid, true);
    host_forget();
    pid = backend_start(rig->path, &rich);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 3);
    assert_int_equal(info_of(rig).protocol, first.protocol);
    assert_int_equal(host_times("-> SET_MEM_TABLE"), 0);
    assert_int_equal(host_times("-> ADD_MEM_REG"), 1);
    backend_end(pid, true);
}

/* ---- somebody poorer ------------------------------------------------------------------------- */

static void add_a_page(struct rig *rig)
{
    assert_int_equal(
        hf_device_add_memory(rig->device,
                             &(struct hf_device_memory){ .guest_address = RIG_MEMORY + 0x100000,
                                                         .size_bytes = 4096,
                                                         .host_address = rig->memory.start,
                                                         .fd = rig->memory_fd },
                             NULL),
        0);
}

/* Refused by name before any ring is told; a good one is taken when it comes back. */
static void expect_refusal(struct rig *rig, const struct backend_script *poor, enum hf_fault fault,
                           const char *named)
{
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &good);

    host_start(rig);
    add_a_page(rig);
    host_settle(rig);
    backend_end(pid, true);
    host_forget();
    pid = backend_start(rig->path, poor);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 2);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, fault);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].error, EPROTONOSUPPORT);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], hf_fault_text(fault)));
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], named));
    assert_int_equal(host_times("-> SET_VRING"), 0);
    assert_int_equal(host_times("-> ADD_MEM_REG"), 0);
    backend_end(pid, true);
    pid = backend_start(rig->path, &good);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_true(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    backend_end(pid, true);
}

static void a_back_end_without_an_acknowledged_feature_is_refused(void **state)
{
    expect_refusal(*state, &(struct backend_script){ .lacks = HF_FEATURE(VERSION_1) },
                   HF_FAULT_FEATURES_LOST, "VERSION_1");
}

/* The driver did not acknowledge it, but it may after its next reset. */
static void a_back_end_without_an_offered_feature_is_refused(void **state)
{
    expect_refusal(*state, &(struct backend_script){ .lacks = HF_FEATURE(EVENT_IDX) },
                   HF_FAULT_FEATURES_LOST, "EVENT_IDX");
}

static void a_back_end_without_a_queue_for_each_in_use_is_refused(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.num_queues = 2;
    rig_make(rig, &config);
    expect_refusal(rig, &(struct backend_script){ .queues = 1 }, HF_FAULT_QUEUES_LOST,
                   "2 needed, 1 offered");
}

static void a_back_end_that_takes_less_memory_is_refused(void **state)
{
    expect_refusal(*state, &(struct backend_script){ .slots = 1 }, HF_FAULT_SLOTS_LOST,
                   "2 needed, 1 offered");
}

static void a_back_end_that_cannot_take_the_record_is_refused(void **state)
{
    expect_refusal(
        *state, &(struct backend_script){ .lacks_protocol = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) },
        HF_FAULT_PROTOCOL_LOST, "INFLIGHT_SHMFD");
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(who_is_connected_is_not_connected_again),
        WITH_HOST(a_handshake_that_fails_makes_no_connection),
        WITH_HOST(handshakes_that_fail_do_not_hurt_a_device_that_ran),
        WITH_HOST(each_back_end_is_asked_what_it_can),
        WITH_HOST(a_back_end_without_an_acknowledged_feature_is_refused),
        WITH_HOST(a_back_end_without_an_offered_feature_is_refused),
        WITH_HOST(a_back_end_without_a_queue_for_each_in_use_is_refused),
        WITH_HOST(a_back_end_that_takes_less_memory_is_refused),
        WITH_HOST(a_back_end_that_cannot_take_the_record_is_refused),
    };

    return cmocka_run_group_tests_name("device/connect", tests, NULL, NULL);
}
