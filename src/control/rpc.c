/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An exchange is what came in one line: one call, or a batch. It is answered in one line, when all
 * of its calls are; it outlives its peer, whose calls may still be under way.
 */
#include "control/rpc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct exchange {
    struct hf_link link;
    struct hf_rpc_peer *peer; /* NULL: gone */
    json_t *answers;          /* array */
    unsigned unanswered;      /* calls, and one while the line is read */
    bool batch;
};

struct hf_rpc_call {
    struct exchange *exchange;
    json_t *id; /* NULL: a notification, which has no answer */
};

/* ---- answers ---- */

static void send_json(struct hf_rpc_peer *peer, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    size_t length = text ? strlen(text) : 0;
    char *line = text ? realloc(text, length + 2) : NULL;

    if (line) {
        memcpy(line + length, "\n", 2);
        peer->send(peer, line, length + 1);
    }
    free(line ? line : text);
}

static json_t *error_object(const json_t *id, int code, const char *message, json_t *data)
{
    json_t *error = json_pack("{s:i, s:s}", "code", code, "message", message);

    /* What the parser says of bytes that are no text may be none either. */
    if (!error)
        error = json_pack("{s:i, s:s}", "code", code, "message", "not UTF-8");
    if (data)
        json_object_set_new(error, "data", data);
    return json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "error", error, "id",
                     id ? json_incref((json_t *)(uintptr_t)id) : json_null());
}

static void leave(struct exchange *exchange)
{
    struct hf_rpc_peer *peer = exchange->peer;

    if (--exchange->unanswered > 0)
        return;
    if (peer) {
        hf_list_remove(&exchange->link);
        peer->open_count--;
    }
    if (peer && json_array_size(exchange->answers) > 0)
        send_json(peer, exchange->batch ? exchange->answers : json_array_get(exchange->answers, 0));
    json_decref(exchange->answers);
    free(exchange);
}

/* Takes `answer`. */
static void settle(struct hf_rpc_call *call, json_t *answer)
{
    if (call->id)
        json_array_append_new(call->exchange->answers, answer);
    else
        json_decref(answer);
    leave(call->exchange);
    json_decref(call->id);
    free(call);
}

void hf_rpc_answer(struct hf_rpc_call *call, json_t *result)
{
    settle(call,
           json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "result", result ? result : json_null(),
                     "id", call->id ? json_incref(call->id) : json_null()));
}

void hf_rpc_refuse(struct hf_rpc_call *call, int code, const char *message, json_t *data)
{
    settle(call, error_object(call->id, code, message, data));
}

/* ---- calls ---- */

/* A request that is none has no id that one could trust ("id": null). */
static void refuse_request(struct exchange *exchange, const char *message)
{
    json_array_append_new(exchange->answers,
                          error_object(NULL, HF_RPC_INVALID_REQUEST, message, NULL));
}

static const char *wrong_with(const json_t *request)
{
    const char *version = json_string_value(json_object_get(request, "jsonrpc"));
    const json_t *id = json_object_get(request, "id");
    const json_t *params = json_object_get(request, "params");

    if (!json_is_object(request))
        return "a request is an object";
    if (!version || strcmp(version, "2.0") != 0)
        return "\"jsonrpc\" must be \"2.0\"";
    if (!json_is_string(json_object_get(request, "method")))
        return "\"method\" must be a string";
    if (params && !json_is_object(params) && !json_is_array(params))
        return "\"params\" must be an object or an array";
    if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
        return "\"id\" must be a string, a number or null";
    return NULL;
}

static const struct hf_rpc_method *find_method(const struct hf_rpc_peer *peer, const char *name)
{
    for (const struct hf_rpc_method *method = peer->methods; method->name; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

static void run(struct exchange *exchange, const json_t *request)
{
    const char *wrong = wrong_with(request);
    struct hf_rpc_call *call = wrong ? NULL : calloc(1, sizeof(*call));

    if (!call) {
        refuse_request(exchange, wrong ? wrong : "no memory");
        return;
    }
    call->exchange = exchange;
    call->id = json_incref(json_object_get(request, "id"));
    exchange->unanswered++;
    const struct hf_rpc_method *method =
        find_method(exchange->peer, json_string_value(json_object_get(request, "method")));
    if (method)
        method->run(exchange->peer->host, call, json_object_get(request, "params"));
    else
        hf_rpc_refuse(call, HF_RPC_METHOD_NOT_FOUND, "no such method", NULL);
}

static void run_all(struct exchange *exchange, const json_t *json)
{
    size_t count = json_array_size(json);

    exchange->batch = json_is_array(json) && count > 0 && count <= HF_RPC_BATCH_MAX;
    if (!json_is_array(json))
        run(exchange, json);
    else if (count == 0)
        refuse_request(exchange, "an empty batch");
    else if (count > HF_RPC_BATCH_MAX)
        refuse_request(exchange, "too many calls in one batch");
    else
        for (size_t i = 0; i < count; i++)
            run(exchange, json_array_get(json, i));
}

static struct exchange *open_exchange(struct hf_rpc_peer *peer)
{
    struct exchange *exchange =
        peer->open_count < HF_RPC_OPEN_MAX ? calloc(1, sizeof(*exchange)) : NULL;

    if (!exchange)
        return NULL;
    exchange->peer = peer;
    exchange->answers = json_array();
    exchange->unanswered = 1;
    hf_list_append(&peer->open, &exchange->link);
    peer->open_count++;
    return exchange;
}

void hf_rpc_take(struct hf_rpc_peer *peer, const char *line, size_t size_bytes)
{
    json_error_t error;
    json_t *json = json_loadb(line, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    if (!json) {
        hf_rpc_complain(peer, HF_RPC_PARSE_ERROR, error.text);
        return;
    }
    struct exchange *exchange = open_exchange(peer);
    if (!exchange) {
        hf_rpc_complain(peer, HF_RPC_REFUSED, "too many calls wait for an answer");
    } else {
        run_all(exchange, json);
        leave(exchange);
    }
    json_decref(json);
}

void hf_rpc_complain(struct hf_rpc_peer *peer, int code, const char *message)
{
    json_t *json = error_object(NULL, code, message, NULL);

    send_json(peer, json);
    json_decref(json);
}

void hf_rpc_peer_init(struct hf_rpc_peer *peer)
{
    hf_list_init(&peer->open);
    peer->open_count = 0;
}

void hf_rpc_peer_done(struct hf_rpc_peer *peer)
{
    struct hf_link *link;

    while ((link = hf_list_pop(&peer->open)) != NULL)
        HF_CONTAINER(link, struct exchange, link)->peer = NULL;
    peer->open_count = 0;
}
