/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way DPDK's vhost library is a device, as far as its successor or its front-end can see it;
 * written from what is known of its behaviour, with its two defects: a fresh region gets a version
 * and no used index, and of a last batch one entry is cleared, whatever its length. It answers one
 * at a time, and adds what is in flight to the base it is told. Nothing of src/ring/device.c is
 * used.
 */
#include "life.h"

#define SEQ_CST __ATOMIC_SEQ_CST

static struct hf_ring *ring_of(struct life *life)
{
    return &life->setup.ring;
}

static void adopt_region(struct life *life)
{
    struct hf_inflight_header *header = life->queue.header;
    uint16_t used_index = __atomic_load_n(&ring_of(life)->used->index, SEQ_CST);

    if (header->version == 0) {
        header->desc_num = WORLD_RING_SIZE;
        header->version = 1;
        return;
    }
    if (header->used_idx != used_index) {
        life->queue.entries[header->last_batch_head % WORLD_RING_SIZE].inflight = 0;
        __atomic_thread_fence(SEQ_CST);
        header->used_idx = used_index;
    }
}

/* The marked head with the least counter above `above`; false: none. */
static bool next_marked(const struct life *life, uint64_t above, uint16_t *head)
{
    const struct hf_inflight_entry *entries = life->queue.entries;
    bool found = false;

    *head = 0;
    for (uint16_t i = 0; i < WORLD_RING_SIZE; i++) {
        if (entries[i].inflight != 1 || entries[i].counter <= above ||
            (found && entries[i].counter >= entries[*head].counter))
            continue;
        *head = i;
        found = true;
    }
    return found;
}

static bool begin(struct life *life)
{
    uint16_t head;

    adopt_region(life);
    while (next_marked(life, life->dpdk.counter, &head)) {
        life->dpdk.counter = life->queue.entries[head].counter;
        if (!life_take(life, head))
            return false;
    }
    life->dpdk.counter++;
    life->dpdk.used_index = life->setup.base;
    life->dpdk.last_avail = (uint16_t)(life->setup.base + life->taken_count);
    life->dpdk.last_io = life->queue.header->last_batch_head;
    return true;
}

static bool fetch(struct life *life, uint16_t *head)
{
    struct hf_ring *ring = ring_of(life);
    struct hf_inflight_entry *entry;

    if (__atomic_load_n(&ring->avail->index, SEQ_CST) == life->dpdk.last_avail)
        return false;
    *head = ring->avail->ring[life->dpdk.last_avail % WORLD_RING_SIZE] % WORLD_RING_SIZE;
    life->dpdk.last_avail++;
    entry = &life->queue.entries[*head];
    entry->counter = life->dpdk.counter++;
    __atomic_store_n(&entry->inflight, 1, SEQ_CST);
    return true;
}

static void answer_one(struct life *life, const struct hf_used_element *element)
{
    struct hf_ring *ring = ring_of(life);
    struct hf_inflight_header *header = life->queue.header;

    life->queue.entries[element->id].next = life->dpdk.last_io;
    __atomic_store_n(&header->last_batch_head, (uint16_t)element->id, SEQ_CST);
    ring->used->ring[life->dpdk.used_index % WORLD_RING_SIZE] = *element;
    life->dpdk.used_index++;
    __atomic_store_n(&ring->used->index, life->dpdk.used_index, SEQ_CST);
    __atomic_store_n(&life->queue.entries[element->id].inflight, 0, SEQ_CST);
    __atomic_store_n(&header->used_idx, life->dpdk.used_index, SEQ_CST);
    life->dpdk.last_io = (uint16_t)element->id;
}

static void answer(struct life *life, const struct hf_used_element *elements, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        answer_one(life, &elements[i]);
}

static bool call_needed(struct life *life)
{
    (void)life;
    return true;
}

/* Kicks are wanted always. */
static bool sleep_until_kicked(struct life *life)
{
    struct hf_ring *ring = ring_of(life);

    __atomic_store_n(&ring->used->flags, 0, SEQ_CST);
    __atomic_store_n(hf_ring_avail_event(ring), life->dpdk.last_avail, SEQ_CST);
    return __atomic_load_n(&ring->avail->index, SEQ_CST) != life->dpdk.last_avail;
}

const struct life_ops life_dpdk = { .begin = begin,
                                    .fetch = fetch,
                                    .answer = answer,
                                    .call_needed = call_needed,
                                    .sleep = sleep_until_kicked };
