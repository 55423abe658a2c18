/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an initiator does at the device's events. Only the DRIVER way needs anything done:
 *
 *   LOST ──> take what was published, reset the device ──at rest──> rings of the other set, offer
 *                                          │                       all that is outstanding again
 *                                          └──(STOPPED)──> take the last, then the same
 *
 * Between LOST and rest the dead back-end's kernel may still write into the old rings' requests;
 * the other set of rings is memory that back-end was never told about.
 */
#include "initiator/state.h"

#include "base/check.h"
#include "wire/feature.h"

#include <errno.h>
#include <stdio.h>

#define STATUS_RUNNING                                                                             \
    (HF_VIRTIO_STATUS_ACKNOWLEDGE | HF_VIRTIO_STATUS_DRIVER | HF_VIRTIO_STATUS_FEATURES_OK |       \
     HF_VIRTIO_STATUS_DRIVER_OK)

static void give_ring(struct hf_initiator *initiator, uint16_t vring, const struct hf_ring *ring)
{
    const struct hf_guest_region *arena = &initiator->guest.arena;
    const struct hf_initiator_line *line = &initiator->lines[vring];
    struct hf_device_queue queue = { .size = ring->size };
    bool ours =
        hf_guest_address(arena, ring->desc, hf_ring_desc_bytes(ring->size), &queue.desc) &&
        hf_guest_address(arena, ring->avail, hf_ring_avail_bytes(ring->size), &queue.avail) &&
        hf_guest_address(arena, ring->used, hf_ring_used_bytes(ring->size), &queue.used);

    HF_CHECK(ours);
    hf_device_set_queue(initiator->device, vring, &queue);
    hf_device_set_kick(initiator->device, vring, line->kick_fd);
    hf_device_set_call(initiator->device, vring, line->call_fd);
}

static void begin_control(struct hf_initiator *initiator, bool event_index)
{
    struct hf_ring ring = hf_guest_ring(&initiator->guest, initiator->ring_set,
                                        HF_VSCSI_QUEUE_CONTROL, initiator->ring_size);
    struct hf_ring_driver unused;

    /* No task management is sent; the ring is there, empty, because back-ends expect it. */
    hf_ring_driver_init(&unused, &ring, initiator->events.driver_slots, event_index);
    give_ring(initiator, HF_VSCSI_QUEUE_CONTROL, &ring);
}

static void begin_events(struct hf_initiator *initiator, bool event_index)
{
    struct hf_ring ring = hf_guest_ring(&initiator->guest, initiator->ring_set,
                                        HF_VSCSI_QUEUE_EVENT, initiator->ring_size);

    hf_initiator_events_begin(&initiator->events, &ring, event_index);
    give_ring(initiator, HF_VSCSI_QUEUE_EVENT, &ring);
}

void hf_initiator_prepare(struct hf_initiator *initiator)
{
    struct hf_initiator_ring setup = {
        .indirect = (initiator->features & HF_FEATURE(INDIRECT_DESC)) != 0,
        .event_index = (initiator->features & HF_FEATURE(EVENT_IDX)) != 0,
    };

    hf_device_set_features(initiator->device, initiator->features);
    begin_control(initiator, setup.event_index);
    begin_events(initiator, setup.event_index);
    for (uint16_t i = 0; i < initiator->config.queue_count; i++) {
        uint16_t vring = (uint16_t)(HF_VSCSI_QUEUE_REQUEST + i);
        setup.ring =
            hf_guest_ring(&initiator->guest, initiator->ring_set, vring, initiator->ring_size);
        hf_initiator_queue_begin(&initiator->queues[i], &setup);
        give_ring(initiator, vring, &setup.ring);
    }
    hf_device_set_status(initiator->device, STATUS_RUNNING, NULL);
    initiator->prepared = true;
    hf_initiator_push(initiator);
}

static void begin_again(struct hf_initiator *initiator)
{
    hf_initiator_poll(initiator);
    initiator->resting = false;
    initiator->ring_set = (initiator->ring_set + 1) % HF_GUEST_RING_SETS;
    hf_initiator_prepare(initiator);
}

static void back_end_lost(struct hf_initiator *initiator)
{
    initiator->running = false;
    if (!initiator->prepared || initiator->resting)
        return;
    if (initiator->recovery != HF_RECOVERY_DRIVER)
        return;
    for (uint16_t i = 0; i < initiator->config.queue_count; i++)
        hf_initiator_queue_pause(&initiator->queues[i]);
    hf_initiator_poll(initiator);
    initiator->resting = true;
    hf_device_reset(initiator->device);
    if (hf_device_at_rest(initiator->device))
        begin_again(initiator);
}

static void note_trouble(struct hf_initiator *initiator, const struct hf_device_event *event)
{
    initiator->troubled = true;
    initiator->trouble_code = event->fault == HF_FAULT_REFUSED_DIAL ? ECONNREFUSED : ECONNRESET;
    snprintf(initiator->trouble, sizeof(initiator->trouble), "%s", event->text);
}

static void react(struct hf_initiator *initiator, const struct hf_device_event *event)
{
    switch (event->kind) {
    case HF_DEVICE_EVENT_CONNECTED:
        initiator->connected = true;
        break;
    case HF_DEVICE_EVENT_STARTED:
        initiator->running = true;
        break;
    case HF_DEVICE_EVENT_STOPPED:
        if (initiator->resting && hf_device_at_rest(initiator->device))
            begin_again(initiator);
        break;
    case HF_DEVICE_EVENT_LOST:
    case HF_DEVICE_EVENT_REFUSED:
    case HF_DEVICE_EVENT_FAILED:
        initiator->refused |= event->kind == HF_DEVICE_EVENT_REFUSED;
        note_trouble(initiator, event);
        back_end_lost(initiator);
        break;
    case HF_DEVICE_EVENT_REALIZED:
    case HF_DEVICE_EVENT_REQUEST_KILLS:
    case HF_DEVICE_EVENT_FENCE:
    case HF_DEVICE_EVENT_HOST_FAILED:
    case HF_DEVICE_EVENT_NEEDS_RESET:
    case HF_DEVICE_EVENT_MEMORY_READY:
    case HF_DEVICE_EVENT_MEMORY_RELEASED:
    case HF_DEVICE_EVENT_LOG_SETTLED:
    case HF_DEVICE_EVENT_COUNT:
        break;
    }
}

void hf_initiator_device_event(void *host, const struct hf_device_event *event)
{
    struct hf_initiator *initiator = host;

    react(initiator, event);
    if (initiator->ops.device_event != NULL)
        initiator->ops.device_event(initiator->ops.host, event);
}
