/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight region, split layout, byte exact (vhost-user "Inflight I/O tracking"): which heads
 * a back-end has taken and not yet answered, so that its successor knows. Used by the back-end
 * (record, recover) and by the front-end (settle, convert), on mapped or on plain memory. It knows
 * one queue's indices and nothing else of the ring. No loop trusts what it reads; the content is
 * hostile.
 *
 * Life of an entry, and what a kill leaves behind:
 *
 *     fetch     counter = c     nothing happened: the head is fetched again
 *               inflight = 1    marked: replayed
 *     complete  link the batch  marked: replayed (its answer was not seen)
 *               used->idx += n  answered: the walk over the last n links clears it
 *               inflight = 0    answered: the walk clears it again
 *               used_idx = ...  settled
 */
#ifndef HF_RING_INFLIGHT_H
#define HF_RING_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ring/order.h"

#define HF_INFLIGHT_VERSION     1u
#define HF_INFLIGHT_ALIGNMENT   64u /* ours, DPDK's and libvhost-user's; yc uses none: 1 */
#define HF_INFLIGHT_COUNTER_MAX ((uint64_t)INT64_MAX)

struct hf_inflight_header {
    uint64_t features; /* 0 */
    uint16_t version;  /* 0: not initialised */
    uint16_t desc_num;
    uint16_t last_batch_head;
    uint16_t used_idx;
};

struct hf_inflight_entry {
    uint8_t inflight;
    uint8_t padding[5];
    uint16_t next;
    uint64_t counter;
};

_Static_assert(sizeof(struct hf_inflight_header) == 16, "vhost-user: 16 bytes");
_Static_assert(sizeof(struct hf_inflight_entry) == 16, "vhost-user: 16 bytes");

enum hf_inflight_fault {
    HF_INFLIGHT_FAULT_NONE,
    HF_INFLIGHT_FAULT_SIZE,     /* region smaller than its queues */
    HF_INFLIGHT_FAULT_STRIDE,   /* no whole number, too small for the ring, or not aligned to 8 */
    HF_INFLIGHT_FAULT_FEATURES, /* features we do not know */
    HF_INFLIGHT_FAULT_VERSION,  /* neither 0 nor 1, or 0 with requests marked */
    HF_INFLIGHT_FAULT_DESC_NUM, /* fewer than the ring has, or more than the stride holds */
    HF_INFLIGHT_FAULT_USED_IDX, /* more published than a batch can be */
    HF_INFLIGHT_FAULT_LINK,     /* last batch leaves the table or meets itself */
    HF_INFLIGHT_FAULT_HEAD,     /* marked head outside of the ring */
    HF_INFLIGHT_FAULT_COUNTER,  /* counter no back-end can have reached */
    HF_INFLIGHT_FAULT_TOO_MANY, /* more in flight than the driver made available */
    HF_INFLIGHT_FAULT_COUNT
};

/* All queues. The bytes are the caller's, aligned to 8. */
struct hf_inflight_region {
    void *base;
    uint64_t size_bytes;
    uint64_t stride_bytes; /* from one queue to the next */
    uint16_t queue_count;
};

/* One queue's part. header == NULL: not tracked. A value, copied freely. */
struct hf_inflight_queue {
    struct hf_inflight_header *header;
    struct hf_inflight_entry *entries;
    uint32_t capacity;  /* entries that fit in the stride */
    uint16_t ring_size; /* heads are below this */
};

/* What the ring says, read by the caller. */
struct hf_inflight_ring {
    uint16_t size; /* 0: ring not set up; its queue is left alone */
    uint16_t used_index;
    uint16_t avail_index;
};

struct hf_inflight_request {
    uint64_t counter;
    uint16_t head;
};

struct hf_inflight_recovery {
    struct hf_inflight_request *requests; /* caller's, ring_size of them; filled in counter order */
    uint16_t count;
    uint16_t last_avail; /* where fetching goes on: used->idx + count */
    uint16_t last_batch; /* newest of the last batch */
    uint64_t counter;    /* for the next fetch */
};

/* A sentence without full stop; never NULL. */
const char *hf_inflight_fault_text(enum hf_inflight_fault fault);

/* ---- layout ---- */

/* Bytes of one queue, rounded up to `alignment` (a power of two). queue_size <= 32768. */
uint64_t hf_inflight_stride(uint16_t queue_size, uint32_t alignment);
/*
 * Describes `size_bytes` at `base` as `queue_count` queues; the stride is size / count, which is
 * what a peer's layout means to us. base may be NULL when only the numbers are to be judged.
 */
