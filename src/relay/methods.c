/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls about devices. Each member of a call's params is checked, and none is overlooked. */
#include "relay/methods.h"

#include "relay/setup_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The right words, and it cannot be: with the errno's name for programs. */
static void refuse(struct hf_rpc_call *call, int error, const char *why)
{
    const char *name = strerrorname_np(error);

    hf_rpc_refuse(call, HF_RPC_REFUSED, why, json_pack("{s:s}", "errno", name ? name : "EIO"));
}

static void refuse_params(struct hf_rpc_call *call, const char *why)
{
    hf_rpc_refuse(call, HF_RPC_INVALID_PARAMS, why, NULL);
}

/* By jansson's format; `said` says what is wanted. */
#define TAKE_PARAMS(params, said, call, ...)                                                       \
    (json_unpack_ex((json_t *)(uintptr_t)(params), NULL, JSON_STRICT, __VA_ARGS__) == 0 ||         \
     (refuse_params(call, said), false))

/* ---- status ---- */

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *number(uint64_t value)
{
    return json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX);
}

static json_t *number_or_null(int value)
{
    return value > 0 ? json_integer(value) : json_null();
}

static void add_counts(json_t *object, const struct hf_relay_status *status)
{
    json_object_set_new(object, "queues", number(status->queues));
    json_object_set_new(object, "crashes", number(status->crashes));
    json_object_set_new(object, "switches", number(status->switches));
    json_object_set_new(object, "last_gap_ns", number(status->last_gap_ns));
    json_object_set_new(object, "last_pause_ns", number(status->last_pause_ns));
    json_object_set_new(object, "outage_ns", number(status->outage_ns));
    json_object_set_new(object, "last_crash_in_flight", number(status->last_crash_in_flight));
}

/* What no back-end has said yet is neither. */
static const char *mode_of(const struct hf_relay_status *status)
{
    if (status->phase == HF_RELAY_PHASE_WAITING)
        return "unknown";
    return status->tracked ? "crash-safe" : "lossy";
}

static json_t *status_of(const struct hf_relay_device *device)
{
    struct hf_relay_status status;
    json_t *object = json_object();

    hf_relay_device_status(device, &status);
    json_object_set_new(object, "name", json_string(status.name));
    json_object_set_new(object, "type", json_string(status.type));
    json_object_set_new(object, "phase", json_string(hf_relay_phase_name(status.phase)));
    json_object_set_new(object, "since_s", json_integer(status.since_s));
    json_object_set_new(object, "mode", json_string(mode_of(&status)));
    json_object_set_new(object, "vmm", text_or_null(status.vmm));
    json_object_set_new(object, "vmm_pid", number_or_null(status.vmm_pid));
    json_object_set_new(object, "backend", text_or_null(status.backend));
    json_object_set_new(object, "backend_pid", number_or_null(status.backend_pid));
    json_object_set_new(object, "backend_connected", json_boolean(status.backend_there));
    add_counts(object, &status);
    json_object_set_new(object, "trouble", text_or_null(status.why));
    return object;
}

static void run_status(void *host, struct hf_rpc_call *call, const json_t *params)
{
    const struct hf_relay_desk *desk = host;
    const struct hf_relay_device *device;
    json_t *devices;

    if (params && (!json_is_object(params) || json_object_size(params) > 0)) {
        refuse_params(call, "status takes no params");
        return;
    }
    devices = json_array();
    for (unsigned i = 0; (device = hf_relay_fleet_at(desk->fleet, i)) != NULL; i++)
        json_array_append_new(devices, status_of(device));
    hf_rpc_answer(call, json_pack("{s:s, s:i, s:{s:i, s:i}, s:o}", "version", desk->version, "pid",
                                  (int)getpid(), "descriptors", "limit", (int)desk->budget->limit,
                                  "promised", (int)desk->budget->promised, "devices", devices));
}

/* ---- switch ---- */

static void on_switched(void *host, int error, const char *why, uint64_t pause_ns)
{
    struct hf_rpc_call *call = host;

    if (error < 0)
        refuse(call, -error, why ? why : strerror(-error));
    else
        hf_rpc_answer(call, json_pack("{s:o, s:o}", "pause_ns", number(pause_ns), "note",
                                      text_or_null(why != NULL ? why : "")));
}

static void run_switch(void *host, struct hf_rpc_call *call, const json_t *params)
{
    const struct hf_relay_desk *desk = host;
    struct hf_error error = { 0 };
    const char *name, *path;

    if (!TAKE_PARAMS(params, "switch takes \"device\" and \"backend\", strings", call, "{s:s, s:s}",
                     "device", &name, "backend", &path))
        return;
    struct hf_relay_device *device = hf_relay_fleet_find(desk->fleet, name, &error);
    int failed = device ? hf_stream_check_path(path, &error) : -error.code;
    if (failed == 0)
        failed = hf_relay_device_switch(device, path, on_switched, call, &error);
    if (failed < 0)
        refuse(call, -failed, error.text);
}

/* ---- add, remove ---- */

static void run_add(void *host, struct hf_rpc_call *call, const json_t *params)
{
    const struct hf_relay_desk *desk = host;
    struct hf_error error = { 0 };
    struct hf_relay_setup setup;

    hf_relay_setup_init(&setup);
    if (hf_relay_setup_json(&setup, params, HF_RELAY_JSON_OF_DEVICE, &error) < 0 ||
        hf_relay_setup_finish(&setup, &error) < 0) {
        refuse_params(call, error.text);
        return;
    }
    int failed = hf_relay_fleet_add(desk->fleet, &setup, HF_RELAY_ORIGIN_CALL, &error);
    if (failed < 0)
        refuse(call, -failed, error.text);
    else
        hf_rpc_answer(call, json_pack("{s:s}", "device", setup.name));
}

static void run_remove(void *host, struct hf_rpc_call *call, const json_t *params)
{
    const struct hf_relay_desk *desk = host;
    struct hf_error error = { 0 };
    const char *name;
    int force = 0;

    if (!TAKE_PARAMS(params, "remove takes \"device\", a string, and \"force\", true or false",
                     call, "{s:s, s?b}", "device", &name, "force", &force))
        return;
    int failed = hf_relay_fleet_remove(desk->fleet, name, force != 0, &error);
    if (failed < 0)
        refuse(call, -failed, error.text);
    else
        hf_rpc_answer(call, json_object());
}

/* ---- set-log-level ---- */

static void run_set_log_level(void *host, struct hf_rpc_call *call, const json_t *params)
{
    static const char said[] =
        "set-log-level takes \"level\": error, warning, notice, info or debug";
    enum hf_log_level level;
    const char *word;

    (void)host;
    if (!TAKE_PARAMS(params, said, call, "{s:s}", "level", &word))
        return;
    if (!hf_log_parse_level(word, &level)) {
        refuse_params(call, said);
        return;
    }
    hf_log_set_level(level);
    hf_rpc_answer(call, json_object());
}

const struct hf_rpc_method hf_relay_methods[] = {
    { "status", run_status },
    { "switch", run_switch },
    { "add", run_add },
    { "remove", run_remove },
    { "set-log-level", run_set_log_level },
    { NULL, NULL },
};
