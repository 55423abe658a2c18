/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection, one line there, one line back. */
#include "control/client.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* More than any relay has to say. */
#define ANSWER_MAX (64u << 20)

struct asking {
    int fd;
    uint64_t deadline_ns;
    const char *path;
    struct hf_error *error;
};

/* 0, or -ETIMEDOUT. */
static int wait_for(const struct asking *asking, short events)
{
    struct pollfd wanted = { .fd = asking->fd, .events = events };

    for (;;) {
        uint64_t now_ns = hf_clock_ns();
        if (now_ns >= asking->deadline_ns)
            return hf_error_set(asking->error, ETIMEDOUT, "%s: no answer in time", asking->path);
        uint64_t left_ms = (asking->deadline_ns - now_ns) / HF_NS_PER_MS + 1;
        if (poll(&wanted, 1, left_ms < 60000 ? (int)left_ms : 60000) > 0)
            return 0;
    }
}

static int send_all(const struct asking *asking, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = hf_stream_send(asking->fd, text, size, NULL, 0);
        if (sent == -EAGAIN && wait_for(asking, POLLOUT) == 0)
            continue;
        if (sent == -EAGAIN)
            return -ETIMEDOUT;
        if (sent < 0)
            return hf_error_set(asking->error, (int)-sent, "%s: cannot ask: %s", asking->path,
                                strerror((int)-sent));
        text += sent;
        size -= (size_t)sent;
    }
    return 0;
}

/* The bytes of the answer so far, or -errno. */
static ssize_t receive_some(const struct asking *asking, char **text, size_t size)
{
    struct hf_stream_input got;
    char *more = size < ANSWER_MAX ? realloc(*text, size + 65536) : NULL;

    if (!more)
        return hf_error_set(asking->error, EPROTO, "%s: the answer is too long", asking->path);
    *text = more;
    ssize_t received = hf_stream_receive(asking->fd, more + size, 65536, &got);
    hf_stream_input_close(&got);
    if (received == -EAGAIN)
        return wait_for(asking, POLLIN) == 0 ? (ssize_t)size : -ETIMEDOUT;
    if (received == 0)
        return hf_error_set(asking->error, EPROTO, "%s: hung up without an answer", asking->path);
    if (received < 0)
        return hf_error_set(asking->error, (int)-received, "%s: %s", asking->path,
                            strerror((int)-received));
    return (ssize_t)size + received;
}

static int receive_line(const struct asking *asking, char **text, size_t *size)
{
    char *end = NULL;

    while (!end) {
        ssize_t now = receive_some(asking, text, *size);
        if (now < 0)
            return (int)now;
        end = memchr(*text + *size, '\n', (size_t)now - *size);
        *size = end ? (size_t)(end - *text) : (size_t)now;
    }
    return 0;
}

static int read_answer(const struct asking *asking, const char *text, size_t size, json_t **result)
{
    json_t *answer = json_loadb(text, size, 0, NULL);
    const char *message = NULL;

    if (json_unpack(answer, "{s:{s:s}}", "error", "message", &message) == 0)
        hf_error_set(asking->error, EREMOTEIO, "%s", message);
    else if (json_unpack(answer, "{s:O}", "result", result) == 0)
        message = "";
    else
        hf_error_set(asking->error, EPROTO, "%s: this is no answer: %.*s", asking->path,
                     (int)(size < 100 ? size : 100), text);
    json_decref(answer);
    return *result ? 0 : message ? -EREMOTEIO : -EPROTO;
}

/* Takes `params`. NULL: no memory. */
static char *write_question(const char *method, json_t *params)
{
    json_t *question = json_pack("{s:s, s:s, s:i}", "jsonrpc", "2.0", "method", method, "id", 1);

    if (params)
        json_object_set_new(question, "params", params);
    char *text = json_dumps(question, JSON_COMPACT);
    size_t length = text ? strlen(text) : 0;
    char *line = text ? realloc(text, length + 2) : NULL;
    json_decref(question);
    if (line)
        memcpy(line + length, "\n", 2);
    else
        free(text);
    return line;
}

static int converse(const struct asking *asking, const char *question, json_t **result)
{
    char *text = NULL;
    size_t size = 0;

    int failed = send_all(asking, question, strlen(question));
    if (failed == 0)
        failed = receive_line(asking, &text, &size);
    if (failed == 0)
        failed = read_answer(asking, text, size, result);
    free(text);
    return failed;
}

int hf_control_ask(const struct hf_control_question *question, json_t **result,
                   struct hf_error *error)
{
    char *text = write_question(question->method, question->params);
    struct asking asking = { .path = question->path, .error = error };

    *result = NULL;
    asking.deadline_ns =
        question->timeout_ns > 0 ? hf_clock_ns() + question->timeout_ns : HF_CLOCK_NEVER;
    asking.fd =
        text ? hf_stream_connect(question->path, error) : hf_error_set(error, ENOMEM, "no memory");
    int failed = asking.fd < 0 ? asking.fd : converse(&asking, text, result);
    free(text);
    hf_fd_close(&asking.fd);
    return failed;
}
