/* SPDX-License-Identifier: BSD-3-Clause */
/* Save and load: another device goes on where the first one stopped. */
#include "../cmocka_all.h"

#include "state_rig.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static pid_t realize(struct rig *rig, struct backend_script *script)
{
    pid_t pid = story_backend(rig, script);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    return pid;
}

static void run(struct rig *rig)
{
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
}

static pid_t let_it_run(struct rig *rig, struct backend_script *script)
{
    pid_t pid = realize(rig, script);

    run(rig);
    return pid;
}

/* What the device is, another one is from here on. */
static void hand_over(struct rig *rig)
{
    uint8_t bytes[STATE_SIZE_MAX];
    size_t size_bytes = state_save(rig, bytes);

    state_make_receiver(rig);
    state_load(rig, bytes, size_bytes);
}

static void a_device_goes_on_where_another_stopped_clean(void **state)
{
    struct rig *rig = *state;

    state_stop_clean(rig, STATE_MODERN);
    hand_over(rig);
    assert_int_equal(hf_device_get_status(rig->device), 15);
    pid_t pid = let_it_run(rig, NULL);
    story_first("-> SET_FEATURES 0x150000000"); /* and PROTOCOL_FEATURES */
    story_first("-> SET_VRING_BASE ring=2 num=7");
    story_find("-> SET_INFLIGHT_FD", story_first("<- GET_INFLIGHT_FD"));
    assert_int_equal(story_times("-> SET_VRING_KICK"), 2);
    backend_end(pid, true);
}

static void after_a_crash_what_was_in_flight_goes_along(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX], region[240];

    state_crash(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    const struct hf_inflight_plan *inflight = &rig->device->frontend.front.plan.inflight;
    assert_int_equal(pread(inflight->fd, region, sizeof(region), 0), sizeof(region));
    state_make_receiver(rig);
    state_load(rig, bytes, size_bytes);
    inflight = &rig->device->frontend.front.plan.inflight;
    uint8_t loaded[240];
    assert_int_equal(pread(inflight->fd, loaded, sizeof(loaded), 0), sizeof(loaded));
    assert_memory_equal(loaded, region, sizeof(region));
    uint64_t generation = inflight->generation;
    pid_t pid = let_it_run(rig, NULL);
    assert_int_equal(inflight->generation, generation); /* it is what SET_INFLIGHT_FD carried */
    story_first("-> SET_INFLIGHT_FD size=240 offset=0 queues=3 queue-size=4 fds=1");
    story_first("-> SET_VRING_BASE ring=2 num=7");
    backend_end(pid, true);
}

/* The layout is the destination's; what is in flight is not lost by that. */
static void a_back_end_with_another_layout_is_given_a_copy(void **state)
{
    struct rig *rig = *state;
    uint8_t mark = 0;
    struct backend_script script = { .pads = 48 };

    state_crash(rig, STATE_MODERN);
    hand_over(rig);
    pid_t pid = let_it_run(rig, &script);
    const struct hf_inflight_plan *inflight = &rig->device->frontend.front.plan.inflight;
    assert_int_equal(inflight->mmap_size, 3 * (80 + 48));
    assert_int_equal(pread(inflight->fd, &mark, 1, 2 * (80 + 48) + 16), 1);
    assert_int_equal(mark, 1);
    backend_end(pid, true);
}

static void what_a_legacy_kick_started_starts_there_too(void **state)
{
    struct rig *rig = *state;

    state_stop_clean(rig, STATE_LEGACY);
    hand_over(rig);
    assert_int_equal(hf_device_get_status(rig->device), 3);
    backend_end(let_it_run(rig, NULL), true);
}

static void a_state_is_loaded_after_the_handshake_as_well(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];

    state_crash(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    state_make_receiver(rig);
    pid_t pid = realize(rig, NULL);
    state_load(rig, bytes, size_bytes);
    run(rig);
    story_first("-> SET_INFLIGHT_FD size=240");
    backend_end(pid, true);
}

static void loaded_while_the_vm_runs_it_starts_at_once(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    state_make_receiver(rig);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    state_load(rig, bytes, size_bytes);
    pid_t pid = story_backend(rig, NULL);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, NULL), -EBUSY);
    backend_end(pid, true);
}

