/* SPDX-License-Identifier: BSD-3-Clause */
/* What the front core takes from a back-end's answers, and what it does not. */
#include "cmocka_all.h"

#include "session/script_rows.h"

#define RINGS 3u
#define SIZE  128u
#define LEAST (16u + 16u * SIZE)

static struct hf_plan plan;
static struct hf_session session;

static enum hf_fault accept_region(uint64_t bytes, uint16_t queue_count, uint16_t queue_size)
{
    char detail[HF_FAULT_DETAIL_SIZE];
    struct hf_script_state state = { .plan = &plan, .session = &session };
    struct hf_reply_result result = { .taken = false };
    struct hf_message reply = { .fd_count = 1, .fds = { 42 } };

    reply.body.inflight = (struct hf_wire_inflight){ .mmap_size_bytes = bytes,
                                                     .queue_count = queue_count,
                                                     .queue_size = queue_size };
    hf_plan_init(&plan, RINGS);
    plan.rings[0].size = plan.rings[1].size = plan.rings[2].size = SIZE;
    session.told[HF_ROW_GET_INFLIGHT_FD] = hf_script_asking(plan.epoch, SIZE);
    enum hf_fault fault = hf_accept_inflight(&state, &reply, &result, detail);
    assert_int_equal(result.taken, fault == HF_FAULT_NONE);
    assert_int_equal(plan.inflight.fd, fault == HF_FAULT_NONE ? 42 : -1);
    return fault;
}

static void a_region_that_holds_the_rings_is_taken_whatever_its_stride(void **state)
{
    (void)state;
    assert_int_equal(accept_region(3 * LEAST, 3, SIZE), HF_FAULT_NONE);
    assert_int_equal(accept_region(3 * (LEAST + 48), 3, SIZE), HF_FAULT_NONE);
    assert_int_equal(accept_region(HF_QUEUE_COUNT_MAX * LEAST, HF_QUEUE_COUNT_MAX, SIZE),
                     HF_FAULT_NONE);
}

static void a_region_too_small_for_its_rings_is_refused(void **state)
{
    (void)state;
    assert_int_equal(accept_region(3 * LEAST - 1, 3, SIZE), HF_FAULT_INFLIGHT_INVALID);
    assert_int_equal(accept_region(3 * LEAST, 2, SIZE), HF_FAULT_INFLIGHT_INVALID);
    assert_int_equal(accept_region(3 * LEAST, 3, SIZE - 1), HF_FAULT_INFLIGHT_INVALID);
    assert_int_equal(accept_region(3 * LEAST, 4, SIZE), HF_FAULT_INFLIGHT_INVALID);
}

/* It would be settled later, ring by ring. */
static void a_region_for_more_rings_than_there_can_be_is_refused(void **state)
{
    (void)state;
    assert_int_equal(accept_region(UINT64_C(257) * LEAST, 257, SIZE), HF_FAULT_INFLIGHT_INVALID);
    assert_int_equal(accept_region(UINT64_C(65535) * LEAST, 65535, SIZE),
                     HF_FAULT_INFLIGHT_INVALID);
}

/* ---- a region is in use ---------------------------------------------------------------------- */

static const struct hf_wire_inflight in_use = { .mmap_size_bytes = 3 * LEAST,
                                                .queue_count = 3,
                                                .queue_size = SIZE };
static char why[HF_FAULT_DETAIL_SIZE];

/* Of this answer; the one in use stays as it is, whatever it is. */
static struct hf_reply_result met_with(const struct hf_wire_inflight *answer)
{
    struct hf_script_state state = { .plan = &plan, .session = &session };
    struct hf_reply_result result = { .taken = false };
    struct hf_message reply = { .fd_count = answer->mmap_size_bytes != 0, .fds = { 42 } };
    struct hf_message first = { .fd_count = 1, .fds = { 41 } };

