/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a head to bytes: walks a descriptor chain of an untrusted driver, indirect table included,
 * and translates it into spans. It knows nothing of avail and used, and nothing of what the bytes
 * mean. Every descriptor is read once; the walk is bounded by the ring's size (virtio 1.3 §2.7.5).
 */
#ifndef HF_RING_CHAIN_H
#define HF_RING_CHAIN_H

#include "memory/memory.h"
#include "ring/split.h"

struct hf_ring_chain {
    struct hf_span *spans;  /* caller's: readable ones first, writable ones behind them */
    uint32_t span_capacity; /* more needed: HF_RING_FAULT_CHAIN_SPANS */
    uint32_t readable_count;
    uint32_t writable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
};

/*
 * Fills *chain, of which the caller has set spans and span_capacity, from the chain at `head`. A
 * fault is this chain's, not the ring's; what is in *chain then is to be ignored. Descriptors of
 * length 0 are legal and give no span. The spans are valid as long as the memory table does not
 * change. `indirect`: VIRTIO_F_INDIRECT_DESC was negotiated.
 */
enum hf_ring_fault hf_ring_chain_walk(struct hf_ring_chain *chain, const struct hf_ring *ring,
                                      const struct hf_memory *memory, uint16_t head, bool indirect);

static inline const struct hf_span *hf_ring_chain_readable(const struct hf_ring_chain *chain)
{
    return chain->spans;
}

static inline const struct hf_span *hf_ring_chain_writable(const struct hf_ring_chain *chain)
{
    return chain->spans + chain->readable_count;
}

#endif
