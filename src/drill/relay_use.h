/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process has of the machine: descriptors, memory, processor time, by /proc. A relay that
 * has more after a thousand deaths than after ten, or works while nothing happens, is broken. Knows
 * no relay.
 */
#ifndef HF_DRILL_RELAY_USE_H
#define HF_DRILL_RELAY_USE_H

#include <stdint.h>
#include <sys/types.h>

struct hf_relay_use {
    unsigned fds;
    uint64_t rss_bytes;
    uint64_t cpu_ns; /* of all its threads, since it began */
};

/* What cannot be read is 0. */
struct hf_relay_use hf_relay_use_of(pid_t pid);

#endif
