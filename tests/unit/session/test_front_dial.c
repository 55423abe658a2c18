/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines, and what a settled ring tells of the session before. */
#include "cmocka_all.h"

#include "front_rig.h"

static const uint16_t bases[1] = { 7 };
static struct front_rig rig;

static void a_ring_that_does_not_stop_in_time_ends_the_session(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    front_rig_run(&rig);
    rig.mute = HF_REQUEST_GET_VRING_BASE;
    hf_plan_set_run(&rig.front.plan, false);
    front_rig_feed(&rig, HF_EVENT_CHANGED);
    front_rig_serve(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_STOPPING);
    while (rig.reports[HF_REPORT_LOST] == 0)
        front_rig_wait(&rig);
    assert_int_equal(rig.last[HF_REPORT_LOST].fault, HF_FAULT_STOP_TIMEOUT);
    assert_string_equal(rig.detail, "GET_VRING_BASE, index 0");
    assert_true(rig.now_ns >= 1000 * RIG_MS + rig.front.settings.stop_timeout_ns);
}

static void a_back_end_that_does_not_answer_in_time_is_left(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    rig.mute = HF_REQUEST_GET_FEATURES;
    front_rig_feed(&rig, HF_EVENT_START);
    front_rig_feed(&rig, HF_EVENT_DIALED);
    front_rig_serve(&rig);
    while (rig.reports[HF_REPORT_LOST] == 0)
        front_rig_wait(&rig);
    assert_int_equal(rig.last[HF_REPORT_LOST].fault, HF_FAULT_TIMEOUT);
    assert_string_equal(rig.detail, "GET_FEATURES, index 0");
}

static void assert_gave_up(unsigned hang_ups)
{
    assert_int_equal(rig.front.phase, HF_PHASE_FAILED);
    assert_int_equal(rig.reports[HF_REPORT_FAILED], 1);
    assert_int_equal(rig.last[HF_REPORT_FAILED].fault, HF_FAULT_OUTAGE);
    assert_int_equal(rig.hang_ups, hang_ups);
    front_rig_feed(&rig, HF_EVENT_APPEARED);
    assert_int_equal(rig.front.phase, HF_PHASE_FAILED);
}

static void the_outage_limit_ends_a_dial_under_way(void **state)
{
    (void)state;
    front_rig_init(&rig, 300 * RIG_MS);
    front_rig_feed(&rig, HF_EVENT_START);
    assert_int_equal(rig.front.phase, HF_PHASE_DIALING);
    front_rig_wait(&rig);
    assert_gave_up(1);
    assert_int_equal(rig.now_ns, 1300 * RIG_MS);
}

/* A back-end that accepts and says nothing is no service. */
static void the_outage_limit_ends_a_handshake_under_way(void **state)
{
    (void)state;
    front_rig_init(&rig, 300 * RIG_MS);
    rig.mute = HF_REQUEST_GET_FEATURES;
    front_rig_feed(&rig, HF_EVENT_START);
    front_rig_feed(&rig, HF_EVENT_DIALED);
    front_rig_serve(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_NEGOTIATING);
    front_rig_wait(&rig);
    assert_int_equal(rig.last[HF_REPORT_LOST].fault, HF_FAULT_OUTAGE);
    assert_gave_up(1);
}

static void expect_the_last_try(bool is_last)
{
    assert_int_equal(rig.reports[HF_REPORT_LOST], 1);
    assert_true(rig.last[HF_REPORT_LOST].counted);
    assert_int_equal(rig.last[HF_REPORT_LOST].last, is_last);
    assert_int_equal(rig.reports[HF_REPORT_FAILED], is_last);
    assert_int_equal(rig.front.phase, is_last ? HF_PHASE_FAILED : HF_PHASE_BACKOFF);
}

static void the_last_of_the_tries_that_are_counted_is_a_dial_that_fails(void **state)
{
    (void)state;
    for (unsigned tries = 1; tries <= 2; tries++) {
        front_rig_init(&rig, 0);
        rig.front.settings.first_tries = tries;
        front_rig_feed(&rig, HF_EVENT_START);
        front_rig_feed(&rig, HF_EVENT_DIAL_FAILED);
        expect_the_last_try(tries == 1);
    }
}

