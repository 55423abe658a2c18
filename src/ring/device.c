/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side. The order of stores in here is the promise of the in-flight region (vhost-user
 * "Inflight I/O tracking"); tests stop it after every single store.
 */
#include "ring/device.h"

#include "base/check.h"

/* These bytes of the used ring were written. */
static void log_used(const struct hf_ring_device *device, const void *at, size_t length)
{
    if (device->log.bits == NULL)
        return;
    uint64_t offset = (uint64_t)((const uint8_t *)at - (const uint8_t *)device->ring.used);
    hf_dirty_mark(&device->log, device->log_address + offset, length);
}

static void store_used_u16(const struct hf_ring_device *device, uint16_t *to, uint16_t value)
{
    hf_order_store_u16(to, value);
    log_used(device, to, sizeof(*to));
}

/* Ask for a kick at the next head, in either manner. */
static void arm_kick(struct hf_ring_device *device)
{
    if (device->event_index)
        store_used_u16(device, hf_ring_avail_event(&device->ring), device->last_avail);
    else
        store_used_u16(device, &device->ring.used->flags, 0);
}

void hf_ring_device_start(struct hf_ring_device *device, const struct hf_ring_device_setup *setup)
{
    *device = (struct hf_ring_device){ .ring = setup->ring,
                                       .memory = setup->memory,
                                       .event_index = setup->event_index,
                                       .indirect = setup->indirect,
                                       .last_avail = setup->base,
                                       .avail_seen = setup->base,
                                       .used_index = hf_ring_used_index(&setup->ring) };
    device->called_index = device->used_index;
    hf_order_store_u16(&device->ring.used->flags, 0);
    arm_kick(device);
    hf_order_fence();
}

void hf_ring_device_set_log(struct hf_ring_device *device, const struct hf_dirty_log *log,
                            uint64_t address)
{
    device->log = *log;
    device->log_address = address;
    log_used(device, device->ring.used, hf_ring_used_bytes(device->ring.size));
}

enum hf_inflight_fault hf_ring_device_recover(struct hf_ring_device *device,
                                              const struct hf_inflight_queue *queue,
                                              struct hf_inflight_recovery *recovery)
{
    struct hf_inflight_ring ring = { .size = device->ring.size,
                                     .used_index = device->used_index,
                                     .avail_index = hf_ring_avail_index(&device->ring) };
    enum hf_inflight_fault fault = hf_inflight_recover(queue, &ring, recovery);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    device->inflight = *queue;
    device->last_batch = recovery->last_batch;
    device->counter = recovery->counter;
    device->last_avail = recovery->last_avail;
    device->avail_seen = recovery->last_avail;
    arm_kick(device);
    hf_order_fence();
    return HF_INFLIGHT_FAULT_NONE;
}

/*
 * An honest driver has no more chains out than descriptors, so avail->idx is at most one ring ahead
 * of used->idx; that also bounds what we have out.
 */
static bool avail_index_sane(const struct hf_ring_device *device, uint16_t index)
{
    return (uint16_t)(index - device->used_index) <= device->ring.size &&
           (uint16_t)(index - device->last_avail) <= device->ring.size;
}

bool hf_ring_device_pending(struct hf_ring_device *device)
{
    if (device->fault != HF_RING_FAULT_NONE)
        return false;
    if (device->avail_seen != device->last_avail)
        return true;
    uint16_t index = hf_ring_avail_index(&device->ring);
    if (!avail_index_sane(device, index)) {
        device->fault = HF_RING_FAULT_AVAIL_INDEX;
        return false;
    }
    device->avail_seen = index;
    return index != device->last_avail;
}

static bool tracked(const struct hf_ring_device *device)
{
    return device->inflight.header != NULL;
}

static enum hf_ring_fault judge_head(const struct hf_ring_device *device, uint16_t head)
{
    if (head >= device->ring.size)
        return HF_RING_FAULT_HEAD;
    if (tracked(device) && hf_inflight_marked(&device->inflight, head))
        return HF_RING_FAULT_HEAD_BUSY;
    return HF_RING_FAULT_NONE;
}

