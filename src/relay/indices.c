/* SPDX-License-Identifier: BSD-3-Clause */
/* Ring indices out of a memory file. Nothing is mapped: a file that a VMM cuts short is an error
 * here, not a SIGBUS. */
#include "relay/device_private.h"

#include "base/bytes.h"
#include "base/checked.h"

#include <errno.h>
#include <unistd.h>

/* virtio "The Virtqueue Available Ring", "Used Ring": flags, then idx. */
#define INDEX_OFFSET 2u

static const struct hf_region_plan *region_of(const struct hf_plan *plan, uint64_t address,
                                              uint64_t size_bytes)
{
    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan *region = &plan->regions[i];

        if (region->generation != 0 && address >= region->user_address &&
            hf_range_inside(address - region->user_address, size_bytes, region->size_bytes))
            return region;
    }
    return NULL;
}

static int read_index(const struct hf_plan *plan, uint64_t address, uint16_t *index)
{
    uint8_t bytes[2];
    uint64_t place;

    if (!hf_add_u64(address, INDEX_OFFSET, &place))
        return -EFAULT;
    const struct hf_region_plan *region = region_of(plan, place, sizeof(bytes));
    if (region == NULL)
        return -EFAULT;
    ssize_t got = pread(region->fd, bytes, sizeof(bytes),
                        (off_t)(region->mmap_offset + (place - region->user_address)));
    if (got != (ssize_t)sizeof(bytes))
        return got < 0 ? -errno : -ENODATA;
    *index = (uint16_t)(bytes[0] | bytes[1] << 8);
    return 0;
}

int hf_relay_read_indices(const struct hf_plan *plan, uint64_t avail_address, uint64_t used_address,
                          uint16_t *avail, uint16_t *used)
{
    int result = read_index(plan, avail_address, avail);

    return result == 0 ? read_index(plan, used_address, used) : result;
}
