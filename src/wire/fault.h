/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything a peer can do wrong to the bytes of a vhost-user socket. What to do about it is not
 * known here (session/ has the remedies); after any of them the stream cannot be trusted. */
#ifndef HF_WIRE_FAULT_H
#define HF_WIRE_FAULT_H

enum hf_wire_fault {
    HF_WIRE_FAULT_NONE,
    HF_WIRE_FAULT_VERSION,
    HF_WIRE_FAULT_FLAGS,           /* reserved flag bits set */
    HF_WIRE_FAULT_NOT_A_REQUEST,   /* reply bit set where requests are expected */
    HF_WIRE_FAULT_NOT_A_REPLY,     /* reply bit missing where replies are expected */
    HF_WIRE_FAULT_UNKNOWN_REQUEST, /* a reply whose number is not in the table */
    HF_WIRE_FAULT_TOO_LONG,        /* over HF_WIRE_PAYLOAD_MAX */
    HF_WIRE_FAULT_LENGTH,          /* not a length of this request's body */
    HF_WIRE_FAULT_CONTENT,         /* length and count inside disagree */
    HF_WIRE_FAULT_FDS_MISPLACED,   /* not with the first byte of a message */
    HF_WIRE_FAULT_FDS_TRUNCATED,   /* MSG_CTRUNC */
    HF_WIRE_FAULT_FDS_TOO_MANY,
    HF_WIRE_FAULT_FDS_TOO_FEW,
    HF_WIRE_FAULT_COUNT
};

/* A phrase that completes "the peer sent ..."; never NULL. */
const char *hf_wire_fault_text(enum hf_wire_fault fault);

#endif
