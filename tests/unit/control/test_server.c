/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients on real sockets: many, slow, rude; and none of them in the way of the others. */
#include "../os/fixture.h"

#include "control/server.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALL_ECHO  "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}\n"
#define CALL_LATER "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":2}\n"
#define CALL_BIG   "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"id\":3}\n"
#define BIG_BYTES  (4u << 20)

static struct hf_loop loop;
static struct hf_control_server *server;
static struct hf_rpc_call *kept;
static unsigned calls;

static void run_echo(void *host, struct hf_rpc_call *call, const json_t *params)
{
    (void)host;
    (void)params;
    calls++;
    hf_rpc_answer(call, json_string("echo"));
}

static void run_later(void *host, struct hf_rpc_call *call, const json_t *params)
{
    (void)host;
    (void)params;
    kept = call;
}

static void run_big(void *host, struct hf_rpc_call *call, const json_t *params)
{
    char *text = malloc(BIG_BYTES);

    (void)host;
    (void)params;
    calls++;
    memset(text, 'x', BIG_BYTES);
    hf_rpc_answer(call, json_stringn(text, BIG_BYTES));
    free(text);
}

static const struct hf_rpc_method methods[] = {
    { "echo", run_echo }, { "later", run_later }, { "big", run_big }, { NULL, NULL }
};

static int begin(void **state)
{
    assert_int_equal(fixture_begin(state), 0);
    assert_int_equal(hf_loop_init(&loop), 0);
    server = hf_control_server_new(&loop, in_place("c.sock"), methods, NULL, NULL);
    assert_non_null(server);
    kept = NULL;
    calls = 0;
    return 0;
}

static int end(void **state)
{
    hf_control_server_free(server);
    if (kept)
        hf_rpc_answer(kept, NULL);
    hf_loop_done(&loop);
    return fixture_end(state);
}

static void turn(void)
{
    while (hf_loop_dispatch(&loop, 0) > 0)
        ;
}

static int come(void)
{
    int fd = hf_stream_connect(in_place("c.sock"), NULL);

    assert_true(fd >= 0);
    turn();
    return fd;
}

static void say(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = hf_stream_send(fd, text, size, NULL, 0);
        if (sent == -EPIPE)
            return;
        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
        }
        turn();
    }
}

