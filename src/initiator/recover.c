/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an initiator does when the device reports. Only the DRIVER way needs anything done:
 *
 *   LOST ──> take what was published, reset the device ──at rest──> rings of the other set, offer
 *                                          │                       all that is outstanding again
 *                                          └──(STOPPED)──> take the last, then the same
 *
 * Between LOST and rest the dead back-end's kernel may still write into the old rings' requests;
 * the other set of rings is memory that back-end was never told about.
 */
#include "initiator/state.h"

#include "wire/feature.h"

#include <errno.h>
#include <stdio.h>

#define STATUS_RUNNING 0x0fu /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK (virtio 1.3 §2.1) */

_Static_assert((STATUS_RUNNING & HF_VIRTIO_STATUS_DRIVER_OK) != 0, "the rings start with it");

static void give_ring(struct hf_initiator *initiator, uint16_t vring, const struct hf_ring *ring)
{
    const struct hf_initiator_line *line = &initiator->lines[vring];

    hf_device_set_queue(initiator->device, vring, ring);
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
    hf_device_set_status(initiator->device, STATUS_RUNNING);
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

static void note_trouble(struct hf_initiator *initiator, enum hf_fault fault, const char *text)
{
    initiator->troubled = true;
    initiator->trouble_code = fault == HF_FAULT_REFUSED_DIAL ? ECONNREFUSED : ECONNRESET;
    snprintf(initiator->trouble, sizeof(initiator->trouble), "%s", text);
}

static void react(struct hf_initiator *initiator, const struct hf_report *report, const char *text)
{
    switch (report->kind) {
    case HF_REPORT_CONNECTED:
        initiator->connected = true;
        break;
    case HF_REPORT_STARTED:
        initiator->running = true;
        break;
    case HF_REPORT_STOPPED:
        if (initiator->resting && hf_device_at_rest(initiator->device))
            begin_again(initiator);
        break;
    case HF_REPORT_LOST:
    case HF_REPORT_REFUSED:
    case HF_REPORT_FAILED:
        initiator->refused |= report->kind == HF_REPORT_REFUSED;
        note_trouble(initiator, report->fault, text);
        back_end_lost(initiator);
        break;
    case HF_REPORT_REQUEST_KILLS:
    case HF_REPORT_FENCE:
    case HF_REPORT_COUNT:
        break;
    }
}

void hf_initiator_reported(void *host, const struct hf_report *report, const char *text)
{
    struct hf_initiator *initiator = host;

    react(initiator, report, text);
    if (initiator->ops.report != NULL)
        initiator->ops.report(initiator->ops.host, report, text);
}
