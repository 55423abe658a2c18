/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors are counted before they are needed, and a refusal has the numbers. */
#include "relay/budget.h"

#include "cmocka_all.h"

#include <errno.h>
#include <sys/resource.h>

static void the_limit_is_raised_as_far_as_it_goes(void **state)
{
    struct hf_relay_budget budget;
    struct rlimit limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 32;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(hf_relay_budget_init(&budget, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    assert_int_equal(budget.limit, limit.rlim_max);
}

static void what_is_left_is_told_to_who_wants_more(void **state)
{
    struct hf_relay_budget budget = { .limit = HF_RELAY_BUDGET_RESERVE + 250 };
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_relay_budget_room(&budget, 100), 2);
    assert_int_equal(hf_relay_budget_take(&budget, 100, &error), 0);
    assert_int_equal(hf_relay_budget_take(&budget, 100, &error), 0);
    assert_int_equal(hf_relay_budget_take(&budget, 100, &error), -EMFILE);
    assert_non_null(strstr(error.text, "100 file descriptors"));
    assert_non_null(strstr(error.text, "of 346"));
    assert_non_null(strstr(error.text, " 50 are"));
    assert_non_null(strstr(error.text, "LimitNOFILE"));
    assert_int_equal(hf_relay_budget_room(&budget, 50), 1);
    hf_relay_budget_give(&budget, 100);
    assert_int_equal(hf_relay_budget_take(&budget, 150, &error), 0);
    assert_int_equal(hf_relay_budget_room(&budget, 1), 0);
}

static void a_limit_below_the_reserve_leaves_nothing(void **state)
{
    struct hf_relay_budget budget = { .limit = 10 };

    (void)state;
    assert_int_equal(hf_relay_budget_room(&budget, 1), 0);
    assert_int_equal(hf_relay_budget_take(&budget, 1, NULL), -EMFILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_raised_as_far_as_it_goes),
        cmocka_unit_test(what_is_left_is_told_to_who_wants_more),
        cmocka_unit_test(a_limit_below_the_reserve_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
