/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "base/random.h"
#include "bench/histogram.h"

#include <stdlib.h>

#define SAMPLES 20000u

/* The true one is in the same bucket: not above what is told, and less than a 64th below. */
static void assert_near(uint64_t told, uint64_t value)
{
    assert_true(told >= value);
    assert_true(told - value <= value / HF_HISTOGRAM_PART);
}

static void nothing_has_no_percentile(void **state)
{
    static const struct hf_histogram none;

    (void)state;
    assert_int_equal(hf_histogram_mean(&none), 0);
    assert_int_equal(hf_histogram_percentile(&none, 500), 0);
    assert_int_equal(hf_histogram_percentile(&none, 1000), 0);
}

static void each_number_alone_is_told_within_a_64th(void **state)
{
    struct hf_random random = { .state = 1 };

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct hf_histogram one = { .count = 0 };
        uint64_t value = hf_random_next(&random) >> (i % 64);
        hf_histogram_add(&one, value);
        one.max = UINT64_MAX; /* or that would be told */
        assert_near(hf_histogram_percentile(&one, 500), value);
    }
}

static void a_bucket_ends_where_the_next_begins(void **state)
{
    uint64_t first = 0;
    unsigned buckets = 0;

    (void)state;
    for (;; buckets++) {
        struct hf_histogram one = { .count = 0 };
        hf_histogram_add(&one, first);
        assert_int_equal(one.buckets[buckets], 1);
        one.max = UINT64_MAX;
        uint64_t last = hf_histogram_percentile(&one, 1000);
        hf_histogram_add(&one, last);
        assert_int_equal(one.buckets[buckets], 2);
        if (last == UINT64_MAX)
            break;
        first = last + 1;
    }
    assert_int_equal(buckets, HF_HISTOGRAM_BUCKETS - 1);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void percentiles_are_those_of_the_sorted_numbers(void **state)
{
    static struct hf_histogram histogram;
    static uint64_t values[SAMPLES];
    struct hf_random random = { .state = 2 };

    (void)state;
    for (unsigned i = 0; i < SAMPLES; i++) {
        values[i] = 1 + (hf_random_next(&random) >> (40 + i % 20));
        hf_histogram_add(&histogram, values[i]);
    }
    qsort(values, SAMPLES, sizeof(values[0]), compare);
    for (unsigned per_mille = 1; per_mille <= 1000; per_mille++)
        assert_near(hf_histogram_percentile(&histogram, per_mille),
                    values[(SAMPLES * per_mille + 999) / 1000 - 1]);
    assert_int_equal(hf_histogram_percentile(&histogram, 1000), values[SAMPLES - 1]);
    assert_int_equal(histogram.max, values[SAMPLES - 1]);
}

/* Of four numbers half is two, and more than three quarters is all four. */
static void a_percentile_is_by_nearest_rank(void **state)
{
    struct hf_histogram histogram = { .count = 0 };

    (void)state;
    for (uint64_t value = 10; value <= 40; value += 10)
        hf_histogram_add(&histogram, value);
    assert_int_equal(hf_histogram_percentile(&histogram, 1), 10);
    assert_int_equal(hf_histogram_percentile(&histogram, 250), 10);
    assert_int_equal(hf_histogram_percentile(&histogram, 251), 20);
    assert_int_equal(hf_histogram_percentile(&histogram, 500), 20);
    assert_int_equal(hf_histogram_percentile(&histogram, 751), 40);
    assert_int_equal(hf_histogram_mean(&histogram), 25);
}

static void sums_beyond_64_bits_have_a_mean(void **state)
{
    struct hf_histogram histogram = { .count = 0 };

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        hf_histogram_add(&histogram, UINT64_MAX - 1);
    assert_true(hf_histogram_mean(&histogram) == UINT64_MAX - 1);
    assert_true(hf_histogram_percentile(&histogram, 500) == UINT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_no_percentile),
        cmocka_unit_test(each_number_alone_is_told_within_a_64th),
        cmocka_unit_test(a_bucket_ends_where_the_next_begins),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_numbers),
        cmocka_unit_test(a_percentile_is_by_nearest_rank),
        cmocka_unit_test(sums_beyond_64_bits_have_a_mean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
