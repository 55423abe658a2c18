/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls about fake devices: what each answers, and what wrong params get. */
#include "relay/methods.h"

#include "../os/fixture.h"

#include "fake_device.h"
#include "os/log.h"

#include <errno.h>
#include <string.h>

static struct hf_loop loop;
static struct hf_relay_budget budget;
static struct hf_relay_desk desk;
static struct hf_rpc_peer peer;
static json_t *heard; /* the last answer */

static void on_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    (void)host;
    (void)device;
    (void)level;
    (void)text;
}

static void on_changed(void *host)
{
    (void)host;
}

static const struct hf_relay_fleet_ops ops = { .log = on_log, .changed = on_changed };

static void hear(struct hf_rpc_peer *from, const char *line, size_t size_bytes)
{
    (void)from;
    json_decref(heard);
    heard = json_loadb(line, size_bytes, 0, NULL);
}

static int begin(void **state)
{
    assert_int_equal(fixture_begin(state), 0);
    fake_reset();
    budget = (struct hf_relay_budget){ .limit = HF_RELAY_BUDGET_RESERVE + 35 };
    assert_int_equal(hf_loop_init(&loop), 0);
    desk = (struct hf_relay_desk){ .fleet = hf_relay_fleet_new(&loop, &ops, &budget),
                                   .budget = &budget,
                                   .version = "1.2.3" };
    peer = (struct hf_rpc_peer){ .methods = hf_relay_methods, .host = &desk, .send = hear };
    hf_rpc_peer_init(&peer);
    return 0;
}

static int end(void **state)
{
    hf_relay_fleet_free(desk.fleet);
    hf_rpc_peer_done(&peer);
    hf_loop_done(&loop);
    json_decref(heard);
    heard = NULL;
    return fixture_end(state);
}

/* NULL: not answered yet. */
static const json_t *call(const char *method, const char *params)
{
    char line[512];

    json_decref(heard);
    heard = NULL;
    snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"%s%s,\"id\":1}", method,
             params ? ",\"params\":" : "", params ? params : "");
    hf_rpc_take(&peer, line, strlen(line));
    return heard;
}

static const json_t *result_of(const char *method, const char *params)
{
    const json_t *result = json_object_get(call(method, params), "result");

    if (!result)
        fail_msg("%s %s: %s", method, params, json_dumps(heard, 0));
    return result;
}

