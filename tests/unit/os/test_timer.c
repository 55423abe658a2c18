/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/clock.h"
#include "os/timer.h"

#include <string.h>

struct named_timer {
    struct hf_timer timer;
    char name;
};

static char order[16];
static struct hf_timers timers;

static void note(struct hf_timer *timer)
{
    const struct named_timer *named = HF_CONTAINER(timer, struct named_timer, timer);

    order[strlen(order)] = named->name;
}

static int begin(void **state)
{
    (void)state;
    memset(order, 0, sizeof(order));
    hf_timers_init(&timers);
    return 0;
}

static struct named_timer named(char name)
{
    return (struct named_timer){ .timer.expired = note, .name = name };
}

static void timers_run_in_the_order_of_their_deadlines(void **state)
{
    struct named_timer a = named('a');
    struct named_timer b = named('b');
    struct named_timer c = named('c');
    struct named_timer d = named('d');

    (void)state;
    assert_true(hf_timers_set(&timers, &b.timer, 20));
    assert_true(hf_timers_set(&timers, &a.timer, 10));
    assert_false(hf_timers_set(&timers, &d.timer, 40));
    assert_false(hf_timers_set(&timers, &c.timer, 20));
    assert_int_equal(hf_timers_next_ns(&timers), 10);
    assert_int_equal(hf_timers_run(&timers, 39, 8), 3);
    assert_string_equal(order, "abc");
    assert_int_equal(hf_timers_next_ns(&timers), 40);
}

static void a_cancelled_timer_does_not_run(void **state)
{
    struct named_timer a = named('a');

    (void)state;
    hf_timers_cancel(&a.timer);
    hf_timers_set(&timers, &a.timer, 10);
    hf_timers_cancel(&a.timer);
    hf_timers_cancel(&a.timer);
    assert_int_equal(hf_timers_run(&timers, 100, 8), 0);
    assert_int_equal(hf_timers_next_ns(&timers), HF_CLOCK_NEVER);
}

static void setting_an_armed_timer_moves_it(void **state)
{
    struct named_timer a = named('a');
    struct named_timer b = named('b');

    (void)state;
    hf_timers_set(&timers, &a.timer, 10);
    hf_timers_set(&timers, &b.timer, 20);
    assert_false(hf_timers_set(&timers, &a.timer, 30));
    assert_int_equal(hf_timers_run(&timers, 30, 8), 2);
    assert_string_equal(order, "ba");
}

static void again(struct hf_timer *timer)
{
    note(timer);
    hf_timers_set(&timers, timer, 0);
}

static void a_timer_that_arms_itself_again_does_not_run_for_ever(void **state)
{
    struct named_timer a = named('a');

    (void)state;
    a.timer.expired = again;
    hf_timers_set(&timers, &a.timer, 5);
    assert_int_equal(hf_timers_run(&timers, 10, 3), 3);
    assert_true(a.timer.armed);
}

static void a_deadline_of_never_does_not_come(void **state)
{
    struct named_timer a = named('a');

    (void)state;
    hf_timers_set(&timers, &a.timer, HF_CLOCK_NEVER);
    assert_int_equal(hf_timers_run(&timers, HF_CLOCK_NEVER - 1, 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(timers_run_in_the_order_of_their_deadlines, begin),
        cmocka_unit_test_setup(a_cancelled_timer_does_not_run, begin),
        cmocka_unit_test_setup(setting_an_armed_timer_moves_it, begin),
        cmocka_unit_test_setup(a_timer_that_arms_itself_again_does_not_run_for_ever, begin),
        cmocka_unit_test_setup(a_deadline_of_never_does_not_come, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
