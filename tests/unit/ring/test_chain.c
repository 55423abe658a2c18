/* SPDX-License-Identifier: BSD-3-Clause */
/* Every kind of chain a driver can write, good and bad. Descriptors are written by hand. */
#include "rig.h"

#define SIZE  8u
#define TABLE (RIG_DATA_GUEST + 0x2000u) /* where indirect tables lie */

static int new_rig(void **state)
{
    struct rig *rig = rig_new((struct rig_setup){ .size = SIZE });

    rig_start(rig);
    *state = rig;
    return 0;
}

static int free_rig(void **state)
{
    rig_free(*state);
    return 0;
}

static struct hf_desc desc_of(uint64_t address, uint32_t length, unsigned flags, uint16_t next)
{
    return (struct hf_desc){ address, length, (uint16_t)flags, next };
}

/* An indirect table at `table`, which may lie anywhere and across the border of the regions. */
static void write_table(struct rig *rig, uint64_t table, const struct hf_desc *descs, size_t count)
{
    const uint8_t *bytes = (const uint8_t *)descs;

    for (size_t i = 0; i < count * sizeof(*descs); i++)
        *(uint8_t *)rig_at(rig, table + i) = bytes[i];
}

static void a_chain_yields_readable_spans_then_writable_ones(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 3, desc_of(RIG_DATA_GUEST, 51, HF_DESC_NEXT, 7));
    rig_desc(rig, 7, desc_of(RIG_DATA_GUEST + 100, 4096, HF_DESC_NEXT, 0));
    rig_desc(rig, 0, desc_of(RIG_DATA_GUEST + 9000, 108, HF_DESC_NEXT | HF_DESC_WRITE, 1));
    rig_desc(rig, 1, desc_of(RIG_DATA_GUEST + 9500, 512, HF_DESC_WRITE, 3));
    assert_int_equal(rig_walk(rig, 3), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_count, 2);
    assert_int_equal(rig->chain.writable_count, 2);
    assert_int_equal(rig->chain.readable_bytes, 51 + 4096);
    assert_int_equal(rig->chain.writable_bytes, 108 + 512);
    assert_ptr_equal(hf_ring_chain_readable(&rig->chain)[1].base, rig->data[0] + 100);
    assert_ptr_equal(hf_ring_chain_writable(&rig->chain)[0].base, rig->data[0] + 9000);
    assert_int_equal(hf_ring_chain_writable(&rig->chain)[1].length, 512);
}

static void a_descriptor_across_two_regions_is_two_spans(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 0, desc_of(RIG_BORDER - 10, 30, HF_DESC_WRITE, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.writable_count, 2);
    assert_ptr_equal(rig->spans[0].base, rig->data[0] + RIG_DATA_SIZE - 10);
    assert_ptr_equal(rig->spans[1].base, rig->data[1]);
    assert_int_equal(rig->spans[1].length, 20);
}

static void a_descriptor_of_length_0_is_legal_and_never_translated(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 0, desc_of(0xdead00000000, 0, HF_DESC_NEXT, 1));
    rig_desc(rig, 1, desc_of(RIG_DATA_GUEST, 5, HF_DESC_WRITE, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_count, 0);
    assert_int_equal(rig->chain.writable_count, 1);
}

static void a_chain_may_use_every_descriptor_of_the_ring(void **state)
{
    struct rig *rig = *state;

    for (uint16_t i = 0; i < SIZE; i++)
        rig_desc(rig, i,
                 desc_of(RIG_DATA_GUEST, 1, i + 1u < SIZE ? HF_DESC_NEXT : 0, (uint16_t)(i + 1)));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_count, SIZE);
}

static void a_loop_is_found_after_as_many_descriptors_as_the_ring_has(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 2, desc_of(RIG_DATA_GUEST, 1, HF_DESC_NEXT, 2));
    assert_int_equal(rig_walk(rig, 2), HF_RING_FAULT_CHAIN_LONG);
    rig_desc(rig, 2, desc_of(0, 0, HF_DESC_NEXT, 4));
    rig_desc(rig, 4, desc_of(0, 0, HF_DESC_NEXT, 2));
    assert_int_equal(rig_walk(rig, 2), HF_RING_FAULT_CHAIN_LONG);
}

static void a_head_or_next_outside_of_the_table_is_refused(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(rig_walk(rig, SIZE), HF_RING_FAULT_HEAD);
    assert_int_equal(rig_walk(rig, 0xffff), HF_RING_FAULT_HEAD);
    rig_desc(rig, 2, desc_of(RIG_DATA_GUEST, 1, HF_DESC_NEXT, SIZE));
    assert_int_equal(rig_walk(rig, 2), HF_RING_FAULT_CHAIN_NEXT);
}

