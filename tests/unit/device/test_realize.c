/* SPDX-License-Identifier: BSD-3-Clause */
/* Realize: how often it is tried, what each failure says, and what is left of one that failed (R41
 * to R48). */
#include "../cmocka_all.h"

#include "host.h"

#include "base/check.h"
#include "os/clock.h"

#include <errno.h>
#include <unistd.h>

#define SOON_NS (10 * HF_NS_PER_S)

static const char again[] = "Reconnecting after error: ";
static unsigned losses;
static unsigned losses_that_go_on;
static unsigned with_prefix;
static unsigned of_nobody;

static void count_losses(struct rig *rig, const struct hf_device_event *event)
{
    (void)rig;
    if (event->kind != HF_DEVICE_EVENT_LOST && event->kind != HF_DEVICE_EVENT_REFUSED)
        return;
    losses++;
    losses_that_go_on += event->will_retry;
    with_prefix += strncmp(event->text, again, strlen(again)) == 0;
    of_nobody += event->fault == HF_FAULT_REFUSED_DIAL;
}

/* With short waits and so many retries. */
static void make(struct rig *rig, uint32_t retries)
{
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.realize_retries = retries;
    rig_make(rig, &config);
    rig->meddle = count_losses;
    losses = losses_that_go_on = with_prefix = of_nobody = 0;
}

/* Its forked process may need a moment until it listens. */
static pid_t start_listening(const struct rig *rig, const struct backend_script *script)
{
    pid_t pid = backend_start(rig->path, script);

    while (access(rig->path, F_OK) != 0)
        usleep(1000);
    return pid;
}

/* ---- tries ----------------------------------------------------------------------------------- */

#define HANDSHAKE_LAST 6 /* SET_OWNER, which is acknowledged */

static void expect_failure(struct rig *rig, unsigned tries, int code, const char *sentence)
{
    struct hf_error error = { 0 };

    assert_int_equal(hf_device_realize(rig->device, SOON_NS, &error), -code);
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.text, sentence));
    assert_null(strstr(error.text, again));
    assert_int_equal(losses, tries);
    assert_int_equal(losses_that_go_on, tries - 1);
    assert_int_equal(with_prefix, tries - 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 0);
}

static void a_back_end_that_hangs_up_at_any_message_is_tried_four_times(void **state)
{
    struct rig *rig = *state;

    for (int message = 1; message <= HANDSHAKE_LAST; message++) {
        pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = message });
        unsigned failed = rig->events[HF_DEVICE_EVENT_FAILED];

        make(rig, 3);
        unsigned fds = rig_count_fds();
        expect_failure(rig, 4, ECONNRESET, "back-end closed the connection");
        assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], failed + 1);
        assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].fault, HF_FAULT_HANGUP);
        assert_int_equal(rig_phase(rig), HF_PHASE_FAILED);
        assert_int_equal(rig_count_fds(), fds);
        backend_end(pid, true);
        rig_forget_socket(rig);
    }
}

static void a_back_end_that_is_silent_at_any_message_is_tried_again(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    settings.reply_timeout_ns = 20 * HF_NS_PER_MS;
    for (int message = 1; message <= HANDSHAKE_LAST; message++) {
        pid_t pid = start_listening(rig, &(struct backend_script){ .silent_at = message });

        make(rig, 1);
        rig_configure(rig, &settings, &config);
        config.realize_retries = 1;
        rig_make(rig, &config);
        unsigned fds = rig_count_fds();
        expect_failure(rig, 2, ETIMEDOUT, "back-end did not answer in time");
        assert_int_equal(rig_count_fds(), fds);
        backend_end(pid, true);
        rig_forget_socket(rig);
    }
}

static void a_back_end_that_refuses_its_owner_is_tried_again(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_listening(rig, &(struct backend_script){ .naks_at = HANDSHAKE_LAST });

    make(rig, 3);
    expect_failure(rig, 4, EPROTO, "SET_OWNER answered with 1");
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 0);
    backend_end(pid, true);
}

static void three_failures_and_a_success_are_a_success(void **state)
{
    struct rig *rig = *state;
    struct hf_error error = { 0 };

    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 2, .good_from = 4 });
    make(rig, 3);
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, &error), 0);
    assert_int_equal(error.code, 0);
    assert_string_equal(error.text, "");
    assert_int_equal(losses, 3);
    assert_int_equal(with_prefix, 3);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], 0);
    assert_int_equal(host_times("-> SET_VRING_KICK"), 0);
    backend_end(pid, true);
}

