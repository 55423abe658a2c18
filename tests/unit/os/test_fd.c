/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void an_fd_is_closed_at_the_end_of_its_scope(void **state)
{
    int number;

    (void)state;
    {
        HF_AUTO_FD int fd = hf_fd_lift(open("/dev/null", O_RDONLY));
        assert_true(fd >= HF_FD_FIRST);
        number = fd;
    }
    assert_int_equal(fcntl(number, F_GETFD), -1);
}

static void a_stolen_fd_outlives_its_scope(void **state)
{
    int kept;

    (void)state;
    {
        HF_AUTO_FD int fd = hf_fd_lift(open("/dev/null", O_RDONLY));
        kept = hf_fd_steal(&fd);
        assert_int_equal(fd, -1);
    }
    assert_true(fcntl(kept, F_GETFD) >= 0);
    hf_fd_close(&kept);
    assert_int_equal(kept, -1);
}

static void closing_keeps_errno_and_may_be_repeated(void **state)
{
    int fd = hf_fd_dup(STDERR_FILENO);

    (void)state;
    errno = ENOTTY;
    hf_fd_close(&fd);
    hf_fd_close(&fd);
    assert_int_equal(errno, ENOTTY);
}

static void a_duplicate_lies_above_the_standard_streams_and_closes_on_exec(void **state)
{
    (void)state;
    int saved = hf_fd_dup(STDIN_FILENO);
    close(STDIN_FILENO);
    int copy = hf_fd_dup(saved);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    assert_true(copy >= HF_FD_FIRST);
    assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
    hf_fd_close(&copy);
    hf_fd_close(&saved);
}

static void an_fd_made_in_the_place_of_a_closed_standard_stream_is_lifted(void **state)
{
    (void)state;
    int saved = hf_fd_dup(STDIN_FILENO);
    close(STDIN_FILENO);
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int lifted = hf_fd_lift(low);
    int still_open = fcntl(STDIN_FILENO, F_GETFD);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(low, STDIN_FILENO);
    assert_int_equal(still_open, -1);
    assert_true(lifted >= HF_FD_FIRST);
    hf_fd_close(&lifted);
    hf_fd_close(&saved);
}

static void errors_come_back_as_negative_numbers(void **state)
{
    (void)state;
    assert_int_equal(hf_fd_lift(open("/nowhere/at/all", O_RDONLY)), -ENOENT);
    assert_int_equal(hf_fd_dup(-1), -EBADF);
}

static void closing_all_leaves_none(void **state)
{
    int fds[3] = { hf_fd_dup(2), -1, hf_fd_dup(2) };

    (void)state;
    hf_fd_close_all(fds, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fds[i], -1);
}

static int open_there(const char *name)
{
    return open(in_place(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void a_file_is_the_same_by_whatever_name_and_however_often_it_is_open(void **state)
{
    HF_AUTO_FD int fd = open_there("one");
    HF_AUTO_FD int again = open_there("one");
    HF_AUTO_FD int other = open_there("other");

    (void)state;
    assert_int_equal(link(in_place("one"), in_place("alias")), 0);
    HF_AUTO_FD int alias = open_there("alias");
    assert_true(hf_fd_is_same_file(fd, fd));
    assert_true(hf_fd_is_same_file(fd, again));
    assert_true(hf_fd_is_same_file(fd, alias));
    assert_false(hf_fd_is_same_file(fd, other));
    assert_false(hf_fd_is_same_file(fd, -1));
    assert_false(hf_fd_is_same_file(-1, -1));
}

static void a_file_of_that_number_on_another_disk_is_another(void **state)
{
    struct stat a = { .st_dev = 1, .st_ino = 7 }, b = { .st_dev = 2, .st_ino = 7 };

    (void)state;
    assert_true(hf_stat_is_same(&a, &a));
    assert_false(hf_stat_is_same(&a, &b));
    b = (struct stat){ .st_dev = 1, .st_ino = 8 };
    assert_false(hf_stat_is_same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(an_fd_is_closed_at_the_end_of_its_scope),
        TIDY(a_stolen_fd_outlives_its_scope),
        TIDY(closing_keeps_errno_and_may_be_repeated),
        TIDY(a_duplicate_lies_above_the_standard_streams_and_closes_on_exec),
        TIDY(an_fd_made_in_the_place_of_a_closed_standard_stream_is_lifted),
        TIDY(errors_come_back_as_negative_numbers),
        TIDY(closing_all_leaves_none),
        TIDY(a_file_is_the_same_by_whatever_name_and_however_often_it_is_open),
        TIDY(a_file_of_that_number_on_another_disk_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
