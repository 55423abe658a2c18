/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a device (session/relay_record.h), in a memfd of its own, which outlives this
 * process where somebody else holds it. Written here, before anything is acted on, and read by
 * nobody yet: to take a running device over comes later.
 */
#include "relay/device_private.h"

#include "os/fd.h"

#include <errno.h>
#include <string.h>

int hf_relay_record_open(struct hf_relay_device *device, struct hf_error *error)
{
    device->record_fd = hf_region_create("holdfast-record", sizeof(*device->record));
    if (device->record_fd < 0)
        return hf_error_set(error, -device->record_fd, "cannot make the device's record: %s",
                            strerror(-device->record_fd));
    int result = hf_mapping_init(&device->record_mapping, device->record_fd, 0,
                                 sizeof(*device->record), error);
    if (result == 0)
        device->record = (struct hf_relay_record *)(void *)device->record_mapping.start;
    return result;
}

void hf_relay_record_close(struct hf_relay_device *device)
{
    device->record = NULL;
    hf_mapping_done(&device->record_mapping);
    hf_fd_close(&device->record_fd);
}

/* Who runs the rings, or did: their successor waits for its end. */
static int writer_of(const struct hf_frontend *frontend)
{
    if (frontend->writer_pidfd >= 0)
        return frontend->writer_pidfd;
    if (!hf_plan_any_ran(&frontend->front.plan))
        return -1;
    return frontend->channel.pidfd >= 0 ? frontend->channel.pidfd : frontend->parting_pidfd;
}

void hf_relay_record_step(struct hf_relay_device *device, const struct hf_relay_effects *effects)
{
    if (device->backend == NULL)
        return;
    hf_relay_record_write(device->record, &device->core, &device->promise, effects);
    device->record->writer_fd = writer_of(device->backend);
}

void hf_relay_record_stepped(void *host)
{
    const struct hf_relay_side *side = host;
    struct hf_relay_device *device = side->device;

    /* The other side of a switch has a copy of the plan. */
    if (device->side != side || hf_relay_record_has(device->record, &side->frontend.front.plan))
        return;
    hf_relay_record_plan(device->record, &side->frontend.front.plan);
    device->record->writer_fd = writer_of(&side->frontend);
}