static void a_readable_descriptor_behind_a_writable_one_is_refused(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 0, desc_of(RIG_DATA_GUEST, 1, HF_DESC_NEXT | HF_DESC_WRITE, 1));
    rig_desc(rig, 1, desc_of(RIG_DATA_GUEST, 1, 0, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_CHAIN_ORDER);
}

static void an_empty_writable_descriptor_is_writable_too(void **state)
{
    struct rig *rig = *state;

    rig_desc(rig, 0, desc_of(RIG_DATA_GUEST, 0, HF_DESC_NEXT | HF_DESC_WRITE, 1));
    rig_desc(rig, 1, desc_of(RIG_DATA_GUEST, 1, 0, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_CHAIN_ORDER);
}

static void an_address_outside_of_guest_memory_is_refused_at_either_end(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t length;
    } bad[] = {
        { 0, 1 },
        { RIG_DATA_GUEST - 1, 2 },
        { RIG_BORDER + RIG_DATA_SIZE - 1, 2 },
        { RIG_DATA_GUEST, UINT32_MAX },
        { UINT64_MAX, 1 },
        { UINT64_MAX - 4, 100 },
    };
    struct rig *rig = *state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig_desc(rig, 0, desc_of(bad[i].address, bad[i].length, 0, 0));
        assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_CHAIN_ADDRESS);
    }
}

