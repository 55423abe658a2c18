/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest resets the device (R51, R52). */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "ring/inflight.h"
#include "ring/split.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING 2

static const struct hf_inflight_plan *region_of(const struct rig *rig)
{
    return &rig->device->frontend.front.plan.inflight;
}

static ino_t file_of(int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    return status.st_ino;
}

/* What a back-end writes when it takes head 0 of the ring, which the driver has made available. */
static void leave_in_flight(struct rig *rig)
{
    const struct hf_inflight_plan *region = region_of(rig);
    off_t queue = (off_t)(region->mmap_offset + RING * region->mmap_size / region->queue_count);
    struct hf_inflight_entry entry = { .inflight = 1, .counter = 1 };

    ((uint16_t *)(uintptr_t)rig->device->rings[RING].avail)[1] = 1; /* avail->idx */
    assert_int_equal(pwrite(region->fd, &entry, sizeof(entry), queue + 16), sizeof(entry));
}

static void set_up_again(struct rig *rig)
{
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    memset(rig->memory.start, 0, rig->memory.size_bytes);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
}

static pid_t crash_with_one_in_flight(struct rig *rig)
{
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    leave_in_flight(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_STOPPED].in_flight, 1);
    story_forget();
    return pid;
}

static void after_a_crash_the_region_is_handed_over_with_what_is_in_flight(void **state)
{
    struct rig *rig = *state;

    crash_with_one_in_flight(rig);
    ino_t before = file_of(region_of(rig)->fd);
    pid_t pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(file_of(region_of(rig)->fd), before);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_STARTED].in_flight, 1);
    assert_true(rig->last[HF_DEVICE_EVENT_STARTED].recovered);
    backend_end(pid, true);
}

static void a_reset_while_the_back_end_is_away_drops_what_was_in_flight(void **state)
{
    struct rig *rig = *state;

    crash_with_one_in_flight(rig);
    ino_t before = file_of(region_of(rig)->fd);
    hf_device_reset(rig->device);
    assert_int_equal(region_of(rig)->fd, -1);
    set_up_again(rig);
    pid_t pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    unsigned asked = story_first("-> GET_INFLIGHT_FD");
    story_find("-> SET_INFLIGHT_FD", asked);
    assert_int_not_equal(file_of(region_of(rig)->fd), before);
    struct hf_inflight_entry entry = { .inflight = 1 };
    off_t queue = (off_t)(RING * region_of(rig)->mmap_size / region_of(rig)->queue_count);
    assert_int_equal(pread(region_of(rig)->fd, &entry, sizeof(entry), queue + 16), sizeof(entry));
    assert_int_equal(entry.inflight, 0);
    assert_int_equal(story_times("-> RESET_DEVICE"), 0);
    backend_end(pid, true);
}

/* The dead one is still to be waited for, and its rings are no more. */
static void a_reset_before_the_loss_is_noticed_drops_what_was_in_flight(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    leave_in_flight(rig);
    backend_end(pid, true);
    hf_device_reset(rig->device);
    set_up_again(rig);
    story_forget();
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    story_first("-> GET_INFLIGHT_FD");
    story_first("-> SET_VRING_BASE ring=2 num=0");
    backend_end(pid, true);
}

static void a_reset_asks_for_reset_device_when_the_rings_have_stopped(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    story_forget();
    hf_device_reset(rig->device);
    story_until(rig, "<- RESET_DEVICE reply 0", 1);
    unsigned asked = story_first("-> RESET_DEVICE");
    for (unsigned i = 0, line = story_first("<- GET_VRING_BASE"); i < RIG_QUEUES - 1; i++) {
        line = story_find("<- GET_VRING_BASE", line);
        assert_true(line < asked);
    }
    assert_int_equal(hf_device_get_status(rig->device), 0);
    assert_true(hf_device_at_rest(rig->device));
    backend_end(pid, true);
}

static void a_back_end_without_reset_device_is_not_asked_for_it(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(RESET_DEVICE) };
    pid_t pid = story_backend(rig, &script);

    rig_start(rig);
    story_forget();
    hf_device_reset(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story_times("-> RESET_DEVICE"), 0);
    assert_int_equal(story_times("event LOST"), 0);
    backend_end(pid, true);
}

/* Nor is the next one, which was never told anything. */
static void a_reset_without_a_back_end_asks_nobody(void **state)
{
    struct rig *rig = *state;

    hf_device_reset(rig->device);
    hf_device_realize_begin(rig->device);
    hf_device_reset(rig->device);
    pid_t pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story_times("-> RESET_DEVICE"), 0);
    hf_device_reset(rig->device);
    story_until(rig, "<- RESET_DEVICE reply 0", 1);
    backend_end(pid, true);
}

static void after_a_reset_the_driver_begins_anew(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    assert_int_equal(hf_device_set_status(rig->device, 0, NULL), 0);
    assert_int_not_equal(hf_device_get_features(rig->device), 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_get_status(rig->device), 0);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0); /* no queue is set up */
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    hf_device_reset(rig->device);
    set_up_again(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(pid, true);
}

static void still_reads(struct rig *rig, uint8_t status)
{
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(hf_device_get_status(rig->device), status);
}

/* Then its memory is its own again. */
static void the_driver_reads_0_when_the_rings_are_at_rest(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    backend_board_hold(story.board, HF_REQUEST_GET_VRING_BASE);
    hf_device_reset(rig->device);
    story_until(rig, "-> GET_VRING_BASE", 1);
    still_reads(rig, 15);
    hf_device_reset(rig->device);
    still_reads(rig, 15);
    backend_board_hold(story.board, 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_get_status(rig->device), 0);
    backend_end(pid, true);
}

/* A process that hangs may write to it. */
static void the_driver_does_not_read_0_before_a_lost_back_end_is_fenced(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    kill(pid, SIGSTOP);
    hf_device_force_stop(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    hf_device_reset(rig->device);
    still_reads(rig, 15);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_get_status(rig->device), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(after_a_crash_the_region_is_handed_over_with_what_is_in_flight),
        STORY(a_reset_while_the_back_end_is_away_drops_what_was_in_flight),
        STORY(a_reset_before_the_loss_is_noticed_drops_what_was_in_flight),
        STORY(a_reset_asks_for_reset_device_when_the_rings_have_stopped),
        STORY(a_back_end_without_reset_device_is_not_asked_for_it),
        STORY(a_reset_without_a_back_end_asks_nobody),
        STORY(after_a_reset_the_driver_begins_anew),
        STORY(the_driver_reads_0_when_the_rings_are_at_rest),
        STORY(the_driver_does_not_read_0_before_a_lost_back_end_is_fenced),
    };

    return cmocka_run_group_tests_name("device/reset", tests, NULL, NULL);
}
