/* SPDX-License-Identifier: BSD-3-Clause */
/* A list of keys, searched: there are never more than a few dozen. */
#include "events.h"

void sim_events_init(struct sim_events *events, struct sim_verdict *verdict)
{
    events->verdict = verdict;
    events->count = 0;
    events->last_order = 0;
    for (unsigned i = 0; i < SIM_EVENTS_MAX; i++)
        events->keys[i].place = i;
}

void sim_events_add(struct sim_events *events, const struct sim_event *event)
{
    struct sim_event_key *key = &events->keys[events->count];

    if (events->count == SIM_EVENTS_MAX) {
        sim_fail(events->verdict, "sim: more than %u events wait", SIM_EVENTS_MAX);
        return;
    }
    events->count++;
    key->at_ns = event->at_ns;
    key->order = ++events->last_order;
    events->list[key->place] = *event;
}

static bool goes_before(const struct sim_event_key *a, const struct sim_event_key *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

bool sim_events_take(struct sim_events *events, struct sim_event *event)
{
    struct sim_event_key *first = &events->keys[0];
    struct sim_event_key taken;

    for (unsigned i = 1; i < events->count; i++)
        if (goes_before(&events->keys[i], first))
            first = &events->keys[i];
    if (events->count == 0 || first->at_ns == SIM_EVENTS_PARKED)
        return false;
    taken = *first;
    *event = events->list[taken.place];
    *first = events->keys[--events->count];
    events->keys[events->count] = taken;
    return true;
}

void sim_events_unpark(struct sim_events *events, unsigned process, uint64_t now_ns)
{
    for (unsigned i = 0; i < events->count; i++) {
        struct sim_event_key *key = &events->keys[i];

        if (key->at_ns == SIM_EVENTS_PARKED && events->list[key->place].process == process)
            key->at_ns = events->list[key->place].at_ns = now_ns;
    }
}
