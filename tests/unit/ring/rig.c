/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest of the ring tests. */
#include "rig.h"

static void *zeroed(size_t size_bytes)
{
    size_t rounded = (size_bytes + 63) / 64 * 64;
    void *bytes = aligned_alloc(64, rounded);

    assert_non_null(bytes);
    memset(bytes, 0, rounded);
    return bytes;
}

static void set_up_memory(struct rig *rig)
{
    hf_memory_init(&rig->memory);
    for (unsigned i = 0; i < 2; i++) {
        struct hf_memory_region region = { .guest_address = RIG_DATA_GUEST + i * RIG_DATA_SIZE,
                                           .user_address = 0x7000000 + i * RIG_DATA_SIZE,
                                           .size_bytes = RIG_DATA_SIZE };
        rig->data[i] = zeroed(RIG_DATA_SIZE);
        region.host = rig->data[i];
        assert_int_equal(hf_memory_add(&rig->memory, &region), HF_MEMORY_FAULT_NONE);
    }
}

static void set_up_ring(struct rig *rig)
{
    uint16_t size = rig->setup.size;
    struct hf_ring_layout layout = hf_ring_layout_of(size);

    rig->ring_size_bytes = layout.size_bytes;
    rig->ring_bytes = zeroed(layout.size_bytes);
    assert_int_equal(hf_ring_init(&rig->ring, size, rig->ring_bytes,
                                  rig->ring_bytes + layout.avail_offset,
                                  rig->ring_bytes + layout.used_offset),
                     HF_RING_FAULT_NONE);
    rig->slots = zeroed(size * sizeof(*rig->slots));
    hf_ring_driver_init(&rig->driver, &rig->ring, rig->slots, rig->setup.event_index);
    rig->ring.avail->index = rig->ring.used->index = rig->setup.start_index;
    rig->driver.avail_index = rig->driver.published_index = rig->setup.start_index;
    rig->driver.kicked_index = rig->driver.used_seen = rig->setup.start_index;
}

static void set_up_region(struct rig *rig)
{
    rig->region_size_bytes = hf_inflight_stride(rig->setup.size, HF_INFLIGHT_ALIGNMENT);
    rig->region_bytes = zeroed(rig->region_size_bytes);
    assert_int_equal(
        hf_inflight_region_init(&rig->region, rig->region_bytes, rig->region_size_bytes, 1),
        HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(hf_inflight_region_queue(&rig->region, 0, rig->setup.size, &rig->queue),
                     HF_INFLIGHT_FAULT_NONE);
    rig->recovery.requests = zeroed(rig->setup.size * sizeof(*rig->recovery.requests));
}

struct rig *rig_new(struct rig_setup setup)
{
    struct rig *rig = zeroed(sizeof(*rig));

    rig->setup = setup;
    set_up_memory(rig);
    set_up_ring(rig);
    set_up_region(rig);
    return rig;
}

void rig_free(struct rig *rig)
{
    free(rig->recovery.requests);
    free(rig->region_bytes);
    free(rig->slots);
    free(rig->ring_bytes);
    free(rig->data[0]);
    free(rig->data[1]);
    free(rig);
}

void rig_start(struct rig *rig)
{
    struct hf_ring_device_setup setup = { .ring = rig->ring,
                                          .memory = &rig->memory,
                                          .base = rig->ring.used->index,
                                          .event_index = rig->setup.event_index,
                                          .indirect = true };

    hf_ring_device_start(&rig->device, &setup);
}

void rig_start_tracked(struct rig *rig)
{
    rig_start(rig);
    assert_int_equal(hf_ring_device_recover(&rig->device, &rig->queue, &rig->recovery),
                     HF_INFLIGHT_FAULT_NONE);
}

uint16_t rig_post(struct rig *rig, uint32_t readable, uint32_t writable)
{
    struct hf_ring_segment segments[2] = { { RIG_DATA_GUEST, readable },
                                           { RIG_DATA_GUEST + 0x1000, writable } };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = 1,
                                              .writable_count = 1 };
    uint16_t head = 0xffff;

    assert_true(hf_ring_driver_add(&rig->driver, &request, &head));
    hf_ring_driver_publish(&rig->driver);
    return head;
}

void rig_desc(struct rig *rig, uint16_t index, struct hf_desc desc)
{
    hf_desc_store(&rig->ring.desc[index], desc);
}

void rig_publish(struct rig *rig, uint16_t head)
{
    uint16_t index = rig->ring.avail->index;

    rig->ring.avail->ring[hf_ring_slot(&rig->ring, index)] = head;
    hf_order_release_u16(&rig->ring.avail->index, (uint16_t)(index + 1));
}

enum hf_ring_fault rig_walk(struct rig *rig, uint16_t head)
{
    if (rig->chain.span_capacity == 0)
        rig->chain.span_capacity = RIG_SPANS;
    rig->chain.spans = rig->spans;
    return hf_ring_device_walk(&rig->device, &rig->chain, head);
}

void *rig_at(struct rig *rig, uint64_t guest_address)
{
    void *host = hf_memory_translate(&rig->memory, guest_address, 1);

    assert_non_null(host);
    return host;
}

/* xorshift; the seed must not be 0. */
uint32_t rig_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}
