/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's side against a device that is the test itself: it writes the used ring by hand. */
#include "rig.h"

#define SIZE 8u

static int new_rig(void **state)
{
    *state = rig_new((struct rig_setup){ .size = SIZE, .start_index = 65533 });
    return 0;
}

static int new_event_rig(void **state)
{
    *state = rig_new((struct rig_setup){ .size = SIZE, .event_index = true, .start_index = 65533 });
    return 0;
}

static int free_rig(void **state)
{
    rig_free(*state);
    return 0;
}

static void answer(struct rig *rig, uint32_t id, uint32_t length)
{
    uint16_t index = rig->ring.used->index;

    rig->ring.used->ring[hf_ring_slot(&rig->ring, index)] = (struct hf_used_element){ id, length };
    hf_order_release_u16(&rig->ring.used->index, (uint16_t)(index + 1));
}

static void init_clears_whatever_lay_in_the_ring(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_layout layout = hf_ring_layout_of(SIZE);

    memset(rig->ring.desc, 0xff, hf_ring_desc_bytes(SIZE));
    memset(rig->ring.avail, 0xff, hf_ring_avail_bytes(SIZE));
    memset(rig->ring.used, 0xff, hf_ring_used_bytes(SIZE));
    hf_ring_driver_init(&rig->driver, &rig->ring, rig->slots, true);
    for (size_t i = 0; i < layout.size_bytes; i++)
        assert_int_equal(rig->ring_bytes[i], 0);
    assert_int_equal(rig->driver.free_count, SIZE);
    assert_int_equal(rig->driver.outstanding_count, 0);
}

static void a_chain_is_seen_by_the_device_only_after_publication(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_segment segments[3] = { { 0x1000, 51 }, { 0x2000, 108 }, { 0x3000, 512 } };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 2 };
    uint16_t head;

    assert_true(hf_ring_driver_add(&rig->driver, &request, &head));
    assert_int_equal(rig->ring.avail->index, 65533);
    assert_int_equal(rig->ring.avail->ring[65533 % SIZE], head);
    hf_ring_driver_publish(&rig->driver);
    assert_int_equal(rig->ring.avail->index, 65534);

    struct hf_desc first = rig->ring.desc[head];
    struct hf_desc second = rig->ring.desc[first.next];
    struct hf_desc third = rig->ring.desc[second.next];
    assert_int_equal(first.address, 0x1000);
    assert_int_equal(first.length, 51);
    assert_int_equal(first.flags, HF_DESC_NEXT);
    assert_int_equal(second.flags, HF_DESC_NEXT | HF_DESC_WRITE);
    assert_int_equal(third.address, 0x3000);
    assert_int_equal(third.flags, HF_DESC_WRITE);
    assert_true(hf_ring_driver_outstanding(&rig->driver, head));
    assert_false(hf_ring_driver_outstanding(&rig->driver, first.next));
    assert_false(hf_ring_driver_outstanding(&rig->driver, SIZE));
}

static void an_indirect_chain_takes_one_descriptor_and_fills_the_callers_table(void **state)
{
    struct rig *rig = *state;
    struct hf_desc table[2] __attribute__((aligned(16)));
    struct hf_ring_segment segments[2] = { { 0x1000, 51 }, { 0x2000, 108 } };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 1,
                                              .indirect = table,
                                              .indirect_address = 0x4000 };
    uint16_t head;

    assert_true(hf_ring_driver_add(&rig->driver, &request, &head));
    assert_int_equal(rig->driver.free_count, SIZE - 1);
    assert_int_equal(rig->ring.desc[head].flags, HF_DESC_INDIRECT);
    assert_int_equal(rig->ring.desc[head].address, 0x4000);
    assert_int_equal(rig->ring.desc[head].length, 32);
    assert_int_equal(table[0].flags, HF_DESC_NEXT);
    assert_int_equal(table[0].next, 1);
    assert_int_equal(table[1].flags, HF_DESC_WRITE);
    assert_int_equal(table[1].address, 0x2000);
}

static void a_chain_without_segments_or_longer_than_what_is_free_is_not_added(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_segment segments[SIZE + 1] = { { 0x1000, 1 } };
    struct hf_desc table[SIZE + 1] __attribute__((aligned(16)));
    struct hf_ring_driver_request request = { .segments = segments };

    assert_false(hf_ring_driver_add(&rig->driver, &request, NULL));
    request.readable_count = SIZE + 1;
    assert_false(hf_ring_driver_add(&rig->driver, &request, NULL));
    request.indirect = table;
    assert_false(hf_ring_driver_add(&rig->driver, &request, NULL));
    request.indirect = NULL;
    request.readable_count = 2;
    for (unsigned i = 0; i < SIZE / 2; i++)
        assert_true(hf_ring_driver_add(&rig->driver, &request, NULL));
    assert_int_equal(rig->driver.free_count, 0);
    request.readable_count = 1;
    assert_false(hf_ring_driver_add(&rig->driver, &request, NULL));
    assert_int_equal(rig->driver.outstanding_count, SIZE / 2);
}

