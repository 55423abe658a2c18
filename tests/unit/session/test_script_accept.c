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
    session.told[HF_ROW_GET_INFLIGHT_FD] = plan.epoch;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_that_holds_the_rings_is_taken_whatever_its_stride),
        cmocka_unit_test(a_region_too_small_for_its_rings_is_refused),
        cmocka_unit_test(a_region_for_more_rings_than_there_can_be_is_refused),
    };

    return cmocka_run_group_tests_name("session/script_accept", tests, NULL, NULL);
}
