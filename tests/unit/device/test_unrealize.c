/* SPDX-License-Identifier: BSD-3-Clause */
/* Unrealize, in whatever state a device is, and as often as one likes (R49, R50). */
#include "../cmocka_all.h"

#include "../frontend/held.h"
#include "host.h"

#include "os/clock.h"

#include <errno.h>
#include <stdlib.h>

#define SOON_NS (10 * HF_NS_PER_S)

/* Nothing is dialled, nothing is told, nothing is on. */
static void expect_down(struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_int_equal(info.phase, HF_DEVICE_DOWN);
    assert_false(info.realized);
    assert_false(info.should_run);
    assert_int_equal(hf_device_get_status(rig->device), hf_device_at_rest(rig->device) ? 0 : 15);
    assert_int_equal(hf_device_get_features(rig->device), 0);
    host_expect_off();
    host_forget();
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    host_expect("");
}

/* The same device begins again, with another driver. */
static void expect_a_new_life(struct rig *rig)
{
    unsigned realized = rig->events[HF_DEVICE_EVENT_REALIZED];
    struct backend_script script = { 0 };

    rig_forget_socket(rig);
    pid_t pid = backend_start(rig->path, &script);
    host_start(rig);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], realized + 1);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    backend_end(pid, true);
}

static void a_started_device_stops_before_it_hangs_up(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, &error), 0);
    assert_int_equal(error.code, 0);
    assert_int_equal(host_times("-> GET_VRING_BASE"), RIG_QUEUES);
    assert_string_equal(host.lines[host.count - 1], "host 0 off");
    assert_true(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    expect_down(rig);
    backend_end(pid, true);
    expect_a_new_life(rig);
}

static void a_device_that_was_never_realized(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(hf_device_unrealize(rig->device, 0, NULL), 0);
    expect_down(rig);
    expect_a_new_life(rig);
}

static void a_device_that_is_connected_and_stopped_twice(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    backend_end(pid, true);
    expect_a_new_life(rig);
}

/* Its end is known, and where its rings stand. */
static void a_device_whose_back_end_is_gone(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    expect_a_new_life(rig);
}

/* Nobody has dispatched since it died. */
static void a_device_that_has_not_heard_of_the_loss(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    backend_end(pid, true);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, &error), -EIO);
    assert_int_equal(error.code, EIO);
    assert_non_null(strstr(error.text, "0 requests were in flight"));
    expect_down(rig);
    expect_a_new_life(rig);
}

/* Not even that: it is not dispatched at all. */
static void a_device_that_must_not_wait(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_unrealize(rig->device, 0, &error), -ETIMEDOUT);
    assert_int_equal(error.code, ETIMEDOUT);
    expect_down(rig);
    backend_end(pid, true);
    expect_a_new_life(rig);
}

static void a_device_whose_back_end_does_not_stop(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .keeps_base = true };
    struct hf_error error = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    assert_int_equal(hf_device_unrealize(rig->device, 30 * HF_NS_PER_MS, &error), -ETIMEDOUT);
    assert_string_not_equal(error.text, "");
    expect_down(rig);
    backend_end(pid, true);
    expect_a_new_life(rig);
}

static void a_device_that_looks_for_somebody_who_listens(void **state)
{
    struct rig *rig = *state;

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    assert_int_equal(rig_phase(rig), HF_PHASE_BACKOFF);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    expect_a_new_life(rig);
}

static void a_device_in_the_middle_of_a_handshake(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .silent_at = 3 };
    pid_t pid = backend_start(rig->path, &script);

    hf_device_realize_begin(rig->device);
    while (rig_phase(rig) != HF_PHASE_NEGOTIATING)
        rig_dispatch_for(rig, HF_NS_PER_MS);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 0);
    backend_end(pid, true);
    expect_a_new_life(rig);
}

static void a_device_that_was_not_dispatched_since_it_began(void **state)
{
    struct rig *rig = *state;

    hf_device_realize_begin(rig->device);
    assert_int_equal(hf_device_unrealize(rig->device, 0, NULL), 0);
    expect_down(rig);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], 0);
    expect_a_new_life(rig);
}

static void a_device_that_gave_up(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();

    settings.outage_limit_ns = 10 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    expect_down(rig);
    settings.outage_limit_ns = 0;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    expect_a_new_life(rig);
}

/* The host lets it go, and is not asked for anything any more. */
static void a_started_device_may_be_freed_in_silence(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    unsigned told = 0;

    host_start(rig);
    for (unsigned i = 0; i < HF_DEVICE_EVENT_COUNT; i++)
        told += rig->events[i];
    hf_device_free(rig->device);
    rig->device = NULL;
    host_expect("");
    for (unsigned i = 0; i < HF_DEVICE_EVENT_COUNT; i++)
        told -= rig->events[i];
    assert_int_equal(told, 0);
    backend_end(pid, true);
}

/* ---- from a callback ------------------------------------------------------------------------- */

static enum hf_device_event_kind moment;
static int waiting;

static void unrealize_at_the_moment(struct rig *rig, const struct hf_device_event *event)
{
    if (event->kind != moment)
        return;
    waiting = hf_device_unrealize(rig->device, SOON_NS, NULL);
    hf_device_unrealize(rig->device, 0, NULL);
}

