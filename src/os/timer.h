/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers as a sorted list: arithmetic only, no system call. A loop (os/loop.h) or an engine
 * (os/aio.h) owns one list and arms the kernel for its earliest deadline. Lists are short (a few
 * per device), so an insertion walks.
 */
#ifndef HF_OS_TIMER_H
#define HF_OS_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/* Zero it, set `expired`, hand it to a loop or an engine. It is not armed any more when called;
 * the callback may arm it again, or free it. */
struct hf_timer {
    void (*expired)(struct hf_timer *timer);
    uint64_t deadline_ns;
    struct hf_link link;
    bool armed;
};

struct hf_timers {
    struct hf_link list; /* by deadline_ns; equal deadlines in the order of arming */
};

void hf_timers_init(struct hf_timers *timers);

/* Arms, or moves an armed timer. True if it is now the earliest. */
bool hf_timers_set(struct hf_timers *timers, struct hf_timer *timer, uint64_t deadline_ns);

/* Harmless when not armed. */
void hf_timers_cancel(struct hf_timer *timer);

/* HF_CLOCK_NEVER when there is none. */
uint64_t hf_timers_next_ns(const struct hf_timers *timers);

/* Calls at most `limit` timers due at `now_ns`; returns how many. */
unsigned hf_timers_run(struct hf_timers *timers, uint64_t now_ns, unsigned limit);

#endif
