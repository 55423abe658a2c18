/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers as a sorted list. */
#include "os/timer.h"

#include "os/clock.h"

#include <stddef.h>

static struct hf_timer *timer_of(struct hf_link *link)
{
    return HF_CONTAINER(link, struct hf_timer, link);
}

static struct hf_timer *first_of(const struct hf_timers *timers)
{
    return hf_list_empty(&timers->list) ? NULL : timer_of(timers->list.next);
}

void hf_timers_init(struct hf_timers *timers)
{
    hf_list_init(&timers->list);
}

/* The element before which `deadline_ns` belongs; walks from the late end, where most new deadlines
 * go. */
static struct hf_link *place_for(struct hf_timers *timers, uint64_t deadline_ns)
{
    struct hf_link *before = &timers->list;

    while (before->previous != &timers->list &&
           timer_of(before->previous)->deadline_ns > deadline_ns)
        before = before->previous;
    return before;
}

bool hf_timers_set(struct hf_timers *timers, struct hf_timer *timer, uint64_t deadline_ns)
{
    hf_timers_cancel(timer);
    timer->deadline_ns = deadline_ns;
    timer->armed = true;
    /* Appending to a ring seen from an element puts the new one before that element. */
    hf_list_append(place_for(timers, deadline_ns), &timer->link);
    return first_of(timers) == timer;
}

void hf_timers_cancel(struct hf_timer *timer)
{
    if (!timer->armed)
        return;
    timer->armed = false;
    hf_list_remove(&timer->link);
}

uint64_t hf_timers_next_ns(const struct hf_timers *timers)
{
    const struct hf_timer *first = first_of(timers);

    return first == NULL ? HF_CLOCK_NEVER : first->deadline_ns;
}

unsigned hf_timers_run(struct hf_timers *timers, uint64_t now_ns, unsigned limit)
{
    unsigned called = 0;

    while (called < limit && hf_timers_next_ns(timers) <= now_ns && !hf_list_empty(&timers->list)) {
        struct hf_timer *timer = first_of(timers);
        hf_timers_cancel(timer);
        timer->expired(timer);
        called++;
    }
    return called;
}
