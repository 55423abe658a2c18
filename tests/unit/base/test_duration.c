/* SPDX-License-Identifier: BSD-3-Clause */
/* What is a duration, and what is none. */
#include "base/duration.h"

#include "base/check.h"
#include "cmocka_all.h"

static void test_a_duration_has_a_unit_or_is_seconds(void **state)
{
    static const struct {
        const char *word;
        uint64_t ns;
    } good[] = {
        { "0", 0 },
        { "2", 2000000000 },
        { "2s", 2000000000 },
        { "1.5", 1500000000 },
        { "0.1s", 100000000 },
        { "250ms", 250000000 },
        { "0.5ms", 500000 },
        { "7us", 7000 },
        { "5m", UINT64_C(300000000000) },
        { "0.0000000019", 1 },
        { "86400", HF_DURATION_MAX_NS },
        { "1440m", HF_DURATION_MAX_NS },
    };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(good); i++) {
        uint64_t ns = 77;

        assert_true(hf_duration_parse(good[i].word, &ns));
        assert_int_equal(ns, good[i].ns);
    }
}

static void test_anything_else_is_refused_and_changes_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "-1",
        " 1",
        "1 ",
        "s",
        "1h",
        "1sec",
        "1.",
        ".5",
        "1..5",
        "1.5.5",
        "nan",
        "inf",
        "0x10",
        "1e3",
        "86401",
        "1441m",
        "1S",
        "forever",
        "86400.000000001",
        "99999999999999999999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(bad); i++) {
        uint64_t ns = 77;

        assert_false(hf_duration_parse(bad[i], &ns));
        assert_int_equal(ns, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_duration_has_a_unit_or_is_seconds),
        cmocka_unit_test(test_anything_else_is_refused_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
