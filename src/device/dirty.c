/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After a crash with the dirty log on: a back-end that died between its used index and the mark of
 * it left a page that the log does not know, and a successor that never gets to start its rings
 * marks nothing. So we mark the used rings ourselves, as a back-end does: others may share the log,
 * and change it at the same moment.
 */
#include "device/device_private.h"

#include "os/region.h"
#include "ring/dirty.h"

#include <stdio.h>

static void mark_all(const struct hf_device *device, const struct hf_dirty_log *log)
{
    for (uint16_t i = 0; i < device->frontend.front.plan.queue_count; i++) {
        const struct hf_device_queue *queue = &device->queues[i];
        uint64_t used_bytes = queue->size == 0 ? 0 : hf_ring_used_bytes(queue->size);

        if (used_bytes > 0 && hf_dirty_covers(log->size_bytes, queue->used, used_bytes))
            hf_dirty_mark(log, queue->used, used_bytes);
    }
}

/* The host is told: what it copies by this log may miss a page. */
static void say(struct hf_device *device, const struct hf_error *error)
{
    char text[2 * HF_ERROR_TEXT_SIZE];

    snprintf(text, sizeof(text), "cannot mark the used rings in the dirty log: %s", error->text);
    hf_device_tell(device, &(struct hf_device_event){ .kind = HF_DEVICE_EVENT_HOST_FAILED,
                                                      .error = error->code,
                                                      .text = text });
}

void hf_device_mark_rings(struct hf_device *device)
{
    const struct hf_log_plan *log = &device->frontend.front.plan.log;
    struct hf_mapping mapping = { .base = NULL };
    struct hf_error error;

    if (log->fd < 0)
        return;
    if (hf_mapping_init(&mapping, log->fd, log->mmap_offset, log->size_bytes, &error) < 0) {
        say(device, &error);
        return;
    }
    mark_all(device,
             &(struct hf_dirty_log){ .bits = mapping.start, .size_bytes = mapping.size_bytes });
    hf_mapping_done(&mapping);
}
