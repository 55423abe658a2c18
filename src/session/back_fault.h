/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a front-end can do wrong, as seen by a back-end: each with a sentence that completes "the
 * front-end's SET_VRING_NUM: ...". A request refused is answered with a non-zero acknowledgement
 * if it asked for one, otherwise the session ends; some end it always.
 */
#ifndef HF_SESSION_BACK_FAULT_H
#define HF_SESSION_BACK_FAULT_H

#include <stdbool.h>

enum hf_back_fault {
    HF_BACK_FAULT_NONE,
    HF_BACK_FAULT_NOT_SUPPORTED,   /* a request nobody serves here */
    HF_BACK_FAULT_NOT_NEGOTIATED,  /* its feature is not negotiated */
    HF_BACK_FAULT_NOT_A_REQUEST,   /* not a message of the request stream */
    HF_BACK_FAULT_FEATURES,        /* acknowledges features never offered */
    HF_BACK_FAULT_PROTOCOL,        /* the same for protocol features */
    HF_BACK_FAULT_RING_INDEX,      /* no such ring */
    HF_BACK_FAULT_RING_RUNNING,    /* may change only on a stopped ring */
    HF_BACK_FAULT_RING_STARTED,    /* started twice */
    HF_BACK_FAULT_RING_UNSET,      /* started without size or addresses */
    HF_BACK_FAULT_RING_SIZE,       /* not a power of two, or too large */
    HF_BACK_FAULT_RING_BASE,       /* more than 16 bits */
    HF_BACK_FAULT_RING_ADDRESS,    /* not aligned */
    HF_BACK_FAULT_RING_STATE,      /* ENABLE with neither 0 nor 1 */
    HF_BACK_FAULT_REGION_EMPTY,    /* size 0 */
    HF_BACK_FAULT_REGION_WRAPS,    /* beyond the end of an address space */
    HF_BACK_FAULT_REGION_OVERLAPS, /* another region */
    HF_BACK_FAULT_REGION_UNKNOWN,  /* to be removed, but not there */
    HF_BACK_FAULT_REGION_SLOTS,    /* more regions than slots */
    HF_BACK_FAULT_INFLIGHT,        /* queue count, queue size or offset that cannot be */
    HF_BACK_FAULT_INFLIGHT_SMALL,  /* the region has no room for this ring */
    HF_BACK_FAULT_LOG,             /* not a log: no descriptor, size 0, an offset that cannot be */
    HF_BACK_FAULT_LOG_MISSING,     /* LOG_ALL, and no log to mark in */
    HF_BACK_FAULT_LOG_SHORT,       /* no bit for a page that may be written */
    HF_BACK_FAULT_CONFIG_RANGE,    /* beyond the config space */
    HF_BACK_FAULT_EDGE,            /* could not be carried out: errno tells */
    HF_BACK_FAULT_COUNT
};

/* Never NULL. */
const char *hf_back_fault_text(enum hf_back_fault fault);

#endif
