/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue as a guest keeps it: all buffers with the device, each given back after it was
 * read (virtio 1.3 §5.6.6.3). Knows no reason for an event.
 */
#ifndef HF_INITIATOR_EVENTS_H
#define HF_INITIATOR_EVENTS_H

#include "initiator/guest.h"
#include "vscsi/event.h"

struct hf_initiator_events {
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot *driver_slots;
    struct hf_guest_region buffers;
    struct hf_bell kick;
    void *host;
    void (*event)(void *host, const struct hf_vscsi_event *event); /* may be NULL */
};

/* 0 or -ENOMEM. `kick_fd` is borrowed. */
int hf_initiator_events_init(struct hf_initiator_events *events,
                             const struct hf_guest_region *buffers, int kick_fd);
void hf_initiator_events_done(struct hf_initiator_events *events);
/* A fresh ring of at least HF_GUEST_EVENT_COUNT entries, with all buffers on it. */
void hf_initiator_events_begin(struct hf_initiator_events *events, const struct hf_ring *ring,
                               bool event_index);
/* Reads what is there and gives the buffers back. True if more came meanwhile: take again. */
bool hf_initiator_events_take(struct hf_initiator_events *events);

#endif