static void a_load_that_cannot_start_the_rings_has_loaded_the_state(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];
    struct hf_error error;

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    story_make_device(rig); /* without any way to interrupt its guest */
    rig->events[HF_DEVICE_EVENT_STARTED] = rig->events[HF_DEVICE_EVENT_REALIZED] = 0;
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), -ENOSYS);
    assert_string_equal(error.text, "unable to start vhost-user-scsi: binding does not support "
                                    "guest notifiers");
    assert_int_equal(hf_device_get_status(rig->device), 15);
    for (uint16_t queue = 0; queue < RIG_QUEUES; queue++)
        assert_int_equal(hf_device_set_call(rig->device, queue, rig->call), 0);
    backend_end(let_it_run(rig, NULL), true);
}

/* The guest was told what it is offered, and it does not change under it. */
static void the_features_offered_go_along(void **state)
{
    struct rig *rig = *state;
    struct backend_script richer = { .adds = HF_FEATURE(SCSI_HOTPLUG) };

    state_stop_clean(rig, STATE_MODERN);
    uint64_t offered = hf_device_get_features(rig->device);
    hand_over(rig);
    assert_int_equal(hf_device_get_features(rig->device), offered);
    pid_t pid = let_it_run(rig, &richer);
    assert_int_equal(hf_device_get_features(rig->device), offered);
    backend_end(pid, true);
}

static void what_was_loaded_survives_a_realize_that_failed(void **state)
{
    struct rig *rig = *state;

    state_stop_clean(rig, STATE_MODERN);
    uint64_t offered = hf_device_get_features(rig->device);
    hand_over(rig);
    assert_int_equal(hf_device_realize(rig->device, 10 * HF_NS_PER_MS, NULL), -ETIMEDOUT);
    assert_int_equal(hf_device_get_features(rig->device), offered);
    backend_end(let_it_run(rig, NULL), true);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void a_poorer_device_refuses_the_state(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];
    struct backend_script poorer = { .lacks = HF_FEATURE(EVENT_IDX) };

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    state_make_receiver(rig);
    pid_t pid = realize(rig, &poorer);
    state_expect_refused(rig, bytes, size_bytes, -EPROTONOSUPPORT);
    backend_end(pid, true);
}

static void a_poorer_back_end_that_comes_later_is_refused_by_name(void **state)
{
    struct rig *rig = *state;
    struct backend_script poorer = { .lacks = HF_FEATURE(EVENT_IDX) };

    state_stop_clean(rig, STATE_MODERN);
    hand_over(rig);
    pid_t pid = story_backend(rig, &poorer);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], "EVENT_IDX"));
    backend_end(pid, true);
}

static void another_number_of_queues_is_refused(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;
    uint8_t bytes[STATE_SIZE_MAX];
    struct hf_error error;

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    rig_configure(rig, &settings, &config);
    config.num_queues = 2;
    rig_make(rig, &config);
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), -EINVAL);
    assert_string_equal(error.text, "unable to load the device's state: the state is of 3 queues, "
                                    "the device has 4");
    state_expect_refused(rig, bytes, size_bytes, -EINVAL);
}

static void a_ring_outside_of_memory_is_refused(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];
    struct hf_error error;

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    state_make_receiver(rig);
    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, rig->memory.size_bytes, NULL),
                     0);
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), -EFAULT);
    assert_string_equal(error.text, "unable to load the device's state: ring 0: Bad address");
    state_expect_refused(rig, bytes, size_bytes, -EFAULT);
}

static void a_device_in_use_is_neither_saved_nor_loaded(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX];
    struct backend_script script = { .keeps_base = true };
    struct hf_error error;

    state_stop_clean(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), -EBUSY);
    assert_string_equal(error.text, "the device is in use: reset it first");
    pid_t pid = story_backend(rig, &script);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    assert_int_equal(hf_device_save(rig->device, bytes, sizeof(bytes), &error), -EBUSY);
    assert_string_equal(error.text, "the rings were not told to stop");
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    hf_device_reset(rig->device);
    assert_int_equal(hf_device_save(rig->device, bytes, sizeof(bytes), &error), -EBUSY);
    assert_string_equal(error.text, "the rings are not at rest");
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), -EBUSY);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 2);
    state_load(rig, bytes, size_bytes);
}

