/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of calls, kicks and masks in any order, over starts, stops, resets and deaths of the
 * back-end, against a model that knows where an interrupt must arrive. The back-end calls a ring
 * each time that it is kicked.
 */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define STEPS         1500
#define DESCRIPTORS   3
#define NO_DESCRIPTOR DESCRIPTORS /* interrupts come by the operation */

static struct {
    struct rig *rig;
    pid_t pid;
    uint32_t random;
    bool runs;
    bool masked[RIG_QUEUES];
    unsigned goes_to[RIG_QUEUES]; /* one of the descriptors, or none */
    int fds[DESCRIPTORS];
    int kicks[RIG_QUEUES];
    uint64_t arrived[DESCRIPTORS];
    unsigned interrupts[RIG_QUEUES];
} walk;

static unsigned some(unsigned below)
{
    walk.random = walk.random * 1664525u + 1013904223u;
    return (walk.random >> 8) % below;
}

static void interrupt(void *host, uint16_t queue)
{
    (void)host;
    walk.interrupts[queue]++;
}

static void look(void)
{
    for (unsigned i = 0; i < DESCRIPTORS; i++) {
        uint64_t value = 0;

        if (read(walk.fds[i], &value, sizeof(value)) == (ssize_t)sizeof(value))
            walk.arrived[i] += value;
    }
}

static uint64_t count_of(uint16_t queue)
{
    look();
    return walk.goes_to[queue] == NO_DESCRIPTOR ? walk.interrupts[queue]
                                                : walk.arrived[walk.goes_to[queue]];
}

static bool is_there(uint16_t queue, uint64_t before)
{
    if (walk.masked[queue])
        return hf_device_call_pending(walk.rig->device, queue);
    return count_of(queue) > before;
}

