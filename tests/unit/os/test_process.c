/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_living_process_is_found_signalled_and_seen_to_end(void **state)
{
    HF_AUTO_FD int pidfd = -1;
    pid_t pid = start_child(NULL);

    (void)state;
    assert_int_equal(hf_process_open(pid, &pidfd), HF_PROCESS_FOUND);
    assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    assert_false(hf_process_ended(pidfd));
    assert_int_equal(hf_process_signal(pidfd, SIGKILL), HF_PROCESS_FOUND);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(hf_process_ended(pidfd));
    assert_int_equal(hf_process_signal(pidfd, SIGKILL), HF_PROCESS_GONE);
    int late = -1;
    assert_int_equal(hf_process_open(pid, &late), HF_PROCESS_GONE);
    assert_int_equal(late, -1);
}

static int endings;

static void ended(struct hf_watch *watch, uint32_t events)
{
    assert_true((events & EPOLLIN) != 0);
    endings++;
    hf_loop_remove(watch);
}

static void a_loop_sees_a_process_end(void **state)
{
    struct hf_watch watch = { .ready = ended };
    struct hf_loop loop;
    HF_AUTO_FD int pidfd = -1;
    pid_t pid = start_child(NULL);

    (void)state;
    endings = 0;
    assert_int_equal(hf_loop_init(&loop), 0);
    assert_int_equal(hf_process_open(pid, &pidfd), HF_PROCESS_FOUND);
    assert_int_equal(hf_loop_add(&loop, &watch, pidfd, EPOLLIN), 0);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 0);
    end_child(pid);
    assert_int_equal(hf_loop_dispatch(&loop, 5000), 1);
    assert_int_equal(endings, 1);
    hf_loop_done(&loop);
}

static void two_holds_on_one_process_are_known_as_such(void **state)
{
    HF_AUTO_FD int first = -1, again = -1, other = -1;
    pid_t pid = start_child(NULL);

    (void)state;
    assert_int_equal(hf_process_open(pid, &first), HF_PROCESS_FOUND);
    assert_int_equal(hf_process_open(pid, &again), HF_PROCESS_FOUND);
    assert_int_equal(hf_process_open(getpid(), &other), HF_PROCESS_FOUND);
    int same = hf_process_same(first, again);
    int differ = hf_process_same(first, other);
    end_child(pid);
    if (same == -EOPNOTSUPP)
        skip(); /* before Linux 6.9 */
    assert_int_equal(same, 1);
    assert_int_equal(differ, 0);
    assert_int_equal(hf_process_same(first, again), 1); /* ended */
}

static void what_is_no_process_is_not_the_same_one(void **state)
{
    HF_AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    HF_AUTO_FD int pidfd = -1;

    (void)state;
    assert_int_equal(hf_process_open(getpid(), &pidfd), HF_PROCESS_FOUND);
    assert_int_equal(hf_process_same(null, null), -EOPNOTSUPP);
    assert_true(hf_process_same(pidfd, -1) < 0);
    assert_true(hf_process_same(-1, pidfd) < 0);
}

static void pid_zero_is_a_process_that_cannot_be_seen(void **state)
{
    int pidfd = 5;

    (void)state;
    assert_int_equal(hf_process_open(0, &pidfd), HF_PROCESS_FOREIGN);
    assert_int_equal(pidfd, -1);
}

static void hold_the_other_end(int ready_fd)
{
    if (write(ready_fd, "r", 1) != 1)
        _exit(1);
    pause();
}

static void the_peer_of_a_pair_is_who_made_it(void **state)
{
    int pair[2];
    HF_AUTO_FD int pidfd = -1;

    (void)state;
    assert_int_equal(hf_stream_pair(pair), 0);
    pid_t pid = start_child(hold_the_other_end);
    assert_int_equal(hf_process_open_peer(pair[0], &pidfd), HF_PROCESS_FOUND);
    assert_false(hf_process_ended(pidfd));
    end_child(pid);
    /* Whoever holds the fd, the credentials are its maker's: this process. */
    assert_false(hf_process_ended(pidfd));
    hf_fd_close_all(pair, 2);
}

static void a_file_has_no_peer(void **state)
{
    HF_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int pidfd;

    (void)state;
    assert_int_not_equal(hf_process_open_peer(null, &pidfd), HF_PROCESS_FOUND);
    assert_int_equal(pidfd, -1);
}

static void every_result_has_a_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < HF_PROCESS_RESULT_COUNT; i++)
        assert_non_null(hf_process_result_text((enum hf_process_result)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_living_process_is_found_signalled_and_seen_to_end),
        TIDY(a_loop_sees_a_process_end),
        TIDY(two_holds_on_one_process_are_known_as_such),
        TIDY(what_is_no_process_is_not_the_same_one),
        TIDY(pid_zero_is_a_process_that_cannot_be_seen),
        TIDY(the_peer_of_a_pair_is_who_made_it),
        TIDY(a_file_has_no_peer),
        TIDY(every_result_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
