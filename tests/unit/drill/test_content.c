/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/content.h"

#define SIZE 4096u

static const struct hf_content_id id = { .seed = 42, .address = 1u << 20, .generation = 7 };

struct block {
    uint64_t words[SIZE / 8];
};

static struct block filled(struct hf_content_id as)
{
    struct block block;

    hf_content_fill(&block, SIZE, &as);
    return block;
}

static void a_block_says_what_it_is(void **state)
{
    struct block block = filled(id);
    struct hf_sight sight = hf_content_look(&block, SIZE, &id);

    (void)state;
    assert_true(sight.intact && sight.in_place);
    assert_false(sight.unfilled || sight.blank);
    assert_int_equal(sight.oldest, 7);
    assert_int_equal(sight.newest, 7);
    assert_true(hf_content_equals(&block, SIZE, &id));
}

static void any_flipped_bit_is_seen(void **state)
{
    struct block good = filled(id);

    (void)state;
    for (size_t bit = 0; bit < SIZE * 8; bit += 37) {
        struct block block = good;
        block.words[bit / 64] ^= UINT64_C(1) << (bit % 64);
        struct hf_sight sight = hf_content_look(&block, SIZE, &id);
        assert_false(sight.intact);
        assert_false(hf_content_equals(&block, SIZE, &id));
    }
}

static void data_of_another_address_is_named(void **state)
{
    struct hf_content_id other = id;

    (void)state;
    other.address += 8 * SIZE;
    struct block block = filled(other);
    struct hf_sight sight = hf_content_look(&block, SIZE, &id);
    assert_true(sight.intact);
    assert_false(sight.in_place);
    assert_int_equal(sight.stray_address, other.address);
}

static void data_of_another_run_is_not_ours(void **state)
{
    struct hf_content_id other = id;

    (void)state;
    other.seed++;
    struct block block = filled(other);
    assert_false(hf_content_look(&block, SIZE, &id).in_place);
}

static void a_torn_block_shows_both_generations(void **state)
{
    struct hf_content_id newer = id;
    struct block block = filled(id);

    (void)state;
    newer.generation = 9;
    struct block second = filled(newer);
    memcpy(&block, &second, SIZE / 2);
    struct hf_sight sight = hf_content_look(&block, SIZE, &id);
    assert_true(sight.intact);
    assert_int_equal(sight.oldest, 7);
    assert_int_equal(sight.newest, 9);
}

static void a_read_that_filled_only_a_part_is_seen(void **state)
{
    struct block block;
    struct block good = filled(id);

    (void)state;
    hf_content_poison(&block, SIZE);
    memcpy(&block, &good, SIZE - HF_CONTENT_SECTOR_SIZE);
    assert_true(hf_content_look(&block, SIZE, &id).unfilled);
}

static void zeros_are_blank_and_a_mixture_is_not(void **state)
{
    struct block block = { { 0 } };
    struct block good = filled(id);

    (void)state;
    assert_true(hf_content_look(&block, SIZE, &id).blank);
    memcpy(&block, &good, HF_CONTENT_SECTOR_SIZE);
    struct hf_sight sight = hf_content_look(&block, SIZE, &id);
    assert_false(sight.blank);
    assert_false(sight.intact);
}

static void a_guard_notices_every_byte(void **state)
{
    struct block block;

    (void)state;
    hf_content_guard(&block, SIZE);
    assert_true(hf_content_guarded(&block, SIZE));
    for (size_t i = 0; i < SIZE; i += 61) {
        ((uint8_t *)&block)[i] ^= 1;
        assert_false(hf_content_guarded(&block, SIZE));
        ((uint8_t *)&block)[i] ^= 1;
    }
    assert_true(hf_content_guarded(&block, SIZE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_says_what_it_is),
        cmocka_unit_test(any_flipped_bit_is_seen),
        cmocka_unit_test(data_of_another_address_is_named),
        cmocka_unit_test(data_of_another_run_is_not_ours),
        cmocka_unit_test(a_torn_block_shows_both_generations),
        cmocka_unit_test(a_read_that_filled_only_a_part_is_seen),
        cmocka_unit_test(zeros_are_blank_and_a_mixture_is_not),
        cmocka_unit_test(a_guard_notices_every_byte),
    };

    return cmocka_run_group_tests_name("drill/content", tests, NULL, NULL);
}
