/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's side: fetching, answering, kicks and calls. What a kill does is in test_crash.c. */
#include "rig.h"

#include "ring/device.h"

#define SIZE  8u
#define START 65530u /* so that every test goes over the wrap soon */

static int new_rig(void **state)
{
    struct rig *rig = rig_new((struct rig_setup){ .size = SIZE, .start_index = START });

    rig_start_tracked(rig);
    *state = rig;
    return 0;
}

static int new_event_rig(void **state)
{
    struct rig *rig =
        rig_new((struct rig_setup){ .size = SIZE, .event_index = true, .start_index = START });

    rig_start_tracked(rig);
    *state = rig;
    return 0;
}

static int free_rig(void **state)
{
    rig_free(*state);
    return 0;
}

static void complete_one(struct rig *rig, uint16_t head)
{
    struct hf_used_element element = { .id = head, .length = 1 };

    hf_ring_device_complete(&rig->device, &element, 1);
}

static void heads_are_fetched_in_the_order_they_were_posted(void **state)
{
    struct rig *rig = *state;
    uint16_t posted[3];
    uint16_t head;

    assert_false(hf_ring_device_fetch(&rig->device, &head));
    for (unsigned i = 0; i < 3; i++)
        posted[i] = rig_post(rig, 1, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(hf_ring_device_pending(&rig->device));
        assert_true(hf_ring_device_fetch(&rig->device, &head));
        assert_int_equal(head, posted[i]);
        assert_true(hf_inflight_marked(&rig->queue, head));
    }
    assert_false(hf_ring_device_pending(&rig->device));
    assert_int_equal(hf_ring_device_outstanding(&rig->device), 3);
    assert_int_equal(rig->device.last_avail, (uint16_t)(START + 3));
}

static void a_batch_is_answered_with_one_publication(void **state)
{
    struct rig *rig = *state;
    struct hf_used_element elements[3];
    uint16_t head;

    for (uint32_t i = 0; i < 3; i++) {
        rig_post(rig, 1, 1);
        assert_true(hf_ring_device_fetch(&rig->device, &head));
        elements[2 - i] = (struct hf_used_element){ .id = head, .length = i };
    }
    hf_ring_device_complete(&rig->device, elements, 3);
    assert_int_equal(rig->ring.used->index, (uint16_t)(START + 3));
    for (uint16_t i = 0; i < 3; i++)
        assert_memory_equal(&rig->ring.used->ring[(START + i) % SIZE], &elements[i], 8);
    assert_int_equal(hf_inflight_count(&rig->queue), 0);
    assert_int_equal(rig->queue.header->used_idx, (uint16_t)(START + 3));
    assert_int_equal(rig->queue.header->last_batch_head, elements[2].id);
    assert_int_equal(hf_ring_device_outstanding(&rig->device), 0);
}

static void answering_nothing_writes_nothing(void **state)
{
    struct rig *rig = *state;

    hf_ring_device_complete(&rig->device, NULL, 0);
    assert_int_equal(rig->ring.used->index, START);
}

static void an_avail_index_more_than_a_ring_ahead_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    rig->ring.avail->index = (uint16_t)(START + SIZE + 1);
    assert_false(hf_ring_device_fetch(&rig->device, &head));
    assert_int_equal(rig->device.fault, HF_RING_FAULT_AVAIL_INDEX);
    rig->ring.avail->index = (uint16_t)(START + 1);
    assert_false(hf_ring_device_pending(&rig->device));
    assert_false(hf_ring_device_enable_kick(&rig->device));
}

static void an_avail_index_that_goes_back_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    rig->ring.avail->index = START - 1;
    assert_false(hf_ring_device_fetch(&rig->device, &head));
    assert_int_equal(rig->device.fault, HF_RING_FAULT_AVAIL_INDEX);
}

/* A hostile driver cannot make more requests outstanding than the ring has descriptors. */
static void more_heads_than_the_ring_has_are_never_out_at_once(void **state)
{
    struct rig *rig = *state;
    unsigned fetched = 0;
    uint16_t head;

    rig_start(rig); /* untracked: nothing else would stop a head posted twice */
    for (unsigned i = 0; i < 3 * SIZE; i++) {
        rig_publish(rig, (uint16_t)(i % SIZE));
        fetched += hf_ring_device_fetch(&rig->device, &head);
    }
    assert_int_equal(fetched, SIZE);
    assert_int_equal(rig->device.fault, HF_RING_FAULT_AVAIL_INDEX);
}

static void a_head_outside_of_the_table_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    rig_publish(rig, SIZE);
    assert_false(hf_ring_device_fetch(&rig->device, &head));
    assert_int_equal(rig->device.fault, HF_RING_FAULT_HEAD);
    assert_int_equal(rig->device.last_avail, START);
}

