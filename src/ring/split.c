/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes and checks of the split virtqueue (virtio 1.3 §2.7), and what can be wrong with it. */
#include "ring/split.h"

#include "base/checked.h"

static const char *const texts[HF_RING_FAULT_COUNT] = {
    [HF_RING_FAULT_NONE] = "no fault",
    [HF_RING_FAULT_SIZE] = "ring size is not a power of two up to 32768",
    [HF_RING_FAULT_ALIGNMENT] = "ring address is not aligned",
    [HF_RING_FAULT_ADDRESS] = "ring address is not guest memory",
    [HF_RING_FAULT_AVAIL_INDEX] = "available index is further ahead than the ring is long",
    [HF_RING_FAULT_HEAD] = "available ring names a descriptor outside of the table",
    [HF_RING_FAULT_HEAD_BUSY] = "driver posted a head that is still in flight",
    [HF_RING_FAULT_USED_INDEX] = "used index is further ahead than the ring is long",
    [HF_RING_FAULT_USED_ID] = "used ring names a head that is not outstanding",
    [HF_RING_FAULT_CHAIN_LONG] = "descriptor chain is longer than the ring, or a loop",
    [HF_RING_FAULT_CHAIN_NEXT] = "descriptor's next is outside of the table",
    [HF_RING_FAULT_CHAIN_ORDER] = "readable descriptor behind a writable one",
    [HF_RING_FAULT_CHAIN_ADDRESS] = "descriptor points outside of guest memory",
    [HF_RING_FAULT_CHAIN_SPANS] = "descriptor chain has more pieces than are allowed",
    [HF_RING_FAULT_INDIRECT_UNASKED] = "indirect descriptor without the feature",
    [HF_RING_FAULT_INDIRECT_NEXT] = "indirect descriptor with a next",
    [HF_RING_FAULT_INDIRECT_LENGTH] = "indirect table's length is 0 or no multiple of 16",
    [HF_RING_FAULT_INDIRECT_NESTED] = "indirect descriptor in an indirect table",
    [HF_RING_FAULT_INDIRECT_ADDRESS] = "indirect table is outside of guest memory",
};

const char *hf_ring_fault_text(enum hf_ring_fault fault)
{
    return (unsigned)fault < HF_RING_FAULT_COUNT ? texts[fault] : "unknown ring fault";
}

size_t hf_ring_desc_bytes(uint16_t size)
{
    return (size_t)size * sizeof(struct hf_desc);
}

size_t hf_ring_avail_bytes(uint16_t size)
{
    return sizeof(struct hf_avail) + ((size_t)size + 1) * sizeof(uint16_t);
}

size_t hf_ring_used_bytes(uint16_t size)
{
    return sizeof(struct hf_used) + (size_t)size * sizeof(struct hf_used_element) +
           sizeof(uint16_t);
}

struct hf_ring_layout hf_ring_layout_of(uint16_t size)
{
    struct hf_ring_layout layout = { .avail_offset = hf_ring_desc_bytes(size) };

    layout.used_offset =
        hf_align_up(layout.avail_offset + hf_ring_avail_bytes(size), HF_RING_ALIGN_USED);
    layout.size_bytes = layout.used_offset + hf_ring_used_bytes(size);
    return layout;
}

bool hf_ring_size_valid(uint32_t size)
{
    return size <= HF_RING_SIZE_MAX && hf_is_power_of_two(size);
}

static bool aligned(const void *pointer, unsigned alignment)
{
    return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

enum hf_ring_fault hf_ring_init(struct hf_ring *ring, uint32_t size, void *desc, void *avail,
                                void *used)
{
    *ring = (struct hf_ring){ .size = 0 };
    if (!hf_ring_size_valid(size))
        return HF_RING_FAULT_SIZE;
    if (desc == NULL || avail == NULL || used == NULL)
        return HF_RING_FAULT_ADDRESS;
    if (!aligned(desc, HF_RING_ALIGN_DESC) || !aligned(avail, HF_RING_ALIGN_AVAIL) ||
        !aligned(used, HF_RING_ALIGN_USED))
        return HF_RING_FAULT_ALIGNMENT;
    *ring = (struct hf_ring){ .size = (uint16_t)size, .desc = desc, .avail = avail, .used = used };
    return HF_RING_FAULT_NONE;
}
