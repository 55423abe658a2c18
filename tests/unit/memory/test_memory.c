/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions and spans. The tables are small; the host memory is two arrays that are not neighbours.
 */
#include "memory/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#define LOW_GUEST  0x1000u
#define LOW_SIZE   0x1000u
#define HIGH_GUEST 0x2000u /* adjacent to the low one */
#define HIGH_SIZE  0x3000u
#define FAR_GUEST  0x9000u /* behind a hole */

static uint8_t low_bytes[LOW_SIZE];
static uint8_t gap_bytes[64];
static uint8_t high_bytes[HIGH_SIZE];
static uint8_t far_bytes[0x1000];

static struct hf_memory_region region_of(uint64_t guest_address, uint64_t size_bytes, void *host)
{
    return (struct hf_memory_region){ .guest_address = guest_address,
                                      .user_address = guest_address + 0x7f0000000000,
                                      .size_bytes = size_bytes,
                                      .host = host };
}

static enum hf_memory_fault add(struct hf_memory *memory, uint64_t guest_address,
                                uint64_t size_bytes, void *host)
{
    struct hf_memory_region region = region_of(guest_address, size_bytes, host);

    return hf_memory_add(memory, &region);
}

/* Added out of order on purpose. */
static int three_regions(void **state)
{
    struct hf_memory *memory = malloc(sizeof(*memory));

    assert_non_null(memory);
    hf_memory_init(memory);
    assert_int_equal(add(memory, FAR_GUEST, sizeof(far_bytes), far_bytes), HF_MEMORY_FAULT_NONE);
    assert_int_equal(add(memory, LOW_GUEST, LOW_SIZE, low_bytes), HF_MEMORY_FAULT_NONE);
    assert_int_equal(add(memory, HIGH_GUEST, HIGH_SIZE, high_bytes), HF_MEMORY_FAULT_NONE);
    *state = memory;
    return 0;
}

static int free_regions(void **state)
{
    free(*state);
    return 0;
}

static void regions_are_kept_in_the_order_of_guest_addresses(void **state)
{
    struct hf_memory *memory = *state;

    assert_int_equal(memory->region_count, 3);
    assert_int_equal(memory->regions[0].guest_address, LOW_GUEST);
    assert_int_equal(memory->regions[1].guest_address, HIGH_GUEST);
    assert_int_equal(memory->regions[2].guest_address, FAR_GUEST);
}

static void a_region_of_no_bytes_is_refused(void **state)
{
    assert_int_equal(add(*state, 0x20000, 0, far_bytes), HF_MEMORY_FAULT_EMPTY);
}

static void a_region_that_wraps_is_refused_whichever_address_it_is(void **state)
{
    struct hf_memory_region good = region_of(0x20000, 0x1000, far_bytes);
    struct hf_memory_region bad[4] = { good, good, good, good };

    bad[0].guest_address = UINT64_MAX - 0xfff;
    bad[1].user_address = UINT64_MAX - 0xfff;
    bad[2].mmap_offset = UINT64_MAX - 0xfff;
    bad[3].host = (uint8_t *)UINTPTR_MAX - 0xfff;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hf_memory_add(*state, &bad[i]), HF_MEMORY_FAULT_WRAPS);
    bad[0].guest_address -= 1;
    assert_int_equal(hf_memory_add(*state, &bad[0]), HF_MEMORY_FAULT_NONE);
}

static void a_region_that_overlaps_at_either_end_is_refused_and_changes_nothing(void **state)
{
    struct hf_memory before;
    static const struct {
        uint64_t start, size;
    } bad[] = {
        { LOW_GUEST, LOW_SIZE },  /* the same */
        { LOW_GUEST - 1, 2 },     /* its first byte */
        { LOW_GUEST + 0xfff, 1 }, /* its last byte */
        { FAR_GUEST - 0x1000, 0x1001 },
        { FAR_GUEST + 0x800, 0x10 }, /* inside */
        { 0, 0x100000 },             /* around everything */
    };

    memcpy(&before, *state, sizeof(before));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(add(*state, bad[i].start, bad[i].size, far_bytes),
                         HF_MEMORY_FAULT_OVERLAP);
    assert_memory_equal(&before, *state, sizeof(before));
}

static void the_table_holds_509_regions_and_refuses_the_next(void **state)
{
    struct hf_memory *memory = *state;

    hf_memory_init(memory);
    for (uint64_t i = 0; i < HF_MEMORY_REGIONS_MAX; i++)
        assert_int_equal(add(memory, (HF_MEMORY_REGIONS_MAX - i) * 0x2000, 0x1000, far_bytes),
                         HF_MEMORY_FAULT_NONE);
    assert_int_equal(add(memory, 0x1000000, 0x1000, far_bytes), HF_MEMORY_FAULT_FULL);
    for (uint64_t i = 1; i <= HF_MEMORY_REGIONS_MAX; i++) {
        assert_ptr_equal(hf_memory_translate(memory, i * 0x2000 + 5, 1), far_bytes + 5);
        assert_null(hf_memory_translate(memory, i * 0x2000 + 0x1000, 1));
    }
}

