/* SPDX-License-Identifier: BSD-3-Clause */
/* The one clock: CLOCK_MONOTONIC in nanoseconds. Deadlines are absolute. */
#ifndef HF_OS_CLOCK_H
#define HF_OS_CLOCK_H

#include <stdint.h>

#define HF_NS_PER_US   UINT64_C(1000)
#define HF_NS_PER_MS   UINT64_C(1000000)
#define HF_NS_PER_S    UINT64_C(1000000000)
#define HF_CLOCK_NEVER UINT64_MAX

uint64_t hf_clock_ns(void);

#endif
