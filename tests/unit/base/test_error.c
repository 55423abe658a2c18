/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

#include "cmocka_all.h"
#include <errno.h>

static void an_error_has_a_code_and_a_sentence(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_error_set(&error, EBADF, "region %d: %s", 3, "bad"), -EBADF);
    assert_int_equal(error.code, EBADF);
    assert_string_equal(error.text, "region 3: bad");
}

static void a_second_error_replaces_the_first(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    hf_error_set(&error, EBADF, "a long sentence about the first");
    hf_error_set(&error, EIO, "second");
    assert_int_equal(error.code, EIO);
    assert_string_equal(error.text, "second");
}

static void causes_are_chained_from_the_outside_in(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    hf_error_set(&error, EBADF, "Bad file descriptor");
    hf_error_prefix(&error, "error setting %s", "in-flight region");
    hf_error_prefix(&error, "unable to start");
    assert_string_equal(error.text,
                        "unable to start: error setting in-flight region: Bad file descriptor");
    assert_int_equal(error.code, EBADF);
}

static void a_chain_too_long_is_cut_at_its_end(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    hf_error_set(&error, EIO, "cause");
    for (int i = 0; i < 100; i++)
        hf_error_prefix(&error, "%s", "0123456789");
    assert_int_equal(strlen(error.text), HF_ERROR_TEXT_SIZE - 1);
    assert_memory_equal(error.text, "0123456789: 0123456789: ", 24);
}

static void a_cleared_error_is_none(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    hf_error_set(&error, EIO, "cause");
    hf_error_clear(&error);
    assert_int_equal(error.code, 0);
    assert_string_equal(error.text, "");
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(hf_error_set(NULL, EIO, "cause"), -EIO);
    hf_error_prefix(NULL, "outside");
    hf_error_clear(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_a_code_and_a_sentence),
        cmocka_unit_test(a_second_error_replaces_the_first),
        cmocka_unit_test(causes_are_chained_from_the_outside_in),
        cmocka_unit_test(a_chain_too_long_is_cut_at_its_end),
        cmocka_unit_test(a_cleared_error_is_none),
        cmocka_unit_test(nobody_has_to_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
