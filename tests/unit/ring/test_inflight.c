/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of the in-flight region, its conversion, and what our device writes into it. */
#include "rig.h"

#include "golden.h"

static uint8_t bytes[512] __attribute__((aligned(64)));
static uint8_t other[512] __attribute__((aligned(64)));

static void strides_are_those_of_the_known_back_ends(void **state)
{
    (void)state;
    assert_int_equal(hf_inflight_stride(128, 64), 2112); /* DPDK, libvhost-user, ours */
    assert_int_equal(hf_inflight_stride(128, 1), 2064);  /* yc-libvhost-server */
    assert_int_equal(hf_inflight_stride(4, 1), 80);
    assert_int_equal(hf_inflight_stride(32768, 64), 524352);
}

static void fields_lie_where_the_specification_has_them(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct hf_inflight_header, version), 8);
    assert_int_equal(offsetof(struct hf_inflight_header, desc_num), 10);
    assert_int_equal(offsetof(struct hf_inflight_header, last_batch_head), 12);
    assert_int_equal(offsetof(struct hf_inflight_header, used_idx), 14);
    assert_int_equal(offsetof(struct hf_inflight_entry, next), 6);
    assert_int_equal(offsetof(struct hf_inflight_entry, counter), 8);
}

static void a_region_is_cut_into_equal_queues_of_any_stride(void **state)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    (void)state;
    assert_int_equal(hf_inflight_region_init(&region, bytes, 264, 3), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(region.stride_bytes, 88);
    assert_int_equal(hf_inflight_region_queue(&region, 2, 4, &queue), HF_INFLIGHT_FAULT_NONE);
    assert_ptr_equal(queue.header, bytes + 176);
    assert_ptr_equal(queue.entries, bytes + 192);
    assert_int_equal(queue.capacity, 4);
}

static void a_region_that_cannot_hold_its_queues_is_refused(void **state)
{
    static const struct {
        uint64_t size_bytes;
        uint16_t queue_count;
        enum hf_inflight_fault fault;
    } bad[] = {
        { 128, 0, HF_INFLIGHT_FAULT_SIZE },   { 0, 1, HF_INFLIGHT_FAULT_SIZE },
        { 31, 1, HF_INFLIGHT_FAULT_SIZE },    { 4096, 65535, HF_INFLIGHT_FAULT_SIZE },
        { 161, 2, HF_INFLIGHT_FAULT_STRIDE }, { 84, 1, HF_INFLIGHT_FAULT_STRIDE },
    };
    struct hf_inflight_region region;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            hf_inflight_region_init(&region, bytes, bad[i].size_bytes, bad[i].queue_count),
            bad[i].fault);
    assert_int_equal(hf_inflight_region_init(&region, bytes + 4, 128, 1), HF_INFLIGHT_FAULT_STRIDE);
    assert_int_equal(hf_inflight_region_init(&region, NULL, 128, 1), HF_INFLIGHT_FAULT_NONE);
}

static void a_queue_must_exist_and_fit_its_ring(void **state)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    (void)state;
    hf_inflight_region_init(&region, bytes, 160, 2);
    assert_int_equal(hf_inflight_region_queue(&region, 2, 4, &queue), HF_INFLIGHT_FAULT_SIZE);
    assert_int_equal(hf_inflight_region_queue(&region, 1, 8, &queue), HF_INFLIGHT_FAULT_STRIDE);
    assert_int_equal(hf_inflight_region_queue(&region, 1, 3, &queue), HF_INFLIGHT_FAULT_STRIDE);
    assert_int_equal(hf_inflight_region_queue(&region, 1, 0, &queue), HF_INFLIGHT_FAULT_STRIDE);
    assert_null(queue.header);
}

static void clean_means_nothing_marked_in_any_queue(void **state)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    (void)state;
    memset(bytes, 0, sizeof(bytes));
    hf_inflight_region_init(&region, bytes, 256, 2);
    assert_true(hf_inflight_clean(&region));
    hf_inflight_region_queue(&region, 1, 4, &queue);
    queue.entries[3].inflight = 0x80; /* whatever is not 0 */
    assert_false(hf_inflight_clean(&region));
    assert_int_equal(hf_inflight_count(&queue), 1);
    queue.header->desc_num = 4;
    assert_int_equal(hf_inflight_count(&queue), 1);
    queue.header->desc_num = 65535; /* a lie leads nowhere outside */
    assert_int_equal(hf_inflight_count(&queue), 1);
}

static void our_device_writes_what_was_written_by_hand(void **state)
{
    static const uint16_t order[4] = { 2, 0, 3, 1 };
    static const struct hf_used_element batch[2] = { { 3, 0 }, { 0, 0 } };
    struct rig *rig = rig_new((struct rig_setup){ .size = 4, .start_index = 65534 });
    uint16_t head;

    (void)state;
    rig_start_tracked(rig);
    for (unsigned i = 0; i < 4; i++)
        rig_publish(rig, order[i]);
    while (hf_ring_device_fetch(&rig->device, &head))
        ;
    hf_ring_device_complete(&rig->device, batch, 2);
    assert_int_equal(golden_read("inflight-ours", bytes, sizeof(bytes)), 80);
    assert_memory_equal(rig->region_bytes, bytes, 80);
    rig_free(rig);
}