static void four_failures_are_a_failure(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 2, .good_from = 5 });

    make(rig, 3);
    expect_failure(rig, 4, ECONNRESET, "back-end closed the connection");
    backend_end(pid, true);
}

static void without_retries_there_is_one_try(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 2, .good_from = 2 });

    make(rig, 0);
    expect_failure(rig, 1, ECONNRESET, "back-end closed the connection");
    backend_end(pid, true);
}

static void tries_for_ever_do_not_end_before_a_success(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 2, .good_from = 40 });

    make(rig, HF_RETRIES_FOREVER);
    assert_int_equal(hf_device_realize(rig->device, 0, NULL), 0);
    assert_int_equal(losses, 39);
    assert_int_equal(with_prefix, 0);
    backend_end(pid, true);
}

/* A success ends the counting: later losses are repaired without end. */
static void tries_are_not_counted_after_the_first_success(void **state)
{
    struct rig *rig = *state;
    struct backend_script good = { 0 };
    pid_t pid = start_listening(rig, &good);

    make(rig, 3);
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    backend_end(pid, true);
    rig_dispatch_for(rig, 50 * HF_NS_PER_MS);
    rig_forget_socket(rig);
    pid = start_listening(rig, &(struct backend_script){ .closes_at = 1, .good_from = 15 });
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], 0);
    assert_int_equal(with_prefix, 0);
    assert_int_equal(losses, losses_that_go_on);
    backend_end(pid, true);
}

/* One that lacks what was promised is a try as well: there is nobody else. */
static void a_back_end_that_may_not_serve_counts_as_a_try(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;
    pid_t pid = start_listening(rig, &(struct backend_script){ .queues = 1 });

    make(rig, 3);
    rig_configure(rig, &settings, &config);
    config.num_queues = 2;
    config.realize_retries = 3;
    rig_make(rig, &config);
    expect_failure(rig, 4, EPROTONOSUPPORT, "2 needed, 1 offered");
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REFUSED], 4);
    backend_end(pid, true);
}

/* ---- nobody listens -------------------------------------------------------------------------- */

static void nobody_who_listens_is_a_failure_after_the_last_try(void **state)
{
    struct rig *rig = *state;

    make(rig, 3);
    unsigned fds = rig_count_fds();
    expect_failure(rig, 4, ECONNREFUSED, "No such file or directory");
    assert_int_equal(of_nobody, 4);
    assert_int_equal(rig_count_fds(), fds);
}

static void who_begins_to_listen_meanwhile_is_connected(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };

    make(rig, HF_RETRIES_FOREVER);
    hf_device_realize_begin(rig->device);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(of_nobody, 1); /* told once, not at each try */
    pid_t pid = backend_start(rig->path, &script);
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    backend_end(pid, true);
}

static void the_time_limit_ends_tries_without_end(void **state)
{
    struct rig *rig = *state;
    struct hf_error error = { 0 };

    make(rig, HF_RETRIES_FOREVER);
    assert_int_equal(hf_device_realize(rig->device, 30 * HF_NS_PER_MS, &error), -ETIMEDOUT);
    assert_int_equal(error.code, ETIMEDOUT);
    assert_non_null(strstr(error.text, "no back-end in time"));
    assert_non_null(strstr(error.text, "No such file or directory"));
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    unsigned told = losses;
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    assert_int_equal(losses, told);
}

/* Its answer would come too late. */
static void the_time_limit_ends_a_handshake(void **state)
{
    struct rig *rig = *state;
    struct hf_error error = { 0 };
    pid_t pid = start_listening(rig, &(struct backend_script){ .silent_at = 2 });

    make(rig, 3);
    unsigned fds = rig_count_fds();
    assert_int_equal(hf_device_realize(rig->device, 30 * HF_NS_PER_MS, &error), -ETIMEDOUT);
    assert_string_equal(error.text, "no back-end in time");
    assert_int_equal(losses, 0);
    assert_int_equal(rig_phase(rig), HF_PHASE_DOWN);
    assert_int_equal(rig_count_fds(), fds);
    backend_end(pid, true);
}

/* ---- without waiting ------------------------------------------------------------------------- */

static void begun_it_ends_with_realized(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 3, .good_from = 3 });

    make(rig, 3);
    hf_device_realize_begin(rig->device);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 0);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    assert_int_equal(with_prefix, 2);
    backend_end(pid, true);
}

