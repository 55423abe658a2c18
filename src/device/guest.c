/* SPDX-License-Identifier: BSD-3-Clause */
/* What the guest's driver does to the device: memory, queues, features, status, reset. */
#include "device/device_private.h"

#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>
#include <string.h>

int hf_device_set_features(struct hf_device *device, uint64_t features)
{
    if ((features & ~device->offered) != 0)
        return -EINVAL;
    hf_plan_set_features(hf_frontend_plan(&device->frontend), features);
    hf_frontend_changed(&device->frontend);
    return 0;
}

/* How many regions the present back-end takes; while there is none, what any must take at last. */
static uint64_t slot_limit(const struct hf_device *device)
{
    const struct hf_session *session = &device->frontend.front.session;

    if (!hf_device_connected(device))
        return HF_REGION_COUNT_MAX;
    if ((session->protocol & HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS)) == 0)
        return HF_REGION_COUNT_BASELINE;
    return hf_min_u64(session->slot_count, HF_REGION_COUNT_MAX);
}

int hf_device_add_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         struct hf_error *error)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    struct hf_region_plan region = { .guest_address = memory->guest_address,
                                     .size_bytes = memory->size_bytes,
                                     .user_address = (uintptr_t)memory->host_address,
                                     .mmap_offset = memory->fd_offset };

    if (plan->region_count >= slot_limit(device))
        return hf_error_set(error, ENOSPC, "the back-end takes only %llu memory regions",
                            (unsigned long long)slot_limit(device));
    region.fd = hf_fd_dup(memory->fd);
    if (region.fd < 0)
        return hf_error_set(error, -region.fd, "cannot keep the memory's descriptor: %s",
                            strerror(-region.fd));
    int result = hf_plan_add_region(plan, &region);
    if (result < 0) {
        hf_fd_close(&region.fd);
        return hf_error_set(error, -result, "cannot add memory at 0x%llx, 0x%llx bytes: %s",
                            (unsigned long long)memory->guest_address,
                            (unsigned long long)memory->size_bytes, strerror(-result));
    }
    hf_frontend_changed(&device->frontend);
    return 0;
}

static bool holds(const struct hf_ring *ring, const struct hf_region_plan *region)
{
    return ring->size != 0 &&
           (hf_range_inside((uintptr_t)ring->desc - region->user_address, 1, region->size_bytes) ||
            hf_range_inside((uintptr_t)ring->avail - region->user_address, 1, region->size_bytes) ||
            hf_range_inside((uintptr_t)ring->used - region->user_address, 1, region->size_bytes));
}

/* We read the rings ourselves when a back-end is lost. */
static bool holds_a_ring(const struct hf_device *device, uint64_t guest_address,
                         uint64_t size_bytes)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        const struct hf_region_plan *region = &plan->regions[i];

        if (region->generation == 0 || region->guest_address != guest_address ||
            region->size_bytes != size_bytes)
            continue;
        for (uint16_t queue = 0; queue < plan->queue_count; queue++) {
            if (holds(&device->rings[queue], region))
                return true;
        }
    }
    return false;
}

int hf_device_remove_memory(struct hf_device *device, uint64_t guest_address, uint64_t size_bytes)
{
    int fd;

    if (holds_a_ring(device, guest_address, size_bytes))
        return -EBUSY;
    fd = hf_plan_remove_region(hf_frontend_plan(&device->frontend), guest_address, size_bytes);
    if (fd < 0)
        return fd;
    hf_fd_close(&fd);
    hf_frontend_changed(&device->frontend);
    return 0;
}

/* All of [host, host + size) lies in one added region; *guest is its guest address. */
static bool guest_address_of(const struct hf_plan *plan, const void *host, uint64_t size_bytes,
                             uint64_t *guest)
{
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        const struct hf_region_plan *region = &plan->regions[i];
        uint64_t offset = (uintptr_t)host - region->user_address;

        if (region->generation == 0 || (uintptr_t)host < region->user_address ||
            !hf_range_inside(offset, size_bytes, region->size_bytes))
            continue;
        *guest = region->guest_address + offset;
        return true;
    }
    return false;
}

