/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text.h"

#include <wchar.h>

#include "cmocka_all.h"

static void a_new_text_is_empty(void **state)
{
    char buffer[4] = "abc";
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    (void)state;
    assert_string_equal(buffer, "");
    assert_int_equal(text.length, 0);
}

static void additions_follow_one_another(void **state)
{
    char buffer[32];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    (void)state;
    hf_text_add(&text, "%s-%d", "ring", 7);
    hf_text_add(&text, "/%u", 8u);
    assert_string_equal(buffer, "ring-7/8");
    assert_int_equal(text.length, 8);
}

/* Guards around the buffer show that nothing is written beyond it. */
static void a_long_text_is_cut_and_always_ended(void **state)
{
    for (size_t capacity = 1; capacity <= 8; capacity++) {
        char buffer[16];
        struct hf_text text;

        (void)state;
        memset(buffer, '#', sizeof(buffer));
        text = hf_text_of(buffer, capacity);
        hf_text_add(&text, "%s", "abcdefghijk");
        hf_text_add(&text, "%s", "xyz");
        assert_int_equal(text.length, capacity - 1);
        assert_int_equal(strlen(buffer), capacity - 1);
        assert_memory_equal(buffer, "abcdefghijk", capacity - 1);
        assert_int_equal(buffer[capacity], '#');
    }
}

static void a_text_that_just_fits_is_whole(void **state)
{
    char buffer[7];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    (void)state;
    hf_text_add(&text, "abc");
    hf_text_add(&text, "def");
    assert_string_equal(buffer, "abcdef");
    assert_int_equal(text.length, 6);
}

/* A wide character that no locale has: the one thing that vsnprintf refuses. */
static void what_cannot_be_formatted_adds_nothing(void **state)
{
    char buffer[32];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    (void)state;
    hf_text_add(&text, "ring");
    hf_text_add(&text, " of %lc", (wint_t)0x7fffffff);
    assert_string_equal(buffer, "ring");
    hf_text_add(&text, "-%d", 7);
    assert_string_equal(buffer, "ring-7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_text_is_empty),
        cmocka_unit_test(additions_follow_one_another),
        cmocka_unit_test(a_long_text_is_cut_and_always_ended),
        cmocka_unit_test(a_text_that_just_fits_is_whole),
        cmocka_unit_test(what_cannot_be_formatted_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