static void begun_it_ends_with_failed_and_may_begin_again(void **state)
{
    struct rig *rig = *state;

    make(rig, 3);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].error, ECONNREFUSED);
    assert_int_equal(losses, 4);
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_int_equal(losses, 4);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 2);
    assert_int_equal(losses, 8);
    pid_t pid = start_listening(rig, &(struct backend_script){ 0 });
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(losses, 8);
    backend_end(pid, true);
}

/* The tries begin anew, and the old error is not the answer. */
static void after_a_failure_it_may_be_realized_again(void **state)
{
    struct rig *rig = *state;

    make(rig, 3);
    expect_failure(rig, 4, ECONNREFUSED, "No such file or directory");
    pid_t pid = start_listening(rig, &(struct backend_script){ .closes_at = 1, .good_from = 4 });
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], 1);
    backend_end(pid, true);
}

/* What the driver was offered stays: it runs on. */
static void who_gave_up_after_a_success_may_be_realized_again(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    settings.outage_limit_ns = 20 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    for (unsigned i = 1; i <= 2; i++) {
        while (hf_device_realize(rig->device, SOON_NS, NULL) != 0)
            usleep(1000);
        assert_int_equal(rig->events[HF_DEVICE_EVENT_REALIZED], i);
        uint64_t features = hf_device_get_features(rig->device);
        unsigned failed = rig->events[HF_DEVICE_EVENT_FAILED];
        backend_end(pid, true);
        rig_until(rig, HF_DEVICE_EVENT_FAILED, failed + 1);
        assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), -ECONNREFUSED);
        assert_int_equal(hf_device_get_features(rig->device), features);
        rig_forget_socket(rig);
        pid = start_listening(rig, &script);
    }
    backend_end(pid, true);
}

static int realized_in_a_callback;

static void realize_in_a_callback(struct rig *rig, const struct hf_device_event *event)
{
    struct hf_error error = { 0 };

    (void)event;
    realized_in_a_callback = hf_device_realize(rig->device, SOON_NS, &error);
    assert_int_equal(error.code, -realized_in_a_callback);
}

static void a_callback_cannot_wait_for_it(void **state)
{
    struct rig *rig = *state;

    make(rig, 3);
    rig->meddle = realize_in_a_callback;
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), -ECONNREFUSED);
    assert_int_equal(realized_in_a_callback, -EDEADLK);
}

static void begin_again(struct rig *rig, const struct hf_device_event *event)
{
    if (event->kind == HF_DEVICE_EVENT_FAILED && rig->events[HF_DEVICE_EVENT_FAILED] < 3)
        hf_device_realize_begin(rig->device);
}

static void a_callback_may_begin_it_again(void **state)
{
    struct rig *rig = *state;

    make(rig, 0);
    rig->meddle = begin_again;
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 3);
    assert_int_equal(rig_phase(rig), HF_PHASE_FAILED);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_back_end_that_hangs_up_at_any_message_is_tried_four_times),
        WITH_HOST(a_back_end_that_is_silent_at_any_message_is_tried_again),
        WITH_HOST(a_back_end_that_refuses_its_owner_is_tried_again),
        WITH_HOST(three_failures_and_a_success_are_a_success),
        WITH_HOST(four_failures_are_a_failure),
        WITH_HOST(without_retries_there_is_one_try),
        WITH_HOST(tries_for_ever_do_not_end_before_a_success),
        WITH_HOST(tries_are_not_counted_after_the_first_success),
        WITH_HOST(a_back_end_that_may_not_serve_counts_as_a_try),
        WITH_HOST(nobody_who_listens_is_a_failure_after_the_last_try),
        WITH_HOST(who_begins_to_listen_meanwhile_is_connected),
        WITH_HOST(the_time_limit_ends_tries_without_end),
        WITH_HOST(the_time_limit_ends_a_handshake),
        WITH_HOST(begun_it_ends_with_realized),
        WITH_HOST(begun_it_ends_with_failed_and_may_begin_again),
        WITH_HOST(after_a_failure_it_may_be_realized_again),
        WITH_HOST(who_gave_up_after_a_success_may_be_realized_again),
        WITH_HOST(a_callback_cannot_wait_for_it),
        WITH_HOST(a_callback_may_begin_it_again),
    };

    return cmocka_run_group_tests_name("device/realize", tests, NULL, NULL);
}
