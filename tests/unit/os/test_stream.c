/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pair[2];

static int begin(void **state)
{
    return fixture_begin(state) + hf_stream_pair(pair);
}

static int end(void **state)
{
    hf_fd_close_all(pair, 2);
    return fixture_end(state);
}

static void bytes_and_fds_arrive_together(void **state)
{
    const int fds[3] = { 0, 1, 2 };
    struct hf_stream_input input;
    char buffer[16];

    (void)state;
    assert_int_equal(hf_stream_send(pair[0], "hello", 5, fds, 3), 5);
    assert_int_equal(hf_stream_receive(pair[1], buffer, sizeof(buffer), &input), 5);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(input.size_bytes, 5);
    assert_int_equal(input.fd_count, 3);
    assert_false(input.fds_truncated);
    for (size_t i = 0; i < input.fd_count; i++) {
        assert_true(input.fds[i] >= HF_FD_FIRST);
        assert_int_equal(fcntl(input.fds[i], F_GETFD), FD_CLOEXEC);
    }
    hf_stream_input_close(&input);
    assert_int_equal(input.fd_count, 0);
}

static void nothing_there_is_eagain_and_no_fds(void **state)
{
    struct hf_stream_input input;
    char byte;

    (void)state;
    assert_int_equal(hf_stream_receive(pair[1], &byte, 1, &input), -EAGAIN);
    assert_int_equal(input.fd_count, 0);
    assert_int_equal(input.size_bytes, 0);
}

static void end_of_file_is_zero_and_sending_then_is_epipe_without_a_signal(void **state)
{
    struct hf_stream_input input;
    char byte;

    (void)state;
    hf_fd_close(&pair[0]);
    assert_int_equal(hf_stream_receive(pair[1], &byte, 1, &input), 0);
    assert_int_equal(hf_stream_send(pair[1], "x", 1, NULL, 0), -EPIPE);
}

static void fds_travel_with_the_first_byte_only(void **state)
{
    struct hf_stream_input input;
    char byte;

    (void)state;
    assert_int_equal(hf_stream_send(pair[0], "ab", 2, &pair[0], 1), 2);
    assert_int_equal(hf_stream_receive(pair[1], &byte, 1, &input), 1);
    assert_int_equal(input.fd_count, 1);
    hf_stream_input_close(&input);
    assert_int_equal(hf_stream_receive(pair[1], &byte, 1, &input), 1);
    assert_int_equal(input.fd_count, 0);
}

static void two_messages_with_fds_are_not_mixed(void **state)
{
    struct hf_stream_input input;
    char bytes[16];

    (void)state;
    assert_int_equal(hf_stream_send(pair[0], "a", 1, pair, 1), 1);
    assert_int_equal(hf_stream_send(pair[0], "b", 1, pair, 2), 1);
    assert_int_equal(hf_stream_receive(pair[1], bytes, sizeof(bytes), &input), 1);
    assert_int_equal(input.fd_count, 1);
    hf_stream_input_close(&input);
    assert_int_equal(hf_stream_receive(pair[1], bytes, sizeof(bytes), &input), 1);
    assert_int_equal(input.fd_count, 2);
    hf_stream_input_close(&input);
}

static void a_slow_peer_takes_a_part_and_then_nothing(void **state)
{
    static char bytes[1 << 22];
    struct hf_stream_input input;

    (void)state;
    ssize_t sent = hf_stream_send(pair[0], bytes, sizeof(bytes), pair, 1);
    assert_in_range(sent, 1, sizeof(bytes) - 1);
    assert_int_equal(hf_stream_send(pair[0], bytes, sizeof(bytes), pair, 1), -EAGAIN);
    size_t fds = 0;
    ssize_t got = hf_stream_receive(pair[1], bytes, sizeof(bytes), &input);
    while (got > 0) {
        sent -= got;
        fds += input.fd_count;
        hf_stream_input_close(&input);
        got = hf_stream_receive(pair[1], bytes, sizeof(bytes), &input);
    }
    assert_int_equal(sent, 0);
    assert_int_equal(fds, 1);
}

static void the_most_fds_the_kernel_passes_all_arrive(void **state)
{
    struct hf_stream_input input;
    int fds[HF_STREAM_FDS_MAX + 1];
    char byte;

    (void)state;
    for (int i = 0; i <= HF_STREAM_FDS_MAX; i++)
        fds[i] = pair[0];
    assert_int_equal(hf_stream_send(pair[0], "x", 1, fds, HF_STREAM_FDS_MAX + 1), -EINVAL);
    assert_int_equal(hf_stream_send(pair[0], "x", 1, fds, HF_STREAM_FDS_MAX), 1);
    assert_int_equal(hf_stream_receive(pair[1], &byte, 1, &input), 1);
    assert_int_equal(input.fd_count, HF_STREAM_FDS_MAX);
    assert_false(input.fds_truncated);
    hf_stream_input_close(&input);
}

