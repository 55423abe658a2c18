/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first kind of wrong: the peer. A fault is a value with a sentence and a remedy; every way in
 * which a back-end can disappoint a front-end is one of these.
 */
#ifndef HF_SESSION_FAULT_H
#define HF_SESSION_FAULT_H

#include <stdint.h>

enum hf_fault {
    HF_FAULT_NONE,
    HF_FAULT_REFUSED_DIAL,     /* nobody listens, or no such socket */
    HF_FAULT_HANGUP,           /* end of file or reset */
    HF_FAULT_TIMEOUT,          /* no answer in time */
    HF_FAULT_STOP_TIMEOUT,     /* a ring did not stop in time */
    HF_FAULT_MALFORMED,        /* bytes or descriptors that no message has */
    HF_FAULT_UNEXPECTED,       /* a reply nobody asked for, or to another request */
    HF_FAULT_NAK,              /* a request refused with a non-zero acknowledgement */
    HF_FAULT_FEATURES_LOST,    /* lacks a virtio feature in use */
    HF_FAULT_PROTOCOL_LOST,    /* lacks a protocol feature in use */
    HF_FAULT_QUEUES_LOST,      /* fewer queues than in use */
    HF_FAULT_SLOTS_LOST,       /* fewer memory slots than regions in use */
    HF_FAULT_INFLIGHT_INVALID, /* gave an in-flight region that cannot be one */
    HF_FAULT_INFLIGHT_LAYOUT, /* lays it out in a way into which the one in use cannot be brought */
    HF_FAULT_RING_INDEX,      /* answered a base for another ring */
    HF_FAULT_LOCAL,           /* the edge could not do its part (fds, memory): errno tells */
    HF_FAULT_OUTAGE,          /* away for longer than the outage limit allows */
    HF_FAULT_COUNT
};

enum hf_remedy {
    HF_REMEDY_NONE,
    HF_REMEDY_REDIAL,       /* at once, then by back-off */
    HF_REMEDY_REDIAL_LATER, /* another back-end must come first: by back-off at its longest */
    HF_REMEDY_GIVE_UP,      /* FAILED until told to start again */
};

const char *hf_fault_text(enum hf_fault fault);
enum hf_remedy hf_fault_remedy(enum hf_fault fault);

#endif
