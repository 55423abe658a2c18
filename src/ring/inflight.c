/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of the in-flight region: strides, queues, conversion; and its faults in words. */
#include "ring/inflight.h"

#include <string.h>

#include "base/checked.h"
#include "ring/split.h"

static const char *const texts[HF_INFLIGHT_FAULT_COUNT] = {
    [HF_INFLIGHT_FAULT_NONE] = "no fault",
    [HF_INFLIGHT_FAULT_SIZE] = "in-flight region has no room for its queues",
    [HF_INFLIGHT_FAULT_STRIDE] = "in-flight region has a layout that does not fit the rings",
    [HF_INFLIGHT_FAULT_FEATURES] = "in-flight region has unknown features",
    [HF_INFLIGHT_FAULT_VERSION] = "in-flight region has an unknown version",
    [HF_INFLIGHT_FAULT_DESC_NUM] = "in-flight region was made for another ring size",
    [HF_INFLIGHT_FAULT_USED_IDX] = "in-flight region's used index is not this ring's",
    [HF_INFLIGHT_FAULT_LINK] = "in-flight region's last batch is not a list of heads",
    [HF_INFLIGHT_FAULT_HEAD] = "in-flight region marks a head outside of the ring",
    [HF_INFLIGHT_FAULT_COUNTER] = "in-flight region has an impossible counter",
    [HF_INFLIGHT_FAULT_TOO_MANY] = "in-flight region marks more requests than were made available",
};

const char *hf_inflight_fault_text(enum hf_inflight_fault fault)
{
    return (unsigned)fault < HF_INFLIGHT_FAULT_COUNT ? texts[fault] : "unknown in-flight fault";
}

static uint64_t queue_bytes(uint32_t entries)
{
    return sizeof(struct hf_inflight_header) + entries * sizeof(struct hf_inflight_entry);
}

uint64_t hf_inflight_stride(uint16_t queue_size, uint32_t alignment)
{
    return hf_align_up(queue_bytes(queue_size), alignment);
}

static bool aligned(uint64_t value)
{
    return value % sizeof(uint64_t) == 0;
}

enum hf_inflight_fault hf_inflight_region_init(struct hf_inflight_region *region, void *base,
                                               uint64_t size_bytes, uint16_t queue_count)
{
    *region = (struct hf_inflight_region){ .queue_count = 0 };
    if (queue_count == 0 || size_bytes < queue_count * queue_bytes(1))
        return HF_INFLIGHT_FAULT_SIZE;
    uint64_t stride_bytes = size_bytes / queue_count;
    if (stride_bytes * queue_count != size_bytes || !aligned(stride_bytes) ||
        !aligned((uintptr_t)base))
        return HF_INFLIGHT_FAULT_STRIDE;
    *region = (struct hf_inflight_region){ .base = base,
                                           .size_bytes = size_bytes,
                                           .stride_bytes = stride_bytes,
                                           .queue_count = queue_count };
    return HF_INFLIGHT_FAULT_NONE;
}

/* Bounded by what a 16-bit desc_num can say. */
static uint32_t capacity_of(const struct hf_inflight_region *region)
{
    uint64_t entries = (region->stride_bytes - sizeof(struct hf_inflight_header)) /
                       sizeof(struct hf_inflight_entry);

    return (uint32_t)hf_min_u64(entries, UINT16_MAX);
}

static struct hf_inflight_queue queue_at(const struct hf_inflight_region *region, uint16_t index,
                                         uint16_t ring_size)
{
    /* As numbers: base may be NULL, and pointers must not be counted from there. */
    uintptr_t start = (uintptr_t)region->base + index * region->stride_bytes;

    return (struct hf_inflight_queue){ .header = (void *)start,
                                       .entries = (void *)(start + queue_bytes(0)),
                                       .capacity = capacity_of(region),
                                       .ring_size = ring_size };
}

enum hf_inflight_fault hf_inflight_region_queue(const struct hf_inflight_region *region,
                                                uint16_t queue_index, uint16_t ring_size,
                                                struct hf_inflight_queue *queue)
{
    *queue = (struct hf_inflight_queue){ .header = NULL };
    if (queue_index >= region->queue_count)
        return HF_INFLIGHT_FAULT_SIZE;
    if (!hf_ring_size_valid(ring_size) || ring_size > capacity_of(region))
        return HF_INFLIGHT_FAULT_STRIDE;
    *queue = queue_at(region, queue_index, ring_size);
    return HF_INFLIGHT_FAULT_NONE;
}

uint16_t hf_inflight_count(const struct hf_inflight_queue *queue)
{
    uint32_t entries = hf_order_load_u16(&queue->header->desc_num);
    uint16_t count = 0;

    if (entries == 0 || entries > queue->capacity)
        entries = queue->capacity;
    for (uint32_t i = 0; i < entries; i++)
        count = (uint16_t)(count + hf_inflight_marked(queue, (uint16_t)i));
    return count;
}

bool hf_inflight_clean(const struct hf_inflight_region *region)
{
    for (uint16_t i = 0; i < region->queue_count; i++) {
        struct hf_inflight_queue queue = queue_at(region, i, 0);
        if (hf_inflight_count(&queue) != 0)
            return false;
    }
    return true;
}

static enum hf_inflight_fault judge_conversion(const struct hf_inflight_region *from,
                                               const struct hf_inflight_region *to,
                                               uint16_t ring_size)
{
    if (from->queue_count != to->queue_count)
        return HF_INFLIGHT_FAULT_SIZE;
    if (ring_size > capacity_of(to))
        return HF_INFLIGHT_FAULT_STRIDE;
    for (uint16_t i = 0; i < from->queue_count; i++) {
        uint16_t desc_num = hf_order_load_u16(&queue_at(from, i, 0).header->desc_num);
        if (desc_num > capacity_of(from))
            return HF_INFLIGHT_FAULT_DESC_NUM;
        if (desc_num > capacity_of(to))
            return HF_INFLIGHT_FAULT_STRIDE;
    }
    return HF_INFLIGHT_FAULT_NONE;
}

/* A back-end takes no ring that is larger than what its header says. A fresh one says nothing. */
static void make_room(struct hf_inflight_header *header, uint16_t ring_size)
{
    uint16_t desc_num = hf_order_load_u16(&header->desc_num);

    if (desc_num != 0 && desc_num < ring_size)
        hf_order_store_u16(&header->desc_num, ring_size);
}

enum hf_inflight_fault hf_inflight_convert(const struct hf_inflight_region *from,
                                           const struct hf_inflight_region *to, uint16_t ring_size)
{
    uint32_t entries = (uint32_t)hf_min_u64(capacity_of(from), capacity_of(to));
    enum hf_inflight_fault fault = judge_conversion(from, to, ring_size);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    memset(to->base, 0, to->size_bytes);
    for (uint16_t i = 0; i < from->queue_count; i++) {
        memcpy(queue_at(to, i, 0).header, queue_at(from, i, 0).header, queue_bytes(entries));
        make_room(queue_at(to, i, 0).header, ring_size);
    }
    return HF_INFLIGHT_FAULT_NONE;
}
