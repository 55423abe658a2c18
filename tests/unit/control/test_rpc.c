/* SPDX-License-Identifier: BSD-3-Clause */
/* The conversation that the specification wants, and what a hostile line gets. */
#include "control/rpc.h"

#include "cmocka_all.h"

#include <stdlib.h>

static char heard[1 << 20];
static size_t heard_size;
static struct hf_rpc_call *kept[64];
static unsigned kept_count;

static void hear(struct hf_rpc_peer *peer, const char *line, size_t size_bytes)
{
    (void)peer;
    assert_true(heard_size + size_bytes < sizeof(heard));
    assert_int_equal(line[size_bytes - 1], '\n');
    memcpy(heard + heard_size, line, size_bytes);
    heard_size += size_bytes;
    heard[heard_size] = '\0';
}

static void run_echo(void *host, struct hf_rpc_call *call, const json_t *params)
{
    (void)host;
    hf_rpc_answer(call, params ? json_deep_copy(params) : NULL);
}

static void run_later(void *host, struct hf_rpc_call *call, const json_t *params)
{
    (void)host;
    (void)params;
    kept[kept_count++] = call;
}

static void run_refuse(void *host, struct hf_rpc_call *call, const json_t *params)
{
    (void)params;
    hf_rpc_refuse(call, HF_RPC_REFUSED, host, json_string("data"));
}

static const struct hf_rpc_method methods[] = {
    { "echo", run_echo }, { "later", run_later }, { "refuse", run_refuse }, { NULL, NULL }
};

static struct hf_rpc_peer peer;

static int begin(void **state)
{
    (void)state;
    heard_size = 0;
    heard[0] = '\0';
    kept_count = 0;
    peer = (struct hf_rpc_peer){ .methods = methods, .host = (void *)"because", .send = hear };
    hf_rpc_peer_init(&peer);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hf_rpc_peer_done(&peer);
    return 0;
}

static const char *ask(const char *line)
{
    heard_size = 0;
    heard[0] = '\0';
    hf_rpc_take(&peer, line, strlen(line));
    return heard;
}

static void a_call_is_answered_with_its_id(void **state)
{
    (void)state;
    assert_string_equal(
        ask("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[1],\"id\":\"a\"}"),
        "{\"jsonrpc\":\"2.0\",\"result\":[1],\"id\":\"a\"}\n");
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":7}"),
                        "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":7}\n");
}

static void a_refusal_has_code_message_and_data(void **state)
{
    (void)state;
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"refuse\",\"id\":1}"),
                        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":\"because\","
                        "\"data\":\"data\"},\"id\":1}\n");
}

static void a_notification_is_carried_out_and_not_answered(void **state)
{
    (void)state;
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"later\"}"), "");
    assert_int_equal(kept_count, 1);
    hf_rpc_answer(kept[0], json_true());
    assert_string_equal(heard, "");
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}"), "");
    assert_int_equal(peer.open_count, 0);
}

static void an_answer_may_come_later_and_others_overtake_it(void **state)
{
    (void)state;
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"), "");
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}"),
                        "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":2}\n");
    heard_size = 0;
    hf_rpc_answer(kept[0], json_true());
    assert_string_equal(heard, "{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}\n");
}

static void a_bad_line_gets_the_code_of_the_specification(void **state)
{
    static const struct {
        const char *line;
        const char *code;
    } bad[] = {
        { "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]", "-32700" },
        { "[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1},{\"jsonrpc\"", "-32700" },
        { "", "-32700" },
        { "\xff\xfe", "-32700" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1,\"id\":2}", "-32700" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"e\\u0000\",\"id\":1}", "-32700" },
        { "[]", "-32600" },
        { "1", "-32600" },
        { "\"status\"", "-32600" },
        { "null", "-32600" },
        { "{}", "-32600" },
        { "{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":1}", "-32600" },
        { "{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", "-32600" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":\"bar\",\"id\":1}", "-32600" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":{}}", "-32600" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"foobar\",\"id\":\"1\"}", "-32601" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *answer = ask(bad[i].line);
        json_t *json = json_loads(answer, 0, NULL);
        assert_non_null(json);
        assert_non_null(strstr(answer, bad[i].code));
        assert_non_null(json_object_get(json, "id"));
        json_decref(json);
    }
    assert_int_equal(peer.open_count, 0);
}

static void a_batch_is_answered_as_one_when_all_are(void **state)
{
    (void)state;
    assert_string_equal(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
                            "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2},"
                            "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},1]"),
                        "");
    hf_rpc_answer(kept[0], json_true());
    json_t *json = json_loads(heard, 0, NULL);
    assert_int_equal(json_array_size(json), 3);
    json_decref(json);
}

static void a_batch_of_notifications_is_not_answered(void **state)
{
    (void)state;
    assert_string_equal(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},"
                            "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]"),
                        "");
}

static void a_batch_without_end_is_refused_as_a_whole(void **state)
{
    char line[8192] = "[";

    (void)state;
    for (unsigned i = 0; i <= HF_RPC_BATCH_MAX; i++)
        strcat(line, i > 0 ? ",{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"
                           : "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}");
    strcat(line, "]");
    assert_non_null(strstr(ask(line), "too many calls"));
    assert_int_equal(kept_count, 0);
}

static void calls_that_wait_are_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_RPC_OPEN_MAX; i++)
        assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"), "");
    assert_non_null(strstr(ask("{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"), "-32000"));
    assert_int_equal(kept_count, HF_RPC_OPEN_MAX);
    for (unsigned i = 0; i < kept_count; i++)
        hf_rpc_answer(kept[i], NULL);
    assert_non_null(strstr(ask("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}"), "result"));
}

static void an_answer_to_one_that_is_gone_goes_nowhere(void **state)
{
    (void)state;
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}"), "");
    assert_string_equal(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}]"), "");
    hf_rpc_peer_done(&peer);
    hf_rpc_answer(kept[0], json_true());
    hf_rpc_refuse(kept[1], HF_RPC_REFUSED, "gone", NULL);
    assert_string_equal(heard, "");
}

static void nesting_without_end_is_a_parse_error(void **state)
{
    static char line[200001];

    (void)state;
    memset(line, '[', sizeof(line) - 1);
    assert_non_null(strstr(ask(line), "-32700"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_is_answered_with_its_id, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_has_code_message_and_data, begin, end),
        cmocka_unit_test_setup_teardown(a_notification_is_carried_out_and_not_answered, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later_and_others_overtake_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_bad_line_gets_the_code_of_the_specification, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_is_answered_as_one_when_all_are, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_of_notifications_is_not_answered, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_without_end_is_refused_as_a_whole, begin, end),
        cmocka_unit_test_setup_teardown(calls_that_wait_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_to_one_that_is_gone_goes_nowhere, begin, end),
        cmocka_unit_test_setup_teardown(nesting_without_end_is_a_parse_error, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
