/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's side: free list, chains, publication, taking back (virtio 1.3 §2.7.13, §2.7.14). */
#include "ring/driver.h"

#include <string.h>

void hf_ring_driver_init(struct hf_ring_driver *driver, const struct hf_ring *ring,
                         struct hf_ring_driver_slot *slots, bool event_index)
{
    *driver = (struct hf_ring_driver){ .ring = *ring,
                                       .slots = slots,
                                       .event_index = event_index,
                                       .free_count = ring->size,
                                       .free_tail = (uint16_t)(ring->size - 1) };
    memset(ring->desc, 0, hf_ring_desc_bytes(ring->size));
    memset(ring->avail, 0, hf_ring_avail_bytes(ring->size));
    memset(ring->used, 0, hf_ring_used_bytes(ring->size));
    for (uint16_t i = 0; i < ring->size; i++)
        slots[i] = (struct hf_ring_driver_slot){ .next = (uint16_t)(i + 1) };
}

static struct hf_desc desc_of(const struct hf_ring_driver_request *request, uint32_t index,
                              uint16_t next)
{
    const struct hf_ring_segment *segment = &request->segments[index];
    uint32_t count = (uint32_t)request->readable_count + request->writable_count;
    unsigned write = index >= request->readable_count ? HF_DESC_WRITE : 0;
    unsigned more = index + 1 < count ? HF_DESC_NEXT : 0;

    return (struct hf_desc){ .address = segment->guest_address,
                             .length = segment->length,
                             .flags = (uint16_t)(write | more),
                             .next = more ? next : (uint16_t)0 };
}

/* Each returns the descriptor behind the last one it used: the new head of the free list. */
static uint16_t write_chain(struct hf_ring_driver *driver,
                            const struct hf_ring_driver_request *request, uint32_t count)
{
    uint16_t slot = driver->free_head;

    for (uint32_t i = 0; i < count; i++) {
        uint16_t next = driver->slots[slot].next;
        hf_desc_store(&driver->ring.desc[slot], desc_of(request, i, next));
        slot = next;
    }
    return slot;
}

static uint16_t write_indirect(struct hf_ring_driver *driver,
                               const struct hf_ring_driver_request *request, uint32_t count)
{
    struct hf_desc desc = { .address = request->indirect_address,
                            .length = count * (uint32_t)sizeof(struct hf_desc),
                            .flags = HF_DESC_INDIRECT };

    for (uint32_t i = 0; i < count; i++)
        hf_desc_store(&request->indirect[i], desc_of(request, i, (uint16_t)(i + 1)));
    hf_desc_store(&driver->ring.desc[driver->free_head], desc);
    return driver->slots[driver->free_head].next;
}

static uint64_t writable_bytes_of(const struct hf_ring_driver_request *request)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < request->writable_count; i++)
        sum += request->segments[request->readable_count + i].length;
    return sum;
}

static void remember(struct hf_ring_driver *driver, const struct hf_ring_driver_request *request,
                     uint16_t desc_count)
{
    struct hf_ring_driver_slot *slot = &driver->slots[driver->free_head];

    slot->cookie = request->cookie;
    slot->writable_bytes = writable_bytes_of(request);
    slot->desc_count = desc_count;
    driver->free_count = (uint16_t)(driver->free_count - desc_count);
    driver->outstanding_count++;
}

bool hf_ring_driver_add(struct hf_ring_driver *driver, const struct hf_ring_driver_request *request,
                        uint16_t *head)
{
    uint32_t count = (uint32_t)request->readable_count + request->writable_count;
    uint32_t desc_count = request->indirect == NULL ? count : 1;
    uint16_t first = driver->free_head;

    /* A chain may not be longer than the ring, indirect or not (virtio 1.3 §2.7.5.3.1). */
    if (count == 0 || count > driver->ring.size || desc_count > driver->free_count)
        return false;
    uint16_t behind = request->indirect == NULL ? write_chain(driver, request, count)
                                                : write_indirect(driver, request, count);
    remember(driver, request, (uint16_t)desc_count);
    driver->free_head = behind;
    uint16_t slot = hf_ring_slot(&driver->ring, driver->avail_index);
    hf_order_store_u16(&driver->ring.avail->ring[slot], first);
    driver->avail_index++;
    if (head != NULL)
        *head = first;
    return true;
}