static void answers_come_back_in_the_devices_order_with_cookie_and_length(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;
    uint16_t heads[3];
    int cookies[3];

    for (unsigned i = 0; i < 3; i++) {
        heads[i] = rig_post(rig, 10, 20);
        rig->slots[heads[i]].cookie = &cookies[i];
    }
    assert_false(hf_ring_driver_take(&rig->driver, &completion));
    answer(rig, heads[2], 7);
    answer(rig, heads[0], 0);
    answer(rig, heads[1], 20);
    static const unsigned order[3] = { 2, 0, 1 };
    for (unsigned i = 0; i < 3; i++) {
        assert_true(hf_ring_driver_used_pending(&rig->driver));
        assert_true(hf_ring_driver_take(&rig->driver, &completion));
        assert_int_equal(completion.head, heads[order[i]]);
        assert_ptr_equal(completion.cookie, &cookies[order[i]]);
        assert_int_equal(completion.writable_bytes, 20);
    }
    assert_int_equal(completion.length, 20);
    assert_false(hf_ring_driver_used_pending(&rig->driver));
    assert_int_equal(rig->driver.free_count, SIZE);
    assert_int_equal(rig->ring.used->index, 0); /* it went over the wrap */
}

/* The device may scribble over the descriptors: the driver's own memory is what counts. */
static void the_free_list_survives_a_device_that_writes_into_the_table(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;

    for (unsigned round = 0; round < 100; round++) {
        uint16_t heads[SIZE / 2];
        for (unsigned i = 0; i < SIZE / 2; i++)
            heads[i] = rig_post(rig, 1, 1);
        memset(rig->ring.desc, 0xff, hf_ring_desc_bytes(SIZE));
        for (unsigned i = SIZE / 2; i-- > 0;)
            answer(rig, heads[i ^ (round & 3)], 0);
        while (hf_ring_driver_take(&rig->driver, &completion))
            ;
        assert_int_equal(rig->driver.fault, HF_RING_FAULT_NONE);
        assert_int_equal(rig->driver.free_count, SIZE);
    }
}

static void assert_broken_by(struct rig *rig, uint32_t id, enum hf_ring_fault fault)
{
    struct hf_ring_driver_completion completion;

    answer(rig, id, 0);
    assert_false(hf_ring_driver_take(&rig->driver, &completion));
    assert_int_equal(rig->driver.fault, fault);
    assert_false(hf_ring_driver_used_pending(&rig->driver));
}

static void an_answer_for_a_head_that_does_not_exist_breaks_the_ring(void **state)
{
    rig_post(*state, 1, 1);
    assert_broken_by(*state, SIZE, HF_RING_FAULT_USED_ID);
}

/* The full width is compared: 0x10000 + head is not head. */
static void an_answer_for_a_head_in_the_low_16_bits_only_breaks_the_ring(void **state)
{
    uint16_t head = rig_post(*state, 1, 1);

    assert_broken_by(*state, 0x10000u + head, HF_RING_FAULT_USED_ID);
}

static void an_answer_for_the_middle_of_a_chain_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    uint16_t head = rig_post(rig, 1, 1);

    assert_broken_by(rig, rig->slots[head].next, HF_RING_FAULT_USED_ID);
}

static void an_answer_given_twice_breaks_the_ring_unless_it_is_stepped_over(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;
    uint16_t first = rig_post(rig, 1, 1);
    uint16_t second = rig_post(rig, 1, 1);

    assert_false(hf_ring_driver_skip(&rig->driver));
    answer(rig, first, 0);
    assert_true(hf_ring_driver_take(&rig->driver, &completion));
    assert_broken_by(rig, first, HF_RING_FAULT_USED_ID);
    answer(rig, second, 0);
    assert_false(hf_ring_driver_take(&rig->driver, &completion));
    assert_true(hf_ring_driver_skip(&rig->driver));
    assert_true(hf_ring_driver_take(&rig->driver, &completion));
    assert_int_equal(completion.head, second);
}

/* So that an answer that comes twice meets nobody, and is seen. */
static void a_head_is_used_again_after_all_others(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;
    uint16_t first = rig_post(rig, 1, 1);

    answer(rig, first, 0);
    assert_true(hf_ring_driver_take(&rig->driver, &completion));
    for (unsigned i = 1; i < SIZE / 2; i++)
        assert_int_not_equal(rig_post(rig, 1, 1), first);
    assert_int_equal(rig_post(rig, 1, 1), first);
}

static void a_used_index_more_than_a_ring_ahead_breaks_the_ring_for_good(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;

    rig_post(rig, 1, 1);
    rig->ring.used->index = (uint16_t)(65533 + SIZE + 1);
    assert_false(hf_ring_driver_take(&rig->driver, &completion));
    assert_int_equal(rig->driver.fault, HF_RING_FAULT_USED_INDEX);
    assert_false(hf_ring_driver_skip(&rig->driver));
}