static void the_last_of_the_tries_that_are_counted_is_a_handshake_that_fails(void **state)
{
    (void)state;
    for (unsigned tries = 1; tries <= 2; tries++) {
        front_rig_init(&rig, 0);
        rig.front.settings.first_tries = tries;
        front_rig_feed(&rig, HF_EVENT_START);
        front_rig_feed(&rig, HF_EVENT_DIALED);
        front_rig_lose(&rig, HF_FAULT_HANGUP, NULL);
        expect_the_last_try(tries == 1);
    }
}

/* Served for so long, with short sessions before: the next wait is that. */
static void lose_after(uint64_t served_ns, uint64_t backoff_ns)
{
    front_rig_init(&rig, 0);
    front_rig_run(&rig);
    rig.front.backoff_ns = backoff_ns;
    rig.now_ns += served_ns;
    front_rig_lose(&rig, HF_FAULT_HANGUP, NULL);
    assert_int_equal(rig.front.redial_ns, rig.now_ns + backoff_ns);
}

static const struct hf_settled progress = { .bases = bases, .progressed = true };

static void after_a_long_and_useful_session_the_wait_under_way_is_cut_short(void **state)
{
    (void)state;
    lose_after(2000 * RIG_MS, 100 * RIG_MS);
    front_rig_settle(&rig, &progress);
    assert_int_equal(rig.front.redial_ns, rig.now_ns + rig.front.settings.backoff_first_ns);
    front_rig_wait(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_DIALING);
}

static void after_a_short_session_or_one_without_progress_the_wait_stays(void **state)
{
    const struct hf_settled idle = { .bases = bases };

    (void)state;
    lose_after(500 * RIG_MS, 100 * RIG_MS);
    front_rig_settle(&rig, &progress);
    assert_int_equal(rig.front.redial_ns, rig.now_ns + 100 * RIG_MS);
    lose_after(2000 * RIG_MS, 100 * RIG_MS);
    front_rig_settle(&rig, &idle);
    assert_int_equal(rig.front.redial_ns, rig.now_ns + 100 * RIG_MS);
}

static void what_is_wrong_with_the_region_is_told_with_the_stop(void **state)
{
    const struct hf_settled hostile = { .bases = bases, .in_flight = 3, .note = "an evil region" };

    (void)state;
    lose_after(2000 * RIG_MS, 100 * RIG_MS);
    front_rig_settle(&rig, &hostile);
    assert_int_equal(rig.reports[HF_REPORT_STOPPED], 1);
    assert_false(rig.last[HF_REPORT_STOPPED].clean);
    assert_int_equal(rig.last[HF_REPORT_STOPPED].in_flight, 3);
    assert_string_equal(rig.detail, "an evil region");
}

/* Of the dial's five seconds and the answer's one, the answer's. */
static void a_deadline_that_comes_before_the_armed_one_is_armed(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    rig.front.settings.reply_timeout_ns = 1000 * RIG_MS;
    front_rig_feed(&rig, HF_EVENT_START);
    assert_int_equal(rig.front.armed_ns, rig.now_ns + rig.front.settings.dial_timeout_ns);
    front_rig_feed(&rig, HF_EVENT_DIALED);
    assert_int_equal(rig.front.armed_ns, rig.now_ns + 1000 * RIG_MS);
    const struct hf_effect *last = &rig.effects.list[rig.effects.count - 1];
    assert_int_equal(last->kind, HF_EFFECT_ARM);
    assert_int_equal(last->deadline_ns, rig.front.armed_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_that_does_not_stop_in_time_ends_the_session),
        cmocka_unit_test(a_back_end_that_does_not_answer_in_time_is_left),
        cmocka_unit_test(the_outage_limit_ends_a_dial_under_way),
        cmocka_unit_test(the_outage_limit_ends_a_handshake_under_way),
        cmocka_unit_test(the_last_of_the_tries_that_are_counted_is_a_dial_that_fails),
        cmocka_unit_test(the_last_of_the_tries_that_are_counted_is_a_handshake_that_fails),
        cmocka_unit_test(after_a_long_and_useful_session_the_wait_under_way_is_cut_short),
        cmocka_unit_test(after_a_short_session_or_one_without_progress_the_wait_stays),
        cmocka_unit_test(what_is_wrong_with_the_region_is_told_with_the_stop),
        cmocka_unit_test(a_deadline_that_comes_before_the_armed_one_is_armed),
    };

    return cmocka_run_group_tests_name("session/front_dial", tests, NULL, NULL);
}
