/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk. A descriptor lies in the ring's table or in one indirect table that ends the chain
 * (virtio 1.3 §2.7.5.3); both are read by the same loop.
 */
#include "ring/chain.h"

/* Descriptors to walk over. */
struct table {
    const struct hf_desc *base; /* NULL: not in one piece or not aligned; copy from guest_address */
    uint64_t guest_address;
    uint32_t count;
    bool nested;
};

struct walk {
    struct hf_ring_chain *chain;
    const struct hf_ring *ring;
    const struct hf_memory *memory;
    uint32_t budget; /* descriptors that may still come */
    bool indirect_allowed;
    bool writable_seen;
};

static bool read_desc(const struct walk *walk, const struct table *table, uint32_t index,
                      struct hf_desc *desc)
{
    if (table->base == NULL)
        return hf_memory_copy(walk->memory, table->guest_address + index * sizeof(*desc), desc,
                              sizeof(*desc));
    *desc = hf_desc_load(&table->base[index]);
    return true;
}

/* An untranslatable table is found out when its first missing descriptor is read. */
static struct table indirect_table(const struct walk *walk, const struct hf_desc *desc)
{
    const void *base = hf_memory_translate(walk->memory, desc->address, desc->length);
    bool fast = base != NULL && ((uintptr_t)base & (sizeof(uint64_t) - 1)) == 0;

    return (struct table){ .base = fast ? base : NULL,
                           .guest_address = desc->address,
                           .count = desc->length / (uint32_t)sizeof(*desc),
                           .nested = true };
}

/* WRITE on the indirect descriptor itself is to be ignored (§2.7.5.3.2). */
static enum hf_ring_fault judge_indirect(const struct walk *walk, const struct hf_desc *desc,
                                         bool nested)
{
    if (nested)
        return HF_RING_FAULT_INDIRECT_NESTED;
    if (!walk->indirect_allowed)
        return HF_RING_FAULT_INDIRECT_UNASKED;
    if (desc->flags & HF_DESC_NEXT)
        return HF_RING_FAULT_INDIRECT_NEXT;
    if (desc->length == 0 || desc->length % sizeof(*desc) != 0)
        return HF_RING_FAULT_INDIRECT_LENGTH;
    return HF_RING_FAULT_NONE;
}

static enum hf_ring_fault add_spans(struct walk *walk, const struct hf_desc *desc)
{
    struct hf_ring_chain *chain = walk->chain;
    struct hf_memory_cursor cursor = hf_memory_walk(walk->memory, desc->address, desc->length);
    bool writable = (desc->flags & HF_DESC_WRITE) != 0;
    struct hf_span span;

    while (hf_memory_next(&cursor, &span)) {
        uint32_t count = chain->readable_count + chain->writable_count;
        if (count == chain->span_capacity)
            return HF_RING_FAULT_CHAIN_SPANS;
        chain->spans[count] = span;
        *(writable ? &chain->writable_count : &chain->readable_count) += 1;
    }
    return cursor.left_bytes == 0 ? HF_RING_FAULT_NONE : HF_RING_FAULT_CHAIN_ADDRESS;
}

static enum hf_ring_fault take_desc(struct walk *walk, const struct hf_desc *desc)
{
    struct hf_ring_chain *chain = walk->chain;

    if (walk->budget == 0)
        return HF_RING_FAULT_CHAIN_LONG;
    walk->budget--;
    bool writable = (desc->flags & HF_DESC_WRITE) != 0;
    if (walk->writable_seen && !writable)
        return HF_RING_FAULT_CHAIN_ORDER;
    walk->writable_seen = writable;
    *(writable ? &chain->writable_bytes : &chain->readable_bytes) += desc->length;
    return add_spans(walk, desc);
}

/* Walks one table. *table becomes the indirect one if the chain goes on there. */
static enum hf_ring_fault walk_table(struct walk *walk, struct table *table, uint32_t index,
                                     bool *more)
{
    struct hf_desc desc;

    *more = false;
    for (;;) {
        if (index >= table->count)
            return HF_RING_FAULT_CHAIN_NEXT;
        if (!read_desc(walk, table, index, &desc))
            return HF_RING_FAULT_INDIRECT_ADDRESS;
        if (desc.flags & HF_DESC_INDIRECT)
            break;
        enum hf_ring_fault fault = take_desc(walk, &desc);
        if (fault != HF_RING_FAULT_NONE || !(desc.flags & HF_DESC_NEXT))
            return fault;
        index = desc.next;
    }
    enum hf_ring_fault fault = judge_indirect(walk, &desc, table->nested);
    if (fault == HF_RING_FAULT_NONE) {
        *table = indirect_table(walk, &desc);
        *more = true;
    }
    return fault;
}

enum hf_ring_fault hf_ring_chain_walk(struct hf_ring_chain *chain, const struct hf_ring *ring,
                                      const struct hf_memory *memory, uint16_t head, bool indirect)
{
    struct walk walk = { .chain = chain,
                         .ring = ring,
                         .memory = memory,
                         .budget = ring->size,
                         .indirect_allowed = indirect };
    struct table table = { .base = ring->desc, .count = ring->size };
    bool more = false;

    chain->readable_count = chain->writable_count = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    if (head >= ring->size)
        return HF_RING_FAULT_HEAD;
    enum hf_ring_fault fault = walk_table(&walk, &table, head, &more);
    if (more)
        fault = walk_table(&walk, &table, 0, &more);
    return fault;
}
