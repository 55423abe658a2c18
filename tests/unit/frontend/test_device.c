/* SPDX-License-Identifier: BSD-3-Clause */
/* The device and its front-end against back-ends in processes of their own. No I/O: the drill does
 * that. */
#include "../cmocka_all.h"

#include "held.h"
#include "rig.h"

#include "base/checked.h"
#include "device/device_private.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/region.h"
#include "ring/split.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The back-off alone would take longer than the rig is patient. */
static void starts_when_the_socket_appears(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_front_settings settings = rig_settings();

    settings.backoff_first_ns = settings.backoff_last_ns = 60 * HF_NS_PER_S;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_REFUSED_DIAL);
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
    assert_false(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    backend_end(pid, true);
}

static void a_start_kicks_and_calls_every_ring(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    uint64_t value = 0;

    rig_start(rig);
    assert_int_equal(read(rig->kick, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, RIG_QUEUES);
    assert_int_equal(read(rig->call, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, RIG_QUEUES);
    backend_end(pid, true);
}

/* It would end the epoch, and with it the record of what the other rings have in flight. */
static void after_driver_ok_no_queue_is_set_and_no_ring_loses_its_memory(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    uint64_t epoch;

    rig_start(rig);
    epoch = hf_frontend_plan(&rig->device->frontend)->epoch;
    assert_int_equal(hf_device_set_queue(rig->device, 2, NULL), -EBUSY);
    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, rig->memory.size_bytes, NULL),
                     -EBUSY);
    assert_int_equal(hf_frontend_plan(&rig->device->frontend)->epoch, epoch);
    hf_device_reset(rig->device);
    assert_int_equal(hf_device_set_queue(rig->device, 2, NULL), 0);
    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, rig->memory.size_bytes, NULL),
                     0);
    backend_end(pid, true);
}

static void a_stop_says_whether_it_was_clean(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .base = 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_true(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    backend_end(pid, true);
}

static void an_answer_beside_the_used_index_is_not_clean(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .base = 7 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_false(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    backend_end(pid, true);
}

static void a_silent_back_end_is_a_fault_and_the_next_one_serves(void **state)
{
    struct rig *rig = *state;
    struct backend_script silent = { .silent_at = 3 };
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &silent);

    hf_device_realize_begin(rig->device);
    rig_until_fault(rig, HF_FAULT_TIMEOUT);
    backend_end(pid, true);
    pid = backend_start(rig->path, &good);
    rig_start(rig);
    backend_end(pid, true);
}

static void a_back_end_without_a_feature_in_use_is_refused_by_name(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    struct backend_script poor = { .lacks = HF_FEATURE(VERSION_1) };
    pid_t pid = backend_start(rig->path, &good);

    rig_start(rig);
    backend_end(pid, true);
    pid = backend_start(rig->path, &poor);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_FEATURES_LOST);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], "VERSION_1"));
    backend_end(pid, true);
    pid = backend_start(rig->path, &good);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_true(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    backend_end(pid, true);
}

/* The same process ends the session and takes the next: it need not die first. */
static void a_process_that_hangs_up_and_listens_on_is_its_own_fence(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 1);
    backend_end(pid, true);
}

/* Kept, it would be handed to each back-end that comes until the guest resets. */
static void a_descriptor_that_is_no_region_is_refused_and_forgotten(void **state)
{
    struct rig *rig = *state;
    struct backend_script short_one = { .region = BACKEND_REGION_SHORT };
    struct backend_script eventfd = { .region = BACKEND_REGION_EVENTFD };
    struct backend_script sealed = { .region = BACKEND_REGION_SEALED };
    struct backend_script good = { 0 };
    const struct hf_plan *plan = hf_frontend_plan(&rig->device->frontend);
    pid_t pid = backend_start(rig->path, &short_one);

    rig_ask_to_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_INFLIGHT_INVALID);
    assert_int_equal(plan->inflight.fd, -1);
    backend_end(pid, true);
    pid = backend_start(rig->path, &eventfd);
    unsigned refused = rig->events[HF_DEVICE_EVENT_REFUSED];
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, refused + 2);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_INFLIGHT_INVALID);
    backend_end(pid, true);
    pid = backend_start(rig->path, &sealed);
    refused = rig->events[HF_DEVICE_EVENT_REFUSED];
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, refused + 2);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_INFLIGHT_INVALID);
    backend_end(pid, true);
    pid = backend_start(rig->path, &good);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    assert_int_not_equal(plan->inflight.fd, -1);
    backend_end(pid, true);
}

