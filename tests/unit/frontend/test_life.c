/* SPDX-License-Identifier: BSD-3-Clause */
/* A device from its making to its end: what it offers, when it dials, when its rings may run, and
 * what is left of it. */
#include "../cmocka_all.h"

#include "rig.h"

#include "os/clock.h"

#include <errno.h>
#include <unistd.h>

static void make_default_device(struct rig *rig)
{
    struct hf_front_settings settings = rig_settings();

    rig_make_device(rig, &settings, HF_FENCE_EXIT);
}

static void free_device(struct rig *rig)
{
    hf_device_free(rig->device);
    rig->device = NULL;
}

static void nobody_is_dialled_before_that_is_wanted(void **state)
{
    struct rig *rig = *state;

    hf_device_set_status(rig->device, 1, NULL);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], 0);
}

static void a_device_is_connected_when_all_is_negotiated(void **state)
{
    struct rig *rig = *state;
    struct backend_script silent = { .silent_at = 2 };
    pid_t pid = backend_start(rig->path, &silent);
    uint64_t end_ns = hf_clock_ns() + 10 * HF_NS_PER_S;

    hf_device_realize_begin(rig->device);
    while (rig_phase(rig) != HF_PHASE_NEGOTIATING) {
        assert_true(hf_clock_ns() < end_ns);
        rig_dispatch_for(rig, HF_NS_PER_MS);
    }
    assert_false(hf_device_is_connected(rig->device));
    rig_until_fault(rig, HF_FAULT_TIMEOUT);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 0);
    backend_end(pid, true);
}

/* Bit 30 is between the two of us, and T10_PI nobody here can do. */
static void the_guest_is_offered_what_both_sides_know(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks = HF_FEATURE(EVENT_IDX) };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    assert_int_equal(hf_device_get_features(rig->device),
                     HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC));
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(EVENT_IDX)), -EINVAL);
    backend_end(pid, true);
}

static void must_not_connect(struct rig *rig, const struct hf_device_event *event)
{
    (void)rig;
    assert_int_not_equal(event->kind, HF_DEVICE_EVENT_CONNECTED);
}

/* Its request queues are a promise from the beginning. */
static void a_back_end_with_fewer_queues_is_refused(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 }; /* it has three */
    pid_t pid = backend_start(rig->path, &script);
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;
    struct hf_error error;
    struct hf_device_ops ops = rig->device->ops;

    free_device(rig);
    rig_configure(rig, &settings, &config);
    config.num_queues = 4;
    rig->meddle = must_not_connect;
    assert_int_equal(hf_device_new(&rig->device, &config, &ops, &error), 0);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_QUEUES_LOST);
    backend_end(pid, true);
}

static void without_a_record_of_requests_in_flight_the_status_says_lossy(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_device_info info;
    pid_t pid = backend_start(rig->path, &script);

    hf_frontend_plan(&rig->device->frontend)->protocol_wanted &=
        ~HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    rig_start(rig);
    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_false(info.tracks_inflight);
    assert_true(info.lossy);
    backend_end(pid, true);
}

static void set_up_again(struct rig *rig)
{
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
}