static void a_state_is_written_whole_or_not_at_all(void **state)
{
    struct rig *rig = *state;
    uint8_t whole[STATE_SIZE_MAX], bytes[STATE_SIZE_MAX], untouched[STATE_SIZE_MAX];

    state_crash(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, whole);
    assert_int_equal(hf_device_save(rig->device, NULL, 0, NULL), size_bytes);
    memset(untouched, 0xa5, sizeof(untouched));
    for (size_t room = 1; room < size_bytes; room++) {
        memcpy(bytes, untouched, sizeof(bytes));
        assert_int_equal(hf_device_save(rig->device, bytes, room, NULL), size_bytes);
        assert_memory_equal(bytes, untouched, sizeof(bytes));
    }
    assert_int_equal(hf_device_save(rig->device, bytes, size_bytes, NULL), size_bytes);
    assert_memory_equal(bytes, whole, size_bytes);
    assert_memory_equal(bytes + size_bytes, untouched, sizeof(bytes) - size_bytes);
}

static void without_a_descriptor_nothing_is_loaded(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STATE_SIZE_MAX], before[STATE_SIZE_MAX];
    struct rlimit limit, none;
    struct hf_error error;

    state_crash(rig, STATE_MODERN);
    size_t size_bytes = state_save(rig, bytes);
    state_make_receiver(rig);
    size_t length = state_save(rig, before);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){ .rlim_cur = HF_FD_FIRST + 1, .rlim_max = limit.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    int result = hf_device_load(rig->device, bytes, size_bytes, &error);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(result, -EMFILE);
    assert_string_equal(error.text, "unable to load the device's state: no memory for the "
                                    "in-flight region: Too many open files");
    assert_int_equal(state_save(rig, bytes), length);
    assert_memory_equal(bytes, before, length);
}

/* ---- what was there before ------------------------------------------------------------------- */

static void what_the_device_was_before_is_forgotten(void **state)
{
    struct rig *rig = *state;
    uint8_t fresh[STATE_SIZE_MAX], bytes[STATE_SIZE_MAX];

    state_make_receiver(rig);
    unsigned fds = rig_count_fds();
    size_t size_bytes = state_save(rig, fresh);
    story_make_device(rig);
    state_crash(rig, STATE_MODERN);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    state_load(rig, fresh, size_bytes);
    assert_int_equal(state_save(rig, bytes), size_bytes);
    assert_memory_equal(bytes, fresh, size_bytes);
    state_make_receiver(rig);
    assert_int_equal(rig_count_fds(), fds);
}

/* Or its driver would wait for ever. */
static void a_reset_that_is_needed_is_told_by_the_receiver(void **state)
{
    struct rig *rig = *state;
    uint8_t sense_size = 1;

    state_stop_clean(rig, STATE_MODERN);
    assert_int_equal(hf_device_write_config(rig->device, 20, &sense_size, 1), -EOPNOTSUPP);
    hand_over(rig);
    assert_int_equal(hf_device_get_status(rig->device), 15 | HF_VIRTIO_STATUS_NEEDS_RESET);
    rig_until(rig, HF_DEVICE_EVENT_NEEDS_RESET, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_device_goes_on_where_another_stopped_clean),
        STORY(after_a_crash_what_was_in_flight_goes_along),
        STORY(a_back_end_with_another_layout_is_given_a_copy),
        STORY(what_a_legacy_kick_started_starts_there_too),
        STORY(a_state_is_loaded_after_the_handshake_as_well),
        STORY(loaded_while_the_vm_runs_it_starts_at_once),
        STORY(a_load_that_cannot_start_the_rings_has_loaded_the_state),
        STORY(the_features_offered_go_along),
        STORY(what_was_loaded_survives_a_realize_that_failed),
        STORY(a_poorer_device_refuses_the_state),
        STORY(a_poorer_back_end_that_comes_later_is_refused_by_name),
        STORY(another_number_of_queues_is_refused),
        STORY(a_ring_outside_of_memory_is_refused),
        STORY(a_device_in_use_is_neither_saved_nor_loaded),
        STORY(a_state_is_written_whole_or_not_at_all),
        STORY(without_a_descriptor_nothing_is_loaded),
        STORY(what_the_device_was_before_is_forgotten),
        STORY(a_reset_that_is_needed_is_told_by_the_receiver),
    };

    return cmocka_run_group_tests_name("device/state", tests, NULL, NULL);
}
