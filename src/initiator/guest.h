/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of our own guest: one region for rings, headers and events (two sets of rings, so that
 * a fresh one is at hand when an old one may not be touched), one for the callers' data. Knows the
 * layout, and neither requests nor devices.
 */
#ifndef HF_INITIATOR_GUEST_H
#define HF_INITIATOR_GUEST_H

#include "initiator/queue.h"

#include "base/error.h"
#include "os/region.h"

#include <stdint.h>

/* Where a guest sees them; nothing below 1 MiB, 2 MiB aligned for back-ends that want it. */
#define HF_GUEST_ARENA_ADDRESS UINT64_C(0x10000000)
#define HF_GUEST_DATA_ADDRESS  UINT64_C(0x40000000)
#define HF_GUEST_EVENT_COUNT   8u
#define HF_GUEST_RING_SETS     2u

struct hf_guest {
    struct hf_guest_region arena;
    struct hf_guest_region data;
    struct hf_mapping arena_mapping;
    struct hf_mapping data_mapping;
    uint16_t vring_count; /* control, event, requests */
    uint16_t depth;
    uint16_t segments_max;
};

struct hf_guest_shape {
    uint16_t queue_count; /* request queues */
    uint16_t depth;
    uint16_t segments_max;
    uint64_t data_bytes;
};

/* 0, or -errno with a sentence; after a failure hf_guest_done is harmless. */
int hf_guest_init(struct hf_guest *guest, const struct hf_guest_shape *shape,
                  struct hf_error *error);
void hf_guest_done(struct hf_guest *guest);

/* The memory of one ring; `set` < HF_GUEST_RING_SETS, `size` <= HF_INITIATOR_RING_MAX. */
struct hf_ring hf_guest_ring(const struct hf_guest *guest, unsigned set, uint16_t vring,
                             uint16_t size);
/* The part of a request queue's headers and responses. */
struct hf_guest_region hf_guest_slots(const struct hf_guest *guest, uint16_t queue);
/* HF_GUEST_EVENT_COUNT buffers of HF_VSCSI_EVENT_SIZE_BYTES. */
struct hf_guest_region hf_guest_events(const struct hf_guest *guest);

#endif
