/* SPDX-License-Identifier: BSD-3-Clause */
/* What a back-end must offer to serve a plan, and the words for what it lacks. */
#include "cmocka_all.h"

#include "session/script.h"

static struct hf_plan plan;
static struct hf_session session;
static struct hf_asked asked;
static const struct hf_script_state script = { .plan = &plan,
                                               .session = &session,
                                               .asked = &asked };
static char detail[HF_FAULT_DETAIL_SIZE];

static int set_up(void **state)
{
    (void)state;
    detail[0] = '\0';
    hf_plan_init(&plan, 3);
    hf_session_init(&session, 1);
    return 0;
}

static void know(enum hf_row_id row)
{
    session.answered |= HF_BIT(row);
}

/* Guests acknowledge bits that came after this was written. */
static void a_feature_without_a_name_is_named_by_its_bit(void **state)
{
    (void)state;
    hf_plan_set_features(&plan, HF_FEATURE(EVENT_IDX) | HF_BIT(60));
    know(HF_ROW_GET_FEATURES);
    session.offered = HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES);
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_FEATURES_LOST);
    assert_string_equal(detail, "EVENT_IDX, bit 60");
}

static void what_is_not_answered_yet_is_not_judged(void **state)
{
    (void)state;
    hf_plan_set_features(&plan, HF_FEATURE(EVENT_IDX));
    plan.promise.queue_count = 3;
    plan.region_count = 9;
    plan.promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_NONE);
}

static void a_promised_protocol_feature_must_be_offered(void **state)
{
    (void)state;
    plan.promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    know(HF_ROW_GET_FEATURES);
    know(HF_ROW_GET_PROTOCOL_FEATURES);
    session.offered = HF_FEATURE(PROTOCOL_FEATURES);
    session.protocol = HF_PROTOCOL_FEATURE(MQ);
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_PROTOCOL_LOST);
    assert_string_equal(detail, "INFLIGHT_SHMFD");
}

static void as_many_queues_as_promised_must_be_there(void **state)
{
    (void)state;
    plan.promise.queue_count = 3;
    know(HF_ROW_GET_FEATURES);
    know(HF_ROW_GET_PROTOCOL_FEATURES);
    know(HF_ROW_GET_QUEUE_NUM);
    session.offered = HF_FEATURE(PROTOCOL_FEATURES);
    session.protocol = HF_PROTOCOL_FEATURE(MQ);
    session.queue_count = 3;
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_NONE);
    session.queue_count = 2;
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_QUEUES_LOST);
    assert_string_equal(detail, "3 needed, 2 offered");
}

static void without_slots_there_are_eight_of_them(void **state)
{
    (void)state;
    session.told[HF_ROW_SET_OWNER] = 1;
    plan.region_count = 8;
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_NONE);
    plan.region_count = 9;
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_SLOTS_LOST);
    assert_string_equal(detail, "9 needed, 8 offered");
    know(HF_ROW_GET_MAX_MEM_SLOTS);
    session.slot_count = 16;
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_NONE);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_feature_without_a_name_is_named_by_its_bit),
        TEST(what_is_not_answered_yet_is_not_judged),
        TEST(a_promised_protocol_feature_must_be_offered),
        TEST(as_many_queues_as_promised_must_be_there),
        TEST(without_slots_there_are_eight_of_them),
    };

    return cmocka_run_group_tests_name("session/script_judge", tests, NULL, NULL);
}
