/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of device types. */
#include "relay/type.h"

#include "base/checked.h"
#include "vscsi/config.h"
#include "wire/feature.h"

#include <stddef.h>
#include <string.h>

/* virtio "Device Types": what a device without MQ has. */
#define SCSI_RINGS    (HF_VSCSI_QUEUE_REQUEST + 1u)
#define SCSI_SEGMENTS 126u /* of a ring of 128, as QEMU says */
#define RINGS_MAX     256u
/* QEMU's `param_change`, which asks no back-end. */
#define SCSI_TOLERATED HF_FEATURE(SCSI_CHANGE)

static bool every_ring(uint16_t ring)
{
    (void)ring;
    return true;
}

static bool no_ring(uint16_t ring)
{
    (void)ring;
    return false;
}

/* The event ring holds buffers for what may never happen. */
static bool scsi_progresses(uint16_t ring)
{
    return ring != HF_VSCSI_QUEUE_EVENT;
}

/* virtio "SCSI Host Device", device configuration layout: with QEMU it is the front-end's own, so
 * that a back-end need not know it. */
static bool scsi_config(uint16_t ring_count, struct hf_wire_config *config)
{
    uint8_t space[HF_VSCSI_CONFIG_SIZE_BYTES];
    const struct hf_vscsi_config values =
        hf_vscsi_config_default((uint32_t)ring_count - HF_VSCSI_QUEUE_REQUEST, SCSI_SEGMENTS);

    if (!hf_range_inside(config->offset, config->size_bytes, sizeof(space)))
        return false;
    hf_vscsi_config_encode(&values, space);
    memcpy(config->data, space + config->offset, config->size_bytes);
    return true;
}

static const struct hf_relay_type types[] = {
    { "scsi", SCSI_RINGS, HF_VSCSI_QUEUE_REQUEST, SCSI_TOLERATED, scsi_progresses, scsi_config },
    { "blk", 1, 0, 0, every_ring, NULL },
    { "net", 2, 0, 0, no_ring, NULL },
    { "fs", 2, 0, 0, no_ring, NULL },
    { "other", RINGS_MAX, 0, 0, no_ring, NULL },
};

const struct hf_relay_type *hf_relay_type_at(unsigned index)
{
    return index < sizeof(types) / sizeof(types[0]) ? &types[index] : NULL;
}

const struct hf_relay_type *hf_relay_type_of(const char *name)
{
    for (unsigned i = 0; hf_relay_type_at(i) != NULL; i++) {
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    }
    return NULL;
}
