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

bool sim_event_goes_before(const struct sim_event_key *a, const struct sim_event_key *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static unsigned first_of(const struct sim_events *events)
{
    unsigned first = 0;

    for (unsigned i = 1; i < events->count; i++)
        if (sim_event_goes_before(&events->keys[i], &events->keys[first]))
            first = i;
    return first;
}

const struct sim_event *sim_events_next(const struct sim_events *events)
{
    const struct sim_event_key *first = &events->keys[first_of(events)];

    if (events->count == 0 || first->at_ns == SIM_EVENTS_PARKED)
        return NULL;
    return &events->list[first->place];
}

bool sim_events_take(struct sim_events *events, struct sim_event *event)
{
    struct sim_event_key *first = &events->keys[first_of(events)];
    struct sim_event_key taken = *first;

    if (events->count == 0 || taken.at_ns == SIM_EVENTS_PARKED)
        return false;
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
