/* SPDX-License-Identifier: BSD-3-Clause */
/* What a back-end asks of its VMM, through the relay: both ends are held by the test. */
#include "relay/device_private.h"

#include "cmocka_all.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/stream.h"

#include <stdlib.h>
#include <unistd.h>

struct bench {
    struct hf_relay_device device;
    struct hf_frontend frontend;
    struct hf_frontend_ops frontend_ops;
    struct hf_relay_device_ops ops;
    int vmm; /* the VMM's end */
};

/* One message as it comes, or nothing. */
struct heard {
    uint32_t request; /* 0: nothing came */
    uint64_t value;
};

static void no_report(void *host, const struct hf_report *report, const char *text)
{
    (void)host;
    (void)report;
    (void)text;
}

static void no_answer(void *host, uint32_t number, int error, const struct hf_message *reply)
{
    (void)host;
    (void)number;
    (void)error;
    (void)reply;
}

static bool no_indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    (void)host;
    (void)queue;
    (void)avail;
    (void)used;
    return false;
}

static void no_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    (void)host;
    (void)device;
    (void)level;
    (void)text;
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct hf_frontend_config config = { .socket_path = "/nowhere/at/all",
                                               .socket_fd = -1,
                                               .queue_count = 1 };
    struct hf_error error = { 0 };
    int ends[2];

    bench->ops = (struct hf_relay_device_ops){ .log = no_log };
    bench->frontend_ops =
        (struct hf_frontend_ops){ .report = no_report, .answer = no_answer, .indices = no_indices };
    assert_int_equal(hf_frontend_init(&bench->frontend, &config, &bench->frontend_ops, &error), 0);
    assert_int_equal(hf_loop_init(&bench->device.loop), 0);
    bench->device.ops = &bench->ops;
    bench->device.config.name = "disk";
    bench->device.backend = &bench->frontend;
    hf_relay_calls_init(&bench->device);
    assert_int_equal(hf_stream_pair(ends), 0);
    bench->vmm = ends[0];
    int end = hf_relay_calls_take(&bench->device, ends[1]);
    assert_true(end >= 0);
    assert_int_equal(hf_plan_set_channel(hf_frontend_plan(&bench->frontend), end), -1);
    close(ends[1]);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    hf_relay_calls_done(&bench->device);
    hf_loop_done(&bench->device.loop);
    hf_frontend_done(&bench->frontend);
    hf_fd_close(&bench->vmm);
    free(bench);
    return 0;
}

/* The end that the present back-end was given. */
static int backend_of(struct bench *bench)
{
    return hf_frontend_plan(&bench->frontend)->channel_fd;
}

static void say(struct bench *bench, int socket, const struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    size_t size = hf_message_encode(message, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(hf_stream_send(socket, bytes, size, message->fds, message->fd_count),
                     (ssize_t)size);
    hf_loop_dispatch(&bench->device.loop, 0);
}

static struct heard hear(int socket)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    struct hf_stream_input input;
    struct heard heard = { .request = 0 };

    if (hf_stream_receive(socket, bytes, sizeof(bytes), &input) < HF_WIRE_HEADER_SIZE)
        return heard;
    assert_int_equal(input.fd_count, 0);
    memcpy(&heard.request, bytes, sizeof(heard.request));
    if (input.size_bytes >= HF_WIRE_HEADER_SIZE + sizeof(heard.value))
        memcpy(&heard.value, bytes + HF_WIRE_HEADER_SIZE, sizeof(heard.value));
    return heard;
}

static void ask(struct bench *bench, uint32_t request, uint32_t flags)
{
    struct hf_message message = hf_message_backend_request((enum hf_backend_request)request);
    enum hf_fds fds = hf_backend_request_info(request)->request.fds;
    int fd = hf_event_create();

    message.flags |= flags;
    message.fds[0] = fd;
    message.fd_count = fds == HF_FDS_ONE || fds == HF_FDS_UNLESS_BIT8;
    say(bench, backend_of(bench), &message);
    hf_fd_close(&fd);
}

