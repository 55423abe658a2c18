/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be said on the command line, and that every bad word is named in one line. */
#include "relay/options.h"

#include "base/check.h"
#include "cmocka_all.h"

static int parse(struct hf_relay_options *options, struct hf_error *error, const char *line)
{
    static char copy[512];
    char *words[32] = { (char *)"holdfast-relay" };
    int count = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    hf_error_clear(error);
    return hf_relay_options_parse(options, count, words, error);
}

static void test_a_device_and_the_program_are_told_apart(void **state)
{
    static struct hf_relay_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error,
                           "--listen=/v --backend=/a --backend=/b --control=/c --ready-fd=9 "
                           "--verbose --trace --hang-after=3 --allow-lossy"),
                     0);
    assert_int_equal(options.task, HF_RELAY_TASK_SERVE);
    assert_string_equal(options.device.listen_path, "/v");
    assert_int_equal(options.device.backend_count, 2);
    assert_int_equal(options.device.hang_after_ns, UINT64_C(3000000000));
    assert_true(options.device.allow_lossy);
    assert_string_equal(options.control_path, "/c");
    assert_int_equal(options.ready_fd, 9);
    assert_true(options.verbose && options.trace);
    assert_null(options.config_path);
}

static void test_without_options_there_are_defaults(void **state)
{
    static struct hf_relay_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error, "--config=f"), 0);
    assert_string_equal(options.config_path, "f");
    assert_null(options.control_path);
    assert_int_equal(options.ready_fd, -1);
    assert_int_equal(options.device.fd, -1);
    assert_false(options.verbose || options.trace);
}

static void test_a_bad_word_is_named_in_one_line(void **state)
{
    static const struct {
        const char *line;
        const char *named;
    } bad[] = {
        { "", "--listen=" },
        { "--nonsense", "--nonsense" },
        { "-z", "-z" },
        { "-abc", "-a:" },
        { "extra --listen=/v", "extra" },
        { "--listen", "--listen needs" },
        { "--trace=yes", "--trace" },
        { "--listen=", "--listen=" },
        { "--device=disk", "--device=disk: no such device type; there are scsi, blk" },
        { "--fence=x", "--fence=x" },
        { "--wait=soon", "--wait=soon" },
        { "--socket-mode=9", "--socket-mode=9" },
        { "--ready-fd=x", "--ready-fd=x" },
        { "--ready-fd=", "--ready-fd=" },
        { "--control=", "--control=" },
        { "--config=f --listen=/v", "--config and --listen" },
        { "--config=f --allow-lossy", "--config and --allow-lossy" },
        { "--fd=3 --ready-fd=3", "same descriptor" },
        { "--control=/c", "no device" },
    };
    static struct hf_relay_options options;
    struct hf_error error;

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(bad); i++) {
        assert_true(parse(&options, &error, bad[i].line) < 0);
        if (!strstr(error.text, bad[i].named))
            fail_msg("'%s' says: %s", bad[i].line, error.text);
        assert_null(strchr(error.text, '\n'));
    }
}

static void test_what_only_prints_needs_no_device(void **state)
{
    static struct hf_relay_options options;
    struct hf_error error;

    (void)state;
    assert_int_equal(parse(&options, &error, "--help"), 0);
    assert_int_equal(options.task, HF_RELAY_TASK_HELP);
    assert_int_equal(parse(&options, &error, "--version"), 0);
    assert_int_equal(options.task, HF_RELAY_TASK_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_device_and_the_program_are_told_apart),
        cmocka_unit_test(test_without_options_there_are_defaults),
        cmocka_unit_test(test_a_bad_word_is_named_in_one_line),
        cmocka_unit_test(test_what_only_prints_needs_no_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