/* What there is to read, as text. */
static const char *hear(int fd)
{
    static char text[4096];

    turn();
    ssize_t size = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

/* The server has hung up. */
static bool is_out(int fd)
{
    char byte;

    turn();
    for (;;) {
        ssize_t size = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (size <= 0)
            return size == 0 || errno == ECONNRESET;
    }
}

static void only_its_user_may_ask(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(in_place("c.sock"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_line_may_come_in_pieces_and_many_at_once(void **state)
{
    int fd = come();

    (void)state;
    for (const char *letter = CALL_ECHO; *letter != '\0'; letter++)
        say(fd, letter, 1);
    assert_string_equal(hear(fd), "{\"jsonrpc\":\"2.0\",\"result\":\"echo\",\"id\":1}\n");
    char many[100 * sizeof(CALL_ECHO) + 1] = "";
    for (unsigned i = 0; i < 100; i++)
        strcat(many, CALL_ECHO "\n");
    say(fd, many, strlen(many));
    /* Answers that it does not take would hold up the others. */
    for (unsigned i = 0; i < 100 && calls < 101; i++)
        hear(fd);
    assert_int_equal(calls, 101);
    hf_fd_close(&fd);
}

static void an_answer_comes_later_while_others_are_served(void **state)
{
    int slow = come(), other = come();

    (void)state;
    say(slow, CALL_LATER CALL_ECHO, strlen(CALL_LATER CALL_ECHO));
    assert_non_null(strstr(hear(slow), "\"id\":1"));
    say(other, CALL_ECHO, strlen(CALL_ECHO));
    assert_non_null(strstr(hear(other), "echo"));
    hf_rpc_answer(kept, json_true());
    kept = NULL;
    assert_non_null(strstr(hear(slow), "true"));
    hf_fd_close(&slow);
    hf_fd_close(&other);
}

static void one_that_only_reads_on_has_its_answers_first(void **state)
{
    int fd = come();

    (void)state;
    say(fd, CALL_LATER "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":4}",
        strlen(CALL_LATER) + strlen(CALL_ECHO) - 1);
    shutdown(fd, SHUT_WR);
    assert_non_null(strstr(hear(fd), "\"id\":4"));
    assert_false(is_out(fd));
    hf_rpc_answer(kept, json_true());
    kept = NULL;
    assert_non_null(strstr(hear(fd), "true"));
    assert_true(is_out(fd));
    hf_fd_close(&fd);
}

static void one_that_left_while_its_call_runs_is_forgotten(void **state)
{
    int fd = come();
    unsigned before = count_fds();

    (void)state;
    say(fd, CALL_LATER, strlen(CALL_LATER));
    turn();
    assert_non_null(kept);
    hf_fd_close(&fd);
    turn();
    assert_int_equal(count_fds(), before - 2);
    hf_rpc_answer(kept, json_true());
    kept = NULL;
    turn();
}

static void a_line_without_end_is_refused(void **state)
{
    static char flood[HF_CONTROL_LINE_MAX + 65536];
    int fd = come();

    (void)state;
    memset(flood, ' ', sizeof(flood));
    say(fd, flood, sizeof(flood));
    assert_non_null(strstr(hear(fd), "at most 1 MiB"));
    assert_true(is_out(fd));
    hf_fd_close(&fd);
}

static void a_line_as_long_as_may_be_is_taken(void **state)
{
    static char line[HF_CONTROL_LINE_MAX + 1];
    int fd = come();

    (void)state;
    memset(line, ' ', sizeof(line));
    memcpy(line, CALL_ECHO, strlen(CALL_ECHO) - 1);
    line[HF_CONTROL_LINE_MAX] = '\n';
    say(fd, line, sizeof(line));
    assert_non_null(strstr(hear(fd), "echo"));
    hf_fd_close(&fd);
}

/* What it does not read is not piled up: its next line waits. */
static void one_that_does_not_read_is_not_served_on(void **state)
{
    int fd = come(), other = come();
    size_t got = 0;

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        say(fd, CALL_BIG, strlen(CALL_BIG));
    turn();
    assert_int_equal(calls, 1);
    say(other, CALL_ECHO, strlen(CALL_ECHO));
    assert_non_null(strstr(hear(other), "echo"));
    while (got < 2 * BIG_BYTES)
        got += strlen(hear(fd));
    assert_in_range(calls, 3, 4);
    hf_fd_close(&fd);
    hf_fd_close(&other);
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
    int fd = come();
    unsigned before = count_fds();
    int passed = STDERR_FILENO;

    (void)state;
    assert_true(hf_stream_send(fd, CALL_ECHO, strlen(CALL_ECHO), &passed, 1) > 0);
    assert_non_null(strstr(hear(fd), "echo"));
    assert_int_equal(count_fds(), before);
    hf_fd_close(&fd);
}

static void the_longest_silent_makes_room(void **state)
{
    int fds[HF_CONTROL_CLIENTS_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < HF_CONTROL_CLIENTS_MAX; i++)
        fds[i] = come();
    /* The first has been silent longest, and waits for an answer; the second has had one since. */
    say(fds[0], CALL_LATER, strlen(CALL_LATER));
    for (unsigned i = 1; i <= HF_CONTROL_CLIENTS_MAX; i++) {
        int fd = fds[i % HF_CONTROL_CLIENTS_MAX == 0 ? 1 : i];
        say(fd, CALL_ECHO, strlen(CALL_ECHO));
        assert_non_null(strstr(hear(fd), "echo"));
    }
    fds[HF_CONTROL_CLIENTS_MAX] = come();
    assert_true(is_out(fds[2]));
    for (unsigned i = 0; i <= HF_CONTROL_CLIENTS_MAX; i++)
        assert_true(i == 2 || !is_out(fds[i]));
    say(fds[HF_CONTROL_CLIENTS_MAX], CALL_ECHO, strlen(CALL_ECHO));
    assert_non_null(strstr(hear(fds[HF_CONTROL_CLIENTS_MAX]), "echo"));
    hf_fd_close_all(fds, HF_CONTROL_CLIENTS_MAX + 1);
}

/* The clock of the loop is the real one: what is looked at is that a timer is armed, and that a
 * byte more does not move it. */
static void half_a_line_is_waited_for_so_long_and_no_longer(void **state)
{
    int fd = come();

    (void)state;
    assert_true(hf_timers_next_ns(&loop.timers) == HF_CLOCK_NEVER);
    say(fd, "{", 1);
    uint64_t deadline_ns = hf_timers_next_ns(&loop.timers);
    assert_in_range(deadline_ns, hf_clock_ns() + HF_CONTROL_PATIENCE_NS - HF_NS_PER_S,
                    hf_clock_ns() + HF_CONTROL_PATIENCE_NS);
    sleep_ms(5);
    say(fd, "}", 1);
    assert_true(hf_timers_next_ns(&loop.timers) == deadline_ns);
    say(fd, "\n", 1);
    assert_non_null(strstr(hear(fd), "-32600"));
    assert_true(hf_timers_next_ns(&loop.timers) == HF_CLOCK_NEVER);
    hf_fd_close(&fd);
}

static void a_second_server_is_refused_and_says_why(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_null(hf_control_server_new(&loop, in_place("none/c.sock"), methods, NULL, &error));
    assert_int_equal(error.code, ENOENT);
    assert_non_null(strstr(error.text, "none/c.sock"));
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(only_its_user_may_ask),
        CLEAN(a_line_may_come_in_pieces_and_many_at_once),
        CLEAN(an_answer_comes_later_while_others_are_served),
        CLEAN(one_that_only_reads_on_has_its_answers_first),
        CLEAN(one_that_left_while_its_call_runs_is_forgotten),
        CLEAN(a_line_without_end_is_refused),
        CLEAN(a_line_as_long_as_may_be_is_taken),
        CLEAN(one_that_does_not_read_is_not_served_on),
        CLEAN(descriptors_that_nobody_asked_for_are_closed),
        CLEAN(the_longest_silent_makes_room),
        CLEAN(half_a_line_is_waited_for_so_long_and_no_longer),
        CLEAN(a_second_server_is_refused_and_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