void hf_ring_driver_publish(struct hf_ring_driver *driver)
{
    driver->published_index = driver->avail_index;
    hf_order_release_u16(&driver->ring.avail->index, driver->published_index);
}

bool hf_ring_driver_kick_needed(struct hf_ring_driver *driver)
{
    uint16_t before = driver->kicked_index;
    uint16_t now = driver->published_index;

    driver->kicked_index = now;
    if (before == now)
        return false;
    hf_order_fence();
    if (!driver->event_index)
        return (hf_order_load_u16(&driver->ring.used->flags) & HF_USED_NO_NOTIFY) == 0;
    uint16_t event = hf_order_load_u16(hf_ring_avail_event(&driver->ring));
    return hf_ring_event_passed(event, now, before);
}

bool hf_ring_driver_used_pending(const struct hf_ring_driver *driver)
{
    return driver->fault == HF_RING_FAULT_NONE &&
           hf_ring_used_index(&driver->ring) != driver->used_seen;
}

/* To the end of the free list: a head is used again as late as possible, so that an answer that
 * comes twice meets nobody and is seen (HF_RING_FAULT_USED_ID), instead of completing another. */
static void free_chain(struct hf_ring_driver *driver, uint16_t head)
{
    uint16_t count = driver->slots[head].desc_count;
    uint16_t last = head;

    for (uint16_t i = 1; i < count; i++)
        last = driver->slots[last].next;
    if (driver->free_count == 0)
        driver->free_head = head;
    else
        driver->slots[driver->free_tail].next = head;
    driver->free_tail = last;
    driver->slots[head].desc_count = 0;
    driver->slots[head].cookie = NULL;
    driver->free_count = (uint16_t)(driver->free_count + count);
    driver->outstanding_count--;
}

/*
 * The used ring is the device's; what it says is compared with what we remember. An element too
 * many is found by its head, which is not out (any more): that is the better name for an answer
 * given twice.
 */
static enum hf_ring_fault judge_used(const struct hf_ring_driver *driver, uint16_t index,
                                     uint32_t id)
{
    if ((uint16_t)(index - driver->used_seen) > driver->ring.size)
        return HF_RING_FAULT_USED_INDEX;
    if (id >= driver->ring.size || driver->slots[id].desc_count == 0)
        return HF_RING_FAULT_USED_ID;
    return HF_RING_FAULT_NONE;
}

bool hf_ring_driver_take(struct hf_ring_driver *driver,
                         struct hf_ring_driver_completion *completion)
{
    uint16_t index = hf_ring_used_index(&driver->ring);

    if (driver->fault != HF_RING_FAULT_NONE || index == driver->used_seen)
        return false;
    uint16_t slot = hf_ring_slot(&driver->ring, driver->used_seen);
    const struct hf_used_element *element = &driver->ring.used->ring[slot];
    uint32_t id = hf_order_load_u32(&element->id);
    driver->fault = judge_used(driver, index, id);
    if (driver->fault != HF_RING_FAULT_NONE)
        return false;
    *completion = (struct hf_ring_driver_completion){
        .cookie = driver->slots[id].cookie,
        .writable_bytes = driver->slots[id].writable_bytes,
        .length = hf_order_load_u32(&element->length),
        .head = (uint16_t)id,
    };
    free_chain(driver, (uint16_t)id);
    driver->used_seen++;
    return true;
}

bool hf_ring_driver_skip(struct hf_ring_driver *driver)
{
    if (driver->fault != HF_RING_FAULT_USED_ID)
        return false;
    driver->fault = HF_RING_FAULT_NONE;
    driver->used_seen++;
    return true;
}

void hf_ring_driver_disable_call(struct hf_ring_driver *driver)
{
    if (driver->event_index)
        hf_order_store_u16(hf_ring_used_event(&driver->ring), (uint16_t)(driver->used_seen - 1));
    else
        hf_order_store_u16(&driver->ring.avail->flags, HF_AVAIL_NO_INTERRUPT);
}

bool hf_ring_driver_enable_call(struct hf_ring_driver *driver)
{
    if (driver->event_index)
        hf_order_store_u16(hf_ring_used_event(&driver->ring), driver->used_seen);
    else
        hf_order_store_u16(&driver->ring.avail->flags, 0);
    hf_order_fence();
    return hf_ring_driver_used_pending(driver);
}
