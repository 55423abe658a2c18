/* SPDX-License-Identifier: BSD-3-Clause */
/* See events.h. */
#include "initiator/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hf_initiator_events_init(struct hf_initiator_events *events,
                             const struct hf_guest_region *buffers, int kick_fd)
{
    events->buffers = *buffers;
    events->kick = hf_bell_of(kick_fd);
    events->driver_slots = calloc(HF_INITIATOR_RING_MAX, sizeof(*events->driver_slots));
    return events->driver_slots == NULL ? -ENOMEM : 0;
}

void hf_initiator_events_done(struct hf_initiator_events *events)
{
    free(events->driver_slots);
    events->driver_slots = NULL;
}

static void give(struct hf_initiator_events *events, uint8_t *buffer)
{
    struct hf_ring_segment segment = { .length = HF_VSCSI_EVENT_SIZE_BYTES };
    struct hf_ring_driver_request chain = { .segments = &segment,
                                            .writable_count = 1,
                                            .cookie = buffer };

    if (hf_guest_address(&events->buffers, buffer, segment.length, &segment.guest_address))
        hf_ring_driver_add(&events->driver, &chain, NULL);
}

static void publish(struct hf_initiator_events *events)
{
    hf_ring_driver_publish(&events->driver);
    if (hf_ring_driver_kick_needed(&events->driver))
        hf_bell_ring(&events->kick);
}

void hf_initiator_events_begin(struct hf_initiator_events *events, const struct hf_ring *ring,
                               bool event_index)
{
    hf_ring_driver_init(&events->driver, ring, events->driver_slots, event_index);
    for (unsigned i = 0; i < HF_GUEST_EVENT_COUNT; i++)
        give(events, events->buffers.host + i * HF_VSCSI_EVENT_SIZE_BYTES);
    publish(events);
}

static void read_one(struct hf_initiator_events *events,
                     const struct hf_ring_driver_completion *done)
{
    uint8_t bytes[HF_VSCSI_EVENT_SIZE_BYTES];
    struct hf_vscsi_event event;

    memcpy(bytes, done->cookie, sizeof(bytes));
    hf_vscsi_event_decode(bytes, &event);
    give(events, done->cookie);
    if (events->event != NULL)
        events->event(events->host, &event);
}

bool hf_initiator_events_take(struct hf_initiator_events *events)
{
    struct hf_ring_driver_completion done;
    unsigned count = 0;

    if (events->driver.slots == NULL)
        return false;
    while (count < HF_GUEST_EVENT_COUNT && hf_ring_driver_take(&events->driver, &done)) {
        read_one(events, &done);
        count++;
    }
    if (count > 0)
        publish(events);
    return hf_ring_driver_enable_call(&events->driver);
}