enum hf_inflight_fault hf_inflight_region_init(struct hf_inflight_region *region, void *base,
                                               uint64_t size_bytes, uint16_t queue_count);
/* One queue of it, for a ring of that size. The content is not looked at. */
enum hf_inflight_fault hf_inflight_region_queue(const struct hf_inflight_region *region,
                                                uint16_t queue_index, uint16_t ring_size,
                                                struct hf_inflight_queue *queue);

/* ---- back-end: record. Single steps; ring/device.h puts them in the right order ---- */

static inline bool hf_inflight_marked(const struct hf_inflight_queue *queue, uint16_t head)
{
    return hf_order_load_u8(&queue->entries[head].inflight) != 0;
}

/* The head is ours from here on. Counter first: a marked entry always has its own counter. */
static inline void hf_inflight_mark(const struct hf_inflight_queue *queue, uint16_t head,
                                    uint64_t counter)
{
    hf_order_store_u64(&queue->entries[head].counter, counter);
    hf_order_release_u8(&queue->entries[head].inflight, 1);
}

/* Makes head the newest of the last batch. `last` is the newest so far; returns the new newest. */
static inline uint16_t hf_inflight_link(const struct hf_inflight_queue *queue, uint16_t head,
                                        uint16_t last)
{
    hf_order_release_u16(&queue->entries[head].next, last);
    hf_order_release_u16(&queue->header->last_batch_head, head);
    return head;
}

static inline void hf_inflight_clear(const struct hf_inflight_queue *queue, uint16_t head)
{
    hf_order_release_u8(&queue->entries[head].inflight, 0);
}

/* Closes the batch: all marks of it are gone before this is seen. */
static inline void hf_inflight_close(const struct hf_inflight_queue *queue, uint16_t used_index)
{
    hf_order_release_u16(&queue->header->used_idx, used_index);
}

/* ---- after a life: settle, recover ---- */

/*
 * Brings one queue to the state in which exactly the unanswered heads are marked: initialises a
 * fresh header (used_idx from the ring: hazard H29), or walks the last batch and clears it. Checks
 * all that can be checked before it changes anything; on a fault nothing is changed. May be killed
 * anywhere and run again. *count (NULL: not wanted) = heads in flight.
 */
enum hf_inflight_fault hf_inflight_settle_queue(const struct hf_inflight_queue *queue,
                                                const struct hf_inflight_ring *ring,
                                                uint16_t *count);

/*
 * Front-end, while no back-end lives: settles every queue whose rings[i].size is not 0; counts[i] =
 * heads in flight. rings and counts have region->queue_count elements. On a fault *bad_queue (NULL:
 * not wanted) names the queue; queues before it are settled. A caller that works on a copy writes
 * back the entries first and each header last: a header written first would, after a kill, say that
 * a batch is settled whose marks are still there.
 */
enum hf_inflight_fault hf_inflight_settle(const struct hf_inflight_region *region,
                                          const struct hf_inflight_ring *rings, uint16_t *counts,
                                          uint16_t *bad_queue);

/* Heads marked in one queue, whatever else is in it. */
uint16_t hf_inflight_count(const struct hf_inflight_queue *queue);
/* True if nothing is marked in any queue: one half of "stopped clean" (the other: base ==
 * used->idx). */
bool hf_inflight_clean(const struct hf_inflight_region *region);

/*
 * Back-end, at ring start: settles, then lists what is to be done again. recovery->requests is the
 * caller's; the rest is filled in. Changes nothing but what settling changes: recovery may be
 * killed and repeated.
 */
enum hf_inflight_fault hf_inflight_recover(const struct hf_inflight_queue *queue,
                                           const struct hf_inflight_ring *ring,
                                           struct hf_inflight_recovery *recovery);

/*
 * Front-end: the same content in another stride, for a back-end that lays it out differently. `to`
 * is memory of the caller that does not overlap `from`, zero-filled by this; both have the same
 * number of queues; `to` is for rings of up to `ring_size`. The content is copied as it stands: it
 * is settled before, or the copy is settled after.
 */
enum hf_inflight_fault hf_inflight_convert(const struct hf_inflight_region *from,
                                           const struct hf_inflight_region *to, uint16_t ring_size);

#endif
