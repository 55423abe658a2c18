/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/listener.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* A server that knows nothing of our lock. */
static int serve_foreign(const char *path, int type)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_listener_accepts_and_leaves_nothing_behind(void **state)
{
    struct hf_listener listener;
    uint64_t before_ns = hf_clock_ns();

    (void)state;
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, NULL), 0);
    assert_in_range(listener.listening_ns, before_ns, hf_clock_ns());
    assert_false(exists(in_place("a.sock.new")));
    assert_int_equal(hf_listener_accept(&listener), -EAGAIN);
    int client = hf_stream_connect(in_place("a.sock"), NULL);
    int server = hf_listener_accept(&listener);
    assert_true(client >= HF_FD_FIRST && server >= HF_FD_FIRST);
    assert_int_equal(fcntl(server, F_GETFD), FD_CLOEXEC);
    assert_true((fcntl(server, F_GETFL) & O_NONBLOCK) != 0);
    hf_listener_done(&listener);
    hf_listener_done(&listener);
    assert_false(exists(in_place("a.sock")));
    assert_false(exists(in_place("a.sock.lock")));
    hf_fd_close(&client);
    hf_fd_close(&server);
}

static void a_mode_counts_whatever_the_umask(void **state)
{
    struct hf_listener listener;
    struct stat status;
    mode_t kept = umask(0077);

    (void)state;
    assert_int_equal(hf_listener_init_mode(&listener, in_place("m.sock"), 0660, 0, NULL), 0);
    umask(kept);
    assert_int_equal(stat(in_place("m.sock"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
    hf_listener_done(&listener);
}

static void a_second_one_on_the_same_path_is_refused(void **state)
{
    struct hf_listener first;
    struct hf_listener second;
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_listener_init(&first, in_place("a.sock"), 0, NULL), 0);
    assert_int_equal(hf_listener_init(&second, in_place("a.sock"), 0, &error), -EADDRINUSE);
    assert_non_null(strstr(error.text, "is served by another process"));
    hf_listener_done(&second);
    HF_AUTO_FD int client = hf_stream_connect(in_place("a.sock"), NULL);
    assert_true(client >= 0);
    hf_listener_done(&first);
}

static void a_live_foreign_socket_is_refused_and_its_server_named(void **state)
{
    HF_AUTO_FD int server = serve_foreign(in_place("a.sock"), SOCK_STREAM);
    struct hf_listener listener;
    struct hf_error error = { 0 };
    char expected[64];

    (void)state;
    assert_true(server >= 0);
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, &error), -EADDRINUSE);
    snprintf(expected, sizeof(expected), "is served by process %d", getpid());
    assert_non_null(strstr(error.text, expected));
    assert_true(exists(in_place("a.sock")));
    assert_false(exists(in_place("a.sock.lock")));
}

static void a_live_foreign_socket_is_seldom_connected_to(void **state)
{
    struct hf_listener listener;
    int fd = serve_foreign(in_place("d.sock"), SOCK_STREAM);
    unsigned connections = 0;

    (void)state;
    assert_int_equal(listen(fd, 1000), 0);
    assert_int_equal(hf_listener_init(&listener, in_place("d.sock"), 500 * HF_NS_PER_MS, NULL),
                     -EADDRINUSE);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int client; (client = accept(fd, NULL, NULL)) >= 0; connections++)
        close(client);
    assert_in_range(connections, 1, 30);
    unlink(in_place("d.sock"));
    close(fd);
}

static void a_live_datagram_socket_is_refused(void **state)
{
    HF_AUTO_FD int server = serve_foreign(in_place("a.sock"), SOCK_DGRAM);
    struct hf_listener listener;

    (void)state;
    assert_true(server >= 0);
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, NULL), -EADDRINUSE);
}

static void a_stale_socket_is_replaced(void **state)
{
    int stale = serve_foreign(in_place("a.sock"), SOCK_STREAM);
    int half_made = serve_foreign(in_place("a.sock.new"), SOCK_STREAM);
    struct hf_listener listener;

    (void)state;
    hf_fd_close(&stale);
    hf_fd_close(&half_made);
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, NULL), 0);
    HF_AUTO_FD int client = hf_stream_connect(in_place("a.sock"), NULL);
    assert_true(client >= 0);
    hf_listener_done(&listener);
    assert_false(exists(in_place("a.sock")));
}

static void what_is_not_a_socket_is_left_alone(void **state)
{
    struct hf_listener listener;
    struct hf_error error = { 0 };
    int file = open(in_place("a.sock"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    (void)state;
    hf_fd_close(&file);
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), HF_NS_PER_S, &error), -EEXIST);
    assert_non_null(strstr(error.text, "is not a socket"));
    assert_true(exists(in_place("a.sock")));
    assert_int_equal(symlink(in_place("nowhere"), in_place("b.sock")), 0);
    assert_int_equal(hf_listener_init(&listener, in_place("b.sock"), 0, &error), -EEXIST);
}

static void a_missing_folder_is_an_error(void **state)
{
    struct hf_listener listener;
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_listener_init(&listener, in_place("no/a.sock"), 0, &error), -ENOENT);
    assert_int_equal(error.code, ENOENT);
    assert_int_equal(listener.fd, -1);
}

