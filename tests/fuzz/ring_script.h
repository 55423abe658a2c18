/* SPDX-License-Identifier: BSD-3-Clause */
/* What a hostile driver does to a ring, as records; and what honest ones do. */
#ifndef TESTS_FUZZ_RING_SCRIPT_H
#define TESTS_FUZZ_RING_SCRIPT_H

#include "fuzz.h"

#define RING_REGIONS_MAX 4u
#define RING_GUEST_START 0x10000u

#define RING_EVENT_INDEX 0x01u
#define RING_INDIRECT    0x02u
#define RING_TRACKED     0x04u /* with an in-flight region */
#define RING_SPOILT      0x08u /* memory changes after every load */
#define RING_GAPS        0x10u /* between the regions */
#define RING_ODD         0x20u /* regions begin at odd addresses of this process */

struct ring_prefix {
    uint8_t size_log; /* modulo 9 */
    uint8_t flags;
    uint8_t region_count;  /* 1 to 4 */
    uint8_t span_capacity; /* 0: 64 */
    uint16_t start;        /* both indices at the beginning */
    uint16_t spoil;
    uint16_t region_bytes[RING_REGIONS_MAX]; /* 0: 4096 */
};

enum ring_op {
    RING_OP_DESC,     /* x: where in the table; the rest: struct ring_record */
    RING_OP_INDIRECT, /* likewise, into guest memory at offset x of the first region */
    RING_OP_AVAIL,    /* x: head; published */
    RING_OP_FETCH,    /* small: how many; each is walked */
    RING_OP_COMPLETE, /* small: how many; x: which */
    RING_OP_UNMARKED, /* fetched and answered at once */
    RING_OP_KICKS,    /* small: 0 off, 1 on, 2 looked for */
    RING_OP_RESTART,  /* killed; a new device. small 1: without the region */
    RING_OP_AVAIL_INDEX,
    RING_OP_AVAIL_FLAGS, /* flags small, used_event x */
    RING_OP_USED,        /* small 0: used->idx = x; else an element */
    RING_OP_REGION,      /* the in-flight region: small says what, x where, z the value */
    RING_OP_COUNT
};

#define RING_RAW_ADDRESS 0x80u /* in `small`: z is the address; else region and offset */
#define RING_RAW_LENGTH  0x40u

/* A descriptor: flags in the low 3 bits of `small`; length y (12 bits of it, unless RAW_LENGTH);
 * address z: offset in the low 32 bits, region in the next 16; next in the top 16. */
struct ring_record {
    uint8_t op;
    uint8_t small;
    uint16_t x;
    uint32_t y;
    uint64_t z;
};

void ring_script_seeds(void);

#endif
