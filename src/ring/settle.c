/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After a life: settle one queue's in-flight record, and list what must be done again. First all is
 * read, once, and judged; then what the judgement said is written. Written things are the same at
 * every repetition, so a kill in the middle changes nothing.
 */
#include "ring/inflight.h"

#include "base/bitmap.h"
#include "base/checked.h"
#include "ring/split.h"

/* What was read and what follows from it. */
struct judgement {
    struct hf_inflight_header header; /* copy */
    uint64_t
        batch[HF_BITMAP_WORDS(HF_RING_SIZE_MAX)]; /* heads answered, marks perhaps not cleared */
    struct hf_inflight_request *requests;         /* NULL: only counted */
    uint64_t counter_max;
    uint16_t count; /* in flight */
    bool fresh;
};

static struct hf_inflight_header read_header(const struct hf_inflight_queue *queue)
{
    const struct hf_inflight_header *header = queue->header;

    return (struct hf_inflight_header){
        .features = hf_order_load_u64(&header->features),
        .version = hf_order_acquire_u16(&header->version),
        .desc_num = hf_order_load_u16(&header->desc_num),
        .last_batch_head = hf_order_load_u16(&header->last_batch_head),
        .used_idx = hf_order_load_u16(&header->used_idx),
    };
}

/* A peer may have set desc_num before version; the ring's size may be below it, never above. */
static enum hf_inflight_fault judge_header(const struct hf_inflight_queue *queue,
                                           struct judgement *judgement)
{
    const struct hf_inflight_header *header = &judgement->header;

    judgement->fresh = header->version == 0;
    if (header->features != 0)
        return HF_INFLIGHT_FAULT_FEATURES;
    if (header->version > HF_INFLIGHT_VERSION)
        return HF_INFLIGHT_FAULT_VERSION;
    if (judgement->fresh && header->desc_num == 0)
        return HF_INFLIGHT_FAULT_NONE;
    if (header->desc_num < queue->ring_size || header->desc_num > queue->capacity)
        return HF_INFLIGHT_FAULT_DESC_NUM;
    if (!judgement->fresh && header->last_batch_head >= header->desc_num)
        return HF_INFLIGHT_FAULT_LINK;
    return HF_INFLIGHT_FAULT_NONE;
}

static uint32_t entries_of(const struct hf_inflight_queue *queue, const struct judgement *judgement)
{
    return judgement->header.desc_num != 0 ? judgement->header.desc_num : queue->ring_size;
}

static bool any_marked(const struct hf_inflight_queue *queue, const struct judgement *judgement)
{
    for (uint32_t i = 0; i < entries_of(queue, judgement); i++)
        if (hf_inflight_marked(queue, (uint16_t)i))
            return true;
    return false;
}

/*
 * The ring says how many heads the last batch has; the links say which. A link that meets itself
 * would leave answered heads marked, and they would be replayed into memory that is no longer
 * theirs. Where nothing is marked nothing has to be cleared, and the links do not matter: a device
 * that answers without recording it (event buffers) leaves them behind the ring by any number.
 */
static enum hf_inflight_fault judge_batch(const struct hf_inflight_queue *queue,
                                          uint16_t used_index, struct judgement *judgement)
{
    uint16_t length = (uint16_t)(used_index - judgement->header.used_idx);
    uint16_t head = judgement->header.last_batch_head;

    if (judgement->fresh || !any_marked(queue, judgement))
        return HF_INFLIGHT_FAULT_NONE;
    if (length > queue->ring_size)
        return HF_INFLIGHT_FAULT_USED_IDX;
    for (uint16_t i = 0; i < length; i++) {
        if (head >= queue->ring_size || hf_bitmap_test(judgement->batch, head))
            return HF_INFLIGHT_FAULT_LINK;
        hf_bitmap_set(judgement->batch, head);
        head = hf_order_load_u16(&queue->entries[head].next);
    }
    return HF_INFLIGHT_FAULT_NONE;
}

static enum hf_inflight_fault judge_entry(const struct hf_inflight_queue *queue, uint32_t index,
                                          struct judgement *judgement)
{
    if (!hf_inflight_marked(queue, (uint16_t)index))
        return HF_INFLIGHT_FAULT_NONE;
    if (judgement->fresh)
        return HF_INFLIGHT_FAULT_VERSION;
    if (index >= queue->ring_size)
        return HF_INFLIGHT_FAULT_HEAD;
    if (hf_bitmap_test(judgement->batch, index))
        return HF_INFLIGHT_FAULT_NONE;
    uint64_t counter = hf_order_load_u64(&queue->entries[index].counter);
    if (counter > HF_INFLIGHT_COUNTER_MAX)
        return HF_INFLIGHT_FAULT_COUNTER;
    judgement->counter_max = hf_max_u64(judgement->counter_max, counter);
    if (judgement->requests != NULL)
        judgement->requests[judgement->count] =
            (struct hf_inflight_request){ .counter = counter, .head = (uint16_t)index };
    judgement->count++;
    return HF_INFLIGHT_FAULT_NONE;
}

static enum hf_inflight_fault judge_entries(const struct hf_inflight_queue *queue,
                                            struct judgement *judgement)
{
    for (uint32_t i = 0; i < entries_of(queue, judgement); i++) {
        enum hf_inflight_fault fault = judge_entry(queue, i, judgement);
        if (fault != HF_INFLIGHT_FAULT_NONE)
            return fault;
    }
    return HF_INFLIGHT_FAULT_NONE;
}

