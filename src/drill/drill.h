/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The drill: serves a disk, puts it under verified load, kills the back-end at random moments,
 * starts it again, and says what was lost (CONTRACT §7). Blocks until the end or until
 * *interrupted.
 */
#ifndef HF_DRILL_DRILL_H
#define HF_DRILL_DRILL_H

#include "base/error.h"
#include "drill/relay_use.h"
#include "drill/tally.h"
#include "drill/timeline.h"
#include "drill/workload.h"
#include "initiator/initiator.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct hf_drill_span {
    uint32_t first_ms;
    uint32_t last_ms;
};

#define HF_DRILL_FRONT_ENDS_MAX 8

/* Who is killed. The VMM's side only where there is a relay: the next VMM then connects to it. */
enum hf_drill_victim {
    HF_DRILL_VICTIM_BACK_END,
    HF_DRILL_VICTIM_VMM,
    HF_DRILL_VICTIM_ANY, /* one, the other, or both at once, drawn at random */
    HF_DRILL_VICTIM_COUNT
};

struct hf_drill_settings {
    unsigned kills;
    uint64_t seed;
    uint16_t depth; /* requests in flight on each queue */
    uint16_t queues;
    uint16_t front_ends; /* at once, each with that many queues, on blocks of its own */
    uint32_t block_size_bytes;
    struct hf_workload_mix mix;
    uint32_t rate;
    bool direct; /* our own target: O_DIRECT */
    bool polls;
    bool via_relay; /* a holdfast-relay between: no front-end may ever lose its connection */
    enum hf_drill_victim victim;
    struct hf_drill_span down;    /* from the death of a back-end to the start of the next */
    struct hf_drill_span runtime; /* load between a recovery and the next kill */
    enum hf_recovery recovery;
    uint64_t stuck_after_ns;
    uint64_t size_bytes;  /* of the fresh file */
    const char *file;     /* of somebody else's back-end, to be checked at the end; or NULL */
    char *const *command; /* NULL: our own target */
    bool progress;        /* a live line on standard error */
    bool keep;            /* the folder with file and log, unless no harm was found */
};

struct hf_drill_outcome {
    struct hf_tally tally;
    struct hf_timeline timeline;
    struct hf_timeline vmm_timeline; /* nothing listens in it */
    unsigned kills;                  /* of the back-end alone */
    unsigned vmm_kills;              /* of a VMM, with or without the back-end */
    unsigned hits;                   /* of all, with a request in flight */
    unsigned ended_by_itself;
    enum hf_recovery recovery;
    bool file_checked;
    pid_t relay_pid;                 /* 0: none was there */
    struct hf_relay_use relay_early; /* while all run, after the first kills */
    struct hf_relay_use relay_late;  /* and after the last */
    uint64_t relay_idle_ns;          /* its processor time in a second in which nothing happens */
    enum hf_verdict verdict;
    char kept[PATH_MAX]; /* the folder; empty: it was removed */
};

extern const struct hf_drill_settings hf_drill_settings_default;

/* "back-end", "vmm", "any". False if it is none of them. */
bool hf_drill_victim_parse(const char *word, enum hf_drill_victim *victim);

/*
 * 0 and *outcome (timeline freed by hf_drill_outcome_done, also after a failure), or -errno with a
 * sentence: it could not be run (-EINTR: a signal came). Whatever happens, the processes it started
 * are gone, and its files are removed unless they are to be kept.
 */
int hf_drill_run(const struct hf_drill_settings *settings, struct hf_drill_outcome *outcome,
                 struct hf_error *error);
void hf_drill_outcome_done(struct hf_drill_outcome *outcome);

#endif
