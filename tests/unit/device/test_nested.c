/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host does to its device from within an operation that the device calls, and what a guest
 * does before an answer is there: it counts, once. */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"

#include <errno.h>

static struct {
    struct rig *rig;
    void (*act)(struct hf_device *device); /* once, from within the operation */
    int on[RIG_QUEUES];
} meddler;

static int set_host_notifier(void *host, uint16_t queue, bool on)
{
    void (*act)(struct hf_device *) = meddler.act;

    (void)host;
    meddler.on[queue] += on ? 1 : -1;
    meddler.act = NULL;
    if (act != NULL)
        act(meddler.rig->device);
    return 0;
}

static pid_t start_with(struct rig *rig, void (*act)(struct hf_device *))
{
    pid_t pid = story_backend(rig, NULL);

    memset(&meddler, 0, sizeof(meddler));
    meddler.rig = rig;
    meddler.act = act;
    rig->ops.set_host_notifier = set_host_notifier;
    story_make_device(rig);
    rig_ask_to_start(rig);
    return pid;
}

static void expect_notifiers(int times)
{
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(meddler.on[i], times);
}

static void pause_vm(struct hf_device *device)
{
    assert_int_equal(hf_device_set_vm_running(device, false, NULL), 0);
}

/* H15: it was asked for while the rings were being started. */
static void paused_from_within_a_start_no_ring_runs(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with(rig, pause_vm);

    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_int_equal(story_times("-> SET_VRING_KICK"), 0);
    expect_notifiers(0);
    assert_int_equal(hf_device_set_vm_running(rig->device, true, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    expect_notifiers(1);
    backend_end(pid, true);
}

static void reset_from_within_a_start_counts(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with(rig, hf_device_reset);

    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_int_equal(hf_device_get_status(rig->device), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, HF_NS_PER_S, NULL), 0);
    expect_notifiers(0);
    backend_end(pid, true);
}

static void start_again(struct hf_device *device)
{
    assert_int_equal(hf_device_set_status(device, 15, NULL), 0);
}

static void no_notifier_is_switched_on_twice(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with(rig, start_again);

    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    expect_notifiers(1);
    backend_end(pid, true);
}

/* ---- a reset behind another question --------------------------------------------------------- */

/* Or it would come in the middle of the next driver's life, when its rings stop for the first time.
 */
static void a_reset_waits_for_no_life_but_its_own(void **state)
{
    struct rig *rig = *state;
    /* Without acknowledgements a whole start leaves in one go. */
    struct backend_script script = { .adds_protocol = HF_PROTOCOL_FEATURE(CONFIG),
                                     .config_bytes = 52,
                                     .lacks_protocol = HF_PROTOCOL_FEATURE(REPLY_ACK) |
                                                       HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) };
    pid_t pid = story_backend(rig, &script);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    hf_device_reset(rig->device); /* GET_CONFIG is under way */
    rig_start(rig);
    assert_true(story_first("-> RESET_DEVICE") < story_first("-> SET_VRING_KICK"));
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story_times("-> RESET_DEVICE"), 1);
    backend_end(pid, true);
}

/* ---- what another guest does not recover ----------------------------------------------------- */

static void set_up_and_start(struct rig *rig)
{
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
}

static void a_guest_that_was_reset_recovers_nothing(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);
    struct hf_device_info info;

    rig_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    hf_device_reset(rig->device);
    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_int_equal(info.outage_ns, 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, HF_NS_PER_S, NULL), 0);
    pid = story_backend(rig, NULL);
    set_up_and_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_false(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    backend_end(pid, true);
}

/* ---- who gives up without a word of the last try --------------------------------------------- */

static void a_device_that_gave_up_is_never_realized_without_a_sentence(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_error error = { 0 };

    settings.outage_limit_ns = 100 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    assert_true(hf_device_realize(rig->device, 0, &error) < 0);
    assert_true(error.code > 0 && error.text[0] != '\0');
    assert_int_equal(rig_phase(rig), HF_PHASE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(paused_from_within_a_start_no_ring_runs),
        STORY(reset_from_within_a_start_counts),
        STORY(no_notifier_is_switched_on_twice),
        STORY(a_reset_waits_for_no_life_but_its_own),
        STORY(a_guest_that_was_reset_recovers_nothing),
        STORY(a_device_that_gave_up_is_never_realized_without_a_sentence),
    };

    return cmocka_run_group_tests_name("device/nested", tests, NULL, NULL);
}
