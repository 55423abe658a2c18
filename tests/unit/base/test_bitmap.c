/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/bitmap.h"

#include "cmocka_all.h"

static void words_are_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(HF_BITMAP_WORDS(0), 0);
    assert_int_equal(HF_BITMAP_WORDS(1), 1);
    assert_int_equal(HF_BITMAP_WORDS(64), 1);
    assert_int_equal(HF_BITMAP_WORDS(65), 2);
}

static void a_set_bit_is_that_bit_and_no_other(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 128; bit++) {
        uint64_t words[2] = { 0 };

        hf_bitmap_set(words, bit);
        for (size_t other = 0; other < 128; other++)
            assert_int_equal(hf_bitmap_test(words, other), other == bit);
    }
}

static void a_cleared_bit_leaves_the_others(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 128; bit++) {
        uint64_t words[2] = { UINT64_MAX, UINT64_MAX };

        hf_bitmap_clear(words, bit);
        for (size_t other = 0; other < 128; other++)
            assert_int_equal(hf_bitmap_test(words, other), other != bit);
    }
}

static void setting_and_clearing_twice_is_the_same_as_once(void **state)
{
    uint64_t words[1] = { 0 };

    (void)state;
    hf_bitmap_set(words, 63);
    hf_bitmap_set(words, 63);
    assert_true(words[0] == HF_BIT(63));
    hf_bitmap_clear(words, 63);
    hf_bitmap_clear(words, 63);
    assert_true(words[0] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_rounded_up),
        cmocka_unit_test(a_set_bit_is_that_bit_and_no_other),
        cmocka_unit_test(a_cleared_bit_leaves_the_others),
        cmocka_unit_test(setting_and_clearing_twice_is_the_same_as_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
