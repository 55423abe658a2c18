/* SPDX-License-Identifier: BSD-3-Clause */
/* The content of an in-flight region, field by field, as records; and some that back-ends leave. */
#ifndef TESTS_FUZZ_INFLIGHT_SCRIPT_H
#define TESTS_FUZZ_INFLIGHT_SCRIPT_H

#include "fuzz.h"

#define INFLIGHT_HONEST 0x01u /* headers as a back-end would have them */
#define INFLIGHT_SPOILT 0x02u /* changes after every load */

struct inflight_prefix {
    uint8_t queue_count; /* 1 to 3 */
    uint8_t size_log;    /* modulo 9 */
    uint8_t alignment_log;
    uint8_t flags;
    uint16_t used_index;
    uint16_t made_available; /* more than used */
    uint16_t die_after;      /* so many stores */
    uint8_t other_alignment_log;
    uint8_t spare_entries; /* the stride holds more than the ring has */
    uint32_t spoil;
};

enum inflight_what {
    INFLIGHT_INFLIGHT,
    INFLIGHT_NEXT,
    INFLIGHT_COUNTER,
    INFLIGHT_VERSION,
    INFLIGHT_DESC_NUM,
    INFLIGHT_LAST_BATCH,
    INFLIGHT_USED_IDX,
    INFLIGHT_FEATURES,
    INFLIGHT_BYTE,
    INFLIGHT_COUNT
};

struct inflight_record {
    uint8_t what;
    uint8_t queue;
    uint16_t entry;
    uint32_t unused;
    uint64_t value;
};

void inflight_script_seeds(void);

#endif
