/* SPDX-License-Identifier: BSD-3-Clause */
/* A list, searched: there are never more than a few dozen. */
#include "events.h"

void sim_events_add(struct sim_events *events, const struct sim_event *event)
{
    if (events->count == SIM_EVENTS_MAX) {
        sim_fail(events->verdict, "sim: more than %u events wait", SIM_EVENTS_MAX);
        return;
    }
    events->list[events->count] = *event;
    events->list[events->count++].order = ++events->last_order;
}

static bool goes_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

bool sim_events_take(struct sim_events *events, struct sim_event *event)
{
    unsigned first = 0;

    if (events->count == 0)
        return false;
    for (unsigned i = 1; i < events->count; i++)
        if (goes_before(&events->list[i], &events->list[first]))
            first = i;
    *event = events->list[first];
    events->list[first] = events->list[--events->count];
    return true;
}