static void more_pieces_than_the_caller_has_room_for_are_refused(void **state)
{
    struct rig *rig = *state;

    rig->chain.span_capacity = 2;
    rig_desc(rig, 0, desc_of(RIG_DATA_GUEST, 1, HF_DESC_NEXT, 1));
    rig_desc(rig, 1, desc_of(RIG_BORDER - 1, 1, 0, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_NONE);
    rig_desc(rig, 1, desc_of(RIG_BORDER - 1, 2, 0, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_CHAIN_SPANS);
    assert_int_equal(rig->chain.readable_count, 2);
}

static const struct hf_desc good_table[3] = {
    { RIG_DATA_GUEST, 51, HF_DESC_NEXT, 2 },
    { RIG_DATA_GUEST + 600, 108, HF_DESC_WRITE, 0 },
    { RIG_DATA_GUEST + 100, 512, HF_DESC_NEXT, 1 },
};

static void assert_good_table(struct rig *rig, uint64_t table, unsigned flags)
{
    write_table(rig, table, good_table, 3);
    rig_desc(rig, 5, desc_of(table, sizeof(good_table), HF_DESC_INDIRECT | flags, 9));
    assert_int_equal(rig_walk(rig, 5), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_bytes, 51 + 512);
    assert_int_equal(rig->chain.writable_bytes, 108);
    assert_ptr_equal(rig->spans[1].base, rig->data[0] + 100);
    assert_ptr_equal(rig->spans[2].base, rig->data[0] + 600);
}

static void an_indirect_table_is_walked_like_the_ring(void **state)
{
    assert_good_table(*state, TABLE, 0);
}

static void an_indirect_table_may_lie_at_any_byte_and_across_regions(void **state)
{
    for (unsigned offset = 1; offset < 3 * 16; offset++)
        assert_good_table(*state, RIG_BORDER - offset, 0);
    assert_good_table(*state, TABLE + 1, 0);
}

static void write_on_the_indirect_descriptor_itself_is_ignored(void **state)
{
    assert_good_table(*state, TABLE, HF_DESC_WRITE);
}

static void an_indirect_table_may_end_a_direct_chain(void **state)
{
    struct rig *rig = *state;

    write_table(rig, TABLE, good_table, 3);
    rig_desc(rig, 0, desc_of(RIG_DATA_GUEST, 7, HF_DESC_NEXT, 1));
    rig_desc(rig, 1, desc_of(TABLE, sizeof(good_table), HF_DESC_INDIRECT, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_NONE);
    assert_int_equal(rig->chain.readable_bytes, 7 + 51 + 512);
}

static void an_indirect_table_in_a_wrong_shape_is_refused(void **state)
{
    static const struct {
        struct hf_desc desc;
        enum hf_ring_fault fault;
    } bad[] = {
        { { TABLE, 0, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_INDIRECT_LENGTH },
        { { TABLE, 15, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_INDIRECT_LENGTH },
        { { TABLE, 17, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_INDIRECT_LENGTH },
        { { TABLE, 48, HF_DESC_INDIRECT | HF_DESC_NEXT, 1 }, HF_RING_FAULT_INDIRECT_NEXT },
        { { 0x10, 48, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_INDIRECT_ADDRESS },
        { { UINT64_MAX - 7, 48, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_INDIRECT_ADDRESS },
        { { TABLE, 32, HF_DESC_INDIRECT, 0 }, HF_RING_FAULT_CHAIN_NEXT }, /* [0] goes to 2 */
    };
    struct rig *rig = *state;

    write_table(rig, TABLE, good_table, 3);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig_desc(rig, 0, bad[i].desc);
        assert_int_equal(rig_walk(rig, 0), bad[i].fault);
    }
}

static void an_indirect_table_that_runs_out_of_guest_memory_is_refused(void **state)
{
    struct rig *rig = *state;
    uint64_t end = RIG_BORDER + RIG_DATA_SIZE;
    const struct hf_desc to_the_missing_one = { RIG_DATA_GUEST, 1, HF_DESC_NEXT, 1 };

    write_table(rig, end - 16, &to_the_missing_one, 1);
    rig_desc(rig, 0, desc_of(end - 16, 32, HF_DESC_INDIRECT, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_INDIRECT_ADDRESS);
}

static void an_indirect_table_in_an_indirect_table_is_refused(void **state)
{
    static const struct hf_desc nested = { TABLE, 16, HF_DESC_INDIRECT, 0 };
    struct rig *rig = *state;

    write_table(rig, TABLE, &nested, 1);
    rig_desc(rig, 0, nested);
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_INDIRECT_NESTED);
}

static void a_loop_in_an_indirect_table_is_bounded_by_the_ring(void **state)
{
    static const struct hf_desc loop = { RIG_DATA_GUEST, 1, HF_DESC_NEXT, 0 };
    struct rig *rig = *state;

    write_table(rig, TABLE, &loop, 1);
    rig_desc(rig, 0, desc_of(TABLE, 16, HF_DESC_INDIRECT, 0));
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_CHAIN_LONG);
    assert_int_equal(rig->chain.readable_count, SIZE);
}

static void an_indirect_table_without_the_feature_is_refused(void **state)
{
    struct rig *rig = *state;

    write_table(rig, TABLE, good_table, 3);
    rig_desc(rig, 0, desc_of(TABLE, 48, HF_DESC_INDIRECT, 0));
    rig->device.indirect = false;
    assert_int_equal(rig_walk(rig, 0), HF_RING_FAULT_INDIRECT_UNASKED);
}

/* Whatever the bytes are: the walk ends, and its spans lie in guest memory. */
static void random_descriptors_never_lead_outside(void **state)
{
    struct rig *rig = *state;
    uint32_t seed = 20260804;

    for (unsigned round = 0; round < 100000; round++) {
        for (uint16_t i = 0; i < SIZE; i++)
            rig_desc(rig, i,
                     desc_of(RIG_DATA_GUEST - 64 + rig_random(&seed) % (2 * RIG_DATA_SIZE + 128),
                             rig_random(&seed) % 0x100, rig_random(&seed) % 8,
                             (uint16_t)(rig_random(&seed) % (SIZE + 1))));
        if (rig_walk(rig, (uint16_t)(round % SIZE)) != HF_RING_FAULT_NONE)
            continue;
        for (uint32_t i = 0; i < rig->chain.readable_count + rig->chain.writable_count; i++) {
            uint8_t *base = rig->spans[i].base;
            unsigned region = base >= rig->data[1] && base < rig->data[1] + RIG_DATA_SIZE;
            assert_in_range((uintptr_t)base, (uintptr_t)rig->data[region],
                            (uintptr_t)rig->data[region] + RIG_DATA_SIZE - rig->spans[i].length);
        }
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, new_rig, free_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_chain_yields_readable_spans_then_writable_ones),
        WITH_RIG(a_descriptor_across_two_regions_is_two_spans),
        WITH_RIG(a_descriptor_of_length_0_is_legal_and_never_translated),
        WITH_RIG(a_chain_may_use_every_descriptor_of_the_ring),
        WITH_RIG(a_loop_is_found_after_as_many_descriptors_as_the_ring_has),
        WITH_RIG(a_head_or_next_outside_of_the_table_is_refused),
        WITH_RIG(a_readable_descriptor_behind_a_writable_one_is_refused),
        WITH_RIG(an_empty_writable_descriptor_is_writable_too),
        WITH_RIG(an_address_outside_of_guest_memory_is_refused_at_either_end),
        WITH_RIG(more_pieces_than_the_caller_has_room_for_are_refused),
        WITH_RIG(an_indirect_table_is_walked_like_the_ring),
        WITH_RIG(an_indirect_table_may_lie_at_any_byte_and_across_regions),
        WITH_RIG(write_on_the_indirect_descriptor_itself_is_ignored),
        WITH_RIG(an_indirect_table_may_end_a_direct_chain),
        WITH_RIG(an_indirect_table_in_a_wrong_shape_is_refused),
        WITH_RIG(an_indirect_table_that_runs_out_of_guest_memory_is_refused),
        WITH_RIG(an_indirect_table_in_an_indirect_table_is_refused),
        WITH_RIG(a_loop_in_an_indirect_table_is_bounded_by_the_ring),
        WITH_RIG(an_indirect_table_without_the_feature_is_refused),
        WITH_RIG(random_descriptors_never_lead_outside),
    };

    return cmocka_run_group_tests_name("ring/chain", tests, NULL, NULL);
}
