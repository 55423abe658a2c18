/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification), the side that answers: lines in, lines
 * out, batches and notifications too. A call may be answered at once or later; others go on
 * meanwhile. Knows no socket and no method's meaning.
 */
#ifndef HF_CONTROL_RPC_H
#define HF_CONTROL_RPC_H

#include "base/list.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Codes of the specification ("Error object"), and our one: the call was right, and cannot be. */
#define HF_RPC_PARSE_ERROR      (-32700)
#define HF_RPC_INVALID_REQUEST  (-32600)
#define HF_RPC_METHOD_NOT_FOUND (-32601)
#define HF_RPC_INVALID_PARAMS   (-32602)
#define HF_RPC_INTERNAL_ERROR   (-32603)
#define HF_RPC_REFUSED          (-32000)

#define HF_RPC_BATCH_MAX        32u /* calls in one line */
#define HF_RPC_OPEN_MAX         32u /* lines of one peer that wait for an answer */

struct hf_rpc_call;

struct hf_rpc_method {
    const char *name;
    /* Answers `call` once, now or later. `params`: an object or array, NULL: none; borrowed. */
    void (*run)(void *host, struct hf_rpc_call *call, const json_t *params);
};

/* One that calls. */
struct hf_rpc_peer {
    const struct hf_rpc_method *methods; /* a row without a name behind the last */
    void *host;                          /* of the methods */
    /* One line, with its end. Must not end the peer. */
    void (*send)(struct hf_rpc_peer *peer, const char *line, size_t size_bytes);
    struct hf_link open; /* exchanges */
    unsigned open_count;
};

/* After the first three have been set. */
void hf_rpc_peer_init(struct hf_rpc_peer *peer);
/* It is gone: what is still answered goes nowhere. */
void hf_rpc_peer_done(struct hf_rpc_peer *peer);
/* A line without its end. */
void hf_rpc_take(struct hf_rpc_peer *peer, const char *line, size_t size_bytes);
/* An error that belongs to no call: a line too long, a peer too many. */
void hf_rpc_complain(struct hf_rpc_peer *peer, int code, const char *message);

/* Takes `result`. The call is over. */
void hf_rpc_answer(struct hf_rpc_call *call, json_t *result);
/* Takes `data`, which may be NULL. The call is over. */
void hf_rpc_refuse(struct hf_rpc_call *call, int code, const char *message, json_t *data);

#endif
