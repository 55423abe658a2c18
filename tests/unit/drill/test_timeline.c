/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/timeline.h"

static void add(struct hf_timeline *timeline, uint64_t listening_ms, uint64_t first_ms,
                uint32_t in_flight)
{
    struct hf_timeline_kill *kill = hf_timeline_add(timeline);

    *kill = (struct hf_timeline_kill){ .killed_ns = 1000000000,
                                       .listening_ns = 1000000000 + listening_ms * 1000000,
                                       .first_ns = 1000000000 + first_ms * 1000000,
                                       .in_flight = in_flight };
}

static void gaps_are_taken_from_kill_and_from_listening(void **state)
{
    struct hf_timeline timeline;

    (void)state;
    assert_int_equal(hf_timeline_init(&timeline, 3), 0);
    add(&timeline, 10, 12, 5);
    add(&timeline, 10, 11, 7);
    add(&timeline, 30, 39, 6);
    struct hf_timeline_gap kill = hf_timeline_kill_gap(&timeline);
    struct hf_timeline_gap listen = hf_timeline_listen_gap(&timeline);
    assert_true(kill.p50_ms == 12 && kill.p99_ms == 39 && kill.max_ms == 39);
    assert_true(listen.p50_ms == 2 && listen.max_ms == 9);
    assert_null(hf_timeline_add(&timeline));
    hf_timeline_done(&timeline);
}

static void waiting_for_the_lock_is_not_in_the_third_gap(void **state)
{
    struct hf_timeline timeline;

    (void)state;
    assert_int_equal(hf_timeline_init(&timeline, 2), 0);
    add(&timeline, 10, 40, 1);
    assert_int_equal(hf_timeline_lock_gap(&timeline).samples, 0);
    add(&timeline, 10, 40, 1);
    timeline.kills[1].unlocked_ns = timeline.kills[1].first_ns - 3000000;
    struct hf_timeline_gap gap = hf_timeline_lock_gap(&timeline);
    assert_int_equal(gap.samples, 1);
    assert_true(gap.p50_ms == 3 && gap.max_ms == 3);
    assert_true(hf_timeline_listen_gap(&timeline).p50_ms == 30);
    hf_timeline_done(&timeline);
}

static void a_kill_that_nothing_followed_has_no_gap(void **state)
{
    struct hf_timeline timeline;

    (void)state;
    assert_int_equal(hf_timeline_init(&timeline, 2), 0);
    hf_timeline_add(&timeline)->killed_ns = 5;
    assert_true(hf_timeline_kill_gap(&timeline).max_ms == 0);
    add(&timeline, 1, 4, 1);
    assert_true(hf_timeline_kill_gap(&timeline).p50_ms == 4);
    hf_timeline_done(&timeline);
}

static void percentiles_are_by_nearest_rank(void **state)
{
    struct hf_timeline timeline;

    (void)state;
    assert_int_equal(hf_timeline_init(&timeline, 200), 0);
    for (uint64_t i = 200; i > 0; i--)
        add(&timeline, 0, i, (uint32_t)i);
    struct hf_timeline_gap gap = hf_timeline_kill_gap(&timeline);
    assert_true(gap.p50_ms == 100 && gap.p99_ms == 198 && gap.max_ms == 200);
    assert_int_equal(hf_timeline_in_flight_min(&timeline), 1);
    assert_int_equal(hf_timeline_in_flight_median(&timeline), 100);
    hf_timeline_done(&timeline);
}

static void hits_are_kills_with_something_in_flight(void **state)
{
    struct hf_timeline timeline;

    (void)state;
    assert_int_equal(hf_timeline_init(&timeline, 3), 0);
    assert_int_equal(hf_timeline_hits(&timeline), 0);
    add(&timeline, 1, 2, 0);
    add(&timeline, 1, 2, 1);
    add(&timeline, 1, 2, 300);
    assert_int_equal(hf_timeline_hits(&timeline), 2);
    assert_int_equal(hf_timeline_in_flight_min(&timeline), 0);
    hf_timeline_done(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_taken_from_kill_and_from_listening),
        cmocka_unit_test(waiting_for_the_lock_is_not_in_the_third_gap),
        cmocka_unit_test(a_kill_that_nothing_followed_has_no_gap),
        cmocka_unit_test(percentiles_are_by_nearest_rank),
        cmocka_unit_test(hits_are_kills_with_something_in_flight),
    };

    return cmocka_run_group_tests_name("drill/timeline", tests, NULL, NULL);
}