static void a_reset_ends_the_epoch(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    const struct hf_plan *plan = hf_frontend_plan(&rig->device->frontend);
    uint64_t region = plan->inflight.generation;
    assert_int_not_equal(region, 0);
    hf_device_reset(rig->device);
    assert_int_equal(plan->inflight.generation, 0);
    assert_int_equal(plan->inflight.fd, -1);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(rig_phase(rig), HF_PHASE_READY);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
    hf_device_set_status(rig->device, 15, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_false(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    assert_true(plan->inflight.generation > region);
    backend_end(pid, true);
}

/* Reset and set up again before anything was dispatched: RESET_DEVICE comes before the rings, or it
 * would wait until they stop, and no other question could be asked. */
static void a_reset_is_asked_for_before_the_next_start(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    const struct hf_front *front = &rig->device->frontend.front;
    pid_t pid = backend_start(rig->path, &script);

    hf_frontend_plan(&rig->device->frontend)->protocol_wanted &=
        ~HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    rig_start(rig);
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    hf_device_reset(rig->device);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
    hf_device_set_status(rig->device, 15, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(front->asked.number, 0);
    assert_int_not_equal(front->session.told[HF_ROW_RESET_DEVICE], 0);
    backend_end(pid, true);
}

static void bad_input_is_refused_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    struct hf_device *device;
    struct hf_device_ops ops = { .size_bytes = sizeof(ops), .host = rig };
    struct hf_error error;
    struct hf_device_config config;
    struct hf_device_queue outside = { .size = 8, .desc = 0x1000, .avail = 0x2000, .used = 0x3000 };
    struct hf_device_queue odd = {
        .size = 17, .desc = RIG_MEMORY, .avail = RIG_MEMORY + 0x1000, .used = RIG_MEMORY + 0x2000
    };

    hf_device_config_init(&config, sizeof(config));
    assert_int_equal(hf_device_new(&device, &config, &ops, &error), -EINVAL);
    assert_non_null(strstr(error.text, "socket_path"));
    config.socket_path = rig->path;
    config.num_queues = 0;
    assert_int_equal(hf_device_new(&device, &config, &ops, &error), -EINVAL);
    assert_non_null(strstr(error.text, "num_queues is 0"));
    assert_int_equal(hf_device_set_queue(rig->device, 3, NULL), -EINVAL);
    assert_int_equal(hf_device_set_queue(rig->device, 0, &outside), -EFAULT);
    assert_int_equal(hf_device_set_queue(rig->device, 0, &odd), -EINVAL);
    assert_int_equal(hf_device_set_kick(rig->device, 3, rig->kick), -EINVAL);
    assert_int_equal(hf_device_set_features(rig->device, 1), -EINVAL);
    assert_int_equal(hf_device_remove_memory(rig->device, 1, 1, NULL), -ENOENT);
}

/* Dies at each message in turn, and serves in between; nothing may be left behind. */
static void a_thousand_reconnects_leave_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    pid_t pid = backend_start(rig->path, &good);
    const char *more = getenv("HOLDFAST_RECONNECTS"); /* make soak */
    unsigned count = more ? (unsigned)strtoul(more, NULL, 10) : 1000;
    struct held held = { 0 };

    rig_start(rig);
    for (unsigned i = 1; i <= count; i++) {
        struct backend_script next = { .dies_at = i % 3 == 0 ? 0 : 1 + (int)(i % 27) };
        unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];
        unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];

        backend_end(pid, true);
        rig_until(rig, HF_DEVICE_EVENT_LOST, lost + 1);
        pid = backend_start(rig->path, &next);
        if (next.dies_at != 0) {
            rig_until(rig, HF_DEVICE_EVENT_LOST, lost + 2);
            backend_end(pid, false);
            pid = backend_start(rig->path, &good);
        }
        rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
        if (i == 100)
            held = held_now();
    }
    held_expect(&held);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_when_the_socket_appears, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_start_kicks_and_calls_every_ring, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(
            after_driver_ok_no_queue_is_set_and_no_ring_loses_its_memory, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_stop_says_whether_it_was_clean, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(an_answer_beside_the_used_index_is_not_clean, rig_begin,
                                        rig_end),
        cmocka_unit_test_setup_teardown(a_silent_back_end_is_a_fault_and_the_next_one_serves,
                                        rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_back_end_without_a_feature_in_use_is_refused_by_name,
                                        rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_process_that_hangs_up_and_listens_on_is_its_own_fence,
                                        rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_descriptor_that_is_no_region_is_refused_and_forgotten,
                                        rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_reset_ends_the_epoch, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_reset_is_asked_for_before_the_next_start, rig_begin,
                                        rig_end),
        cmocka_unit_test_setup_teardown(bad_input_is_refused_with_a_sentence, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(a_thousand_reconnects_leave_nothing_behind, rig_begin,
                                        rig_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
