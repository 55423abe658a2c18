/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM and back-ends do to a relay, as records; and the stories of honest ones. */
#ifndef TESTS_FUZZ_RELAY_SCRIPT_H
#define TESTS_FUZZ_RELAY_SCRIPT_H

#include "back_script.h"

struct relay_prefix {
    uint8_t begins; /* RELAY_BEGINS_*, modulo 4 */
    uint8_t flags;
    uint8_t unused[6];
};

/* Where the records begin. Most inputs should not have to invent a guest first. */
#define RELAY_BEGINS_RUNNING 0u
#define RELAY_BEGINS_BARE    3u

#define RELAY_LOSSY          1u /* back-ends that do not track requests are taken */

/* A back_record below BACK_OP_DONE is a message of the VMM's; else it is one of these, behind
 * RELAY_OP_FIRST, and read as a front_record. */
#define RELAY_OP_FIRST BACK_OP_DONE
enum relay_op {
    RELAY_OP_RUN,  /* everything goes well for `a` steps */
    RELAY_OP_WAIT, /* `a` us pass */
    RELAY_OP_DIAL_FAILED,
    RELAY_OP_DIALED,
    RELAY_OP_APPEARED,
    RELAY_OP_SENT,
    RELAY_OP_REPLY,
    RELAY_OP_HANG_UP,
    RELAY_OP_SETTLED,
    RELAY_OP_PEER,
    RELAY_OP_GUEST,    /* what will be found of it: a, ring: flags */
    RELAY_OP_VMM_GOES, /* and the next one comes */
    RELAY_OP_VMM_SETS_UP,
    RELAY_OP_SWITCH, /* a: on which part of the way */
    RELAY_OP_COUNT
};

void relay_script_seeds(void);

#endif
