/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/aim.h"

struct ring_memory {
    _Alignas(16) struct hf_desc desc[4];
    _Alignas(4) uint8_t avail[64];
    _Alignas(4) uint8_t used[64];
};

static struct hf_ring ring_of(struct ring_memory *memory, uint16_t offered, uint16_t answered)
{
    struct hf_ring ring;

    assert_int_equal(hf_ring_init(&ring, 4, memory->desc, memory->avail, memory->used),
                     HF_RING_FAULT_NONE);
    ring.avail->index = offered;
    ring.used->index = answered;
    return ring;
}

static bool hits(uint16_t offered, uint16_t answered)
{
    struct ring_memory memory = { 0 };
    struct hf_ring ring = ring_of(&memory, offered, answered);
    struct hf_aim aim;

    assert_int_equal(hf_aim_init(&aim, 1), 0);
    hf_aim_add(&aim, &ring);
    bool result = hf_aim_hits(&aim);
    hf_aim_done(&aim);
    return result;
}

static void what_was_offered_and_not_answered_is_in_flight(void **state)
{
    (void)state;
    assert_false(hits(0, 0));
    assert_true(hits(1, 0));
    assert_true(hits(9, 5));
    assert_false(hits(9, 9));
    assert_true(hits(2, 65534)); /* the indices wrap */
}

static void an_answer_too_many_is_no_request(void **state)
{
    (void)state;
    assert_false(hits(5, 6));
    assert_false(hits(65535, 2));
}

static void one_ring_of_many_is_enough_and_others_are_forgotten(void **state)
{
    struct ring_memory memory[3] = { 0 };
    struct hf_aim aim;

    (void)state;
    assert_int_equal(hf_aim_init(&aim, 3), 0);
    assert_false(hf_aim_hits(&aim));
    for (uint16_t i = 0; i < 3; i++) {
        struct hf_ring ring = ring_of(&memory[i], i == 2, 0);
        hf_aim_add(&aim, &ring);
        assert_true(hf_aim_hits(&aim) == (i == 2));
    }
    hf_aim_clear(&aim);
    assert_false(hf_aim_hits(&aim));
    hf_aim_done(&aim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_offered_and_not_answered_is_in_flight),
        cmocka_unit_test(an_answer_too_many_is_no_request),
        cmocka_unit_test(one_ring_of_many_is_enough_and_others_are_forgotten),
    };

    return cmocka_run_group_tests_name("drill/aim", tests, NULL, NULL);
}