bool hf_ring_device_fetch_unmarked(struct hf_ring_device *device, uint16_t *head)
{
    if (!hf_ring_device_pending(device))
        return false;
    uint16_t slot = hf_ring_slot(&device->ring, device->last_avail);
    uint16_t found = hf_order_load_u16(&device->ring.avail->ring[slot]);
    device->fault = judge_head(device, found);
    if (device->fault != HF_RING_FAULT_NONE)
        return false;
    device->last_avail++;
    *head = found;
    return true;
}

bool hf_ring_device_fetch(struct hf_ring_device *device, uint16_t *head)
{
    if (!hf_ring_device_fetch_unmarked(device, head))
        return false;
    if (tracked(device))
        hf_inflight_mark(&device->inflight, *head, device->counter++);
    return true;
}

enum hf_ring_fault hf_ring_device_walk(const struct hf_ring_device *device,
                                       struct hf_ring_chain *chain, uint16_t head)
{
    return hf_ring_chain_walk(chain, &device->ring, device->memory, head, device->indirect);
}

static void write_elements(const struct hf_ring_device *device,
                           const struct hf_used_element *elements, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        uint16_t slot = hf_ring_slot(&device->ring, (uint16_t)(device->used_index + i));
        struct hf_used_element *element = &device->ring.used->ring[slot];
        hf_order_store_u32(&element->id, elements[i].id);
        hf_order_store_u32(&element->length, elements[i].length);
        log_used(device, element, sizeof(*element));
    }
}

static void link_batch(struct hf_ring_device *device, const struct hf_used_element *elements,
                       uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        device->last_batch =
            hf_inflight_link(&device->inflight, (uint16_t)elements[i].id, device->last_batch);
}

/* The fence is the one between "answered" and "no longer in flight"; close() brings its own order.
 */
static void settle_batch(struct hf_ring_device *device, const struct hf_used_element *elements,
                         uint16_t count)
{
    hf_order_fence();
    for (uint16_t i = 0; i < count; i++)
        hf_inflight_clear(&device->inflight, (uint16_t)elements[i].id);
    hf_order_fence();
    hf_inflight_close(&device->inflight, device->used_index);
}

void hf_ring_device_complete(struct hf_ring_device *device, const struct hf_used_element *elements,
                             uint16_t count)
{
    HF_CHECK(count <= device->ring.size);
    if (count == 0)
        return;
    write_elements(device, elements, count);
    if (tracked(device))
        link_batch(device, elements, count);
    device->used_index = (uint16_t)(device->used_index + count);
    hf_order_release_u16(&device->ring.used->index, device->used_index);
    log_used(device, &device->ring.used->index, sizeof(device->ring.used->index));
    if (tracked(device))
        settle_batch(device, elements, count);
}

bool hf_ring_device_call_needed(struct hf_ring_device *device)
{
    uint16_t before = device->called_index;

    device->called_index = device->used_index;
    if (!device->called) {
        device->called = true;
        return true;
    }
    if (before == device->used_index)
        return false;
    hf_order_fence();
    if (!device->event_index)
        return (hf_order_load_u16(&device->ring.avail->flags) & HF_AVAIL_NO_INTERRUPT) == 0;
    uint16_t event = hf_order_load_u16(hf_ring_used_event(&device->ring));
    return hf_ring_event_passed(event, device->used_index, before);
}

/* With event_idx there is no "never": one behind means "after 65535 more". */
void hf_ring_device_disable_kick(struct hf_ring_device *device)
{
    if (device->event_index)
        store_used_u16(device, hf_ring_avail_event(&device->ring),
                       (uint16_t)(device->last_avail - 1));
    else
        store_used_u16(device, &device->ring.used->flags, HF_USED_NO_NOTIFY);
}

bool hf_ring_device_enable_kick(struct hf_ring_device *device)
{
    arm_kick(device);
    hf_order_fence();
    return hf_ring_device_pending(device);
}
