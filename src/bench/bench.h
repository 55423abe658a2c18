/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measures a back-end: keeps so many requests out for so long, and says how many came back and how
 * long each took. Verifies nothing: that is the drill. Blocks until the end or a signal.
 */
#ifndef HF_BENCH_BENCH_H
#define HF_BENCH_BENCH_H

#include "base/error.h"
#include "bench/access.h"
#include "bench/histogram.h"
#include "initiator/discovery.h"

#include <stdbool.h>
#include <stdint.h>

#define HF_BENCH_MEMORY_MAX (UINT64_C(1) << 30) /* block size x depth x queues */
#define HF_BENCH_TEXT_SIZE  96u

struct hf_bench_settings {
    const char *socket_path;
    struct hf_access_kind kind;
    uint32_t block_size_bytes;
    uint16_t depth; /* requests out on each queue */
    uint16_t queues;
    uint64_t runtime_ns;
    uint64_t seed;
    uint64_t offset_bytes;
    uint64_t size_bytes; /* from there on; 0: to the end of the disk */
    bool chosen;         /* this disk; else the first that serves */
    uint8_t target;
    uint16_t lun;
    bool polls;
};

struct hf_bench_outcome {
    struct hf_histogram latency_ns; /* of requests that were answered GOOD, in full */
    struct hf_disk disk;
    uint64_t elapsed_ns; /* from the first submission to the last completion */
    uint64_t cpu_ns;     /* of this process meanwhile, user and system */
    uint64_t failed;
    char failure[HF_BENCH_TEXT_SIZE]; /* of the first of them */
    unsigned unanswered;              /* still out when it gave up */
    unsigned losses;                  /* of the back-end; it went on with the next */
    unsigned ring_faults;
    bool interrupted; /* by a signal, before its time was over */
};

extern const struct hf_bench_settings hf_bench_settings_default;

/* 0 and *outcome (which may tell of failures), or -errno with a sentence: it could not be run
 * (-ECANCELED: a signal came before anything was measured). */
int hf_bench_run(const struct hf_bench_settings *settings, struct hf_bench_outcome *outcome,
                 struct hf_error *error);

/* Nothing failed, nothing is missing. */
bool hf_bench_good(const struct hf_bench_outcome *outcome);

#endif
