/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "bench/access.h"

#define BLOCKS 10u
#define STEPS  10000u

static struct hf_access begin(const char *word)
{
    const struct hf_access_kind *kind = hf_access_kind_find(word);

    assert_non_null(kind);
    return (struct hf_access){ .kind = *kind, .block_count = BLOCKS, .random = { .state = 7 } };
}

/* How often each block comes; returns the writes among the steps. */
static unsigned walk(struct hf_access *access, unsigned counts[BLOCKS])
{
    unsigned writes = 0;

    for (unsigned i = 0; i < STEPS; i++) {
        struct hf_access_step step = hf_access_next(access);
        assert_true(step.block < BLOCKS);
        counts[step.block]++;
        writes += step.write;
    }
    return writes;
}

static void words_are_those_of_fio(void **state)
{
    static const char *const words[] = { "read",     "write",     "rw",    "readwrite",
                                         "randread", "randwrite", "randrw" };

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_string_equal(hf_access_kind_find(words[i])->name, words[i]);
    assert_null(hf_access_kind_find("trim"));
    assert_null(hf_access_kind_find("rea"));
    assert_null(hf_access_kind_find(""));
}

static void only_reading_destroys_nothing(void **state)
{
    (void)state;
    assert_false(hf_access_writes(hf_access_kind_find("read")));
    assert_false(hf_access_writes(hf_access_kind_find("randread")));
    assert_true(hf_access_writes(hf_access_kind_find("write")));
    assert_true(hf_access_writes(hf_access_kind_find("randwrite")));
    assert_true(hf_access_writes(hf_access_kind_find("rw")));
    assert_true(hf_access_writes(hf_access_kind_find("randrw")));
}

static void in_order_every_block_comes_once_a_round(void **state)
{
    struct hf_access access = begin("read");

    (void)state;
    for (unsigned i = 0; i < 3 * BLOCKS; i++)
        assert_int_equal(hf_access_next(&access).block, i % BLOCKS);
}

static void at_random_every_block_comes_about_as_often(void **state)
{
    struct hf_access access = begin("randread");
    unsigned counts[BLOCKS] = { 0 };

    (void)state;
    assert_int_equal(walk(&access, counts), 0);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_in_range(counts[i], STEPS / BLOCKS * 9 / 10, STEPS / BLOCKS * 11 / 10);
}

static void writing_never_reads(void **state)
{
    struct hf_access in_order = begin("write");
    struct hf_access at_random = begin("randwrite");
    unsigned counts[BLOCKS] = { 0 };

    (void)state;
    assert_int_equal(walk(&in_order, counts), STEPS);
    assert_int_equal(walk(&at_random, counts), STEPS);
}

static void a_mix_reads_as_much_as_it_says(void **state)
{
    static const unsigned percents[] = { 0, 1, 50, 70, 99, 100 };

    (void)state;
    for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        struct hf_access access = begin(i % 2 == 0 ? "randrw" : "rw");
        unsigned counts[BLOCKS] = { 0 };
        access.kind.read_percent = percents[i];
        unsigned reads = STEPS - walk(&access, counts);
        unsigned wanted = STEPS / 100 * percents[i];
        assert_in_range(reads, wanted - wanted / 20, wanted + wanted / 20);
    }
}

static void a_seed_repeats_its_order(void **state)
{
    struct hf_access first = begin("randrw");
    struct hf_access again = begin("randrw");
    struct hf_access other = begin("randrw");
    unsigned differ = 0;

    (void)state;
    other.random.state = 8;
    for (unsigned i = 0; i < 100; i++) {
        struct hf_access_step step = hf_access_next(&first);
        struct hf_access_step same = hf_access_next(&again);
        assert_true(step.block == same.block && step.write == same.write);
        differ += step.block != hf_access_next(&other).block;
    }
    assert_true(differ > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_fio),
        cmocka_unit_test(only_reading_destroys_nothing),
        cmocka_unit_test(in_order_every_block_comes_once_a_round),
        cmocka_unit_test(at_random_every_block_comes_about_as_often),
        cmocka_unit_test(writing_never_reads),
        cmocka_unit_test(a_mix_reads_as_much_as_it_says),
        cmocka_unit_test(a_seed_repeats_its_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
