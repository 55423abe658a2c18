/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: JSON-RPC 2.0, one object or batch a line. Clients are few, their lines short,
 * their patience is not ours: one that leaves a line or an answer half done is hung up on, and
 * where all places are taken the one that was silent longest makes room. Nothing blocks.
 */
#ifndef HF_CONTROL_SERVER_H
#define HF_CONTROL_SERVER_H

#include "base/error.h"
#include "control/rpc.h"
#include "os/loop.h"

#define HF_CONTROL_CLIENTS_MAX 32u
#define HF_CONTROL_LINE_MAX    (1u << 20)
#define HF_CONTROL_OUTPUT_MAX  (64u << 20)
/* For a line that has begun, and for the next byte of an answer to be taken. */
#define HF_CONTROL_PATIENCE_NS UINT64_C(10000000000)

struct hf_control_server;

/* Listens at `path`, mode 0600. Borrows loop, methods (a row without a name behind the last) and
 * host. NULL with a sentence. */
struct hf_control_server *hf_control_server_new(struct hf_loop *loop, const char *path,
                                                const struct hf_rpc_method *methods, void *host,
                                                struct hf_error *error);
/* Hangs up; calls under way may still be answered. NULL: nothing. Not in a method. */
void hf_control_server_free(struct hf_control_server *server);

#endif