static void a_head_posted_again_while_in_flight_breaks_the_ring(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    rig_publish(rig, 3);
    rig_publish(rig, 3);
    assert_true(hf_ring_device_fetch(&rig->device, &head));
    assert_false(hf_ring_device_fetch(&rig->device, &head));
    assert_int_equal(rig->device.fault, HF_RING_FAULT_HEAD_BUSY);
}

static void an_unmarked_head_leaves_no_trace_but_keeps_the_region_in_step(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    for (unsigned i = 0; i < 3 * SIZE; i++) {
        struct hf_ring_driver_completion completion;
        rig_post(rig, 1, 1);
        assert_true(hf_ring_device_fetch_unmarked(&rig->device, &head));
        assert_int_equal(hf_inflight_count(&rig->queue), 0);
        complete_one(rig, head);
        assert_int_equal(rig->queue.header->used_idx, rig->ring.used->index);
        assert_true(hf_ring_driver_take(&rig->driver, &completion));
    }
}

static void a_start_rewrites_what_a_dead_predecessor_left(void **state)
{
    struct rig *rig = *state;

    rig->ring.used->flags = HF_USED_NO_NOTIFY;
    *hf_ring_avail_event(&rig->ring) = START - 1;
    rig_start(rig);
    assert_int_equal(rig->ring.used->flags, 0);
    if (rig->setup.event_index)
        assert_int_equal(*hf_ring_avail_event(&rig->ring), START);
    rig_post(rig, 1, 1);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
}

/* Recovery moves the next head; a kick must be asked for there, not at the old place. */
static void a_recovery_asks_for_kicks_behind_what_it_recovered(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    for (unsigned i = 0; i < 3; i++) {
        rig_post(rig, 1, 1);
        assert_true(hf_ring_device_fetch(&rig->device, &head));
    }
    rig_start_tracked(rig);
    assert_int_equal(rig->recovery.count, 3);
    assert_int_equal(*hf_ring_avail_event(&rig->ring), (uint16_t)(START + 3));
    assert_int_equal(rig->device.last_avail, (uint16_t)(START + 3));
}

static void without_the_event_feature_the_event_word_is_not_written(void **state)
{
    struct rig *rig = *state;

    *hf_ring_avail_event(&rig->ring) = 0x5555;
    rig_start(rig);
    hf_ring_device_disable_kick(&rig->device);
    assert_int_equal(rig->ring.used->flags, HF_USED_NO_NOTIFY);
    hf_ring_device_enable_kick(&rig->device);
    assert_int_equal(rig->ring.used->flags, 0);
    assert_int_equal(*hf_ring_avail_event(&rig->ring), 0x5555);
}

static void with_the_event_feature_kicks_are_put_off_by_a_whole_turn(void **state)
{
    struct rig *rig = *state;

    hf_ring_device_disable_kick(&rig->device);
    assert_int_equal(rig->ring.used->flags, 0);
    rig_post(rig, 1, 1);
    assert_false(hf_ring_driver_kick_needed(&rig->driver));
    assert_true(hf_ring_device_enable_kick(&rig->device));
    rig_post(rig, 1, 1);
    assert_false(hf_ring_driver_kick_needed(&rig->driver)); /* asked at the one that was there */
}

static void enabling_kicks_tells_what_came_in_the_meantime(void **state)
{
    struct rig *rig = *state;
    uint16_t head;

    hf_ring_device_disable_kick(&rig->device);
    rig_post(rig, 1, 1);
    assert_true(hf_ring_device_enable_kick(&rig->device));
    assert_true(hf_ring_device_fetch(&rig->device, &head));
    assert_false(hf_ring_device_enable_kick(&rig->device));
    rig_post(rig, 1, 1);
    assert_true(hf_ring_driver_kick_needed(&rig->driver));
}

static uint16_t serve_one(struct rig *rig)
{
    struct hf_ring_driver_completion completion;
    uint16_t head;

    rig_post(rig, 1, 1);
    assert_true(hf_ring_device_fetch(&rig->device, &head));
    complete_one(rig, head);
    assert_true(hf_ring_driver_take(&rig->driver, &completion));
    return head;
}

static void the_first_call_after_a_start_is_always_made(void **state)
{
    struct rig *rig = *state;

    hf_ring_driver_disable_call(&rig->driver);
    assert_true(hf_ring_device_call_needed(&rig->device));
    serve_one(rig);
    assert_false(hf_ring_device_call_needed(&rig->device));
    rig_start_tracked(rig);
    assert_true(hf_ring_device_call_needed(&rig->device));
}

static void without_event_index_the_flag_decides_about_calls(void **state)
{
    struct rig *rig = *state;

    hf_ring_device_call_needed(&rig->device);
    assert_false(hf_ring_device_call_needed(&rig->device)); /* nothing new */
    serve_one(rig);
    assert_true(hf_ring_device_call_needed(&rig->device));
    hf_ring_driver_disable_call(&rig->driver);
    serve_one(rig);
    assert_false(hf_ring_device_call_needed(&rig->device));
}

