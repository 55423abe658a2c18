/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user may say to holdfast-target on its command line. Opens nothing, starts nothing. */
#ifndef HF_TARGET_OPTIONS_H
#define HF_TARGET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define HF_TARGET_UNITS_MAX   256 /* a SCSI target number on the wire has 8 bits */
#define HF_TARGET_QUEUES_MAX  254 /* request queues: 256 rings less control and event */
#define HF_TARGET_POLL_US_MAX 1000000

enum hf_target_task {
    HF_TARGET_TASK_SERVE,
    HF_TARGET_TASK_CAPABILITIES, /* print them, exit 0 */
    HF_TARGET_TASK_HELP,
    HF_TARGET_TASK_VERSION,
    HF_TARGET_TASK_COUNT
};

struct hf_target_options {
    enum hf_target_task task;
    const char *socket_path; /* NULL: not given */
    int socket_fd;           /* -1: not given */
    int ready_fd;            /* -1: not given */
    int lock_fd;             /* -1: not given */
    unsigned queues;         /* request queues */
    unsigned threads;        /* 0: as many as useful */
    uint32_t poll_us;
    uint64_t masked_features; /* virtio */
    uint64_t masked_protocol_features;
    uint64_t lock_wait_ns;
    bool trace;
    bool verbose;
    unsigned unit_count;
    const char *units[HF_TARGET_UNITS_MAX]; /* as written; borrowed from the arguments */
};

/* 0, or -EINVAL and one line that names the word, what is wrong with it, and what would be right.
 * Not thread-safe (getopt). */
int hf_target_options_parse(struct hf_target_options *options, int count, char **words,
                            struct hf_error *error);
/* The text of --help, to standard output. */
void hf_target_options_help(void);

#endif
