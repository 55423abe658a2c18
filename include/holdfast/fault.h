/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a back-end can do wrong. Every way in which it can disappoint a device is one of these; each
 * has a sentence and a remedy, and none of them ends the process. New ones are added at the end.
 */
#ifndef HOLDFAST_FAULT_H
#define HOLDFAST_FAULT_H

#ifdef __cplusplus
extern "C" {
#endif

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
    HF_FAULT_LOCAL,           /* we could not do our part (descriptors, memory): errno tells */
    HF_FAULT_OUTAGE,          /* away for longer than the outage limit allows */
    HF_FAULT_CUT,             /* we ended the session: the host would not wait for a stop */
    HF_FAULT_NO_ADDRESS, /* the socket we were given is used up, and there is no path to dial */
    HF_FAULT_COUNT
};

/* "back-end closed the connection". A constant; any thread; never NULL. */
const char *hf_fault_text(enum hf_fault fault);

#ifdef __cplusplus
}
#endif

#endif
