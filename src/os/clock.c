/* SPDX-License-Identifier: BSD-3-Clause */
/* The one clock. */
#include "os/clock.h"

#include <time.h>

uint64_t hf_clock_ns(void)
{
    struct timespec now;

    /* Cannot fail: the clock exists and the pointer is good. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * HF_NS_PER_S + (uint64_t)now.tv_nsec;
}
