/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's side of a split virtqueue (virtio 1.3 §2.7), as plain as it may be: no indirect
 * descriptors, no event index. Knows neither SCSI nor the device. */
#ifndef TINY_RING_H
#define TINY_RING_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

/* Each of the three parts has pages of its own, so that one sees who wrote. */
#define RING_BYTES 0x4000u

struct ring {
    struct memory *memory;
    uint16_t size;
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    uint16_t next_avail; /* posted, published or not */
    uint16_t next_used;  /* the next that we look at */
};

struct ring_buffer {
    uint64_t guest_address;
    uint32_t size_bytes;
    bool device_writes;
};

/* An empty ring in RING_BYTES at this address. */
void ring_init(struct ring *ring, struct memory *memory, uint64_t guest_address, uint16_t size);
/* The device may write its used ring, from now on. */
void ring_mark_used(struct ring *ring);
/* Makes one request of descriptors head, head + 1, ... The device sees it with ring_publish. */
void ring_post(struct ring *ring, uint16_t head, const struct ring_buffer *buffers, unsigned count);
/* True if the device wants to be kicked. */
bool ring_publish(struct ring *ring);
/* The next one that is done. */
bool ring_take(struct ring *ring, uint32_t *head, uint32_t *length);

#endif
