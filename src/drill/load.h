/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One front-end of a drill: attached to the back-end, with blocks of its own on the disk and load
 * on them. Several share back-end, disk and tally, and nothing else.
 */
#ifndef HF_DRILL_LOAD_H
#define HF_DRILL_LOAD_H

#include "drill/aim.h"
#include "drill/workload.h"
#include "initiator/discovery.h"

struct hf_drill;

struct hf_load {
    struct hf_drill *drill;
    unsigned index; /* among the front-ends */
    unsigned lives; /* that were killed */
    struct hf_initiator *initiator;
    struct hf_disk disk;
    struct hf_ledger ledger;
    struct hf_pool pool;
    struct hf_workload workload; /* lanes NULL: not ready yet */
};

/* The back-end listens: attaches, chooses the disk, makes the workload. 0, or -errno with a
 * sentence; then only hf_load_done may follow. Blocks. */
int hf_load_prepare(struct hf_load *load, struct hf_error *error);
/* Its rings, unless it is dead. */
void hf_load_add_to_aim(const struct hf_load *load, struct hf_aim *aim);
/* As a VMM that gets SIGKILL: connection, memory and bells are gone, whatever is in flight. Returns
 * how many requests were, as the rings say. */
unsigned hf_load_kill(struct hf_load *load);
/* The next VMM on the same disk, after hf_load_kill; it runs the load at once. One that is not
 * served is a finding. -errno with a sentence: interrupted. Blocks. */
int hf_load_again(struct hf_load *load, struct hf_error *error);
/* Nothing is out any more: looks at the quarantine and lets go of the back-end. */
void hf_load_detach(struct hf_load *load);
/* Accepts one that was never prepared, or only half. */
void hf_load_done(struct hf_load *load);

#endif
