/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What there is to know about a logical unit, as a value. The pages are written from it and from
 * nothing else, so that equal facts before and after a restart give equal bytes: a guest must not
 * see identity, size or block size change (CONTRACT §4). Knows no file and no medium.
 */
#ifndef HF_SCSI_FACTS_H
#define HF_SCSI_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define HF_SERIAL_SIZE   64u /* with NUL */
#define HF_PRODUCT_SIZE  17u /* with NUL; the INQUIRY field holds 16 */
#define HF_REVISION_SIZE 5u  /* with NUL; the INQUIRY field holds 4 */

enum hf_lun_kind {
    HF_LUN_KIND_DISK,
    HF_LUN_KIND_MISSING,     /* the target exists, this logical unit does not */
    HF_LUN_KIND_REPORT_LUNS, /* the well-known logical unit C1 01 */
    HF_LUN_KIND_COUNT
};

struct hf_lun_facts {
    enum hf_lun_kind kind;
    uint64_t blocks;
    uint32_t block_size_bytes;
    uint8_t physical_exponent; /* 2^n logical blocks per physical block, 0..15 */
    bool read_only;
    bool write_cache;                 /* WCE: GOOD on a write does not yet mean durable */
    bool dpofua;                      /* FUA is honoured; without it FUA and DPO are refused */
    uint32_t max_transfer_blocks;     /* 0 = no limit reported, none enforced */
    uint32_t optimal_transfer_blocks; /* 0 = not reported */
    char serial[HF_SERIAL_SIZE];      /* empty = no VPD page 80; printable ASCII */
    char product[HF_PRODUCT_SIZE];    /* empty = "DISK" */
    char revision[HF_REVISION_SIZE];  /* empty = "1" */
};

/* A missing LUN is an object, not an `if` (ARCHITECTURE §7). */
extern const struct hf_lun_facts hf_lun_missing;
/* The REPORT LUNS well-known logical unit of any target. */
extern const struct hf_lun_facts hf_lun_report_luns;

#endif