static void two_queues_convert_to_another_stride_and_back(void **state)
{
    struct hf_inflight_ring rings[2] = { { 4, 2, 4 }, { 4, 1, 3 } };
    struct hf_inflight_region from;
    struct hf_inflight_region to;
    uint8_t back[256] __attribute__((aligned(8)));
    struct hf_inflight_region again;
    uint16_t counts[2];

    (void)state;
    assert_int_equal(golden_read("inflight-two-queues", bytes, sizeof(bytes)), 256);
    hf_inflight_region_init(&from, bytes, 256, 2);
    assert_int_equal(hf_inflight_settle(&from, rings, counts, NULL), HF_INFLIGHT_FAULT_NONE);
    memset(other, 0xff, sizeof(other));
    hf_inflight_region_init(&to, other, 160, 2);
    assert_int_equal(hf_inflight_convert(&from, &to, 4), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(golden_read("inflight-two-queues-packed", back, sizeof(back)), 160);
    assert_memory_equal(other, back, 160);
    assert_int_equal(other[160], 0xff);

    hf_inflight_region_init(&again, back, 256, 2);
    assert_int_equal(hf_inflight_convert(&to, &again, 4), HF_INFLIGHT_FAULT_NONE);
    assert_memory_equal(back, bytes, 256);
}

static void a_conversion_into_less_room_is_refused(void **state)
{
    struct hf_inflight_region from;
    struct hf_inflight_region to;

    (void)state;
    golden_read("inflight-two-queues", bytes, sizeof(bytes));
    hf_inflight_region_init(&from, bytes, 256, 2);
    hf_inflight_region_init(&to, other, 128, 2);
    assert_int_equal(hf_inflight_convert(&from, &to, 4), HF_INFLIGHT_FAULT_STRIDE);
    hf_inflight_region_init(&to, other, 256, 1);
    assert_int_equal(hf_inflight_convert(&from, &to, 4), HF_INFLIGHT_FAULT_SIZE);
    hf_inflight_region_init(&to, other, 512, 2);
    bytes[10] = 0xff; /* desc_num */
    assert_int_equal(hf_inflight_convert(&from, &to, 4), HF_INFLIGHT_FAULT_DESC_NUM);
}

/* A header that says less than a ring has entries is one that a back-end refuses. */
static void a_region_for_larger_rings_says_so_in_each_header_that_says_anything(void **state)
{
    struct hf_inflight_region from;
    struct hf_inflight_region to;
    struct hf_inflight_queue queue;

    (void)state;
    golden_read("inflight-two-queues", bytes, sizeof(bytes));
    hf_inflight_region_init(&from, bytes, 256, 2);
    memset(bytes + 128, 0, 128); /* nobody has begun the second queue */
    hf_inflight_region_init(&to, other, 512, 2);
    assert_int_equal(hf_inflight_convert(&from, &to, 8), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(hf_inflight_region_queue(&to, 0, 8, &queue), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(queue.header->desc_num, 8);
    assert_memory_equal(queue.entries, bytes + 16, 4 * 16);
    assert_int_equal(hf_inflight_region_queue(&to, 1, 8, &queue), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(queue.header->desc_num, 0);
    assert_int_equal(hf_inflight_convert(&from, &to, 16), HF_INFLIGHT_FAULT_STRIDE);
}

static void every_fault_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_INFLIGHT_FAULT_COUNT; i++)
        assert_true(strlen(hf_inflight_fault_text((enum hf_inflight_fault)i)) > 5);
    assert_string_equal(hf_inflight_fault_text(HF_INFLIGHT_FAULT_COUNT), "unknown in-flight fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strides_are_those_of_the_known_back_ends),
        cmocka_unit_test(fields_lie_where_the_specification_has_them),
        cmocka_unit_test(a_region_is_cut_into_equal_queues_of_any_stride),
        cmocka_unit_test(a_region_that_cannot_hold_its_queues_is_refused),
        cmocka_unit_test(a_queue_must_exist_and_fit_its_ring),
        cmocka_unit_test(clean_means_nothing_marked_in_any_queue),
        cmocka_unit_test(our_device_writes_what_was_written_by_hand),
        cmocka_unit_test(two_queues_convert_to_another_stride_and_back),
        cmocka_unit_test(a_conversion_into_less_room_is_refused),
        cmocka_unit_test(a_region_for_larger_rings_says_so_in_each_header_that_says_anything),
        cmocka_unit_test(every_fault_has_a_sentence),
    };

    return cmocka_run_group_tests_name("ring/inflight", tests, NULL, NULL);
}
