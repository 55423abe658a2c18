/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a split virtqueue: what a guest kernel does, for an initiator that is its
 * own guest. It knows guest addresses, not what is in the buffers. The device is not trusted:
 * everything the driver must remember is in its own memory, and what it reads from the ring is
 * checked.
 *
 * One thread at a time. Nothing blocks, nothing allocates.
 */
#ifndef HF_RING_DRIVER_H
#define HF_RING_DRIVER_H

#include "ring/split.h"

/* A piece of guest memory. */
struct hf_ring_segment {
    uint64_t guest_address;
    uint32_t length;
};

/* The driver's memory of one descriptor; the caller owns an array of ring.size of them. */
struct hf_ring_driver_slot {
    void *cookie;
    uint64_t writable_bytes;
    uint16_t next;       /* free list, and the chain while it is out */
    uint16_t desc_count; /* of a head that is out; 0 otherwise */
};

struct hf_ring_driver {
    struct hf_ring ring;
    struct hf_ring_driver_slot *slots;
    bool event_index;
    uint16_t free_head; /* the oldest: taken first */
    uint16_t free_tail;
    uint16_t free_count;
    uint16_t outstanding_count; /* chains added and not taken back */
    uint16_t avail_index;       /* next to be added */
    uint16_t published_index;   /* what the device was shown */
    uint16_t kicked_index;      /* published_index at the last kick decision */
    uint16_t used_seen;         /* next used element to take */
    enum hf_ring_fault fault;   /* sticky: the device broke the ring */
};

/* Readable segments first, then writable ones. */
struct hf_ring_driver_request {
    const struct hf_ring_segment *segments;
    uint16_t readable_count;
    uint16_t writable_count;
    void *cookie; /* comes back with the completion */
    /* Table in guest memory for indirect use, borrowed until the completion; NULL: none. */
    struct hf_desc *indirect;
    uint64_t indirect_address; /* where the table is for the device */
};

struct hf_ring_driver_completion {
    void *cookie;
    uint64_t writable_bytes; /* an honest length is not above this */
    uint32_t length;         /* as the device says */
    uint16_t head;
};

/*
 * Takes a ring at device reset: clears the ring's memory (indices 0) and puts all descriptors on
 * the free list. slots: ring->size of them, borrowed for the life of the driver.
 */
void hf_ring_driver_init(struct hf_ring_driver *driver, const struct hf_ring *ring,
                         struct hf_ring_driver_slot *slots, bool event_index);

/*
 * Adds one chain; the device sees it after the next publish. False if there is no room (try again
 * after a completion) or the request has no segments; nothing is changed then. *head may be NULL.
 */
bool hf_ring_driver_add(struct hf_ring_driver *driver, const struct hf_ring_driver_request *request,
                        uint16_t *head);

/* Shows all added chains to the device. */
void hf_ring_driver_publish(struct hf_ring_driver *driver);

/*
 * After publish: does the device want a kick for what was published since the last time this was
 * asked? Contains the full fence.
 */
bool hf_ring_driver_kick_needed(struct hf_ring_driver *driver);

/* Is there a used element to take? */
bool hf_ring_driver_used_pending(const struct hf_ring_driver *driver);

/*
 * Takes the next used element. False if there is none, or if the device wrote nonsense: then
 * driver->fault says what, and nothing can be taken any more until the next init.
 */
bool hf_ring_driver_take(struct hf_ring_driver *driver,
                         struct hf_ring_driver_completion *completion);

/*
 * Steps over a used element for a head that is not outstanding (HF_RING_FAULT_USED_ID) and goes on:
 * for a driver that counts what devices do wrong. False: that is not the fault.
 */
bool hf_ring_driver_skip(struct hf_ring_driver *driver);

/* "No calls please" is a hint; calls may still come. */
void hf_ring_driver_disable_call(struct hf_ring_driver *driver);
/*
 * Asks for a call at the next used element. True if one is there already (the caller takes it and
 * does not sleep): contains the fence and the second look.
 */
bool hf_ring_driver_enable_call(struct hf_ring_driver *driver);

/* Is this head out with the device? */
static inline bool hf_ring_driver_outstanding(const struct hf_ring_driver *driver, uint16_t head)
{
    return head < driver->ring.size && driver->slots[head].desc_count != 0;
}

#endif
