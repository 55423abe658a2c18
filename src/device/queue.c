/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's queues: from guest addresses to the plan's rings, and to those that we read. */
#include "device/device_private.h"

#include "base/check.h"
#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>

/* Where [guest, guest + size) lies in this process, if all of it lies in one memory part. */
static void *host_address_of(const struct hf_plan *plan, uint64_t guest, uint64_t size_bytes)
{
    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan *region = &plan->regions[i];

        if (region->generation == 0 || guest < region->guest_address ||
            !hf_range_inside(guest - region->guest_address, size_bytes, region->size_bytes))
            continue;
        return (void *)(uintptr_t)(region->user_address + (guest - region->guest_address));
    }
    return NULL;
}

static int find_ring(const struct hf_plan *plan, const struct hf_device_queue *setup,
                     struct hf_ring *ring)
{
    uint16_t size = setup->size;
    void *desc = host_address_of(plan, setup->desc, hf_ring_desc_bytes(size));
    void *avail = host_address_of(plan, setup->avail, hf_ring_avail_bytes(size));
    void *used = host_address_of(plan, setup->used, hf_ring_used_bytes(size));

    if (desc == NULL || avail == NULL || used == NULL)
        return -EFAULT;
    return hf_ring_init(ring, size, desc, avail, used) == HF_RING_FAULT_NONE ? 0 : -EINVAL;
}

static bool is_aligned(const struct hf_device_queue *setup)
{
    return setup->desc % 16 == 0 && setup->avail % 2 == 0 && setup->used % 4 == 0;
}

int hf_device_judge_ring(const struct hf_device *device, uint16_t queue,
                         const struct hf_device_queue *setup)
{
    const struct hf_plan *plan = &device->frontend.front.plan;
    struct hf_ring ring;

    if (queue >= plan->queue_count || setup->size > device->ring_size_max || !is_aligned(setup))
        return -EINVAL;
    return setup->size == 0 ? 0 : find_ring(plan, setup, &ring);
}

void hf_device_lay_ring(struct hf_device *device, uint16_t queue,
                        const struct hf_device_queue *setup, uint16_t base)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    struct hf_ring ring = { .size = 0 };

    if (setup->size != 0)
        HF_CHECK(find_ring(plan, setup, &ring) == 0);
    device->rings[queue] = ring;
    device->queues[queue] = *setup;
    hf_plan_set_ring(plan, queue, ring.size,
                     &(struct hf_ring_addresses){ .desc = (uintptr_t)ring.desc,
                                                  .avail = (uintptr_t)ring.avail,
                                                  .used = (uintptr_t)ring.used,
                                                  .used_guest = setup->used },
                     base);
}

/* A region laid out for other rings must not be taken for these. */
void hf_device_end_epoch(struct hf_device *device)
{
    int fd = hf_plan_end_epoch(hf_frontend_plan(&device->frontend));

    hf_fd_close(&fd);
}

int hf_device_set_queue(struct hf_device *device, uint16_t queue,
                        const struct hf_device_queue *setup)
{
    static const struct hf_device_queue none = { .size = 0 };
    const struct hf_device_queue *given = setup != NULL && setup->size != 0 ? setup : &none;

    if (queue >= device->frontend.front.plan.queue_count)
        return -EINVAL;
    if ((device->status & HF_VIRTIO_STATUS_DRIVER_OK) != 0)
        return -EBUSY;
    int result = hf_device_judge_ring(device, queue, given);
    if (result < 0)
        return result;
    hf_device_lay_ring(device, queue, given, 0);
    hf_device_end_epoch(device);
    hf_frontend_changed(&device->frontend);
    return 0;
}