static void a_used_index_that_goes_back_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_driver_completion completion;

    rig->ring.used->index = 65532;
    assert_false(hf_ring_driver_take(&rig->driver, &completion));
    assert_int_equal(rig->driver.fault, HF_RING_FAULT_USED_INDEX);
}

static void without_event_index_the_flag_decides_about_kicks(void **state)
{
    struct rig *rig = *state;

    assert_false(hf_ring_driver_kick_needed(&rig->driver)); /* nothing published */
    rig_post(rig, 1, 1);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
    assert_false(hf_ring_driver_kick_needed(&rig->driver));
    rig->ring.used->flags = HF_USED_NO_NOTIFY;
    rig_post(rig, 1, 1);
    assert_false(hf_ring_driver_kick_needed(&rig->driver));
}

static void with_event_index_the_event_decides_and_the_flag_is_ignored(void **state)
{
    struct rig *rig = *state;

    rig->ring.used->flags = HF_USED_NO_NOTIFY;
    *hf_ring_avail_event(&rig->ring) = 65534; /* the second one from here */
    rig_post(rig, 1, 1);
    assert_false(hf_ring_driver_kick_needed(&rig->driver));
    rig_post(rig, 1, 1);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
    rig_post(rig, 1, 1);
    assert_false(hf_ring_driver_kick_needed(&rig->driver));
}

/* A chain added but not yet published must not use up the kick of its later publication. */
static void a_kick_decision_between_add_and_publish_loses_nothing(void **state)
{
    struct rig *rig = *state;
    struct hf_ring_segment segment = { 0x1000, 1 };
    struct hf_ring_driver_request request = { .segments = &segment, .readable_count = 1 };

    rig_post(rig, 1, 1);
    hf_ring_driver_add(&rig->driver, &request, NULL);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
    hf_ring_driver_publish(&rig->driver);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
}

static void calls_are_asked_for_by_flag_without_event_index(void **state)
{
    struct rig *rig = *state;

    hf_ring_driver_disable_call(&rig->driver);
    assert_int_equal(rig->ring.avail->flags, HF_AVAIL_NO_INTERRUPT);
    assert_false(hf_ring_driver_enable_call(&rig->driver));
    assert_int_equal(rig->ring.avail->flags, 0);
}

static void calls_are_asked_for_by_event_with_event_index(void **state)
{
    struct rig *rig = *state;

    hf_ring_driver_disable_call(&rig->driver);
    assert_int_equal(*hf_ring_used_event(&rig->ring), 65532);
    assert_int_equal(rig->ring.avail->flags, 0);
    assert_false(hf_ring_driver_enable_call(&rig->driver));
    assert_int_equal(*hf_ring_used_event(&rig->ring), 65533);
}

static void enabling_calls_tells_what_came_in_the_meantime(void **state)
{
    struct rig *rig = *state;

    hf_ring_driver_disable_call(&rig->driver);
    answer(rig, rig_post(rig, 1, 1), 0);
    assert_true(hf_ring_driver_enable_call(&rig->driver));
}

#define WITH_RIG(test)    cmocka_unit_test_setup_teardown(test, new_rig, free_rig)
#define WITH_EVENTS(test) cmocka_unit_test_setup_teardown(test, new_event_rig, free_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(init_clears_whatever_lay_in_the_ring),
        WITH_RIG(a_chain_is_seen_by_the_device_only_after_publication),
        WITH_RIG(an_indirect_chain_takes_one_descriptor_and_fills_the_callers_table),
        WITH_RIG(a_chain_without_segments_or_longer_than_what_is_free_is_not_added),
        WITH_RIG(answers_come_back_in_the_devices_order_with_cookie_and_length),
        WITH_RIG(the_free_list_survives_a_device_that_writes_into_the_table),
        WITH_RIG(an_answer_for_a_head_that_does_not_exist_breaks_the_ring),
        WITH_RIG(an_answer_for_a_head_in_the_low_16_bits_only_breaks_the_ring),
        WITH_RIG(an_answer_for_the_middle_of_a_chain_breaks_the_ring),
        WITH_RIG(an_answer_given_twice_breaks_the_ring_unless_it_is_stepped_over),
        WITH_RIG(a_head_is_used_again_after_all_others),
        WITH_RIG(a_used_index_more_than_a_ring_ahead_breaks_the_ring_for_good),
        WITH_RIG(a_used_index_that_goes_back_breaks_the_ring),
        WITH_RIG(without_event_index_the_flag_decides_about_kicks),
        WITH_EVENTS(with_event_index_the_event_decides_and_the_flag_is_ignored),
        WITH_RIG(a_kick_decision_between_add_and_publish_loses_nothing),
        WITH_RIG(calls_are_asked_for_by_flag_without_event_index),
        WITH_EVENTS(calls_are_asked_for_by_event_with_event_index),
        WITH_EVENTS(enabling_calls_tells_what_came_in_the_meantime),
        WITH_RIG(enabling_calls_tells_what_came_in_the_meantime),
    };

    return cmocka_run_group_tests_name("ring/driver", tests, NULL, NULL);
}
