/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The split virtqueue as it lies in memory (virtio 1.3 §2.7): layout, checks, accessors; for both
 * sides. It knows neither who drives it nor where the memory came from. VERSION_1 only, so all is
 * little endian, and so are the machines we build for.
 */
#ifndef HF_RING_SPLIT_H
#define HF_RING_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ring/order.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are read without swapping");

#define HF_RING_SIZE_MAX 32768u

enum hf_ring_align {
    HF_RING_ALIGN_DESC = 16,
    HF_RING_ALIGN_AVAIL = 2,
    HF_RING_ALIGN_USED = 4,
};

enum hf_desc_flag {
    HF_DESC_NEXT = 1,
    HF_DESC_WRITE = 2, /* the device writes */
    HF_DESC_INDIRECT = 4,
};

#define HF_AVAIL_NO_INTERRUPT 1u
#define HF_USED_NO_NOTIFY     1u

struct hf_desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

struct hf_avail {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[]; /* size heads, then used_event */
};

struct hf_used_element {
    uint32_t id;
    uint32_t length; /* bytes really written */
};

struct hf_used {
    uint16_t flags;
    uint16_t index;
    struct hf_used_element ring[]; /* size elements, then u16 avail_event */
};

/* Pointers into memory of somebody else; a value, copied freely. */
struct hf_ring {
    uint16_t size;
    struct hf_desc *desc;
    struct hf_avail *avail;
    struct hf_used *used;
};

/* What can be wrong with a ring or with one chain in it. All are the other side's doing. */
enum hf_ring_fault {
    HF_RING_FAULT_NONE,
    /* how the ring was set up */
    HF_RING_FAULT_SIZE,
    HF_RING_FAULT_ALIGNMENT,
    HF_RING_FAULT_ADDRESS,
    /* the ring itself: nothing more can be read from it */
    HF_RING_FAULT_AVAIL_INDEX,
    HF_RING_FAULT_HEAD,
    HF_RING_FAULT_HEAD_BUSY,
    HF_RING_FAULT_USED_INDEX,
    HF_RING_FAULT_USED_ID,
    /* one chain */
    HF_RING_FAULT_CHAIN_LONG,
    HF_RING_FAULT_CHAIN_NEXT,
    HF_RING_FAULT_CHAIN_ORDER,
    HF_RING_FAULT_CHAIN_ADDRESS,
    HF_RING_FAULT_CHAIN_SPANS,
    HF_RING_FAULT_INDIRECT_UNASKED,
    HF_RING_FAULT_INDIRECT_NEXT,
    HF_RING_FAULT_INDIRECT_LENGTH,
    HF_RING_FAULT_INDIRECT_NESTED,
    HF_RING_FAULT_INDIRECT_ADDRESS,
    HF_RING_FAULT_COUNT
};

/* Offsets of the three parts in one block that is aligned to 16 bytes. */
struct hf_ring_layout {
    size_t avail_offset;
    size_t used_offset;
    size_t size_bytes;
};

/* A sentence without full stop; never NULL. */
const char *hf_ring_fault_text(enum hf_ring_fault fault);

/* Bytes of each part, event words included. Size: 1..HF_RING_SIZE_MAX. */
size_t hf_ring_desc_bytes(uint16_t size);
size_t hf_ring_avail_bytes(uint16_t size);
size_t hf_ring_used_bytes(uint16_t size);
struct hf_ring_layout hf_ring_layout_of(uint16_t size);

/* Is this a size a ring can have (a power of two up to HF_RING_SIZE_MAX)? */
bool hf_ring_size_valid(uint32_t size);

/*
 * Fills *ring from three host pointers, each to the bytes above, which stay the caller's and must
 * outlive the ring. NULL, a wrong size or alignment is a fault, and *ring is then zeroed.
 */
enum hf_ring_fault hf_ring_init(struct hf_ring *ring, uint32_t size, void *desc, void *avail,
                                void *used);

static inline uint16_t hf_ring_slot(const struct hf_ring *ring, uint16_t index)
{
    return (uint16_t)(index & (ring->size - 1u));
}

/* avail->idx and used->idx as they are now, with what was published before them. */
static inline uint16_t hf_ring_avail_index(const struct hf_ring *ring)
{
    return hf_order_acquire_u16(&ring->avail->index);
}

static inline uint16_t hf_ring_used_index(const struct hf_ring *ring)
{
    return hf_order_acquire_u16(&ring->used->index);
}

/* A descriptor is read in two pieces, each once: judge the copy. */
static inline struct hf_desc hf_desc_load(const struct hf_desc *from)
{
    const uint64_t *words = (const uint64_t *)(const void *)from;
    uint64_t address = hf_order_load_u64(&words[0]);
    uint64_t rest = hf_order_load_u64(&words[1]);

    return (struct hf_desc){ .address = address,
                             .length = (uint32_t)rest,
                             .flags = (uint16_t)(rest >> 32),
                             .next = (uint16_t)(rest >> 48) };
}

static inline void hf_desc_store(struct hf_desc *to, struct hf_desc desc)
{
    uint64_t *words = (uint64_t *)(void *)to;

    hf_order_store_u64(&words[0], desc.address);
    hf_order_store_u64(&words[1],
                       desc.length | (uint64_t)desc.flags << 32 | (uint64_t)desc.next << 48);
}

/* Written by the driver: call me when used->idx passes this. */
static inline uint16_t *hf_ring_used_event(const struct hf_ring *ring)
{
    return &ring->avail->ring[ring->size];
}

/* Written by the device: kick me when avail->idx passes this. */
static inline uint16_t *hf_ring_avail_event(const struct hf_ring *ring)
{
    return (uint16_t *)(void *)&ring->used->ring[ring->size];
}

/* Did the index, on its way from `before` to `now`, step over `event`? (virtio 1.3 §2.7.10) */
static inline bool hf_ring_event_passed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

#endif
