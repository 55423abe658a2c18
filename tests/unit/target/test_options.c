/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be said on the command line, and that every bad word is named in one line. */
#include "target/options.h"

#include "base/check.h"
#include "cmocka_all.h"

static int parse(struct hf_target_options *options, struct hf_error *error, const char *line)
{
    static char copy[512];
    char *words[32] = { (char *)"holdfast-target" };
    int count = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    hf_error_clear(error);
    return hf_target_options_parse(options, count, words, error);
}

static void test_without_options_there_are_defaults(void **state)
{
    struct hf_target_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error, "disk.img"), 0);
    assert_int_equal(options.task, HF_TARGET_TASK_SERVE);
    assert_int_equal(options.queues, 4);
    assert_int_equal(options.threads, 0);
    assert_int_equal(options.poll_us, 0);
    assert_int_equal(options.socket_fd, -1);
    assert_int_equal(options.ready_fd, -1);
    assert_int_equal(options.lock_fd, -1);
    assert_int_equal(options.lock_wait_ns, UINT64_C(30000000000));
    assert_int_equal(options.unit_count, 1);
    assert_string_equal(options.units[0], "disk.img");
}

static void test_every_option_is_taken_over(void **state)
{
    struct hf_target_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error,
                           "--socket-path=/s --queues=7 a.img --threads=3 --poll=50 "
                           "--mask-features=EVENT_IDX --mask-protocol-features=MQ,0x8 "
                           "--lock-wait=1.5 --trace --verbose "
                           "--ready-fd=9 --lock-fd=10 b.img"),
                     0);
    assert_string_equal(options.socket_path, "/s");
    assert_int_equal(options.queues, 7);
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.poll_us, 50);
    assert_int_equal(options.masked_features, 0x20000000);
    assert_int_equal(options.masked_protocol_features, 0x9);
    assert_int_equal(options.lock_wait_ns, 1500000000);
    assert_int_equal(options.ready_fd, 9);
    assert_int_equal(options.lock_fd, 10);
    assert_true(options.trace && options.verbose);
    assert_int_equal(options.unit_count, 2);
    assert_string_equal(options.units[1], "b.img");
}

static void test_a_time_has_a_unit_or_is_seconds(void **state)
{
    static const struct {
        const char *word;
        uint64_t wait_ns;
    } times[] = {
        { "--lock-wait=2 x", 2000000000 },
        { "--lock-wait=2s x", 2000000000 },
        { "--lock-wait=250ms x", 250000000 },
        { "--lock-wait=0 x", 0 },
    };
    struct hf_target_options options;
    struct hf_error error;

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(times); i++) {
        assert_int_equal(parse(&options, &error, times[i].word), 0);
        assert_int_equal(options.lock_wait_ns, times[i].wait_ns);
    }
}

static void test_a_bad_word_is_named_in_one_line(void **state)
{
    static const struct {
        const char *line;
        const char *named;
    } bad[] = {
        { "", "no unit" },
        { "--socket-path=s", "no unit" },
        { "--nonsense x", "--nonsense" },
        { "-z x", "-z" },
        { "--trace=yes x", "--trace" },
        { "x --queues", "--queues" },
        { "--queues=0 x", "--queues=0" },
        { "--queues=-1 x", "--queues=-1" },
        { "--queues=4x x", "--queues=4x" },
        { "--queues=99999999999999999999999 x", "999999999999999" },
        { "--threads=0 x", "--threads=0" },
        { "--poll=1000001 x", "--poll=1000001" },
        { "--fd=-3 x", "--fd=-3" },
        { "--ready-fd= x", "--ready-fd=" },
        { "--lock-wait=-1 x", "--lock-wait=-1" },
        { "--lock-wait=1h x", "--lock-wait=1h" },
        { "--lock-wait=nan x", "--lock-wait=nan" },
        { "--mask-protocol-features=0x x", "0x" },
        { "--mask-protocol-features=MQ, x", "neither" },
        { "--socket-path=s --fd=3 x", "exclude" },
        { "--socket-path= x", "empty" },
        { "-x x", "-x:" },
        { "-abc x", "-a:" },
    };
    struct hf_target_options options;
    struct hf_error error;

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(bad); i++) {
        assert_true(parse(&options, &error, bad[i].line) < 0);
        assert_non_null(strstr(error.text, bad[i].named));
        assert_null(strchr(error.text, '\n'));
    }
}

static void test_what_only_prints_needs_no_unit(void **state)
{
    struct hf_target_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error, "--print-capabilities"), 0);
    assert_int_equal(options.task, HF_TARGET_TASK_CAPABILITIES);
    assert_int_equal(parse(&options, &error, "--help"), 0);
    assert_int_equal(options.task, HF_TARGET_TASK_HELP);
    assert_int_equal(parse(&options, &error, "--version"), 0);
    assert_int_equal(options.task, HF_TARGET_TASK_VERSION);
}

static void test_more_units_than_targets_are_refused(void **state)
{
    struct hf_target_options options;
    struct hf_error error = { 0 };
    char *words[HF_TARGET_UNITS_MAX + 2];

    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(words); i++)
        words[i] = (char *)"unit";
    assert_int_equal(hf_target_options_parse(&options, HF_TARGET_UNITS_MAX + 1, words, &error), 0);
    assert_int_equal(options.unit_count, HF_TARGET_UNITS_MAX);
    assert_true(hf_target_options_parse(&options, HF_TARGET_UNITS_MAX + 2, words, &error) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_options_there_are_defaults),
        cmocka_unit_test(test_every_option_is_taken_over),
        cmocka_unit_test(test_a_time_has_a_unit_or_is_seconds),
        cmocka_unit_test(test_a_bad_word_is_named_in_one_line),
        cmocka_unit_test(test_what_only_prints_needs_no_unit),
        cmocka_unit_test(test_more_units_than_targets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