static int code_of(const json_t *answer)
{
    return (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
}

static const char *errno_of(const json_t *answer)
{
    const char *name = "";

    json_unpack((json_t *)(uintptr_t)answer, "{s:{s:{s:s}}}", "error", "data", "errno", &name);
    return name;
}

static void status_tells_of_each_device(void **state)
{
    const char *name, *phase, *mode;
    json_int_t limit, promised, outage, gap;

    (void)state;
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    result_of("add", "{\"listen\":\"/w\",\"backend\":\"/b\"}");
    fake_set_phase(hf_relay_fleet_at(desk.fleet, 0), HF_RELAY_PHASE_RUNNING);
    json_t *status = (json_t *)(uintptr_t)result_of("status", NULL);
    assert_int_equal(json_unpack(status, "{s:{s:I, s:I}}", "descriptors", "limit", &limit,
                                 "promised", &promised),
                     0);
    assert_int_equal(limit, budget.limit);
    assert_int_equal(promised, 20);
    assert_string_equal(json_string_value(json_object_get(status, "version")), "1.2.3");
    json_t *devices = json_object_get(status, "devices");
    assert_int_equal(json_array_size(devices), 2);
    json_t *device = json_array_get(devices, 0);
    assert_int_equal(json_unpack(device, "{s:s, s:s, s:s, s:I, s:I}", "name", &name, "phase",
                                 &phase, "mode", &mode, "outage_ns", &outage, "last_gap_ns", &gap),
                     0);
    assert_string_equal(name, "v");
    assert_string_equal(mode, "crash-safe");
    assert_true(outage == INT64_MAX);
    assert_int_equal(gap, 1500000);
    assert_true(json_is_null(json_object_get(device, "vmm")));
    assert_true(json_is_null(json_object_get(device, "backend_pid")));
    assert_int_equal(json_integer_value(json_object_get(device, "vmm_pid")), 7);
}

static void the_mode_of_what_no_backend_has_said_is_unknown(void **state)
{
    (void)state;
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    fake_set_phase(hf_relay_fleet_at(desk.fleet, 0), HF_RELAY_PHASE_WAITING);
    const json_t *devices = json_object_get(result_of("status", "{}"), "devices");
    const json_t *mode = json_object_get(json_array_get(devices, 0), "mode");
    assert_string_equal(json_string_value(mode), "unknown");
}

static void a_switch_is_answered_when_it_is_done(void **state)
{
    (void)state;
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    struct hf_relay_device *device = hf_relay_fleet_at(desk.fleet, 0);
    assert_null(call("switch", "{\"device\":\"v\",\"backend\":\"/new\"}"));
    assert_string_equal(fake_switch_path(device), "/new");
    result_of("status", NULL);
    assert_string_equal(errno_of(call("switch", "{\"device\":\"v\",\"backend\":\"/other\"}")),
                        "EBUSY");
    fake_finish_switch(device, 0, NULL);
    const json_t *result = json_object_get(heard, "result");
    assert_int_equal(json_integer_value(json_object_get(result, "pause_ns")), 2500000);
    assert_null(call("switch", "{\"device\":\"v\",\"backend\":\"/new\"}"));
    fake_finish_switch(device, -ECONNREFUSED, "nobody is there");
    assert_int_equal(code_of(heard), HF_RPC_REFUSED);
    assert_string_equal(errno_of(heard), "ECONNREFUSED");
}

static void a_device_that_goes_ends_its_switch(void **state)
{
    (void)state;
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    assert_null(call("switch", "{\"device\":\"v\",\"backend\":\"/new\"}"));
    assert_int_equal(hf_relay_fleet_remove(desk.fleet, "v", true, NULL), 0);
    assert_string_equal(errno_of(heard), "ECANCELED");
}

static void one_that_calls_may_go_before_its_answer(void **state)
{
    (void)state;
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    assert_null(call("switch", "{\"device\":\"v\",\"backend\":\"/new\"}"));
    hf_rpc_peer_done(&peer);
    fake_finish_switch(hf_relay_fleet_at(desk.fleet, 0), 0, NULL);
    assert_null(heard);
}

static void devices_are_added_and_removed(void **state)
{
    (void)state;
    const json_t *added = result_of(
        "add", "{\"name\":\"x\",\"listen\":\"/v\",\"backend\":[\"/b\",\"/c\"],\"wait\":5}");
    assert_string_equal(json_string_value(json_object_get(added, "device")), "x");
    assert_int_equal(fake.last.wait_ns, UINT64_C(5000000000));
    assert_string_equal(
        errno_of(call("add", "{\"name\":\"x\",\"listen\":\"/w\",\"backend\":\"/b\"}")), "EEXIST");
    fake_set_phase(hf_relay_fleet_at(desk.fleet, 0), HF_RELAY_PHASE_RUNNING);
    assert_string_equal(errno_of(call("remove", "{\"device\":\"x\"}")), "EBUSY");
    assert_string_equal(errno_of(call("remove", "{\"device\":\"x\",\"force\":false}")), "EBUSY");
    result_of("remove", "{\"device\":\"x\",\"force\":true}");
    assert_int_equal(fake.alive, 0);
    fake.fds = 1000;
    assert_string_equal(errno_of(call("add", "{\"listen\":\"/w\",\"backend\":\"/b\"}")), "EMFILE");
}

static void the_level_of_the_log_is_set(void **state)
{
    (void)state;
    result_of("set-log-level", "{\"level\":\"debug\"}");
    assert_true(hf_log_enabled(HF_LOG_DEBUG));
    result_of("set-log-level", "{\"level\":\"notice\"}");
    assert_false(hf_log_enabled(HF_LOG_INFO));
}

static void wrong_params_are_named_so(void **state)
{
    static const struct {
        const char *method;
        const char *params;
    } wrong[] = {
        { "status", "[]" },
        { "status", "{\"device\":\"v\"}" },
        { "switch", NULL },
        { "switch", "[\"v\",\"/b\"]" },
        { "switch", "{\"device\":\"v\"}" },
        { "switch", "{\"device\":\"v\",\"backend\":5}" },
        { "switch", "{\"device\":\"v\",\"backend\":\"/b\",\"force\":true}" },
        { "add", NULL },
        { "add", "[]" },
        { "add", "{}" },
        { "add", "{\"listen\":\"/v\"}" },
        { "add", "{\"listen\":\"/v\",\"backend\":\"/b\",\"fd\":0}" },
        { "add", "{\"listen\":\"/v\",\"backend\":\"/b\",\"devices\":[]}" },
        { "remove", NULL },
        { "remove", "{\"device\":\"v\",\"force\":\"yes\"}" },
        { "remove", "{\"devices\":\"v\"}" },
        { "set-log-level", NULL },
        { "set-log-level", "{\"level\":\"loud\"}" },
        { "set-log-level", "{\"level\":4}" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(code_of(call(wrong[i].method, wrong[i].params)), HF_RPC_INVALID_PARAMS);
    assert_int_equal(fake.made, 0);
}

static void what_is_not_there_is_refused_by_name(void **state)
{
    const char *message = "";

    (void)state;
    assert_string_equal(errno_of(call("switch", "{\"device\":\"v\",\"backend\":\"/b\"}")),
                        "ENOENT");
    assert_int_equal(json_unpack(heard, "{s:{s:s}}", "error", "message", &message), 0);
    assert_string_equal(message, "no device v; there is none");
    assert_string_equal(errno_of(call("remove", "{\"device\":\"v\"}")), "ENOENT");
    result_of("add", "{\"listen\":\"/v\",\"backend\":\"/b\"}");
    assert_string_equal(errno_of(call("switch", "{\"device\":\"v\",\"backend\":\"\"}")), "EINVAL");
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(status_tells_of_each_device),
        CLEAN(the_mode_of_what_no_backend_has_said_is_unknown),
        CLEAN(a_switch_is_answered_when_it_is_done),
        CLEAN(a_device_that_goes_ends_its_switch),
        CLEAN(one_that_calls_may_go_before_its_answer),
        CLEAN(devices_are_added_and_removed),
        CLEAN(the_level_of_the_log_is_set),
        CLEAN(wrong_params_are_named_so),
        CLEAN(what_is_not_there_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
