/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What went wrong, counted: every finding is a row with its class and its words; and the verdict
 * over all of it (CONTRACT §7). Values only.
 */
#ifndef HF_DRILL_TALLY_H
#define HF_DRILL_TALLY_H

#include <stdbool.h>
#include <stdint.h>

enum hf_class {
    HF_CLASS_LOST,
    HF_CLASS_DUPLICATED,
    HF_CLASS_CORRUPTED,
    HF_CLASS_FAILED,
    HF_CLASS_STUCK,
    HF_CLASS_COUNT
};

enum hf_finding {
    HF_FINDING_NONE,
    HF_FINDING_LOST,     /* answered GOOD, and never seen on the disk */
    HF_FINDING_MISSING,  /* answered GOOD, and the block was never written at all */
    HF_FINDING_UNASKED,  /* a used element for a head that is not outstanding */
    HF_FINDING_REPEATED, /* an older write seen over a newer one that was still outstanding */
    HF_FINDING_REVERTED, /* an older generation than one answered GOOD and seen */
    HF_FINDING_STRAY,    /* intact, but of another address or another run */
    HF_FINDING_DAMAGED,  /* checksum */
    HF_FINDING_TORN,     /* sectors of different generations, with no write under way */
    HF_FINDING_FUTURE,   /* a generation nobody wrote yet */
    HF_FINDING_LATE,     /* a dead VMM's write, once its successor had seen it was not there */
    HF_FINDING_UNFILLED, /* a read answered GOOD that did not fill its buffer */
    HF_FINDING_TOUCHED,  /* memory written after the request it belonged to was completed */
    HF_FINDING_OVERRUN,  /* memory between buffers was written */
    HF_FINDING_STATUS,   /* any answer but GOOD */
    HF_FINDING_HANG_UP,  /* the relay hung up on a VMM, or ended */
    HF_FINDING_OVERDUE,  /* not completed in time after the back-end listened */
    HF_FINDING_RING,     /* the device broke the ring */
    HF_FINDING_COUNT
};

enum hf_verdict { HF_VERDICT_CLEAN, HF_VERDICT_HARMED, HF_VERDICT_INCONCLUSIVE, HF_VERDICT_COUNT };

#define HF_TALLY_NOTES     8u
#define HF_TALLY_NOTE_SIZE 160u

struct hf_tally {
    uint64_t requests; /* completed */
    uint64_t replayed; /* outstanding when a back-end was lost */
    uint64_t classes[HF_CLASS_COUNT];
    uint64_t findings[HF_FINDING_COUNT];
    unsigned note_count; /* of the first findings, one line each */
    char notes[HF_TALLY_NOTES][HF_TALLY_NOTE_SIZE];
};

const char *hf_class_name(enum hf_class class);
enum hf_class hf_finding_class(enum hf_finding finding);
const char *hf_finding_text(enum hf_finding finding);

/* HF_FINDING_NONE counts nothing. The words say where: "block 17: holds 4, 6 was answered". */
void hf_tally_add(struct hf_tally *tally, enum hf_finding finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool hf_tally_clean(const struct hf_tally *tally);

/*
 * Harm of any class outweighs everything. Without harm, a drill in which fewer than nine in ten
 * kills (`hits`) met a request in flight has shown nothing.
 */
enum hf_verdict hf_verdict_of(const struct hf_tally *tally, unsigned kills, unsigned hits);
const char *hf_verdict_name(enum hf_verdict verdict);
/* 0 clean, 1 harm, 2 inconclusive. */
int hf_verdict_exit_code(enum hf_verdict verdict);

#endif