static void with_event_index_the_event_decides_about_calls(void **state)
{
    struct rig *rig = *state;

    hf_ring_device_call_needed(&rig->device);
    rig->ring.avail->flags = HF_AVAIL_NO_INTERRUPT; /* to be ignored */
    *hf_ring_used_event(&rig->ring) = (uint16_t)(START + 1);
    serve_one(rig);
    assert_false(hf_ring_device_call_needed(&rig->device));
    serve_one(rig);
    assert_true(hf_ring_device_call_needed(&rig->device));
    serve_one(rig);
    assert_false(hf_ring_device_call_needed(&rig->device));
}

/* One decision after several batches must see an event in any of them. */
static void a_call_decision_covers_all_batches_since_the_last_one(void **state)
{
    struct rig *rig = *state;

    hf_ring_device_call_needed(&rig->device);
    *hf_ring_used_event(&rig->ring) = (uint16_t)(START + 1);
    for (unsigned i = 0; i < 7; i++)
        serve_one(rig);
    assert_true(hf_ring_device_call_needed(&rig->device));
}

/* Byte exact also where no walk of ours would notice: next of the oldest of a batch. */
static void the_first_batch_after_a_recovery_is_linked_to_the_last_one_before_it(void **state)
{
    struct rig *rig = *state;
    uint16_t first = rig_post(rig, 1, 1);
    uint16_t second = rig_post(rig, 1, 1);
    uint16_t head;

    while (hf_ring_device_fetch(&rig->device, &head))
        ;
    complete_one(rig, second);
    rig_start_tracked(rig);
    complete_one(rig, first);
    assert_int_equal(rig->queue.entries[first].next, second);
    assert_int_equal(rig->queue.header->last_batch_head, first);
}

static void an_untracked_device_begins_at_its_base_and_touches_no_region(void **state)
{
    struct rig *rig = *state;
    uint8_t *before = malloc(rig->region_size_bytes);

    assert_non_null(before);
    memcpy(before, rig->region_bytes, rig->region_size_bytes);
    rig_start(rig);
    for (unsigned i = 0; i < 20; i++)
        serve_one(rig);
    assert_int_equal(rig->device.last_avail, (uint16_t)(START + 20));
    assert_memory_equal(before, rig->region_bytes, rig->region_size_bytes);
    free(before);
}

static void a_region_that_is_refused_leaves_the_device_untracked(void **state)
{
    struct rig *rig = *state;

    rig->queue.header->version = 7;
    rig_start(rig);
    assert_int_equal(hf_ring_device_recover(&rig->device, &rig->queue, &rig->recovery),
                     HF_INFLIGHT_FAULT_VERSION);
    assert_null(rig->device.inflight.header);
}

#define WITH_RIG(test)    cmocka_unit_test_setup_teardown(test, new_rig, free_rig)
#define WITH_EVENTS(test) cmocka_unit_test_setup_teardown(test, new_event_rig, free_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(heads_are_fetched_in_the_order_they_were_posted),
        WITH_RIG(a_batch_is_answered_with_one_publication),
        WITH_RIG(answering_nothing_writes_nothing),
        WITH_RIG(an_avail_index_more_than_a_ring_ahead_breaks_the_ring),
        WITH_RIG(an_avail_index_that_goes_back_breaks_the_ring),
        WITH_RIG(more_heads_than_the_ring_has_are_never_out_at_once),
        WITH_RIG(a_head_outside_of_the_table_breaks_the_ring),
        WITH_RIG(a_head_posted_again_while_in_flight_breaks_the_ring),
        WITH_RIG(an_unmarked_head_leaves_no_trace_but_keeps_the_region_in_step),
        WITH_RIG(a_start_rewrites_what_a_dead_predecessor_left),
        WITH_EVENTS(a_start_rewrites_what_a_dead_predecessor_left),
        WITH_EVENTS(a_recovery_asks_for_kicks_behind_what_it_recovered),
        WITH_RIG(without_the_event_feature_the_event_word_is_not_written),
        WITH_EVENTS(with_the_event_feature_kicks_are_put_off_by_a_whole_turn),
        WITH_RIG(enabling_kicks_tells_what_came_in_the_meantime),
        WITH_EVENTS(enabling_kicks_tells_what_came_in_the_meantime),
        WITH_RIG(the_first_call_after_a_start_is_always_made),
        WITH_EVENTS(the_first_call_after_a_start_is_always_made),
        WITH_RIG(without_event_index_the_flag_decides_about_calls),
        WITH_EVENTS(with_event_index_the_event_decides_about_calls),
        WITH_EVENTS(a_call_decision_covers_all_batches_since_the_last_one),
        WITH_RIG(the_first_batch_after_a_recovery_is_linked_to_the_last_one_before_it),
        WITH_RIG(an_untracked_device_begins_at_its_base_and_touches_no_region),
        WITH_RIG(a_region_that_is_refused_leaves_the_device_untracked),
    };

    return cmocka_run_group_tests_name("ring/device", tests, NULL, NULL);
}
