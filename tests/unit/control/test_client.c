/* SPDX-License-Identifier: BSD-3-Clause */
/* One question to a child that answers as it likes. */
#include "../os/fixture.h"

#include "control/client.h"
#include "os/clock.h"
#include "os/listener.h"
#include "os/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *reply; /* NULL: none */

/* Reads the question to its end, and says what it was told to say. */
static void serve(int ready_fd)
{
    struct hf_listener listener;
    char byte = 0;
    int fd = -EAGAIN;

    if (hf_listener_init(&listener, in_place("s"), 0, NULL) < 0 || write(ready_fd, "", 1) != 1)
        exit(1);
    while ((fd = hf_listener_accept(&listener)) == -EAGAIN)
        poll(&(struct pollfd){ .fd = listener.fd, .events = POLLIN }, 1, 10000);
    while (byte != '\n')
        if (read(fd, &byte, 1) < 0)
            poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000);
    if (reply && write(fd, reply, strlen(reply)) < 0)
        exit(1);
    if (!reply)
        sleep_ms(60000);
    exit(0);
}

static int ask(const char *answer, json_t **result, struct hf_error *error)
{
    struct hf_control_question question = { .path = in_place("s"),
                                            .method = "status",
                                            .timeout_ns =
                                                answer ? 10 * HF_NS_PER_S : 50 * HF_NS_PER_MS };

    reply = answer;
    pid_t child = start_child(serve);
    int failed = hf_control_ask(&question, result, error);
    end_child(child);
    unlink(in_place("s"));
    unlink(in_place("s.lock"));
    return failed;
}

static void a_result_is_handed_over(void **state)
{
    json_t *result = NULL;

    (void)state;
    assert_int_equal(ask("{\"jsonrpc\":\"2.0\",\"result\":{\"a\":7},\"id\":1}\n", &result, NULL),
                     0);
    assert_int_equal(json_integer_value(json_object_get(result, "a")), 7);
    json_decref(result);
    assert_int_equal(ask("{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n", &result, NULL), 0);
    assert_true(json_is_null(result));
}

static void a_refusal_is_the_other_sides_sentence(void **state)
{
    struct hf_error error = { 0 };
    json_t *result = NULL;

    (void)state;
    assert_int_equal(
        ask("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":\"no disk\"},\"id\":1}\n",
            &result, &error),
        -EREMOTEIO);
    assert_string_equal(error.text, "no disk");
    assert_null(result);
}

static void what_is_no_answer_is_said(void **state)
{
    static const char *const bad[] = {
        "\n", "[]\n", "hello\n", "{\"id\":1}\n", "", "{\"result\":"
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hf_error error = { 0 };
        json_t *result = NULL;
        assert_int_equal(ask(bad[i], &result, &error), -EPROTO);
        assert_non_null(strstr(error.text, in_place("s")));
        assert_null(result);
    }
}

static void it_does_not_wait_for_ever(void **state)
{
    json_t *result = NULL;

    (void)state;
    assert_int_equal(ask(NULL, &result, NULL), -ETIMEDOUT);
}

static void that_nobody_listens_is_an_error(void **state)
{
    const struct hf_control_question question = { .path = in_place("nobody"),
                                                  .method = "status",
                                                  .params = json_object() };
    struct hf_error error = { 0 };
    json_t *result = NULL;

    (void)state;
    assert_int_equal(hf_control_ask(&question, &result, &error), -ENOENT);
    assert_int_equal(error.code, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_result_is_handed_over),         TIDY(a_refusal_is_the_other_sides_sentence),
        TIDY(what_is_no_answer_is_said),       TIDY(it_does_not_wait_for_ever),
        TIDY(that_nobody_listens_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
