/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration space: produced here, not by the back-end (R56), and what the driver may not
 * write into it (R57). */
#include "device/device_private.h"

#include "base/checked.h"

#include <errno.h>
#include <string.h>

_Static_assert(HF_DEVICE_CONFIG_SPACE_BYTES == HF_VSCSI_CONFIG_SIZE_BYTES, "one size");

/* sense_size and cdb_size, next to each other (virtio 1.3 §5.6.4). */
#define WRITABLE_AT    20u
#define WRITABLE_BYTES 8u

int hf_device_read_config(const struct hf_device *device, uint32_t offset, void *bytes,
                          size_t size_bytes)
{
    if (!hf_range_inside(offset, size_bytes, sizeof(device->space)))
        return -EINVAL;
    memcpy(bytes, device->space + offset, size_bytes);
    return 0;
}

static bool changes_a_size(const struct hf_device *device, uint32_t offset, const uint8_t *bytes,
                           size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        bool writable = hf_range_inside(offset + i - WRITABLE_AT, 1, WRITABLE_BYTES);

        if (writable && device->space[offset + i] != bytes[i])
            return true;
    }
    return false;
}

int hf_device_write_config(struct hf_device *device, uint32_t offset, const void *bytes,
                           size_t size_bytes)
{
    if (!hf_range_inside(offset, size_bytes, sizeof(device->space)))
        return -EINVAL;
    if (!changes_a_size(device, offset, bytes, size_bytes))
        return 0;
    device->status |= HF_VIRTIO_STATUS_NEEDS_RESET;
    device->reset_untold = true;
    hf_device_apply(device, NULL); /* nothing runs now: it cannot fail */
    return -EOPNOTSUPP;
}