static void expect_end_at(struct rig *rig, enum hf_device_event_kind kind)
{
    unsigned told = rig->events[kind];

    moment = kind;
    waiting = 0;
    rig_until(rig, kind, told + 1);
    moment = HF_DEVICE_EVENT_COUNT;
    assert_int_equal(waiting, -EDEADLK);
    rig_dispatch_for(rig, 10 * HF_NS_PER_MS);
    expect_down(rig);
}

/* Whatever is told: it ends there, and waiting is refused. */
static void a_callback_may_unrealize_without_waiting(void **state)
{
    static const enum hf_device_event_kind moments[] = { HF_DEVICE_EVENT_CONNECTED,
                                                         HF_DEVICE_EVENT_REALIZED,
                                                         HF_DEVICE_EVENT_STARTED };
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    moment = HF_DEVICE_EVENT_COUNT;
    rig->meddle = unrealize_at_the_moment;
    for (unsigned i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        pid_t pid = backend_start(rig->path, &script);

        host_set_up(rig);
        hf_device_set_status(rig->device, 15, NULL);
        hf_device_realize_begin(rig->device);
        expect_end_at(rig, moments[i]);
        backend_end(pid, true);
        expect_a_new_life(rig);
    }
}

static void a_callback_may_unrealize_when_it_hears_of_a_loss(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    moment = HF_DEVICE_EVENT_COUNT;
    rig->meddle = unrealize_at_the_moment;
    host_start(rig);
    backend_end(pid, true);
    expect_end_at(rig, HF_DEVICE_EVENT_LOST);
    expect_a_new_life(rig);
}

static void begin_anew(struct rig *rig, const struct hf_device_event *event)
{
    if (event->kind != HF_DEVICE_EVENT_CONNECTED || rig->events[event->kind] > 1)
        return;
    hf_device_unrealize(rig->device, 0, NULL);
    hf_device_realize_begin(rig->device);
}

/* What was connected is hung up on in any case. */
static void a_callback_may_unrealize_and_realize_again(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig->meddle = begin_anew;
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 2);
    assert_int_equal(rig->device->frontend.session_count, 2);
    assert_int_not_equal(hf_device_get_features(rig->device), 0);
    backend_end(pid, true);
}

static const char *last_message;

static void unrealize_at_the_last_message(void *teller, const char *line)
{
    struct rig *rig = teller;

    if (strncmp(line, last_message, strlen(last_message)) == 0)
        hf_device_unrealize(rig->device, 0, NULL);
}

/* Just before it would be connected: it is hung up on, and promises nothing. */
static void unrealize_at(struct rig *rig, const char *message, struct backend_script script)
{
    struct hf_front_settings settings = rig_settings();
    pid_t pid = backend_start(rig->path, &script);

    last_message = message;
    rig->ops.trace = unrealize_at_the_last_message;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    hf_device_realize_begin(rig->device);
    do {
        rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    } while (rig->device->frontend.session_count == 0 || rig_phase(rig) != HF_PHASE_DOWN);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 0);
    expect_down(rig);
    backend_end(pid, true);
}

static void who_hears_of_the_last_answer_may_unrealize(void **state)
{
    unrealize_at(*state, "<- SET_OWNER", (struct backend_script){ 0 });
}

static void who_hears_of_the_last_message_may_unrealize(void **state)
{
    unrealize_at(*state, "-> SET_OWNER",
                 (struct backend_script){ .lacks_protocol = HF_PROTOCOL_FEATURE(REPLY_ACK) });
}

/* ---- often ----------------------------------------------------------------------------------- */

static void live_once(struct rig *rig)
{
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    host_set_up(rig);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, rig->events[HF_DEVICE_EVENT_STARTED] + 1);
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    host_forget();
}

static void a_thousand_lives_leave_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    struct held held = { 0 };

    for (unsigned i = 1; i <= 1000; i++) {
        live_once(rig);
        if (i == 100)
            held = held_now();
    }
    held_expect(&held);
    expect_down(rig);
    assert_int_equal(rig->device->frontend.session_count, 1000);
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_started_device_stops_before_it_hangs_up),
        WITH_HOST(a_device_that_was_never_realized),
        WITH_HOST(a_device_that_is_connected_and_stopped_twice),
        WITH_HOST(a_device_whose_back_end_is_gone),
        WITH_HOST(a_device_that_has_not_heard_of_the_loss),
        WITH_HOST(a_device_that_must_not_wait),
        WITH_HOST(a_device_whose_back_end_does_not_stop),
        WITH_HOST(a_device_that_looks_for_somebody_who_listens),
        WITH_HOST(a_device_in_the_middle_of_a_handshake),
        WITH_HOST(a_device_that_was_not_dispatched_since_it_began),
        WITH_HOST(a_device_that_gave_up),
        WITH_HOST(a_started_device_may_be_freed_in_silence),
        WITH_HOST(a_callback_may_unrealize_without_waiting),
        WITH_HOST(a_callback_may_unrealize_when_it_hears_of_a_loss),
        WITH_HOST(a_callback_may_unrealize_and_realize_again),
        WITH_HOST(who_hears_of_the_last_answer_may_unrealize),
        WITH_HOST(who_hears_of_the_last_message_may_unrealize),
        WITH_HOST(a_thousand_lives_leave_nothing_behind),
    };

    return cmocka_run_group_tests_name("device/unrealize", tests, NULL, NULL);
}