static bool ring_in_memory(const struct hf_plan *plan, const struct hf_ring *ring,
                           uint64_t *used_guest)
{
    uint64_t guest;

    return guest_address_of(plan, ring->desc, hf_ring_desc_bytes(ring->size), &guest) &&
           guest_address_of(plan, ring->avail, hf_ring_avail_bytes(ring->size), &guest) &&
           guest_address_of(plan, ring->used, hf_ring_used_bytes(ring->size), used_guest);
}

/* A region laid out for other rings must not be taken for these. */
static void end_epoch(struct hf_plan *plan)
{
    int fd = hf_plan_end_epoch(plan);

    hf_fd_close(&fd);
}

static bool ring_is_sane(const struct hf_plan *plan, const struct hf_ring *ring,
                         uint64_t *used_guest)
{
    struct hf_ring checked;

    return hf_ring_init(&checked, ring->size, ring->desc, ring->avail, ring->used) ==
               HF_RING_FAULT_NONE &&
           ring_in_memory(plan, ring, used_guest);
}

int hf_device_set_queue(struct hf_device *device, uint16_t queue, const struct hf_ring *ring)
{
    static const struct hf_ring none = { .size = 0 };
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    struct hf_ring_addresses addresses = { .used_guest = 0 };

    if (queue >= plan->queue_count)
        return -EINVAL;
    if ((device->status & HF_VIRTIO_STATUS_DRIVER_OK) != 0)
        return -EBUSY;
    if (ring != NULL && !ring_is_sane(plan, ring, &addresses.used_guest))
        return -EINVAL;
    end_epoch(plan);
    device->rings[queue] = ring != NULL ? *ring : none;
    addresses.desc = (uintptr_t)device->rings[queue].desc;
    addresses.avail = (uintptr_t)device->rings[queue].avail;
    addresses.used = (uintptr_t)device->rings[queue].used;
    hf_plan_set_ring(plan, queue, device->rings[queue].size, &addresses, 0);
    hf_frontend_changed(&device->frontend);
    return 0;
}

static int set_descriptor(struct hf_device *device, uint16_t queue, int fd,
                          int (*set)(struct hf_plan *, uint16_t, int))
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    int duplicate = -1;

    if (queue >= plan->queue_count)
        return -EINVAL;
    if (fd >= 0) {
        duplicate = hf_fd_dup(fd);
        if (duplicate < 0)
            return duplicate;
    }
    int replaced = set(plan, queue, duplicate);
    hf_fd_close(&replaced);
    hf_frontend_changed(&device->frontend);
    return 0;
}

int hf_device_set_kick(struct hf_device *device, uint16_t queue, int fd)
{
    return set_descriptor(device, queue, fd, hf_plan_set_kick);
}

int hf_device_set_call(struct hf_device *device, uint16_t queue, int fd)
{
    return set_descriptor(device, queue, fd, hf_plan_set_call);
}

void hf_device_set_status(struct hf_device *device, uint8_t status)
{
    if (status == 0) {
        hf_device_reset(device);
        return;
    }
    device->status = status;
    hf_plan_set_run(hf_frontend_plan(&device->frontend),
                    (status & HF_VIRTIO_STATUS_DRIVER_OK) != 0);
    hf_frontend_changed(&device->frontend);
}

void hf_device_reset(struct hf_device *device)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);

    device->status = 0;
    hf_plan_set_run(plan, false);
    hf_plan_forget_features(plan);
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        device->rings[i] = (struct hf_ring){ .size = 0 };
        hf_plan_set_ring(plan, i, 0, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    }
    end_epoch(plan);
    if (hf_device_connected(device) &&
        (device->frontend.front.session.protocol & HF_PROTOCOL_FEATURE(RESET_DEVICE)) != 0)
        hf_device_ask(device, HF_DEVICE_QUESTION_RESET);
    hf_frontend_changed(&device->frontend);
}
