/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share about one bench; nobody else includes it. */
#ifndef HF_BENCH_STATE_H
#define HF_BENCH_STATE_H

#include "bench/bench.h"
#include "os/loop.h"

struct hf_bench;

/* One request, sent again and again. */
struct hf_bench_lane {
    struct hf_initiator_request request; /* first: its callback finds the lane */
    struct hf_bench *bench;
    struct iovec iov;
    uint64_t submitted_ns;
    uint16_t queue;
};

struct hf_bench {
    const struct hf_bench_settings *settings;
    struct hf_bench_outcome *outcome;
    struct hf_loop loop;
    struct hf_initiator *initiator;
    struct hf_bench_lane *lanes; /* depth x queues */
    struct hf_access access;
    uint64_t first_lba;
    uint32_t lbas_per_block;
    struct hf_timer timer; /* the end; then the last moment for what is still out */
    struct hf_watch signal_watch;
    int signal_fd;
    uint64_t last_ns; /* the last completion */
    bool stopping;    /* nothing is submitted any more */
    bool draining;    /* the timer is that of what is still out */
    bool gave_up;     /* nothing is waited for any more */
    bool interrupted; /* by a signal, at any time */
};

/* Bytes of registered memory for one lane's data. */
size_t hf_bench_lane_bytes(const struct hf_bench_settings *settings);
unsigned hf_bench_lane_count(const struct hf_bench_settings *settings);

/* Disk and range are known: 0 or -ENOMEM. */
int hf_bench_lanes_init(struct hf_bench *bench);
/* Sends a request of each lane; each sends the next one when it is answered, until `stopping`. */
int hf_bench_lanes_start(struct hf_bench *bench, uint64_t now_ns);

#endif