static void fds_without_a_byte_are_refused(void **state)
{
    (void)state;
    assert_int_equal(hf_stream_send(pair[0], "", 0, pair, 1), -EINVAL);
}

/* Two fds fit, three are sent. */
static void fds_that_find_no_room_are_told_and_the_others_kept(void **state)
{
    const int fds[3] = { pair[0], pair[0], pair[0] };
    struct hf_stream_input input;
    struct rlimit before;
    char byte;

    (void)state;
    assert_int_equal(hf_stream_send(pair[0], "x", 1, fds, 3), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int probe = hf_fd_dup(pair[0]);
    struct rlimit tight = { .rlim_cur = (rlim_t)probe + 2, .rlim_max = before.rlim_max };
    hf_fd_close(&probe);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    ssize_t got = hf_stream_receive(pair[1], &byte, 1, &input);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(got, 1);
    assert_true(input.fds_truncated);
    assert_int_equal(input.fd_count, 2);
    hf_stream_input_close(&input);
}

static void the_peer_of_a_pair_is_this_process(void **state)
{
    struct hf_stream_peer peer;

    (void)state;
    assert_int_equal(hf_stream_peer(pair[0], &peer), 0);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(hf_stream_peer(-1, &peer), -EBADF);
    assert_int_equal(peer.pid, 0);
}

static void connecting_to_nothing_says_why(void **state)
{
    struct hf_error error = { 0 };
    const char *path = in_place("nothing.sock");

    (void)state;
    assert_int_equal(hf_stream_connect(path, &error), -ENOENT);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(error.code, ENOENT);
    assert_int_equal(hf_stream_connect("", &error), -EINVAL);
}

static void a_path_that_does_not_fit_names_the_limit(void **state)
{
    struct hf_error error = { 0 };
    char path[200];

    (void)state;
    memset(path, 'x', sizeof(path));
    path[HF_STREAM_PATH_SIZE] = '\0';
    assert_int_equal(hf_stream_connect(path, &error), -ENAMETOOLONG);
    assert_non_null(strstr(error.text, "108 bytes long, 107 are possible"));
    path[HF_STREAM_PATH_SIZE - 1] = '\0';
    assert_int_equal(hf_stream_connect(path, &error), -ENOENT);
}

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void a_connected_socket_is_nonblocking_and_closes_on_exec(void **state)
{
    HF_AUTO_FD int server = listen_at(in_place("a.sock"), 1);
    HF_AUTO_FD int fd = hf_stream_connect(in_place("a.sock"), NULL);

    (void)state;
    assert_true(server >= 0 && fd >= HF_FD_FIRST);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void a_full_backlog_means_soon(void **state)
{
    HF_AUTO_FD int server = listen_at(in_place("a.sock"), 0);
    HF_AUTO_FD int first = hf_stream_connect(in_place("a.sock"), NULL);
    struct hf_error error = { 0 };

    (void)state;
    assert_true(server >= 0 && first >= 0);
    assert_int_equal(hf_stream_connect(in_place("a.sock"), &error), -EAGAIN);
    assert_non_null(strstr(error.text, "backlog"));
}

static void a_socket_that_nobody_serves_refuses(void **state)
{
    int server = listen_at(in_place("a.sock"), 0);

    (void)state;
    hf_fd_close(&server);
    assert_int_equal(hf_stream_connect(in_place("a.sock"), NULL), -ECONNREFUSED);
}

#define STREAM_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(bytes_and_fds_arrive_together),
        STREAM_TEST(nothing_there_is_eagain_and_no_fds),
        STREAM_TEST(end_of_file_is_zero_and_sending_then_is_epipe_without_a_signal),
        STREAM_TEST(fds_travel_with_the_first_byte_only),
        STREAM_TEST(two_messages_with_fds_are_not_mixed),
        STREAM_TEST(a_slow_peer_takes_a_part_and_then_nothing),
        STREAM_TEST(the_most_fds_the_kernel_passes_all_arrive),
        STREAM_TEST(fds_without_a_byte_are_refused),
        STREAM_TEST(fds_that_find_no_room_are_told_and_the_others_kept),
        STREAM_TEST(the_peer_of_a_pair_is_this_process),
        STREAM_TEST(connecting_to_nothing_says_why),
        STREAM_TEST(a_path_that_does_not_fit_names_the_limit),
        STREAM_TEST(a_connected_socket_is_nonblocking_and_closes_on_exec),
        STREAM_TEST(a_full_backlog_means_soon),
        STREAM_TEST(a_socket_that_nobody_serves_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