    hf_plan_init(&plan, RINGS);
    plan.rings[0].size = plan.rings[1].size = plan.rings[2].size = SIZE;
    hf_session_init(&session, 7);
    first.body.inflight = in_use;
    hf_plan_set_inflight(&plan, &(struct hf_inflight_plan){ .fd = 41 });
    plan.inflight = hf_script_offer(&first);
    plan.inflight.generation = 5;
    session.told[HF_ROW_GET_INFLIGHT_FD] = hf_script_asking(plan.epoch, SIZE);
    reply.body.inflight = *answer;
    result.fault = hf_accept_inflight(&state, &reply, &result, why);
    assert_false(result.taken);
    assert_int_equal(plan.inflight.fd, 41);
    assert_int_equal(plan.inflight.generation, 5);
    assert_int_equal(session.converting, result.converts ? 5 : 0);
    return result;
}

static void who_lays_it_out_in_the_same_way_gets_it_as_it_is(void **state)
{
    struct hf_reply_result result = met_with(&in_use);

    (void)state;
    assert_int_equal(result.fault, HF_FAULT_NONE);
    assert_false(result.converts);
}

static void who_lays_it_out_differently_gets_a_copy(void **state)
{
    struct hf_wire_inflight others[] = { in_use, in_use, in_use, in_use };

    (void)state;
    others[0].mmap_size_bytes += 3 * 48;
    others[1].mmap_offset = 4096;
    others[2].queue_size = 2 * SIZE;
    others[2].mmap_size_bytes = 3 * (16 + 32 * SIZE);
    others[3].queue_count = 4;
    others[3].mmap_size_bytes = 4 * LEAST;
    for (unsigned i = 0; i < 4; i++) {
        struct hf_reply_result result = met_with(&others[i]);

        assert_int_equal(result.fault, HF_FAULT_NONE);
        assert_true(result.converts);
    }
}

static void who_keeps_none_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(met_with(&(struct hf_wire_inflight){ 0 }).fault, HF_FAULT_INFLIGHT_LAYOUT);
    assert_string_equal(why, "it keeps none");
    assert_false(plan.inflight.absent);
}

/* The answer "none", to who has none yet. */
static enum hf_fault without_one(bool must_track)
{
    struct hf_script_state state = { .plan = &plan, .session = &session };
    struct hf_reply_result result = { .taken = false };
    const struct hf_message reply = { .fd_count = 0 };

    hf_plan_init(&plan, RINGS);
    plan.must_track = must_track;
    hf_session_init(&session, 7);
    session.told[HF_ROW_GET_INFLIGHT_FD] = hf_script_asking(plan.epoch, SIZE);
    return hf_accept_inflight(&state, &reply, &result, why);
}

static void who_may_lose_requests_does_without_one(void **state)
{
    (void)state;
    assert_int_equal(without_one(false), HF_FAULT_NONE);
    assert_true(plan.inflight.absent);
    assert_int_equal(without_one(true), HF_FAULT_INFLIGHT_LAYOUT);
    assert_string_equal(why, "it keeps none");
    assert_false(plan.inflight.absent);
}

static void whose_region_cannot_be_one_is_refused(void **state)
{
    struct hf_wire_inflight small = in_use;

    (void)state;
    small.mmap_size_bytes -= 16;
    assert_int_equal(met_with(&small).fault, HF_FAULT_INFLIGHT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_that_holds_the_rings_is_taken_whatever_its_stride),
        cmocka_unit_test(a_region_too_small_for_its_rings_is_refused),
        cmocka_unit_test(a_region_for_more_rings_than_there_can_be_is_refused),
        cmocka_unit_test(who_lays_it_out_in_the_same_way_gets_it_as_it_is),
        cmocka_unit_test(who_lays_it_out_differently_gets_a_copy),
        cmocka_unit_test(who_keeps_none_is_refused_by_name),
        cmocka_unit_test(who_may_lose_requests_does_without_one),
        cmocka_unit_test(whose_region_cannot_be_one_is_refused),
    };

    return cmocka_run_group_tests_name("session/script_accept", tests, NULL, NULL);
}