static void removal_wants_guest_address_user_address_and_size_but_not_the_offset(void **state)
{
    struct hf_memory *memory = *state;
    struct hf_memory_region like = region_of(HIGH_GUEST, HIGH_SIZE, NULL);
    struct hf_memory_region removed;

    like.size_bytes++;
    assert_int_equal(hf_memory_remove(memory, &like, NULL), HF_MEMORY_FAULT_ABSENT);
    like.size_bytes--;
    like.user_address++;
    assert_int_equal(hf_memory_remove(memory, &like, NULL), HF_MEMORY_FAULT_ABSENT);
    like.user_address--;
    like.guest_address++;
    assert_int_equal(hf_memory_remove(memory, &like, NULL), HF_MEMORY_FAULT_ABSENT);
    like.guest_address--;
    like.mmap_offset = 77;
    assert_int_equal(hf_memory_remove(memory, &like, &removed), HF_MEMORY_FAULT_NONE);
    assert_ptr_equal(removed.host, high_bytes);
    assert_int_equal(memory->region_count, 2);
    assert_null(hf_memory_find(memory, HIGH_GUEST));
    assert_int_equal(hf_memory_remove(memory, &like, NULL), HF_MEMORY_FAULT_ABSENT);
    assert_non_null(hf_memory_find(memory, FAR_GUEST));
}

static void an_address_translates_only_with_all_of_its_length_in_one_region(void **state)
{
    struct hf_memory *memory = *state;

    assert_ptr_equal(hf_memory_translate(memory, LOW_GUEST, LOW_SIZE), low_bytes);
    assert_ptr_equal(hf_memory_translate(memory, LOW_GUEST + 8, LOW_SIZE - 8), low_bytes + 8);
    assert_null(hf_memory_translate(memory, LOW_GUEST, LOW_SIZE + 1));
    assert_null(hf_memory_translate(memory, LOW_GUEST - 1, 2));
    assert_null(hf_memory_translate(memory, 0, 1));
    assert_null(hf_memory_translate(memory, LOW_GUEST + 1, UINT64_MAX));
    assert_null(hf_memory_translate(memory, UINT64_MAX, 1));
    assert_null(hf_memory_translate(memory, FAR_GUEST + 0x1000, 1));
    assert_null(hf_memory_translate(memory, 0x5000, 1));
}

static void no_bytes_translate_up_to_the_end_of_a_region(void **state)
{
    assert_ptr_equal(hf_memory_translate(*state, FAR_GUEST + 0x1000, 0), far_bytes + 0x1000);
    assert_null(hf_memory_translate(*state, FAR_GUEST + 0x1001, 0));
    assert_null(hf_memory_translate(*state, 0, 0));
}

static void a_user_address_translates_like_a_guest_address(void **state)
{
    uint64_t user = 0x7f0000000000 + HIGH_GUEST;

    assert_ptr_equal(hf_memory_translate_user(*state, user + 16, 32), high_bytes + 16);
    assert_null(hf_memory_translate_user(*state, user + HIGH_SIZE - 1, 2));
    assert_null(hf_memory_translate_user(*state, HIGH_GUEST, 1));
    assert_null(hf_memory_translate_user(*state, user, UINT64_MAX));
}

static void a_region_that_is_not_mapped_is_known_but_does_not_translate(void **state)
{
    struct hf_memory_cursor cursor;
    struct hf_span span;

    assert_int_equal(add(*state, 0x20000, 0x1000, NULL), HF_MEMORY_FAULT_NONE);
    assert_non_null(hf_memory_find(*state, 0x20000));
    assert_null(hf_memory_translate(*state, 0x20000, 1));
    cursor = hf_memory_walk(*state, 0x20000, 1);
    assert_false(hf_memory_next(&cursor, &span));
    assert_int_equal(cursor.left_bytes, 1);
}

static void a_buffer_that_crosses_into_the_next_region_yields_two_spans(void **state)
{
    struct hf_memory_cursor cursor = hf_memory_walk(*state, HIGH_GUEST - 0x10, 0x30);
    struct hf_span span;

    assert_true(hf_memory_next(&cursor, &span));
    assert_ptr_equal(span.base, low_bytes + LOW_SIZE - 0x10);
    assert_int_equal(span.length, 0x10);
    assert_true(hf_memory_next(&cursor, &span));
    assert_ptr_equal(span.base, high_bytes);
    assert_int_equal(span.length, 0x20);
    assert_false(hf_memory_next(&cursor, &span));
    assert_int_equal(cursor.left_bytes, 0);
}

static void a_buffer_that_runs_into_a_hole_says_how_much_is_missing(void **state)
{
    struct hf_memory_cursor cursor = hf_memory_walk(*state, HIGH_GUEST + HIGH_SIZE - 8, 12);
    struct hf_span span;

    assert_true(hf_memory_next(&cursor, &span));
    assert_int_equal(span.length, 8);
    assert_false(hf_memory_next(&cursor, &span));
    assert_false(hf_memory_next(&cursor, &span));
    assert_int_equal(cursor.left_bytes, 4);
}