static void expect_refusal(struct bench *bench, uint32_t request)
{
    struct heard reply = hear(backend_of(bench));

    assert_int_equal(hear(bench->vmm).request, 0);
    assert_int_equal(reply.request, request);
    assert_int_equal(reply.value, 1);
}

static void answer(struct bench *bench, uint32_t request, uint64_t value)
{
    const struct hf_message reply =
        hf_message_backend_reply_u64((enum hf_backend_request)request, value);

    say(bench, bench->vmm, &reply);
}

static void expect_passage(struct bench *bench, uint32_t request)
{
    assert_int_equal(hear(backend_of(bench)).request, 0);
    assert_int_equal(hear(bench->vmm).request, request);
    answer(bench, request, 7);
    struct heard reply = hear(backend_of(bench));
    assert_int_equal(reply.request, request);
    assert_int_equal(reply.value, 7);
}

static void each_request_follows_its_rule(void **state)
{
    struct bench *bench = *state;

    for (uint32_t request = 1; request < HF_BACKEND_REQUEST_COUNT; request++) {
        ask(bench, request, HF_MESSAGE_NEED_REPLY);
        if (hf_backend_request_info(request)->relay == HF_RELAY_RULE_FORWARDED)
            expect_passage(bench, request);
        else
            expect_refusal(bench, request);
    }
}

static void who_does_not_ask_for_an_answer_gets_none(void **state)
{
    struct bench *bench = *state;

    ask(bench, HF_BACKEND_REQUEST_SHARED_OBJECT_ADD, 0);
    assert_int_equal(hear(bench->vmm).request, 0);
    ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, 0);
    assert_int_equal(hear(bench->vmm).request, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
    assert_int_equal(hear(backend_of(bench)).request, 0);
}

static void the_answer_for_a_back_end_that_is_gone_is_not_the_next_ones(void **state)
{
    struct bench *bench = *state;

    ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, HF_MESSAGE_NEED_REPLY);
    assert_int_equal(hear(bench->vmm).request, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
    bench->frontend.front.session.dial++;
    hf_relay_calls_renew(&bench->device);
    answer(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, 7);
    assert_int_equal(hear(backend_of(bench)).request, 0);
    ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, HF_MESSAGE_NEED_REPLY);
    expect_passage(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
}

/* As long as it owes answers, or reads nothing, no more is passed on. */
static void the_next_back_end_waits_as_the_one_before_did(void **state)
{
    struct bench *bench = *state;

    for (unsigned i = 0; i < HF_RELAY_CALLS_MAX; i++) {
        ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, HF_MESSAGE_NEED_REPLY);
        assert_int_equal(hear(bench->vmm).request, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
    }
    bench->frontend.front.session.dial++;
    hf_relay_calls_renew(&bench->device);
    ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, HF_MESSAGE_NEED_REPLY);
    assert_int_equal(hear(bench->vmm).request, 0);
    answer(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, 7);
    hf_loop_dispatch(&bench->device.loop, 0);
    assert_int_equal(hear(bench->vmm).request, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
    assert_int_equal(hear(backend_of(bench)).request, 0);
}

static void a_vmm_that_closes_its_channel_leaves_the_back_end_refusals(void **state)
{
    struct bench *bench = *state;

    hf_fd_close(&bench->vmm);
    hf_loop_dispatch(&bench->device.loop, 0);
    ask(bench, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG, HF_MESSAGE_NEED_REPLY);
    struct heard reply = hear(backend_of(bench));
    assert_int_equal(reply.request, HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
    assert_int_equal(reply.value, 1);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(each_request_follows_its_rule),
        ONE(who_does_not_ask_for_an_answer_gets_none),
        ONE(the_answer_for_a_back_end_that_is_gone_is_not_the_next_ones),
        ONE(the_next_back_end_waits_as_the_one_before_did),
        ONE(a_vmm_that_closes_its_channel_leaves_the_back_end_refusals),
    };

    return cmocka_run_group_tests_name("relay/calls", tests, NULL, NULL);
}
