/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to a front core, as records; and the stories of honest back-ends. */
#ifndef TESTS_FUZZ_FRONT_SCRIPT_H
#define TESTS_FUZZ_FRONT_SCRIPT_H

#include "fuzz.h"

#define FRONT_QUEUES_MAX 8u

struct front_prefix {
    uint8_t queue_count;     /* 1 to FRONT_QUEUES_MAX */
    uint8_t outage_limit_ms; /* 0: none */
    uint8_t not_wanted;      /* protocol features we would not use, see front_edge.c */
    uint8_t begins;          /* FRONT_BEGINS_*, modulo 4 */
    uint8_t unused[4];
};

/* Where the records begin. Most inputs should not have to invent a device first. */
#define FRONT_BEGINS_RUNNING 0u
#define FRONT_BEGINS_SET_UP  2u /* a device, nothing started */
#define FRONT_BEGINS_BARE    3u

enum front_op {
    FRONT_OP_RUN, /* everything goes well for `a` steps */
    FRONT_OP_START,
    FRONT_OP_STOP,
    FRONT_OP_DIALED,      /* flag STRAY: of another dial */
    FRONT_OP_DIAL_FAILED, /* likewise */
    FRONT_OP_APPEARED,
    FRONT_OP_SENT,
    FRONT_OP_REPLY,   /* the right one, spoilt as `flags` says; unasked if nothing was asked */
    FRONT_OP_HANG_UP, /* a: the fault */
    FRONT_OP_SETTLED, /* a: bases; flags: what was found */
    FRONT_OP_TIMER,   /* a: so many us later; flag STRAY: not when it is due */
    FRONT_OP_ASK,     /* a: which request */
    FRONT_OP_PEER,    /* what the next back-end offers: a, b */
    /* Changes of the plan: */
    FRONT_OP_RUNS,
    FRONT_OP_FEATURES,
    FRONT_OP_FORGET,
    FRONT_OP_RING,
    FRONT_OP_KICK,
    FRONT_OP_CALL,
    FRONT_OP_ERR,
    FRONT_OP_ADD_REGION,
    FRONT_OP_REMOVE_REGION,
    FRONT_OP_END_EPOCH,
    FRONT_OP_LOG,
    FRONT_OP_COUNT
};

#define FRONT_STRAY 0x01u
#define FRONT_QUIET 0x02u /* a change of the plan that the core is not told of yet */
/* FRONT_OP_REPLY */
#define FRONT_OTHER_REQUEST 0x04u /* a: which */
#define FRONT_OTHER_VALUE   0x08u /* b is mixed in */
#define FRONT_EMPTY         0x10u
#define FRONT_EXTRA_FD      0x20u
/* FRONT_OP_SETTLED */
#define FRONT_CLEAN  0x04u
#define FRONT_OLDEST 0x08u

struct front_record {
    uint8_t op;
    uint8_t index; /* queue, region */
    uint8_t flags;
    uint8_t unused;
    uint32_t a;
    uint64_t b;
};

void front_script_seeds(void);

#endif
