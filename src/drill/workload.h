/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load on a hot set of blocks. Lanes (queues x depth of them) each own a few blocks, have one
 * request out, and begin the next when it completes: rewrite at once, read back before the rewrite,
 * leave alone and read again a second later, read somebody else's, flush. Everything is judged by
 * the ledger. It knows the initiator, and nothing of processes and kills.
 */
#ifndef HF_DRILL_WORKLOAD_H
#define HF_DRILL_WORKLOAD_H

#include "base/random.h"
#include "drill/ledger.h"
#include "drill/pool.h"
#include "initiator/initiator.h"

#include <stdbool.h>
#include <stdint.h>

#define HF_WORKLOAD_BLOCKS_PER_LANE 4u

enum hf_workload_mode {
    HF_WORKLOAD_STOPPED, /* begins nothing */
    HF_WORKLOAD_FILL,    /* writes every block once */
    HF_WORKLOAD_RUN,     /* by the mix, until stopped */
    HF_WORKLOAD_SWEEP,   /* reads every block once */
    HF_WORKLOAD_FLUSH,   /* one SYNCHRONIZE CACHE */
    HF_WORKLOAD_MODE_COUNT
};

/* In percent; the rest is writes. */
struct hf_workload_mix {
    unsigned read;
    unsigned write;
    unsigned flush;
};

struct hf_workload_setup {
    struct hf_initiator *initiator;
    struct hf_ledger *ledger; /* depth * queue_count * HF_WORKLOAD_BLOCKS_PER_LANE blocks */
    struct hf_pool *pool;
    struct hf_tally *tally;
    uint16_t queue_count;
    uint16_t depth; /* per queue */
    uint8_t target;
    uint16_t lun;
    uint32_t lba_size_bytes;
    struct hf_workload_mix mix;
    uint32_t rate; /* requests a second at most; 0 = no limit */
    uint64_t seed;
};

struct hf_workload_lane;

struct hf_workload {
    struct hf_workload_setup setup;
    struct hf_workload_lane *lanes;
    unsigned lane_count;
    struct hf_link idle;  /* lanes with nothing out */
    struct hf_link fresh; /* lanes whose request the device was not shown yet */
    enum hf_workload_mode mode;
    uint32_t next_block; /* FILL, SWEEP, FLUSH */
    unsigned out;
    uint64_t next_ns;  /* rate: when the next may begin */
    uint64_t first_ns; /* first completion since hf_workload_mark; 0 = none yet */
    bool marked;
};

/* 0 or -ENOMEM. */
int hf_workload_init(struct hf_workload *workload, const struct hf_workload_setup *setup);
void hf_workload_done(struct hf_workload *workload);
/* Its initiator is dead: what is out will never be answered. Nothing but done may follow. */
void hf_workload_abandon(struct hf_workload *workload);

/* Begins a mode; what is out completes as it was meant. */
void hf_workload_set_mode(struct hf_workload *workload, enum hf_workload_mode mode);
/* Starts idle lanes as far as mode and rate allow. Call it now and then where there is a rate. */
void hf_workload_pump(struct hf_workload *workload, uint64_t now_ns);
/* True if the mode has begun all it begins, and nothing is out. RUN never ends. */
bool hf_workload_ended(const struct hf_workload *workload);

/* Requests that are out and that the device had been shown before then. */
unsigned hf_workload_count_before(const struct hf_workload *workload, uint64_t shown_ns);

/* From now on the first completion is remembered. */
void hf_workload_mark(struct hf_workload *workload);

/*
 * Counts requests that are out for longer than limit_ns since they were shown or since
 * `since_ns`, whichever is later; each once. Returns how many it counted now.
 */
unsigned hf_workload_count_overdue(struct hf_workload *workload, uint64_t now_ns, uint64_t since_ns,
                                   uint64_t limit_ns);

#endif