static void until_there(uint16_t queue, uint64_t before)
{
    uint64_t deadline_ns = hf_clock_ns() + 10 * HF_NS_PER_S;

    while (!is_there(queue, before)) {
        assert_true(hf_clock_ns() < deadline_ns);
        rig_dispatch_for(walk.rig, HF_NS_PER_MS / 10);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void set_call(uint16_t queue)
{
    unsigned which = some(DESCRIPTORS + 1);
    int fd = which == NO_DESCRIPTOR ? -1 : walk.fds[which];

    assert_int_equal(hf_device_set_call(walk.rig->device, queue, fd), 0);
    walk.goes_to[queue] = which;
}

static void mask(uint16_t queue)
{
    assert_int_equal(hf_device_mask_call(walk.rig->device, queue, true), 0);
    walk.masked[queue] = true;
}

/* What was kept has arrived at once, or comes in the next dispatches. */
static void unmask(uint16_t queue)
{
    bool kept = hf_device_call_pending(walk.rig->device, queue);
    uint64_t before = count_of(queue);

    assert_int_equal(hf_device_mask_call(walk.rig->device, queue, false), 0);
    walk.masked[queue] = false;
    if (kept && walk.runs)
        until_there(queue, before);
    assert_false(hf_device_call_pending(walk.rig->device, queue));
}

static void set_kick(uint16_t queue)
{
    int fd = some(2) == 0 ? -1 : walk.kicks[queue];

    assert_int_equal(hf_device_set_kick(walk.rig->device, queue, fd), 0);
}

/* Changes of kicks restart the rings. */
static void until_it_runs(void)
{
    uint64_t deadline_ns = hf_clock_ns() + 10 * HF_NS_PER_S;

    do {
        assert_true(hf_clock_ns() < deadline_ns);
        rig_dispatch_for(walk.rig, HF_NS_PER_MS / 10);
    } while (rig_phase(walk.rig) != HF_PHASE_RUNNING ||
             !hf_frontend_is_settled(&walk.rig->device->frontend));
}

/* An interrupt from the back-end itself; one is told for each change, too, and comes first. */
static void interrupt_it(uint16_t queue)
{
    if (!walk.runs)
        return;
    until_it_runs();
    rig_dispatch_for(walk.rig, HF_NS_PER_MS / 10);
    uint64_t before = count_of(queue);
    assert_int_equal(hf_device_kick(walk.rig->device, queue, NULL), 0);
    until_there(queue, before);
}

static void set_up(void)
{
    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        unsigned which = walk.goes_to[i];

        rig_set_up_queue(walk.rig, i);
        assert_int_equal(
            hf_device_set_call(walk.rig->device, i, which == NO_DESCRIPTOR ? -1 : walk.fds[which]),
            0);
        assert_int_equal(hf_device_set_kick(walk.rig->device, i, -1), 0);
    }
}

static void start_or_stop(uint16_t queue)
{
    (void)queue;
    walk.runs = !walk.runs;
    assert_int_equal(hf_device_set_status(walk.rig->device, walk.runs ? 15 : 11, NULL), 0);
    if (some(2) == 0 && !walk.runs)
        assert_int_not_equal(hf_device_wait_at_rest(walk.rig->device, 10 * HF_NS_PER_S, NULL),
                             -ETIMEDOUT);
}

static void reset(uint16_t queue)
{
    (void)queue;
    hf_device_reset(walk.rig->device);
    assert_int_equal(hf_device_set_features(walk.rig->device, HF_FEATURE(VERSION_1)), 0);
    set_up();
    walk.runs = false;
}

static void kill_it(uint16_t queue)
{
    (void)queue;
    if (some(4) != 0)
        return;
    backend_end(walk.pid, true);
    walk.pid = story_backend(walk.rig, NULL);
}

static void dispatch(uint16_t queue)
{
    (void)queue;
    rig_dispatch_for(walk.rig, some(2) * HF_NS_PER_MS);
}

static void (*const steps[])(uint16_t) = {
    set_call, mask,          unmask, set_kick, interrupt_it,
    dispatch, start_or_stop, reset,  kill_it,  interrupt_it
};

/* ---- the walk -------------------------------------------------------------------------------- */

/* Stopped, without any descriptor of the host's: how many of its own does the device hold? */
static unsigned count_when_quiet(void)
{
    for (uint16_t i = 0; i < RIG_QUEUES; i++) {
        unmask(i);
        assert_int_equal(hf_device_set_call(walk.rig->device, i, -1), 0);
        walk.goes_to[i] = NO_DESCRIPTOR;
        assert_int_equal(hf_device_set_kick(walk.rig->device, i, -1), 0);
    }
    if (!walk.runs)
        start_or_stop(0);
    until_it_runs();
    assert_int_equal(hf_device_set_status(walk.rig->device, 11, NULL), 0);
    walk.runs = false;
    assert_int_not_equal(hf_device_wait_at_rest(walk.rig->device, 10 * HF_NS_PER_S, NULL),
                         -ETIMEDOUT);
    rig_dispatch_for(walk.rig, 5 * HF_NS_PER_MS);
    return rig_count_fds();
}

static void no_interrupt_and_no_descriptor_is_lost_whatever_is_changed_when(void **state)
{
    walk.rig = *state;
    walk.random = 20261122;
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        walk.fds[i] = hf_event_create();
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        walk.kicks[i] = hf_event_create();
    walk.rig->ops.interrupt = interrupt;
    story_make_device(walk.rig);
    walk.pid = story_backend(walk.rig, NULL);
    rig_start(walk.rig);
    walk.runs = true;
    unsigned fds = count_when_quiet();
    for (unsigned i = 0; i < STEPS; i++) {
        story_forget();
        steps[some(sizeof(steps) / sizeof(steps[0]))]((uint16_t)some(RIG_QUEUES));
    }
    assert_int_equal(count_when_quiet(), fds);
    backend_end(walk.pid, true);
    hf_fd_close_all(walk.fds, DESCRIPTORS);
    hf_fd_close_all(walk.kicks, RIG_QUEUES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(no_interrupt_and_no_descriptor_is_lost_whatever_is_changed_when),
    };

    return cmocka_run_group_tests_name("device/call walk", tests, NULL, NULL);
}
