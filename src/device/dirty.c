/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After a crash with the dirty log on: a back-end that died between its used index and the mark of
 * it left a page that the log does not know, and a successor that never gets to start its rings
 * marks nothing. So we mark the used rings ourselves. With pread and pwrite, not mapped: the host
 * may take bits away at the same moment, and then a page is copied once more, never once less.
 */
#include "device/device_private.h"

#include <unistd.h>

#define PAGE_BYTES 4096u

static void mark_page(const struct hf_log_plan *log, uint64_t page)
{
    off_t place = (off_t)(log->mmap_offset + page / 8);
    uint8_t bits = 0;

    if (page / 8 >= log->size_bytes || pread(log->fd, &bits, 1, place) != 1)
        return;
    bits = (uint8_t)(bits | 1u << page % 8);
    if (pwrite(log->fd, &bits, 1, place) != 1)
        return; /* the host cut its own log short: there is nowhere to mark */
}

void hf_device_mark_rings(const struct hf_device *device)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    for (uint16_t i = 0; i < plan->queue_count && plan->log.fd >= 0; i++) {
        const struct hf_device_queue *queue = &device->queues[i];

        if (queue->size == 0)
            continue;
        uint64_t last = queue->used + hf_ring_used_bytes(queue->size) - 1;
        for (uint64_t page = queue->used / PAGE_BYTES; page <= last / PAGE_BYTES; page++)
            mark_page(&plan->log, page);
    }
}
