/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checked.h"

#include "cmocka_all.h"

static void a_sum_is_exact_or_refused(void **state)
{
    uint64_t result = 0;

    (void)state;
    assert_true(hf_add_u64(UINT64_MAX - 1, 1, &result));
    assert_true(result == UINT64_MAX);
    assert_false(hf_add_u64(UINT64_MAX, 1, &result));
    assert_false(hf_add_u64(UINT64_C(1) << 63, UINT64_C(1) << 63, &result));
}

static void a_product_is_exact_or_refused(void **state)
{
    uint64_t result = 0;

    (void)state;
    assert_true(hf_mul_u64(UINT32_MAX, UINT32_MAX, &result));
    assert_true(result == UINT64_C(0xfffffffe00000001));
    assert_false(hf_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &result));
    assert_true(hf_mul_u64(UINT64_MAX, 0, &result));
    assert_true(result == 0);
}

static void a_range_is_inside_up_to_its_last_byte(void **state)
{
    (void)state;
    assert_true(hf_range_inside(0, 10, 10));
    assert_true(hf_range_inside(9, 1, 10));
    assert_false(hf_range_inside(9, 2, 10));
    assert_true(hf_range_inside(10, 0, 10));
    assert_false(hf_range_inside(11, 0, 10));
    assert_false(hf_range_inside(10, 1, 10));
}

static void a_range_that_wraps_around_is_outside(void **state)
{
    (void)state;
    assert_false(hf_range_inside(UINT64_MAX, 2, 10));
    assert_false(hf_range_inside(2, UINT64_MAX, 10));
    assert_false(hf_range_inside(2, UINT64_MAX, UINT64_MAX));
    assert_true(hf_range_inside(0, UINT64_MAX, UINT64_MAX));
}

static void ranges_overlap_if_they_have_a_byte_in_common(void **state)
{
    static const struct {
        uint64_t a, a_length, b, b_length;
        bool overlap;
    } cases[] = {
        { 10, 5, 15, 5, false },
        { 10, 6, 15, 5, true },
        { 10, 5, 10, 5, true },
        { 10, 9, 12, 1, true },
        { 0, 1, UINT64_MAX - 1, 1, false },
        { UINT64_MAX - 9, 10, UINT64_MAX, 1, true },
        { UINT64_MAX - 9, 9, UINT64_MAX, 1, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            hf_ranges_overlap(cases[i].a, cases[i].a_length, cases[i].b, cases[i].b_length),
            cases[i].overlap);
        assert_int_equal(
            hf_ranges_overlap(cases[i].b, cases[i].b_length, cases[i].a, cases[i].a_length),
            cases[i].overlap);
    }
}

static void the_smaller_and_the_greater_are_told_apart(void **state)
{
    (void)state;
    assert_true(hf_min_u64(1, UINT64_MAX) == 1);
    assert_true(hf_min_u64(UINT64_MAX, 1) == 1);
    assert_true(hf_max_u64(1, UINT64_MAX) == UINT64_MAX);
    assert_true(hf_max_u64(UINT64_MAX, 1) == UINT64_MAX);
}

static void only_powers_of_two_are_powers_of_two(void **state)
{
    (void)state;
    assert_false(hf_is_power_of_two(0));
    for (unsigned bit = 0; bit < 64; bit++)
        assert_true(hf_is_power_of_two(UINT64_C(1) << bit));
    for (unsigned bit = 2; bit < 64; bit++) {
        assert_false(hf_is_power_of_two((UINT64_C(1) << bit) - 1));
        assert_false(hf_is_power_of_two((UINT64_C(1) << bit) + 1));
    }
}

static void alignment_goes_up_and_leaves_multiples(void **state)
{
    (void)state;
    assert_int_equal(hf_align_up(0, 64), 0);
    assert_int_equal(hf_align_up(1, 64), 64);
    assert_int_equal(hf_align_up(64, 64), 64);
    assert_int_equal(hf_align_up(65, 64), 128);
    assert_int_equal(hf_align_up(7, 1), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_exact_or_refused),
        cmocka_unit_test(a_product_is_exact_or_refused),
        cmocka_unit_test(a_range_is_inside_up_to_its_last_byte),
        cmocka_unit_test(a_range_that_wraps_around_is_outside),
        cmocka_unit_test(ranges_overlap_if_they_have_a_byte_in_common),
        cmocka_unit_test(the_smaller_and_the_greater_are_told_apart),
        cmocka_unit_test(only_powers_of_two_are_powers_of_two),
        cmocka_unit_test(alignment_goes_up_and_leaves_multiples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
