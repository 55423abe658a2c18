/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout and checks of the split ring. Numbers by hand from virtio 1.3 §2.7. */
#include "rig.h"

static uint8_t block[4096] __attribute__((aligned(64)));

static void parts_have_the_sizes_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(hf_ring_desc_bytes(128), 2048);
    assert_int_equal(hf_ring_avail_bytes(128), 262);
    assert_int_equal(hf_ring_used_bytes(128), 1030);
    assert_int_equal(hf_ring_desc_bytes(32768), 524288);
    assert_int_equal(hf_ring_avail_bytes(32768), 65542);
    assert_int_equal(hf_ring_used_bytes(32768), 262150);
    assert_int_equal(hf_ring_avail_bytes(1), 8);
    assert_int_equal(hf_ring_used_bytes(1), 14);
}

static void a_layout_aligns_every_part_and_lets_none_overlap(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= HF_RING_SIZE_MAX; size *= 2) {
        struct hf_ring_layout layout = hf_ring_layout_of((uint16_t)size);
        assert_int_equal(layout.avail_offset, hf_ring_desc_bytes((uint16_t)size));
        assert_true(layout.used_offset >=
                    layout.avail_offset + hf_ring_avail_bytes((uint16_t)size));
        assert_int_equal(layout.used_offset % 4, 0);
        assert_int_equal(layout.size_bytes,
                         layout.used_offset + hf_ring_used_bytes((uint16_t)size));
    }
}

static void only_powers_of_two_up_to_32768_are_sizes(void **state)
{
    static const uint32_t bad[] = { 0, 3, 100, 127, 32769, 65535, 65536, 0x80000000, UINT32_MAX };
    struct hf_ring ring;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ring.size = 7;
        assert_int_equal(hf_ring_init(&ring, bad[i], block, block + 1024, block + 2048),
                         HF_RING_FAULT_SIZE);
        assert_int_equal(ring.size, 0);
    }
    assert_true(hf_ring_size_valid(1));
    assert_int_equal(hf_ring_init(&ring, 32768, block, block + 1024, block + 2048),
                     HF_RING_FAULT_NONE);
    assert_int_equal(ring.size, 32768);
}

static void every_part_must_be_there_and_aligned(void **state)
{
    struct hf_ring ring;

    (void)state;
    assert_int_equal(hf_ring_init(&ring, 4, NULL, block, block), HF_RING_FAULT_ADDRESS);
    assert_int_equal(hf_ring_init(&ring, 4, block, NULL, block), HF_RING_FAULT_ADDRESS);
    assert_int_equal(hf_ring_init(&ring, 4, block, block, NULL), HF_RING_FAULT_ADDRESS);
    assert_int_equal(hf_ring_init(&ring, 4, block + 8, block, block), HF_RING_FAULT_ALIGNMENT);
    assert_int_equal(hf_ring_init(&ring, 4, block, block + 1, block), HF_RING_FAULT_ALIGNMENT);
    assert_int_equal(hf_ring_init(&ring, 4, block, block, block + 2), HF_RING_FAULT_ALIGNMENT);
    assert_null(ring.desc);
    assert_int_equal(hf_ring_init(&ring, 4, block + 16, block + 2, block + 4), HF_RING_FAULT_NONE);
}

static void event_words_follow_the_rings(void **state)
{
    struct hf_ring ring;

    (void)state;
    hf_ring_init(&ring, 4, block, block + 64, block + 128);
    assert_ptr_equal(hf_ring_used_event(&ring), block + 64 + 4 + 8);
    assert_ptr_equal(hf_ring_avail_event(&ring), block + 128 + 4 + 32);
}

static void a_descriptor_lies_in_memory_as_the_specification_draws_it(void **state)
{
    static const uint8_t bytes[16] __attribute__((aligned(8))) = {
        1,    2,    3, 4,    5, 6, 7, 8, /* address */
        9,    0,    0, 0x80,             /* length */
        4,    0,                         /* flags */
        0x34, 0x12,                      /* next */
    };
    struct hf_desc desc = hf_desc_load((const struct hf_desc *)(const void *)bytes);
    struct hf_desc copy;

    (void)state;
    assert_int_equal(desc.address, 0x0807060504030201);
    assert_int_equal(desc.length, 0x80000009);
    assert_int_equal(desc.flags, HF_DESC_INDIRECT);
    assert_int_equal(desc.next, 0x1234);
    hf_desc_store(&copy, desc);
    assert_memory_equal(&copy, bytes, 16);
}

static void an_event_is_passed_only_by_a_step_over_it(void **state)
{
    static const struct {
        uint16_t event, now, before;
        bool passed;
    } cases[] = {
        { 5, 6, 5, true },         /* the one entry asked for */
        { 5, 5, 4, false },        /* not yet */
        { 5, 7, 6, false },        /* long ago */
        { 5, 9, 2, true },         /* inside a batch */
        { 5, 5, 5, false },        /* nothing happened */
        { 65535, 0, 65535, true }, /* over the wrap */
        { 65535, 3, 65530, true }, { 0, 1, 65535, true }, { 2, 1, 65535, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(hf_ring_event_passed(cases[i].event, cases[i].now, cases[i].before),
                         cases[i].passed);
}

static void every_fault_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_RING_FAULT_COUNT; i++)
        assert_true(strlen(hf_ring_fault_text((enum hf_ring_fault)i)) > 5);
    assert_string_equal(hf_ring_fault_text(HF_RING_FAULT_COUNT), "unknown ring fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_the_sizes_of_the_specification),
        cmocka_unit_test(a_layout_aligns_every_part_and_lets_none_overlap),
        cmocka_unit_test(only_powers_of_two_up_to_32768_are_sizes),
        cmocka_unit_test(every_part_must_be_there_and_aligned),
        cmocka_unit_test(event_words_follow_the_rings),
        cmocka_unit_test(a_descriptor_lies_in_memory_as_the_specification_draws_it),
        cmocka_unit_test(an_event_is_passed_only_by_a_step_over_it),
        cmocka_unit_test(every_fault_has_a_sentence),
    };

    return cmocka_run_group_tests_name("ring/split", tests, NULL, NULL);
}
