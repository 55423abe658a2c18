/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "base/check.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail_a_check(int stderr_fd)
{
    const struct rlimit none = { 0 };

    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    dup2(stderr_fd, STDERR_FILENO);
    HF_CHECK(1 + 1 == 3);
    _exit(0);
}

static void a_failed_check_says_where_and_aborts(void **state)
{
    char said[512] = { 0 };
    int ends[2];
    int status = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0)
        fail_a_check(ends[1]);
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
    close(ends[0]);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "1 + 1 == 3"));
    assert_non_null(strstr(said, "test_check.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { TIDY(a_failed_check_says_where_and_aborts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
