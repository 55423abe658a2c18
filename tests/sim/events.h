/* SPDX-License-Identifier: BSD-3-Clause */
/* What is going to happen, in virtual time. Events of the same instant happen in the order in which
 * they were added. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "session/front.h"
#include "verdict.h"
#include "wire/message.h"

#include <stdint.h>

#define SIM_EVENTS_MAX 512u

enum sim_event_kind {
    SIM_EVENT_FRONT,   /* .front goes into the front core */
    SIM_EVENT_TIMER,   /* the armed deadline; .serial tells whether it still is */
    SIM_EVENT_ARRIVE,  /* .message reaches .process in .session */
    SIM_EVENT_EOF,     /* .process sees that the front-end hung up */
    SIM_EVENT_FETCH,   /* .process looks at ring .index */
    SIM_EVENT_DONE,    /* .process has executed .head of ring .index */
    SIM_EVENT_HARVEST, /* the guest looks at ring .index */
    SIM_EVENT_RESTART, /* the supervisor starts a back-end */
    SIM_EVENT_KILL,    /* .process is killed */
    SIM_EVENT_DEATH,   /* the last of .process is gone */
    SIM_EVENT_WAKE,    /* .process goes on after a stop */
    SIM_EVENT_SETTLE,  /* the edge looks whether rings are at rest */
    SIM_EVENT_HOST,    /* .index: an action of the host */
    /* With a relay; of the VMM's socket .session: */
    SIM_EVENT_VMM_SENDS,   /* .message reaches the relay, */
    SIM_EVENT_VMM_HEARS,   /* or the VMM */
    SIM_EVENT_VMM_ACTS,    /* it goes on */
    SIM_EVENT_RELAY_TIMER, /* the relay core's deadline; .serial tells whether it still is */
    SIM_EVENT_COUNT
};

struct sim_event {
    uint64_t at_ns;
    enum sim_event_kind kind;
    unsigned process;
    uint32_t session;
    uint32_t serial;
    uint32_t epoch; /* of the guest when the message was sent */
    uint16_t index;
    uint16_t head;
    struct hf_event front;
    struct hf_message message;
};

struct sim_event_key {
    uint64_t at_ns;
    uint64_t order;
    unsigned place;
};

struct sim_events {
    struct sim_verdict *verdict;
    uint64_t last_order;
    unsigned count;
    struct sim_event_key
        keys[SIM_EVENTS_MAX]; /* the first `count` wait; the places of the others are free */
    struct sim_event list[SIM_EVENTS_MAX];
};

void sim_events_init(struct sim_events *events, struct sim_verdict *verdict);
void sim_events_add(struct sim_events *events, const struct sim_event *event);
/* Of two that wait. */
bool sim_event_goes_before(const struct sim_event_key *a, const struct sim_event_key *b);
/* What comes next, or NULL. */
const struct sim_event *sim_events_next(const struct sim_events *events);
/* The earliest; false: nothing will ever happen (what is parked does not count). */
bool sim_events_take(struct sim_events *events, struct sim_event *event);
/* What waits for a stopped process is added for this instant, which never comes, */
#define SIM_EVENTS_PARKED UINT64_MAX
/* until the process is heard of again. */
void sim_events_unpark(struct sim_events *events, unsigned process, uint64_t now_ns);

#endif
