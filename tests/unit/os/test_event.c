/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/event.h"
#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call that blocks would hang the test: the alarm ends it. */
static int begin(void **state)
{
    alarm(20);
    return fixture_begin(state);
}

static int end(void **state)
{
    alarm(0);
    return fixture_end(state);
}

static void our_eventfd_counts_rings_and_is_drained_at_once(void **state)
{
    HF_AUTO_FD int fd = hf_event_create();
    uint64_t value = 0;

    (void)state;
    assert_int_equal(hf_event_drain(fd), -EAGAIN);
    assert_int_equal(hf_event_signal(fd), 0);
    hf_event_ring_own(fd);
    assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, 2);
    assert_int_equal(hf_event_signal(fd), 0);
    assert_int_equal(hf_event_drain(fd), 0);
    assert_int_equal(hf_event_drain(fd), -EAGAIN);
}

static void a_blocking_eventfd_at_its_maximum_is_rung_already(void **state)
{
    const uint64_t maximum = UINT64_MAX - 1;
    HF_AUTO_FD int fd = eventfd(0, EFD_CLOEXEC);

    (void)state;
    assert_int_equal(write(fd, &maximum, sizeof(maximum)), sizeof(maximum));
    assert_int_equal(hf_event_signal(fd), 0);
    assert_int_equal(hf_event_drain(fd), 0);
    assert_int_equal(hf_event_drain(fd), -EAGAIN);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

static void fill(int fd)
{
    char bytes[4096] = { 0 };
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        continue;
    fcntl(fd, F_SETFL, flags);
}

static void a_full_blocking_pipe_is_rung_already(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fill(ends[1]);
    assert_int_equal(hf_event_signal(ends[1]), 0);
    hf_fd_close_all(ends, 2);
}

static void a_blocking_pipe_takes_eight_bytes_a_ring(void **state)
{
    uint64_t value = 0;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hf_event_drain(ends[0]), -EAGAIN);
    assert_int_equal(hf_event_signal(ends[1]), 0);
    assert_int_equal(read(ends[0], &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, 1);
    assert_int_equal(hf_event_signal(ends[1]), 0);
    assert_int_equal(hf_event_drain(ends[0]), 0);
    assert_int_equal(hf_event_drain(ends[0]), -EAGAIN);
    hf_fd_close_all(ends, 2);
}

static void a_pipe_without_a_reader_is_an_error_and_raises_no_signal(void **state)
{
    int ends[2];
    sigset_t pending;

    (void)state;
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    hf_fd_close(&ends[0]);
    assert_int_equal(hf_event_signal(ends[1]), -EPIPE);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    hf_fd_close(&ends[1]);
}

static void a_pipe_without_a_writer_has_ended(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    hf_fd_close(&ends[1]);
    assert_int_equal(hf_event_drain(ends[0]), -EPIPE);
    hf_fd_close(&ends[0]);
}

static void a_blocking_socket_rings_is_full_and_ends(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(hf_event_drain(pair[1]), -EAGAIN);
    assert_int_equal(hf_event_signal(pair[0]), 0);
    assert_int_equal(hf_event_drain(pair[1]), 0);
    fill(pair[0]);
    assert_int_equal(hf_event_signal(pair[0]), 0);
    hf_fd_close(&pair[1]);
    assert_int_equal(hf_event_signal(pair[0]), -EPIPE);
    assert_int_equal(hf_event_drain(pair[0]), -EPIPE);
    hf_fd_close(&pair[0]);
}

static void each_kind_is_told_by_its_fd(void **state)
{
    HF_AUTO_FD int eventfd_fd = hf_event_create();
    HF_AUTO_FD int file = open(in_place("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    HF_AUTO_FD int folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HF_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    assert_int_equal(hf_bell_of(eventfd_fd).kind, HF_BELL_EVENTFD);
    assert_int_equal(hf_bell_of(file).kind, HF_BELL_UNFIT);
    assert_int_equal(hf_bell_of(folder).kind, HF_BELL_UNFIT);
    assert_int_equal(hf_bell_of(null).kind, HF_BELL_OTHER);
    assert_int_equal(hf_bell_of(-1).kind, HF_BELL_UNFIT);
}

static void a_file_is_no_bell_and_is_not_written_to(void **state)
{
    HF_AUTO_FD int file = open(in_place("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(hf_event_signal(file), -EINVAL);
    assert_int_equal(hf_event_drain(file), -EINVAL);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
}

static void no_bell_at_all_does_nothing(void **state)
{
    const struct hf_bell none = hf_bell_of(-1);

    (void)state;
    assert_int_equal(hf_bell_ring(&none), 0);
    assert_int_equal(hf_bell_drain(&none), -EAGAIN);
}

static void a_bell_whose_fd_was_closed_is_an_error(void **state)
{
    int fd = hf_event_create();
    struct hf_bell bell = hf_bell_of(fd);

    (void)state;
    hf_fd_close(&fd);
    assert_int_equal(hf_bell_ring(&bell), -EBADF);
    assert_int_equal(hf_bell_drain(&bell), -EBADF);
}

#define EVENT_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVENT_TEST(our_eventfd_counts_rings_and_is_drained_at_once),
        EVENT_TEST(a_blocking_eventfd_at_its_maximum_is_rung_already),
        EVENT_TEST(a_full_blocking_pipe_is_rung_already),
        EVENT_TEST(a_blocking_pipe_takes_eight_bytes_a_ring),
        EVENT_TEST(a_pipe_without_a_reader_is_an_error_and_raises_no_signal),
        EVENT_TEST(a_pipe_without_a_writer_has_ended),
        EVENT_TEST(a_blocking_socket_rings_is_full_and_ends),
        EVENT_TEST(each_kind_is_told_by_its_fd),
        EVENT_TEST(a_file_is_no_bell_and_is_not_written_to),
        EVENT_TEST(no_bell_at_all_does_nothing),
        EVENT_TEST(a_bell_whose_fd_was_closed_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
