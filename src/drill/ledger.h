/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The truth about the hot set: which generation of each block was posted, answered and seen, and
 * what a look at a block therefore means. Fed with what happened, it never asks anybody; so it can
 * be fed with histories that did not happen.
 */
#ifndef HF_DRILL_LEDGER_H
#define HF_DRILL_LEDGER_H

#include "drill/content.h"
#include "drill/tally.h"

#include <stddef.h>
#include <stdint.h>

struct hf_ledger_block {
    uint64_t posted;   /* newest generation given to the device; 0 = none */
    uint64_t answered; /* newest answered GOOD */
    uint64_t seen;     /* all of the block was seen to be this or newer */
    uint64_t told;     /* posted when a finding was counted: the same harm is counted once */
    uint64_t left;     /* posted by one who died before its answer, and not seen yet; 0 = none */
    uint64_t missed;   /* that one, once a look without it: it may not land any more; 0 = none */
};

struct hf_ledger {
    struct hf_ledger_block *blocks; /* caller's, zeroed */
    uint32_t count;
    uint32_t block_size_bytes;
    uint64_t first_bytes;  /* where the first lies on the disk */
    uint64_t stride_bytes; /* from one to the next */
    uint64_t seed;
};

/* What was true when a read was posted. */
struct hf_ledger_read {
    uint32_t block;
    uint64_t posted;
    uint64_t answered;
    uint64_t seen;
    uint64_t missed;
};

/* Identity of a block; the generation is the newest posted. */
struct hf_content_id hf_ledger_id(const struct hf_ledger *ledger, uint32_t block);

/* At most one write of a block may be out at a time. Returns its generation. */
uint64_t hf_ledger_post_write(struct hf_ledger *ledger, uint32_t block);
/* The write ended. Not GOOD: the block may hold the old or the new until the next GOOD one. */
void hf_ledger_end_write(struct hf_ledger *ledger, uint32_t block, bool good);

/* Who had posted it is dead: it landed or not, and does not land once a successor had a look. */
void hf_ledger_abandon_write(struct hf_ledger *ledger, uint32_t block);

/* Any number of reads of a block may be out. */
struct hf_ledger_read hf_ledger_post_read(const struct hf_ledger *ledger, uint32_t block);
/* A read answered GOOD saw this. Counts in *tally what is wrong, and returns it. */
enum hf_finding hf_ledger_end_read(struct hf_ledger *ledger, const struct hf_ledger_read *read,
                                   const struct hf_sight *sight, struct hf_tally *tally);

#endif
