/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The edge of a front core and the back-end behind it, as far as a fuzzer needs them: carries the
 * effects out on paper, holds the core to what it promises, and knows what the next right event
 * would be.
 */
#ifndef TESTS_FUZZ_FRONT_EDGE_H
#define TESTS_FUZZ_FRONT_EDGE_H

#include "fds.h"
#include "front_script.h"

#include "session/front.h"

#define EDGE_ASKED_MAX  64u
#define EDGE_UNREAD_MAX (HF_PENDING_MAX + 1u)

/* What the back-end says of itself. */
struct edge_peer {
    uint64_t features;
    uint64_t protocol;
    uint64_t queues;
    uint64_t slots;
    uint16_t base;
    uint16_t pads; /* bytes of each queue of an in-flight region beyond the usual */
};

struct edge {
    struct hf_front front;
    struct hf_effects effects;
    struct fuzz_fds fds;
    struct edge_peer peer;
    uint64_t now_ns;
    bool dialling;
    bool connected;
    bool unsent; /* SENT is due */
    bool settle_owed;
    bool convert_owed; /* CONVERTED is due, for effects.offer */
    uint32_t dial;
    struct hf_message unread[EDGE_UNREAD_MAX]; /* sent and to be answered, oldest first */
    unsigned unread_count;
    uint32_t asked[EDGE_ASKED_MAX]; /* numbers without an answer */
    unsigned asked_count;
    uint32_t last_number;
    unsigned reports[HF_REPORT_COUNT];
    unsigned recovered;
    unsigned stopped_clean;

    /* For who plays the relay. */
    bool shares_fds; /* with others: not all are the plan's */
    bool parted;     /* a session has ended: why, and which */
    enum hf_fault lost;
    uint32_t lost_dial;
    uint32_t answered; /* number of the last question that was, 0: none; and with what */
    int answer_error;
    union hf_wire_body answer;
};

void edge_init(struct edge *edge, const struct front_prefix *prefix);
/* One event, its effects, and what must hold after them. */
void edge_step(struct edge *edge, struct hf_event event);
/* The message goes in; its descriptors are new ones of the ledger. */
void edge_receive(struct edge *edge, struct hf_message *message, uint32_t dial);
void edge_settled(struct edge *edge, const struct front_record *record);
/* The right answer to the oldest message that wants one. */
struct hf_message edge_right_reply(const struct edge *edge);
void edge_reply_taken(struct edge *edge);
/* The next thing, if all goes well; false: there is none. */
bool edge_go_on(struct edge *edge);
/* Likewise, but time stands still. */
bool edge_go_on_now(struct edge *edge);
/* front_events.c: the event of that record, if it is one: below FRONT_OP_RUNS, but FRONT_OP_ASK. */
bool edge_play(struct edge *edge, const struct front_record *record);
/* Every descriptor that is open is the plan's, and the other way round. */
void edge_check_fds(const struct edge *edge);
/* The plan is given up: closes all that is its. */
void edge_close_all(struct edge *edge);

#endif
