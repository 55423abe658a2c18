/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of the config space while the back-end cannot be asked. */
#include "relay/device_private.h"

#include "base/checked.h"

#include <string.h>

/* A VMM reads it whole from 0 on, first; later it may read parts. */
void hf_relay_space_note(struct hf_relay_device *device, const struct hf_wire_config *config)
{
    struct hf_relay_space *space = &device->space;

    if (config->offset > space->size_bytes ||
        !hf_range_inside(config->offset, config->size_bytes, sizeof(space->bytes)))
        return;
    memcpy(space->bytes + config->offset, config->data, config->size_bytes);
    space->size_bytes =
        (uint32_t)hf_max_u64(space->size_bytes, config->offset + config->size_bytes);
}

bool hf_relay_space_answer(const struct hf_relay_device *device, struct hf_wire_config *config)
{
    const struct hf_relay_space *space = &device->space;
    const struct hf_relay_type *type = device->config.type;

    if (hf_range_inside(config->offset, config->size_bytes, space->size_bytes)) {
        memcpy(config->data, space->bytes + config->offset, config->size_bytes);
        return true;
    }
    /* Of a back-end that has the feature, its own answer counts. */
    bool owned = (device->promise.protocol_features & HF_PROTOCOL_FEATURE(CONFIG)) != 0;
    return !owned && type->config != NULL && type->config(device->promise.offer.ring_count, config);
}
