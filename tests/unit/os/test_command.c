/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that run beside us. */
#include "../cmocka_all.h"

#include "os/command.h"
#include "os/fd.h"

#include <poll.h>

static int run(const char *line, const char *const *variables)
{
    static const char *const none[] = { NULL };
    struct hf_error error;
    HF_AUTO_FD int pidfd = hf_command_start(line, variables != NULL ? variables : none, &error);
    struct pollfd item = { .fd = pidfd, .events = POLLIN };

    assert_true(pidfd >= 0);
    assert_int_equal(poll(&item, 1, 10000), 1);
    return hf_command_end(pidfd);
}

static void the_exit_status_is_told(void **state)
{
    (void)state;
    assert_int_equal(run("exit 0", NULL), 0);
    assert_int_equal(run("exit 7", NULL), 7);
    assert_int_equal(run("kill -9 $$", NULL), 137);
    assert_int_equal(run("/no/such/program 2>/dev/null", NULL), 127);
}

static void variables_are_added_and_replace_those_there(void **state)
{
    const char *const variables[] = { "HOLDFAST_PID=42", "HOME=/elsewhere", NULL };

    (void)state;
    assert_int_equal(
        run("test \"$HOLDFAST_PID\" = 42 && test \"$HOME\" = /elsewhere && test -n \"$PATH\"",
            variables),
        0);
}

static void nothing_is_read_from_our_standard_input(void **state)
{
    (void)state;
    assert_int_equal(run("! read line", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_is_told),
        cmocka_unit_test(variables_are_added_and_replace_those_there),
        cmocka_unit_test(nothing_is_read_from_our_standard_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
