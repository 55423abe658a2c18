/* SPDX-License-Identifier: BSD-3-Clause */
/* Stops: what they wait for, for how long, and what is answered then. */
#include "cmocka_all.h"

#include "relay_rig.h"

static struct relay_rig rig;

static bool stop(uint16_t ring)
{
    return relay_rig_send(&rig, HF_REQUEST_GET_VRING_BASE, ring, 0);
}

static void lose_with_two_in_flight(void)
{
    relay_rig_run(&rig);
    rig.avail[1] = RELAY_RIG_BASE + 2;
    rig.in_flight[1] = 2;
    rig.dead = true;
    relay_rig_lose(&rig);
}

static void a_stop_is_answered_when_the_rings_are_at_rest(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.used[1] = rig.avail[1] = RELAY_RIG_BASE + 5;
    assert_true(stop(1));
    assert_int_equal(rig.reply.body.state.index, 1);
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE + 5);
    relay_rig_end(&rig);
}

static void the_other_rings_go_on_if_they_are_not_stopped_too(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(stop(1));
    assert_int_not_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_wait(&rig, 25 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    assert_false(hf_session_ring_started(&rig.front.session, 1));
    assert_true(hf_session_ring_started(&rig.front.session, 2));
    relay_rig_end(&rig);
}

static void rings_that_are_all_stopped_are_stopped_once(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    relay_rig_stop_all(&rig);
    assert_int_equal(rig.told[HF_REQUEST_GET_VRING_BASE], RELAY_RIG_RINGS);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_KICK], RELAY_RIG_RINGS);
    relay_rig_wait(&rig, 100 * RELAY_RIG_MS);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_KICK], RELAY_RIG_RINGS);
    relay_rig_end(&rig);
}

static void a_stop_runs_what_a_lost_back_end_left_in_flight_first(void **state)
{
    (void)state;
    lose_with_two_in_flight();
    assert_false(stop(1));
    unsigned before = rig.replies;
    relay_rig_return(&rig);
    assert_int_equal(rig.replies, before + 1);
    assert_int_equal(rig.used[1], RELAY_RIG_BASE + 2);
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE + 2);
    relay_rig_end(&rig);
}

static void a_stop_while_nobody_is_there_and_nothing_is_in_flight_is_answered_at_once(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.used[1] = rig.avail[1] = RELAY_RIG_BASE + 5;
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_true(stop(1));
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE + 5);
    relay_rig_end(&rig);
}

static void a_stop_while_nobody_is_there_waits_and_then_answers_where_the_guest_is(void **state)
{
    (void)state;
    lose_with_two_in_flight();
    rig.used[1]++;
    assert_false(stop(1));
    relay_rig_wait(&rig, RELAY_RIG_STOP_NS - RELAY_RIG_MS);
    assert_false(hf_relay_settled(&rig.relay));
    relay_rig_wait(&rig, 2 * RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.request, HF_REQUEST_GET_VRING_BASE);
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE + 1);
    relay_rig_end(&rig);
}

static void a_stop_waits_without_end_while_pages_are_logged_and_says_so(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_LOG_BASE, 0, 0));
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES, 0);
    rig.avail[1] = RELAY_RIG_BASE + 2;
    rig.in_flight[1] = 2;
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_false(stop(1));
    relay_rig_wait(&rig, RELAY_RIG_STOP_NS + 25000 * RELAY_RIG_MS);
    assert_false(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.lates, 3);
    unsigned before = rig.replies;
    relay_rig_return(&rig);
    assert_int_equal(rig.replies, before + 1);
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE + 2);
    relay_rig_end(&rig);
}

static void a_ring_that_does_not_run_is_stopped_at_once(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_BASE, 1, 9);
    assert_true(stop(1));
    assert_int_equal(rig.reply.body.state.num, 9);
    relay_rig_end(&rig);
}

static void a_reset_while_nobody_is_there_does_not_wait_for_ever(void **state)
{
    (void)state;
    lose_with_two_in_flight();
    assert_false(relay_rig_send(&rig, HF_REQUEST_RESET_DEVICE, 0, 0));
    relay_rig_wait(&rig, RELAY_RIG_STOP_NS + RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.request, HF_REQUEST_RESET_DEVICE);
    assert_int_equal(rig.reply.body.u64, 0);
    assert_int_equal(rig.epochs, 1);
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_is_answered_when_the_rings_are_at_rest),
        cmocka_unit_test(the_other_rings_go_on_if_they_are_not_stopped_too),
        cmocka_unit_test(rings_that_are_all_stopped_are_stopped_once),
        cmocka_unit_test(a_stop_runs_what_a_lost_back_end_left_in_flight_first),
        cmocka_unit_test(a_stop_while_nobody_is_there_and_nothing_is_in_flight_is_answered_at_once),
        cmocka_unit_test(a_stop_while_nobody_is_there_waits_and_then_answers_where_the_guest_is),
        cmocka_unit_test(a_stop_waits_without_end_while_pages_are_logged_and_says_so),
        cmocka_unit_test(a_ring_that_does_not_run_is_stopped_at_once),
        cmocka_unit_test(a_reset_while_nobody_is_there_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
