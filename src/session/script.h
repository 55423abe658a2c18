/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session: what the back-end on the present socket has been told. And the script: one table
 * that turns the difference between plan and session into the next message. There is no reconnect
 * code: a fresh session owes everything, a memory hot-plug makes one row owed, a stop makes
 * GET_VRING_BASE owed for each started ring. First everything that must go is undone, in reverse
 * order; then what is owed is done, in order (reference: vhost-user, order of messages; QEMU's
 * and SPDK's habits are in docs/protocol-support.md).
 */
#ifndef HF_SESSION_SCRIPT_H
#define HF_SESSION_SCRIPT_H

#include "session/fault.h"
#include "session/plan.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

/* Messages sent whose acknowledgement is still to come; more are not sent before one arrives. */
#define HF_PENDING_MAX 32u

enum hf_row_id {
    HF_ROW_GET_FEATURES,
    HF_ROW_GET_PROTOCOL_FEATURES,
    HF_ROW_SET_PROTOCOL_FEATURES,
    HF_ROW_GET_QUEUE_NUM,
    HF_ROW_GET_MAX_MEM_SLOTS,
    HF_ROW_SET_OWNER,
    HF_ROW_SET_BACKEND_REQ_FD,
    HF_ROW_GET_CONFIG,
    HF_ROW_SET_CONFIG,
    HF_ROW_RESET_DEVICE,
    HF_ROW_SET_VRING_CALL,
    HF_ROW_SET_VRING_ERR,
    HF_ROW_SET_LOG_BASE, /* before LOG_ALL: a running back-end must have somewhere to log */
    HF_ROW_SET_FEATURES,
    HF_ROW_GET_INFLIGHT_FD,
    HF_ROW_SET_INFLIGHT_FD,
    HF_ROW_SET_MEM_TABLE,
    HF_ROW_ADD_MEM_REG,
    HF_ROW_SET_VRING_NUM,
    HF_ROW_SET_VRING_BASE,
    HF_ROW_SET_VRING_ADDR,
    HF_ROW_SET_VRING_KICK,
    HF_ROW_SET_VRING_ENABLE,
    HF_ROW_BARRIER,
    HF_ROW_COUNT
};

/* One region as this session's back-end knows it: enough to take it back. */
struct hf_region_told {
    uint64_t generation;
    uint64_t guest_address;
    uint64_t size_bytes;
    uint64_t user_address;
};

struct hf_ring_told {
    uint64_t generation[HF_ROW_COUNT]; /* indexed by row; only per-ring rows are used */
};

struct hf_pending {
    enum hf_row_id row;
    uint16_t index;
    bool undo;
    uint64_t silent_count; /* unanswered messages sent before it: its answer confirms them */
    uint64_t deadline_ns;
};

struct hf_session {
    uint32_t dial; /* number of the dial this session came from */
    uint64_t offered;
    uint64_t protocol_offered;
    uint64_t protocol; /* negotiated */
    uint64_t slot_count;
    uint64_t queue_count;
    enum hf_row_id last_row; /* of the last message sent */
    uint64_t answered;       /* HF_BIT(row) of the questions whose answer is known */
    bool stopping;           /* every started ring must stop before anything else is done */
    uint64_t converting;     /* generation of the in-flight region that the edge copies; 0: none */
    bool notify_owed;        /* a ring was started or its call descriptor changed: signal it */
    uint64_t silent_count;   /* messages sent that have no answer of their own */
    uint64_t silent_confirmed;   /* so many of them were surely carried out */
    uint64_t told[HF_ROW_COUNT]; /* rows that are told once */
    struct hf_ring_told rings[HF_QUEUE_COUNT_MAX];
    struct hf_region_told regions[HF_REGION_COUNT_MAX];
    struct hf_pending pending[HF_PENDING_MAX];
    uint32_t pending_head;
    uint32_t pending_count;
};

/* A numbered request with an answer: not state, so it is asked once and never repeated. */
struct hf_asked {
    uint32_t number;              /* 0: none is waiting */
    uint32_t request;             /* HF_REQUEST_GET_CONFIG, SET_CONFIG or RESET_DEVICE */
    struct hf_wire_config config; /* GET_CONFIG: offset and size; SET_CONFIG: all of it */
};

struct hf_script_state {
    struct hf_plan *plan;
    struct hf_session *session;
    struct hf_asked *asked;
};

/* What script_next found. */
struct hf_step {
    enum hf_row_id row;
    uint16_t index; /* queue or region slot; 0 for rows told once */
    bool undo;
    bool answered;       /* a reply or an acknowledgement will come */
    uint64_t generation; /* that is told by it */
    struct hf_message message;
};

enum hf_script_result {
    HF_SCRIPT_STEP, /* *step is owed: send it, then call hf_script_sent */
    HF_SCRIPT_WAIT, /* something is owed but a reply must come first */
    HF_SCRIPT_DONE, /* nothing is owed and everything is confirmed */
};

/* A new socket: nothing told, nothing known. */
void hf_session_init(struct hf_session *session, uint32_t dial);

/* The first row the session still owes. Same function for first connect, start, stop, memory
 * hot-plug, log switch, reset, reconnect. */
enum hf_script_result hf_script_next(const struct hf_script_state *state, struct hf_step *step);
/* Marks the step as told; from now on its answer is waited for until `deadline_ns`. */
void hf_script_sent(const struct hf_script_state *state, const struct hf_step *step,
                    uint64_t deadline_ns);
/* A reply arrived. Matched strictly in order with what is pending. Checks it, and takes what it
 * says into session and plan. A fault ends the session; `detail` (HF_FAULT_DETAIL_SIZE) then names
 * what was wrong. The reply's descriptors stay the caller's unless .taken is set (the in-flight
 * region went into the plan). With .converts nothing is sent until session.converting is 0 again.
 */
struct hf_reply_result {
    enum hf_fault fault;
    enum hf_row_id row;
    uint16_t index;
    bool undo;
    bool taken;    /* fds[0] of the message belongs to the plan now */
    bool converts; /* the plan's region is to be copied into that of the message */
};
#define HF_FAULT_DETAIL_SIZE 200
struct hf_reply_result hf_script_reply(const struct hf_script_state *state,
                                       const struct hf_message *reply, char *detail);

/* The region a back-end would use, as its answer to GET_INFLIGHT_FD describes it. */
struct hf_inflight_plan hf_script_offer(const struct hf_message *reply);

/* What the plan needs against what this back-end has said of itself so far: NONE, or why it may
 * not serve us; `detail` (HF_FAULT_DETAIL_SIZE) then names what is missing. */
enum hf_fault hf_script_judge(const struct hf_script_state *state, char *detail);
/* Some started ring must not go on as it is: all of them must stop (SPDK stops all with one). */
bool hf_script_must_stop(const struct hf_script_state *state);

bool hf_session_ring_started(const struct hf_session *session, uint16_t queue);
bool hf_session_any_started(const struct hf_session *session, const struct hf_plan *plan);
/* Deadline of the oldest pending answer, or 0. */
uint64_t hf_session_deadline_ns(const struct hf_session *session);
/* The oldest message whose answer is still to come, or the last one sent. */
enum hf_row_id hf_session_row(const struct hf_session *session);
const char *hf_row_name(enum hf_row_id row);

#endif
