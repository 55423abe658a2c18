/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/fd.h"
#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_stderr;
static int ends[2];

/* Standard error becomes a pipe. */
static int begin(void **state)
{
    fixture_begin(state);
    saved_stderr = hf_fd_dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    hf_log_set_level(HF_LOG_NOTICE);
    return 0;
}

static int end(void **state)
{
    unsetenv("JOURNAL_STREAM");
    dup2(saved_stderr, STDERR_FILENO);
    hf_fd_close(&saved_stderr);
    hf_fd_close_all(ends, 2);
    return fixture_end(state);
}

static const char *logged(void)
{
    static char bytes[8192];
    ssize_t length = read(ends[0], bytes, sizeof(bytes) - 1);

    bytes[length > 0 ? length : 0] = '\0';
    return bytes;
}

static void a_line_names_program_and_level(void **state)
{
    (void)state;
    hf_log_init("holdfast-target");
    hf_log(HF_LOG_WARNING, "unit %d is %s", 3, "slow");
    assert_string_equal(logged(), "holdfast-target: warning: unit 3 is slow\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    hf_log_init("x");
    hf_log(HF_LOG_INFO, "no");
    assert_false(hf_log_enabled(HF_LOG_INFO));
    hf_log_set_level(HF_LOG_DEBUG);
    assert_true(hf_log_enabled(HF_LOG_DEBUG));
    hf_log(HF_LOG_DEBUG, "yes");
    assert_string_equal(logged(), "x: debug: yes\n");
}

static void the_journal_gets_a_priority_instead(void **state)
{
    struct stat status;
    char stream[64];

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    hf_log_init("x");
    hf_log(HF_LOG_ERROR, "gone");
    assert_string_equal(logged(), "<3>gone\n");
    setenv("JOURNAL_STREAM", "1:1", 1);
    hf_log_init("x");
    hf_log(HF_LOG_ERROR, "gone");
    assert_string_equal(logged(), "x: error: gone\n");
}

static void a_line_too_long_is_cut_and_still_ends(void **state)
{
    static char words[5000];

    (void)state;
    hf_log_init("x");
    memset(words, 'w', sizeof(words) - 1);
    hf_log(HF_LOG_ERROR, "%s", words);
    const char *line = logged();
    assert_in_range(strlen(line), 1000, 2048);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void logging_keeps_errno(void **state)
{
    (void)state;
    hf_log_init("x");
    errno = ENOTTY;
    hf_log(HF_LOG_ERROR, "e");
    assert_int_equal(errno, ENOTTY);
}

static void level_words_are_known(void **state)
{
    enum hf_log_level level = HF_LOG_ERROR;

    (void)state;
    assert_true(hf_log_parse_level("debug", &level));
    assert_int_equal(level, HF_LOG_DEBUG);
    assert_false(hf_log_parse_level("loud", &level));
    assert_int_equal(level, HF_LOG_DEBUG);
}

static void a_limit_lets_a_burst_through_and_counts_the_rest(void **state)
{
    struct hf_log_limit limit = { .interval_ns = 100, .burst = 2 };
    unsigned suppressed;

    (void)state;
    assert_true(hf_log_allowed(&limit, 1000, &suppressed));
    assert_true(hf_log_allowed(&limit, 1001, &suppressed));
    assert_false(hf_log_allowed(&limit, 1002, &suppressed));
    assert_false(hf_log_allowed(&limit, 1099, &suppressed));
    assert_true(hf_log_allowed(&limit, 1100, &suppressed));
    assert_int_equal(suppressed, 2);
    assert_true(hf_log_allowed(&limit, 1101, &suppressed));
    assert_int_equal(suppressed, 0);
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_names_program_and_level),
        LOG_TEST(lines_above_the_level_are_dropped),
        LOG_TEST(the_journal_gets_a_priority_instead),
        LOG_TEST(a_line_too_long_is_cut_and_still_ends),
        LOG_TEST(logging_keeps_errno),
        LOG_TEST(level_words_are_known),
        LOG_TEST(a_limit_lets_a_burst_through_and_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
