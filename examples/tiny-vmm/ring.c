/* SPDX-License-Identifier: BSD-3-Clause */
/* A split virtqueue without anything that is optional. */
#include "ring.h"

#include "say.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#define AVAIL_AT 0x1000u
#define USED_AT  0x2000u

void ring_init(struct ring *ring, struct memory *memory, uint64_t guest_address, uint16_t size)
{
    *ring = (struct ring){ .memory = memory,
                           .size = size,
                           .desc = guest_address,
                           .avail = guest_address + AVAIL_AT,
                           .used = guest_address + USED_AT };
    memory_fill(memory, guest_address, 0, RING_BYTES);
}

static uint64_t used_bytes(const struct ring *ring)
{
    return offsetof(struct vring_used, ring) + ring->size * sizeof(struct vring_used_elem);
}

void ring_mark_used(struct ring *ring)
{
    memory_mark(ring->memory, ring->used, used_bytes(ring), MEMORY_DEVICE_MAY_WRITE);
}

void ring_post(struct ring *ring, uint16_t head, const struct ring_buffer *buffers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned flags = (buffers[i].device_writes ? VRING_DESC_F_WRITE : 0u) |
                         (i + 1 < count ? VRING_DESC_F_NEXT : 0u);
        struct vring_desc desc = { .addr = htole64(buffers[i].guest_address),
                                   .len = htole32(buffers[i].size_bytes),
                                   .flags = htole16((uint16_t)flags),
                                   .next = htole16((uint16_t)(head + i + 1)) };

        memory_write(ring->memory, ring->desc + (head + i) * sizeof(desc), &desc, sizeof(desc));
        if (buffers[i].device_writes)
            memory_mark(ring->memory, buffers[i].guest_address, buffers[i].size_bytes,
                        MEMORY_DEVICE_MAY_WRITE);
    }
    uint64_t entry = offsetof(struct vring_avail, ring) + ring->next_avail % ring->size * 2u;
    memory_write16(ring->memory, ring->avail + entry, htole16(head));
    ring_mark_used(ring);
    ring->next_avail++;
}

static uint16_t read16(const struct ring *ring, uint64_t guest_address)
{
    const void *at = memory_at(ring->memory, guest_address, 2);

    return le16toh(__atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE));
}

bool ring_publish(struct ring *ring)
{
    memory_write16(ring->memory, ring->avail + offsetof(struct vring_avail, idx),
                   htole16(ring->next_avail));
    /* Published before looked at (virtio 1.3 §2.7.13.4.1). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (read16(ring, ring->used) & VRING_USED_F_NO_NOTIFY) == 0;
}

bool ring_take(struct ring *ring, uint32_t *head, uint32_t *length)
{
    uint16_t index = read16(ring, ring->used + offsetof(struct vring_used, idx));
    uint64_t slot = ring->next_used % ring->size * sizeof(struct vring_used_elem);
    uint64_t at = ring->used + offsetof(struct vring_used, ring) + slot;
    const struct vring_used_elem *element;

    if (index == ring->next_used)
        return false;
    if ((uint16_t)(index - ring->next_used) > (uint16_t)(ring->next_avail - ring->next_used))
        fail("the used index is %u: more than was posted (%u)", index, ring->next_avail);
    element = (const void *)memory_at(ring->memory, at, sizeof(*element));
    *head = le32toh(element->id);
    *length = le32toh(element->len);
    memory_mark(ring->memory, at, sizeof(*element), MEMORY_DEVICE_WROTE);
    memory_mark(ring->memory, ring->used, sizeof(uint16_t) * 2, MEMORY_DEVICE_WROTE);
    ring->next_used++;
    return true;
}