/* A modern driver may kick, and have its rings ready, before it says that it is. */
static void no_ring_runs_before_driver_ok(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    set_up_again(rig);
    hf_device_set_status(rig->device, 11, NULL); /* FEATURES_OK */
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 0);
    rig_start(rig);
    hf_device_reset(rig->device);
    set_up_again(rig);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    hf_device_set_status(rig->device, 15, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

/* A driver that takes DRIVER_OK back without a reset: the region is for the rings as they were. */
static void a_ring_that_is_laid_out_anew_ends_the_epoch(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    const struct hf_plan *plan = hf_frontend_plan(&rig->device->frontend);

    rig_start(rig);
    uint64_t region = plan->inflight.generation;
    assert_int_not_equal(region, 0);
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    rig_set_up_queue(rig, 1);
    assert_int_equal(plan->inflight.fd, -1);
    hf_device_set_status(rig->device, 15, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_true(plan->inflight.generation > region);
    backend_end(pid, true);
}

static int add_page(struct rig *rig, unsigned page, struct hf_error *error)
{
    uint8_t *start = rig->memory.start;

    return hf_device_add_memory(
        rig->device,
        &(struct hf_device_memory){ .guest_address = RIG_MEMORY + (2 + page) * UINT64_C(0x10000),
                                    .size_bytes = 4096,
                                    .host_address = start + page % 16 * 4096,
                                    .fd = rig->memory_fd,
                                    .fd_offset = page % 16 * 4096 },
        error);
}

static void no_more_memory_is_taken_than_the_back_end_takes(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 }; /* 32 slots */
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    for (unsigned i = 1; i < 32; i++)
        assert_int_equal(add_page(rig, i, &error), 0);
    assert_int_equal(add_page(rig, 32, &error), -ENOSPC);
    assert_non_null(strstr(error.text, "32 memory regions"));
    backend_end(pid, true);
}

static void memory_that_is_refused_leaves_no_descriptor(void **state)
{
    struct rig *rig = *state;
    struct hf_error error = { 0 };

    assert_int_equal(add_page(rig, 1, &error), 0);
    unsigned before = rig_count_fds();
    assert_int_equal(add_page(rig, 1, &error), -EEXIST);
    assert_int_equal(rig_count_fds(), before);
}

static void one_thing_is_asked_at_a_time(void **state)
{
    struct rig *rig = *state;
    const struct hf_asked reset = { .request = HF_REQUEST_RESET_DEVICE };
    int64_t number = hf_frontend_ask(&rig->device->frontend, &reset);

    assert_true(number > 0);
    assert_int_equal(hf_frontend_ask(&rig->device->frontend, &reset), -EBUSY);
    assert_int_equal(rig->device->frontend.asked.number, number);
}

/* 0 says that none is waiting: such a question would be lost, and whoever asked wait for ever. */
static void no_question_has_the_number_of_none(void **state)
{
    struct rig *rig = *state;
    const struct hf_asked reset = { .request = HF_REQUEST_RESET_DEVICE };

    rig->device->frontend.last_asked = UINT32_MAX;
    assert_int_equal(hf_frontend_ask(&rig->device->frontend, &reset), 1);
    assert_int_equal(rig->device->frontend.asked.number, 1);
    assert_int_equal(hf_frontend_ask(&rig->device->frontend, &reset), -EBUSY);
}

/* Ended in whatever state it is, it leaves nothing. */
static void a_device_that_is_gone_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    free_device(rig);
    unsigned before = rig_count_fds();
    make_default_device(rig);
    free_device(rig);
    assert_int_equal(rig_count_fds(), before);
    make_default_device(rig);
    hf_device_realize_begin(rig->device);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS); /* nobody listens */
    free_device(rig);
    assert_int_equal(rig_count_fds(), before);
    pid_t pid = backend_start(rig->path, &script);
    make_default_device(rig);
    rig_start(rig);
    free_device(rig);
    assert_int_equal(rig_count_fds(), before);
    backend_end(pid, true);
}

/* With a back-end that was lost and is not yet known to be gone. */
static void a_device_may_go_while_it_waits_for_its_back_end(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    free_device(rig);
    unsigned before = rig_count_fds();
    make_default_device(rig);
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    assert_false(hf_device_at_rest(rig->device));
    free_device(rig);
    assert_int_equal(rig_count_fds(), before);
    backend_end(pid, true);
}

static unsigned fds_after(struct rig *rig, unsigned losses)
{
    rig_until(rig, HF_DEVICE_EVENT_LOST, losses);
    assert_int_equal(rig_phase(rig), HF_PHASE_BACKOFF);
    return rig_count_fds();
}

/* No ring ever ran, so nobody is fenced. */
static void handshakes_that_fail_leave_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .closes_at = 2 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    rig_until_fault(rig, HF_FAULT_HANGUP);
    unsigned losses = rig->events[HF_DEVICE_EVENT_LOST];
    unsigned before = fds_after(rig, losses + 1);
    assert_int_equal(fds_after(rig, losses + 6), before);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 0);
    backend_end(pid, true);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(nobody_is_dialled_before_that_is_wanted),
        WITH_RIG(a_device_is_connected_when_all_is_negotiated),
        WITH_RIG(the_guest_is_offered_what_both_sides_know),
        WITH_RIG(a_back_end_with_fewer_queues_is_refused),
        WITH_RIG(without_a_record_of_requests_in_flight_the_status_says_lossy),
        WITH_RIG(no_ring_runs_before_driver_ok),
        WITH_RIG(a_ring_that_is_laid_out_anew_ends_the_epoch),
        WITH_RIG(no_more_memory_is_taken_than_the_back_end_takes),
        WITH_RIG(memory_that_is_refused_leaves_no_descriptor),
        WITH_RIG(one_thing_is_asked_at_a_time),
        WITH_RIG(no_question_has_the_number_of_none),
        WITH_RIG(handshakes_that_fail_leave_nothing_behind),
        WITH_RIG(a_device_that_is_gone_leaves_nothing_behind),
        WITH_RIG(a_device_may_go_while_it_waits_for_its_back_end),
    };

    return cmocka_run_group_tests_name("device/life", tests, NULL, NULL);
}
