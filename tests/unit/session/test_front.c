/* SPDX-License-Identifier: BSD-3-Clause */
/* Events that come when nobody expects them. */
#include "cmocka_all.h"

#include "front_rig.h"

#include <errno.h>

static struct front_rig rig;

static void a_stop_during_the_dial_gives_it_up(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    front_rig_feed(&rig, HF_EVENT_START);
    assert_int_equal(rig.front.phase, HF_PHASE_DIALING);
    front_rig_feed(&rig, HF_EVENT_STOP);
    assert_int_equal(rig.front.phase, HF_PHASE_DOWN);
    assert_int_equal(rig.hang_ups, 1);
    front_rig_feed(&rig, HF_EVENT_DIALED);
    assert_int_equal(rig.front.phase, HF_PHASE_DOWN);
    assert_int_equal(rig.effects.count, 0);
}

static void a_second_start_does_nothing(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    front_rig_run(&rig);
    front_rig_feed(&rig, HF_EVENT_START);
    assert_int_equal(rig.effects.count, 0);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
}

static void a_second_stop_does_nothing(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    front_rig_feed(&rig, HF_EVENT_STOP);
    assert_int_equal(rig.effects.count, 0);
    front_rig_run(&rig);
    front_rig_feed(&rig, HF_EVENT_STOP);
    assert_int_equal(rig.hang_ups, 1);
    front_rig_feed(&rig, HF_EVENT_STOP);
    assert_int_equal(rig.effects.count, 0);
    assert_int_equal(rig.hang_ups, 1);
}

/* What the edge says of the end of a session is what the host hears. */
static enum hf_fault reported_after(enum hf_fault fault, enum hf_report_kind kind)
{
    front_rig_init(&rig, 0);
    front_rig_run(&rig);
    front_rig_lose(&rig, fault, "in the system's words");
    assert_int_equal(rig.front.phase, HF_PHASE_BACKOFF);
    assert_int_equal(rig.settles, 1);
    assert_string_equal(rig.detail, "in the system's words");
    return rig.last[kind].fault;
}

static void a_session_that_the_edge_ends_is_lost_by_that_fault_and_dialled_again(void **state)
{
    (void)state;
    assert_int_equal(reported_after(HF_FAULT_HANGUP, HF_REPORT_LOST), HF_FAULT_HANGUP);
    assert_int_equal(reported_after(HF_FAULT_MALFORMED, HF_REPORT_LOST), HF_FAULT_MALFORMED);
    assert_int_equal(reported_after(HF_FAULT_LOCAL, HF_REPORT_REFUSED), HF_FAULT_LOCAL);
}

static void assert_answered(uint32_t number, int error)
{
    front_rig_ask(&rig, HF_REQUEST_GET_CONFIG, number);
    assert_int_equal(rig.answers, number);
    assert_int_equal(rig.answer.number, number);
    assert_int_equal(rig.answer.error, error);
}

static struct hf_plan plan_with(uint64_t ran, uint16_t in_flight)
{
    struct hf_plan plan;

    hf_plan_init(&plan, 1);
    hf_plan_set_ring(&plan, 0, 16, &(struct hf_ring_addresses){ .desc = 0 }, 5);
    plan.rings[0].ran = ran;
    plan.rings[0].in_flight = in_flight;
    return plan;
}

/* Whoever ran its rings was as good as lost. */
static void a_plan_of_an_earlier_life_is_gone_on_with_as_after_a_loss(void **state)
{
    struct hf_plan plan = plan_with(3, 0);

    (void)state;
    front_rig_init(&rig, 0);
    hf_front_resume(&rig.front, &plan, rig.now_ns);
    assert_true(hf_front_recovers(&rig.front));
    front_rig_feed(&rig, HF_EVENT_START);
    assert_int_equal(rig.effects.list[0].kind, HF_EFFECT_SETTLE);
    assert_true(rig.effects.list[0].fence);

    plan = plan_with(0, 2);
    front_rig_init(&rig, 0);
    hf_front_resume(&rig.front, &plan, rig.now_ns);
    assert_true(hf_front_recovers(&rig.front));
    assert_int_equal(rig.front.lost_in_flight, 2);

    plan = plan_with(0, 0);
    front_rig_init(&rig, 0);
    hf_front_resume(&rig.front, &plan, rig.now_ns);
    assert_false(hf_front_recovers(&rig.front));
}

static void a_question_that_cannot_be_asked_is_answered_at_once(void **state)
{
    (void)state;
    front_rig_init(&rig, 0);
    assert_answered(1, ENOTCONN);
    front_rig_feed(&rig, HF_EVENT_START);
    assert_answered(2, ENOTCONN);
    front_rig_feed(&rig, HF_EVENT_DIALED);
    assert_int_equal(rig.front.phase, HF_PHASE_NEGOTIATING);
    assert_answered(3, ENOTCONN);
    front_rig_serve(&rig);
    assert_answered(4, ENOTSUP); /* CONFIG is not negotiated */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_during_the_dial_gives_it_up),
        cmocka_unit_test(a_second_start_does_nothing),
        cmocka_unit_test(a_second_stop_does_nothing),
        cmocka_unit_test(a_session_that_the_edge_ends_is_lost_by_that_fault_and_dialled_again),
        cmocka_unit_test(a_plan_of_an_earlier_life_is_gone_on_with_as_after_a_loss),
        cmocka_unit_test(a_question_that_cannot_be_asked_is_answered_at_once),
    };

    return cmocka_run_group_tests_name("session/front", tests, NULL, NULL);
}
