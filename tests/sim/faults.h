/* SPDX-License-Identifier: BSD-3-Clause */
/* What can go wrong at a message: one row a fault. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_world;

/* How a back-end misbehaves at one message. */
enum sim_twist {
    SIM_TWIST_NONE,
    SIM_TWIST_CLOSE,        /* carried out, not answered, hung up */
    SIM_TWIST_CLOSE_AFTER,  /* carried out, answered, hung up */
    SIM_TWIST_CRASH,        /* carried out, not answered, dead */
    SIM_TWIST_CRASH_AFTER,  /* carried out, answered, dead */
    SIM_TWIST_CRASH_TORN,   /* the same, between publishing answers and clearing their marks */
    SIM_TWIST_STOP,         /* carried out, then neither answers nor anything else */
    SIM_TWIST_WRONG_NUMBER, /* the answer is to another request */
    SIM_TWIST_EXTRA_FD,     /* a descriptor nobody asked for */
    SIM_TWIST_EXTRA_FD_RAW, /* the same, and nobody below the core stops it */
    SIM_TWIST_NO_FD,
    SIM_TWIST_TWICE,
    SIM_TWIST_NAK,
    SIM_TWIST_WRONG_RING,
    SIM_TWIST_BAD_REGION,
    SIM_TWIST_NO_REGION,
    SIM_TWIST_SHORT,      /* a byte of the answer is missing */
    SIM_TWIST_LONG,       /* a byte too many */
    SIM_TWIST_OTHER_KIND, /* the descriptor is not what it should be */
    SIM_TWIST_WRONG_BASE,
    SIM_TWIST_COUNT
};

enum sim_fault {
    SIM_FAULT_NONE,
    SIM_FAULT_CLOSE_BEFORE,
    SIM_FAULT_CLOSE_DURING,
    SIM_FAULT_CLOSE,
    SIM_FAULT_CLOSE_AFTER,
    SIM_FAULT_CRASH_BEFORE,
    SIM_FAULT_CRASH_DURING,
    SIM_FAULT_CRASH,
    SIM_FAULT_CRASH_AFTER,
    SIM_FAULT_CRASH_TORN,
    SIM_FAULT_CRASH_LINGERS,
    SIM_FAULT_CRASH_TWICE,
    SIM_FAULT_SILENT_BEFORE,
    SIM_FAULT_SILENT,
    SIM_FAULT_SILENT_WAKES,
    SIM_FAULT_NEVER_SENT,
    SIM_FAULT_MALFORMED,
    SIM_FAULT_LOCAL,
    SIM_FAULT_FD_TABLE_FULL,
    SIM_FAULT_WRONG_NUMBER,
    SIM_FAULT_TOO_SHORT,
    SIM_FAULT_TOO_LONG,
    SIM_FAULT_EXTRA_FD,
    SIM_FAULT_EXTRA_FD_RAW,
    SIM_FAULT_NO_FD,
    SIM_FAULT_OTHER_KIND_OF_FD,
    SIM_FAULT_TWICE,
    SIM_FAULT_UNSOLICITED,
    SIM_FAULT_NAK,
    SIM_FAULT_WRONG_RING,
    SIM_FAULT_WRONG_BASE,
    SIM_FAULT_BAD_REGION,
    SIM_FAULT_NO_REGION,
    SIM_FAULT_NEXT_LACKS_FEATURE,
    SIM_FAULT_NEXT_LACKS_PROTOCOL,
    SIM_FAULT_NEXT_LACKS_LOG,
    SIM_FAULT_NEXT_LACKS_ACKS,
    SIM_FAULT_NEXT_LACKS_SLOTS,
    SIM_FAULT_NEXT_LACKS_INFLIGHT,
    SIM_FAULT_NEXT_FEWER_QUEUES,
    SIM_FAULT_NEXT_FEWER_SLOTS,
    SIM_FAULT_NEXT_OTHER_STRIDE,
    SIM_FAULT_NEXT_SEALED_REGION,
    SIM_FAULT_NEXT_REFUSES,
    SIM_FAULT_NEXT_SILENT_DIAL,
    SIM_FAULT_TIMER_STRAY,
    SIM_FAULT_TIMER_EARLY,
    SIM_FAULT_TIMER_LATE,
    SIM_FAULT_TIMER_TWICE,
    SIM_FAULT_OLD_EVENTS,
    SIM_FAULT_STRAY_EVENTS,
    SIM_FAULT_HOST_STOP,
    SIM_FAULT_HOST_PAUSE,
    SIM_FAULT_HOST_RESET,
    SIM_FAULT_HOST_MEMORY,
    SIM_FAULT_HOST_MEMORY_SWAP,
    SIM_FAULT_HOST_LOG,
    SIM_FAULT_HOST_LOG_STAYS,
    SIM_FAULT_HOST_CALL,
    SIM_FAULT_HOST_KICK,
    SIM_FAULT_HOST_LAYOUT,
    SIM_FAULT_HOST_ASKS,
    SIM_FAULT_CRASH_AND_RESET,
    SIM_FAULT_CRASH_AND_PAUSE,
    SIM_FAULT_CRASH_AND_STOP,
    SIM_FAULT_CRASH_AND_CHANGE,
    SIM_FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault);
/* It needs no message to a back-end to happen. */
bool sim_fault_is_at_once(enum sim_fault fault);
/* What happens to the message that is about to be sent. */
struct sim_injection {
    bool lost;   /* it does not arrive */
    bool unsent; /* it never leaves */
    enum sim_twist twist;
};
struct sim_injection sim_fault_inject(struct sim_world *world, enum sim_fault fault);

#endif
