/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of the arena: rings of set 0, rings of set 1, slots of each queue, event buffers. */
#include "initiator/guest.h"

#include "base/check.h"
#include "base/checked.h"
#include "os/fd.h"
#include "vscsi/event.h"

#include <errno.h>
#include <string.h>

#define REGION_ALIGNMENT (UINT64_C(2) << 20)

static uint64_t ring_stride(void)
{
    return hf_align_up(hf_ring_layout_of(HF_INITIATOR_RING_MAX).size_bytes, 4096);
}

static uint64_t slots_stride(const struct hf_guest *guest)
{
    return hf_align_up(hf_initiator_queue_bytes(guest->depth, guest->segments_max), 4096);
}

static uint64_t slots_offset(const struct hf_guest *guest)
{
    return HF_GUEST_RING_SETS * guest->vring_count * ring_stride();
}

static uint64_t events_offset(const struct hf_guest *guest)
{
    return slots_offset(guest) + (guest->vring_count - 2u) * slots_stride(guest);
}

static int make_region(struct hf_guest_region *region, struct hf_mapping *mapping, const char *name,
                       struct hf_error *error)
{
    region->fd = hf_region_create(name, region->size_bytes);
    if (region->fd < 0) {
        int code = -region->fd;
        region->fd = -1;
        return hf_error_set(error, code, "unable to make %llu bytes of guest memory: %s",
                            (unsigned long long)region->size_bytes, strerror(code));
    }
    int ret = hf_mapping_init(mapping, region->fd, 0, region->size_bytes, error);
    if (ret == 0)
        region->host = mapping->start;
    return ret;
}

int hf_guest_init(struct hf_guest *guest, const struct hf_guest_shape *shape,
                  struct hf_error *error)
{
    *guest = (struct hf_guest){
        .arena = { .guest_address = HF_GUEST_ARENA_ADDRESS, .fd = -1 },
        .data = { .guest_address = HF_GUEST_DATA_ADDRESS, .fd = -1 },
        .vring_count = (uint16_t)(shape->queue_count + 2u),
        .depth = shape->depth,
        .segments_max = shape->segments_max,
    };
    uint64_t arena_bytes = events_offset(guest) + HF_GUEST_EVENT_COUNT * HF_VSCSI_EVENT_SIZE_BYTES;
    guest->arena.size_bytes = hf_align_up(arena_bytes, REGION_ALIGNMENT);
    guest->data.size_bytes = hf_align_up(shape->data_bytes, REGION_ALIGNMENT);
    if (guest->arena.size_bytes > HF_GUEST_DATA_ADDRESS - HF_GUEST_ARENA_ADDRESS)
        return hf_error_set(error, EINVAL, "too many queues and requests for the guest's memory");
    int ret = make_region(&guest->arena, &guest->arena_mapping, "holdfast-rings", error);
    if (ret == 0)
        ret = make_region(&guest->data, &guest->data_mapping, "holdfast-data", error);
    return ret;
}

static void drop_region(struct hf_guest_region *region, struct hf_mapping *mapping)
{
    hf_mapping_done(mapping);
    if (region->size_bytes != 0)
        hf_fd_close(&region->fd);
}

void hf_guest_done(struct hf_guest *guest)
{
    drop_region(&guest->arena, &guest->arena_mapping);
    drop_region(&guest->data, &guest->data_mapping);
    *guest = (struct hf_guest){ 0 };
}

struct hf_ring hf_guest_ring(const struct hf_guest *guest, unsigned set, uint16_t vring,
                             uint16_t size)
{
    struct hf_ring_layout layout = hf_ring_layout_of(size);
    uint64_t index = (uint64_t)set * guest->vring_count + vring;
    uint8_t *base = guest->arena.host + index * ring_stride();
    struct hf_ring ring;

    HF_CHECK(set < HF_GUEST_RING_SETS && vring < guest->vring_count);
    enum hf_ring_fault fault =
        hf_ring_init(&ring, size, base, base + layout.avail_offset, base + layout.used_offset);
    HF_CHECK(fault == HF_RING_FAULT_NONE);
    return ring;
}

static struct hf_guest_region part(const struct hf_guest *guest, uint64_t offset,
                                   uint64_t size_bytes)
{
    return (struct hf_guest_region){ .host = guest->arena.host + offset,
                                     .guest_address = guest->arena.guest_address + offset,
                                     .size_bytes = size_bytes,
                                     .fd = -1 };
}

struct hf_guest_region hf_guest_slots(const struct hf_guest *guest, uint16_t queue)
{
    return part(guest, slots_offset(guest) + queue * slots_stride(guest), slots_stride(guest));
}

struct hf_guest_region hf_guest_events(const struct hf_guest *guest)
{
    return part(guest, events_offset(guest), HF_GUEST_EVENT_COUNT * HF_VSCSI_EVENT_SIZE_BYTES);
}