static enum hf_inflight_fault judge(const struct hf_inflight_queue *queue,
                                    const struct hf_inflight_ring *ring,
                                    struct judgement *judgement)
{
    judgement->header = read_header(queue);
    enum hf_inflight_fault fault = judge_header(queue, judgement);

    if (fault == HF_INFLIGHT_FAULT_NONE)
        fault = judge_batch(queue, ring->used_index, judgement);
    if (fault == HF_INFLIGHT_FAULT_NONE)
        fault = judge_entries(queue, judgement);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    if (judgement->count > (uint16_t)(ring->avail_index - ring->used_index))
        return HF_INFLIGHT_FAULT_TOO_MANY;
    return HF_INFLIGHT_FAULT_NONE;
}

/* Version last: until then the header is still a fresh one. */
static void initialise(const struct hf_inflight_queue *queue, uint16_t used_index)
{
    struct hf_inflight_header *header = queue->header;

    if (hf_order_load_u16(&header->desc_num) == 0)
        hf_order_store_u16(&header->desc_num, queue->ring_size);
    hf_order_store_u16(&header->last_batch_head, 0);
    hf_inflight_close(queue, used_index);
    hf_order_release_u16(&header->version, HF_INFLIGHT_VERSION);
}

static void carry_out(const struct hf_inflight_queue *queue, uint16_t used_index,
                      const struct judgement *judgement)
{
    if (judgement->fresh) {
        initialise(queue, used_index);
        return;
    }
    for (uint16_t head = 0; head < queue->ring_size; head++)
        if (hf_bitmap_test(judgement->batch, head))
            hf_inflight_clear(queue, head);
    hf_order_fence();
    hf_inflight_close(queue, used_index);
}

enum hf_inflight_fault hf_inflight_settle_queue(const struct hf_inflight_queue *queue,
                                                const struct hf_inflight_ring *ring,
                                                uint16_t *count)
{
    struct judgement judgement = { .requests = NULL };
    enum hf_inflight_fault fault = judge(queue, ring, &judgement);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    carry_out(queue, ring->used_index, &judgement);
    if (count != NULL)
        *count = judgement.count;
    return HF_INFLIGHT_FAULT_NONE;
}

static enum hf_inflight_fault settle_at(const struct hf_inflight_region *region,
                                        const struct hf_inflight_ring *ring, uint16_t index,
                                        uint16_t *count)
{
    struct hf_inflight_queue queue;

    *count = 0;
    if (ring->size == 0)
        return HF_INFLIGHT_FAULT_NONE;
    enum hf_inflight_fault fault = hf_inflight_region_queue(region, index, ring->size, &queue);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    return hf_inflight_settle_queue(&queue, ring, count);
}

enum hf_inflight_fault hf_inflight_settle(const struct hf_inflight_region *region,
                                          const struct hf_inflight_ring *rings, uint16_t *counts,
                                          uint16_t *bad_queue)
{
    for (uint16_t i = 0; i < region->queue_count; i++) {
        enum hf_inflight_fault fault = settle_at(region, &rings[i], i, &counts[i]);
        if (fault == HF_INFLIGHT_FAULT_NONE)
            continue;
        if (bad_queue != NULL)
            *bad_queue = i;
        return fault;
    }
    return HF_INFLIGHT_FAULT_NONE;
}

/* Counters are unique in an honest region; in any other the head decides, so that order is total.
 */
static bool goes_before(const struct hf_inflight_request *a, const struct hf_inflight_request *b)
{
    return a->counter != b->counter ? a->counter < b->counter : a->head < b->head;
}

static void swap(struct hf_inflight_request *a, struct hf_inflight_request *b)
{
    struct hf_inflight_request kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_down(struct hf_inflight_request *requests, uint32_t root, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && goes_before(&requests[child], &requests[child + 1]))
            child++;
        if (!goes_before(&requests[root], &requests[child]))
            return;
        swap(&requests[root], &requests[child]);
        root = child;
    }
}

/* Heap sort: no memory, no recursion, and no input makes it slow. */
static void sort(struct hf_inflight_request *requests, uint32_t count)
{
    for (uint32_t root = count / 2; root-- > 0;)
        sift_down(requests, root, count);
    for (uint32_t end = count; end-- > 1;) {
        swap(&requests[0], &requests[end]);
        sift_down(requests, 0, end);
    }
}

enum hf_inflight_fault hf_inflight_recover(const struct hf_inflight_queue *queue,
                                           const struct hf_inflight_ring *ring,
                                           struct hf_inflight_recovery *recovery)
{
    struct judgement judgement = { .requests = recovery->requests };
    enum hf_inflight_fault fault = judge(queue, ring, &judgement);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    carry_out(queue, ring->used_index, &judgement);
    sort(recovery->requests, judgement.count);
    recovery->count = judgement.count;
    recovery->last_avail = (uint16_t)(ring->used_index + judgement.count);
    recovery->last_batch = judgement.fresh ? 0 : judgement.header.last_batch_head;
    recovery->counter = judgement.counter_max + 1;
    return HF_INFLIGHT_FAULT_NONE;
}