static void a_buffer_of_no_bytes_has_no_spans_wherever_it_is(void **state)
{
    struct hf_memory_cursor cursor = hf_memory_walk(*state, 0xdead0000, 0);
    struct hf_span span;

    assert_false(hf_memory_next(&cursor, &span));
    assert_int_equal(cursor.left_bytes, 0);
}

static void a_length_that_wraps_ends_in_a_hole_and_not_at_address_0(void **state)
{
    struct hf_memory_cursor cursor = hf_memory_walk(*state, FAR_GUEST, UINT64_MAX);
    struct hf_span span;
    unsigned spans = 0;

    while (hf_memory_next(&cursor, &span))
        spans++;
    assert_int_equal(spans, 1);
    assert_int_equal(cursor.left_bytes, UINT64_MAX - 0x1000);
}

static void a_copy_crosses_regions_byte_by_byte(void **state)
{
    uint8_t into[8] = { 0 };

    memset(low_bytes, 'l', sizeof(low_bytes));
    memset(gap_bytes, 'x', sizeof(gap_bytes));
    memset(high_bytes, 'h', sizeof(high_bytes));
    assert_true(hf_memory_copy(*state, HIGH_GUEST - 3, into, sizeof(into)));
    assert_memory_equal(into, "lllhhhhh", 8);
    assert_false(hf_memory_copy(*state, HIGH_GUEST + HIGH_SIZE - 3, into, sizeof(into)));
    assert_true(hf_memory_copy(*state, 0, into, 0));
}

static void a_byte_of_ours_is_found_in_its_region(void **state)
{
    struct hf_memory *memory = *state;

    assert_int_equal(hf_memory_find_host(memory, low_bytes)->guest_address, LOW_GUEST);
    assert_int_equal(hf_memory_find_host(memory, low_bytes + LOW_SIZE - 1)->guest_address,
                     LOW_GUEST);
    assert_int_equal(hf_memory_find_host(memory, high_bytes + 7)->guest_address, HIGH_GUEST);
    assert_int_equal(hf_memory_find_host(memory, far_bytes)->guest_address, FAR_GUEST);
    assert_null(hf_memory_find_host(memory, gap_bytes));
    assert_null(hf_memory_find_host(memory, NULL));
}

static void a_region_that_is_not_mapped_holds_no_byte_of_ours(void **state)
{
    struct hf_memory *memory = *state;

    assert_int_equal(add(memory, 0x20000, 0x1000, NULL), HF_MEMORY_FAULT_NONE);
    assert_null(hf_memory_find_host(memory, (void *)0x10));
}

static void a_span_is_laid_out_as_an_iovec(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct hf_span), sizeof(struct iovec));
    assert_int_equal(offsetof(struct hf_span, base), offsetof(struct iovec, iov_base));
    assert_int_equal(offsetof(struct hf_span, length), offsetof(struct iovec, iov_len));
}

static void every_fault_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_MEMORY_FAULT_COUNT; i++)
        assert_true(strlen(hf_memory_fault_text((enum hf_memory_fault)i)) > 5);
    assert_string_equal(hf_memory_fault_text(HF_MEMORY_FAULT_COUNT), "unknown memory fault");
}

#define WITH_REGIONS(test) cmocka_unit_test_setup_teardown(test, three_regions, free_regions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGIONS(regions_are_kept_in_the_order_of_guest_addresses),
        WITH_REGIONS(a_region_of_no_bytes_is_refused),
        WITH_REGIONS(a_region_that_wraps_is_refused_whichever_address_it_is),
        WITH_REGIONS(a_region_that_overlaps_at_either_end_is_refused_and_changes_nothing),
        WITH_REGIONS(the_table_holds_509_regions_and_refuses_the_next),
        WITH_REGIONS(removal_wants_guest_address_user_address_and_size_but_not_the_offset),
        WITH_REGIONS(an_address_translates_only_with_all_of_its_length_in_one_region),
        WITH_REGIONS(no_bytes_translate_up_to_the_end_of_a_region),
        WITH_REGIONS(a_user_address_translates_like_a_guest_address),
        WITH_REGIONS(a_region_that_is_not_mapped_is_known_but_does_not_translate),
        WITH_REGIONS(a_buffer_that_crosses_into_the_next_region_yields_two_spans),
        WITH_REGIONS(a_buffer_that_runs_into_a_hole_says_how_much_is_missing),
        WITH_REGIONS(a_buffer_of_no_bytes_has_no_spans_wherever_it_is),
        WITH_REGIONS(a_length_that_wraps_ends_in_a_hole_and_not_at_address_0),
        WITH_REGIONS(a_copy_crosses_regions_byte_by_byte),
        WITH_REGIONS(a_byte_of_ours_is_found_in_its_region),
        WITH_REGIONS(a_region_that_is_not_mapped_holds_no_byte_of_ours),
        cmocka_unit_test(a_span_is_laid_out_as_an_iovec),
        cmocka_unit_test(every_fault_has_a_sentence),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