static void a_path_that_does_not_fit_names_the_limit(void **state)
{
    struct hf_listener listener;
    struct hf_error error = { 0 };
    char path[HF_STREAM_PATH_SIZE + 1];

    (void)state;
    memset(path, 'x', sizeof(path));
    path[104] = '\0';
    assert_int_equal(hf_listener_init(&listener, path, 0, &error), -ENAMETOOLONG);
    assert_non_null(strstr(error.text, "104 bytes long, 103 are possible"));
}

/* 103 bytes in all. */
static void the_longest_path_works(void **state)
{
    struct hf_listener listener;
    char path[HF_STREAM_PATH_SIZE];

    (void)state;
    int length = snprintf(path, sizeof(path), "%s", in_place(""));
    memset(path + length, 'x', sizeof(path) - (size_t)length);
    path[103] = '\0';
    assert_int_equal(hf_listener_init(&listener, path, 0, NULL), 0);
    assert_true(exists(path));
    hf_listener_done(&listener);
}

static void a_socket_put_there_by_another_is_not_unlinked(void **state)
{
    struct hf_listener listener;

    (void)state;
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, NULL), 0);
    assert_int_equal(unlink(in_place("a.sock")), 0);
    HF_AUTO_FD int other = serve_foreign(in_place("a.sock"), SOCK_STREAM);
    assert_true(other >= 0);
    hf_listener_done(&listener);
    assert_true(exists(in_place("a.sock")));
}

static char served_path[512];

static void serve_and_die(int ready_fd)
{
    struct hf_listener listener;

    if (hf_listener_init(&listener, served_path, 0, NULL) < 0)
        _exit(1);
    if (write(ready_fd, "r", 1) != 1)
        _exit(1);
    sleep_ms(100);
    _exit(0); /* without cleaning up: as killed */
}

static void a_dying_predecessor_is_waited_for(void **state)
{
    struct hf_listener listener;
    struct hf_error error = { 0 };

    (void)state;
    strcpy(served_path, in_place("a.sock"));
    pid_t pid = start_child(serve_and_die);
    assert_int_equal(hf_listener_init(&listener, served_path, 0, &error), -EADDRINUSE);
    char expected[64];
    snprintf(expected, sizeof(expected), "is locked by process %d (", pid);
    assert_non_null(strstr(error.text, expected));
    assert_int_equal(hf_listener_init(&listener, served_path, 10 * HF_NS_PER_S, &error), 0);
    assert_int_equal(error.code, 0);
    hf_listener_done(&listener);
    end_child(pid);
}

static void a_listening_socket_is_adopted_and_keeps_its_name(void **state)
{
    int server = serve_foreign(in_place("a.sock"), SOCK_STREAM);
    struct hf_listener listener;

    (void)state;
    assert_int_equal(hf_listener_adopt(&listener, server, NULL), 0);
    assert_int_equal(hf_listener_accept(&listener), -EAGAIN);
    HF_AUTO_FD int client = hf_stream_connect(in_place("a.sock"), NULL);
    HF_AUTO_FD int accepted = hf_listener_accept(&listener);
    assert_true(client >= 0 && accepted >= 0);
    hf_listener_done(&listener);
    assert_true(exists(in_place("a.sock")));
}

static void what_does_not_listen_is_not_adopted(void **state)
{
    struct hf_listener listener;
    struct hf_error error = { 0 };
    int pair[2];

    (void)state;
    assert_int_equal(hf_stream_pair(pair), 0);
    assert_int_equal(hf_listener_adopt(&listener, pair[0], &error), -EINVAL);
    assert_non_null(strstr(error.text, "does not listen"));
    hf_fd_close(&pair[1]);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(hf_listener_adopt(&listener, null, &error), -EINVAL);
    assert_non_null(strstr(error.text, "is not a Unix socket"));
}

static void a_zeroed_listener_may_be_done(void **state)
{
    struct hf_listener listener = { 0 };

    (void)state;
    hf_listener_done(&listener);
    hf_listener_done(NULL);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_listener_accepts_and_leaves_nothing_behind),
        TIDY(a_mode_counts_whatever_the_umask),
        TIDY(a_second_one_on_the_same_path_is_refused),
        TIDY(a_live_foreign_socket_is_refused_and_its_server_named),
        TIDY(a_live_foreign_socket_is_seldom_connected_to),
        TIDY(a_live_datagram_socket_is_refused),
        TIDY(a_stale_socket_is_replaced),
        TIDY(what_is_not_a_socket_is_left_alone),
        TIDY(a_missing_folder_is_an_error),
        TIDY(a_path_that_does_not_fit_names_the_limit),
        TIDY(the_longest_path_works),
        TIDY(a_socket_put_there_by_another_is_not_unlinked),
        TIDY(a_dying_predecessor_is_waited_for),
        TIDY(a_listening_socket_is_adopted_and_keeps_its_name),
        TIDY(what_does_not_listen_is_not_adopted),
        TIDY(a_zeroed_listener_may_be_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
