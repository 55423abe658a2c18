/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications that the host trapped, and drivers that use the device before DRIVER_OK (R36 to
 * R40). */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"

#include <errno.h>

#define RING   2
#define LEGACY HF_FEATURE(INDIRECT_DESC)
#define MODERN (HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(VERSION_1))

static void set_up_queues(struct rig *rig)
{
    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        rig_set_up_queue(rig, i);
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
    }
}

/* All but DRIVER_OK. */
static void set_up(struct rig *rig, uint64_t features)
{
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_set_features(rig->device, features), 0);
    set_up_queues(rig);
}

static pid_t connect(struct rig *rig)
{
    pid_t pid = story_backend(rig, NULL);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    return pid;
}

static void kick(struct rig *rig)
{
    assert_int_equal(hf_device_kick(rig->device, RING, NULL), 0);
}

static void does_not_start(struct rig *rig)
{
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 0);
}

static void let_driver_be_ok(struct rig *rig)
{
    assert_int_equal(hf_device_set_status(rig->device, 7, NULL), 0);
}

static void a_kick_reaches_the_back_end(struct rig *rig)
{
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    unsigned before = story.board->kicks[RING];
    kick(rig);
    backend_board_await(&story.board->kicks[RING], before + 1);
}

static void a_trapped_kick_reaches_the_back_end_with_and_without_a_descriptor(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, MODERN);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    a_kick_reaches_the_back_end(rig);
    assert_int_equal(hf_device_set_kick(rig->device, RING, rig->kick), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    a_kick_reaches_the_back_end(rig);
    assert_int_equal(hf_device_set_kick(rig->device, RING, -1), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 3);
    a_kick_reaches_the_back_end(rig);
    backend_end(pid, true);
}

static void a_kick_of_no_queue_is_refused_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    struct hf_error error;

    assert_int_equal(hf_device_kick(rig->device, RIG_QUEUES, &error), -EINVAL);
    assert_string_equal(error.text, "no queue 3: the device has 3");
    assert_int_equal(hf_device_kick(rig->device, UINT16_MAX, NULL), -EINVAL);
}

/* ---- before DRIVER_OK ------------------------------------------------------------------------ */

static void a_legacy_drivers_kick_starts_all_rings_before_driver_ok(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    does_not_start(rig);
    kick(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        backend_board_await(&story.board->kicks[i], 1);
    a_kick_reaches_the_back_end(rig);
    assert_int_equal(hf_device_get_status(rig->device), 3);
    backend_end(pid, true);
}

static void driver_ok_after_a_kick_sends_nothing_new(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    kick(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    story_forget();
    let_driver_be_ok(rig);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    a_kick_reaches_the_back_end(rig);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0); /* the latch is gone */
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    backend_end(pid, true);
}

static void a_crash_between_the_kick_and_driver_ok_is_recovered(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    kick(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_true(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    story_forget();
    let_driver_be_ok(rig);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

static void a_modern_drivers_early_kick_does_not_start(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, MODERN);
    kick(rig);
    does_not_start(rig);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_board_await(&story.board->kicks[RING], 1);
    backend_end(pid, true);
}

static void who_thinks_better_of_it_and_acknowledges_version_1_is_modern(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    assert_int_equal(hf_device_set_features(rig->device, MODERN), 0);
    kick(rig);
    does_not_start(rig);
    backend_end(pid, true);
}

/* It is not known to be legacy: that is what it would have said by features without VERSION_1. */
static void a_driver_that_wrote_no_features_starts_by_driver_ok_alone(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up_queues(rig);
    kick(rig);
    does_not_start(rig);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    story_first("-> SET_FEATURES 0x40000000 PROTOCOL_FEATURES");
    backend_end(pid, true);
}

/* ---- while it cannot start ------------------------------------------------------------------- */

static void a_legacy_kick_while_the_vm_is_paused_is_remembered(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    kick(rig);
    does_not_start(rig);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_board_await(&story.board->kicks[RING], 1);
    backend_end(pid, true);
}

static void a_legacy_kick_while_the_back_end_is_away_is_remembered(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    set_up(rig, LEGACY);
    kick(rig);
    does_not_start(rig);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        backend_board_await(&story.board->kicks[i], 1);
    backend_end(pid, true);
}

/* The kick that the dead one had read is lost with it (R35). */
static void a_kick_while_the_back_end_is_away_reaches_the_next(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, MODERN);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    kick(rig);
    memset(story.board->kicks, 0, sizeof(story.board->kicks));
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        backend_board_await(&story.board->kicks[i], 1);
    backend_end(pid, true);
}

static void a_reset_forgets_the_kick(void **state)
{
    struct rig *rig = *state;
    pid_t pid = connect(rig);

    set_up(rig, LEGACY);
    kick(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    assert_int_equal(hf_device_set_status(rig->device, 0, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    set_up_queues(rig);
    kick(rig); /* who kicks now has written no features */
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    set_up(rig, LEGACY);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    kick(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

/* ---- byte order ------------------------------------------------------------------------------ */

static void make_big_endian(struct rig *rig)
{
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.big_endian_guest = true;
    rig_make(rig, &config);
}

#define REFUSAL                                                                                    \
    "unable to start vhost-user-scsi: the guest is big-endian and its driver did not acknowledge " \
    "VERSION_1: such rings are not supported"

static void a_big_endian_legacy_guest_is_refused_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    struct hf_error error;

    make_big_endian(rig);
    pid_t pid = connect(rig);
    set_up(rig, LEGACY);
    assert_int_equal(hf_device_kick(rig->device, RING, &error), -EOPNOTSUPP);
    assert_string_equal(error.text, REFUSAL);
    assert_int_equal(hf_device_set_status(rig->device, 7, &error), -EOPNOTSUPP);
    assert_string_equal(error.text, REFUSAL);
    does_not_start(rig);
    hf_device_reset(rig->device);
    set_up(rig, MODERN);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
}

static void a_big_endian_guest_with_version_1_is_served(void **state)
{
    struct rig *rig = *state;

    make_big_endian(rig);
    pid_t pid = connect(rig);
    set_up(rig, MODERN);
    let_driver_be_ok(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_trapped_kick_reaches_the_back_end_with_and_without_a_descriptor),
        STORY(a_kick_of_no_queue_is_refused_with_a_sentence),
        STORY(a_legacy_drivers_kick_starts_all_rings_before_driver_ok),
        STORY(driver_ok_after_a_kick_sends_nothing_new),
        STORY(a_crash_between_the_kick_and_driver_ok_is_recovered),
        STORY(a_modern_drivers_early_kick_does_not_start),
        STORY(who_thinks_better_of_it_and_acknowledges_version_1_is_modern),
        STORY(a_driver_that_wrote_no_features_starts_by_driver_ok_alone),
        STORY(a_legacy_kick_while_the_vm_is_paused_is_remembered),
        STORY(a_legacy_kick_while_the_back_end_is_away_is_remembered),
        STORY(a_kick_while_the_back_end_is_away_reaches_the_next),
        STORY(a_reset_forgets_the_kick),
        STORY(a_big_endian_legacy_guest_is_refused_with_a_sentence),
        STORY(a_big_endian_guest_with_version_1_is_served),
    };

    return cmocka_run_group_tests_name("device/kick", tests, NULL, NULL);
}
