/* SPDX-License-Identifier: BSD-3-Clause */
/* A back-end's rings: started through the in-flight region, served when they are kicked. */
#include "peer.h"

#include "os/event.h"
#include "os/fd.h"

static bool lies_in_memory(const struct mx_process *process, uint64_t address, uint64_t size_bytes)
{
    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        const struct hf_wire_region *region = &process->regions[i].region;

        if (process->regions[i].there && address >= region->user_address &&
            address + size_bytes <= region->user_address + region->size_bytes)
            return true;
    }
    return false;
}

/* It is the same process: an address of the front-end is a pointer. */
static bool find(struct mx_process *process, const struct mx_peer_ring *told, struct hf_ring *ring)
{
    const struct hf_wire_vring_addr *addr = &told->addr;

    if (!lies_in_memory(process, addr->desc, hf_ring_desc_bytes(told->size)) ||
        !lies_in_memory(process, addr->avail, hf_ring_avail_bytes(told->size)) ||
        !lies_in_memory(process, addr->used, hf_ring_used_bytes(told->size))) {
        mx_peer_fail(process, "ring %u lies outside of its memory", addr->index);
        return false;
    }
    return hf_ring_init(ring, told->size, (void *)(uintptr_t)addr->desc,
                        (void *)(uintptr_t)addr->avail,
                        (void *)(uintptr_t)addr->used) == HF_RING_FAULT_NONE;
}

/* The fence: two of them, and what one has in flight the other answers too. */
static void judge_others(struct mx_process *process)
{
    struct mx_peers *peers = process->peers;

    for (unsigned i = 0; i < peers->count; i++) {
        if (&peers->list[i] != process && mx_process_may_write(&peers->list[i]))
            mx_peer_fail(process, "rings start while another back-end has them");
    }
}

static void hold(struct mx_peer_ring *ring, uint16_t head)
{
    if (ring->held_count < MX_RING_SIZE)
        ring->held[ring->held_count++] = (struct hf_used_element){ .id = head };
}

static void recover(struct mx_process *process, uint16_t queue)
{
    struct mx_peer_ring *ring = &process->rings[queue];
    struct hf_inflight_request requests[MX_RING_SIZE];
    struct hf_inflight_recovery recovery = { .requests = requests };
    struct hf_inflight_region region;
    struct hf_inflight_queue part;

    if (process->inflight.start == NULL)
        return;
    enum hf_inflight_fault fault = hf_inflight_region_init(
        &region, process->inflight.start, process->inflight.size_bytes, process->inflight_queues);
    if (fault == HF_INFLIGHT_FAULT_NONE)
        fault = hf_inflight_region_queue(&region, queue, ring->size, &part);
    if (fault == HF_INFLIGHT_FAULT_NONE)
        fault = hf_ring_device_recover(&ring->device, &part, &recovery);
    if (fault != HF_INFLIGHT_FAULT_NONE) {
        mx_peer_fail(process, "ring %u: %s", queue, hf_inflight_fault_text(fault));
        return;
    }
    for (uint16_t i = 0; i < recovery.count; i++) {
        if (mx_guest_disowns(process->peers->guest, queue, ring->device.ring.desc,
                             requests[i].head))
            mx_peer_fail(process, "ring %u: head %u is replayed, and is not out", queue,
                         requests[i].head);
        hold(ring, requests[i].head);
    }
}

void mx_ring_start(struct mx_process *process, uint16_t queue)
{
    struct mx_peer_ring *ring = &process->rings[queue];
    struct hf_ring_device_setup setup = { .base = ring->base };

    if (!ring->num_told || !ring->base_told || !ring->addr_told || !process->features_set) {
        mx_peer_fail(process, "ring %u starts before it was told all", queue);
        return;
    }
    judge_others(process);
    if (!find(process, ring, &setup.ring))
        return;
    ring->held_count = 0;
    ring->live = false;
    hf_ring_device_start(&ring->device, &setup);
    ring->started = true;
    recover(process, queue);
}

void mx_ring_answer(struct mx_process *process, uint16_t queue)
{
    struct mx_peer_ring *ring = &process->rings[queue];

    if (!ring->started || ring->held_count == 0)
        return;
    hf_ring_device_complete(&ring->device, ring->held, ring->held_count);
    ring->held_count = 0;
    if (hf_ring_device_call_needed(&ring->device) && ring->call_fd >= 0)
        hf_event_signal(ring->call_fd);
}

uint16_t mx_ring_stop(struct mx_process *process, uint16_t queue)
{
    struct mx_peer_ring *ring = &process->rings[queue];

    mx_ring_answer(process, queue);
    if (ring->started)
        ring->base = ring->device.last_avail;
    ring->started = ring->live = false;
    ring->num_told = ring->base_told = ring->addr_told = false;
    hf_fd_close(&ring->kick_fd);
    return ring->base;
}

static bool serve(struct mx_process *process, uint16_t queue, bool kicked)
{
    struct mx_peer_ring *ring = &process->rings[queue];
    uint16_t head;

    while (kicked && hf_ring_device_fetch(&ring->device, &head))
        hold(ring, head);
    ring->live = ring->live || kicked;
    if (ring->device.fault != HF_RING_FAULT_NONE)
        mx_peer_fail(process, "ring %u: %s", queue, hf_ring_fault_text(ring->device.fault));
    if (!ring->live || ring->held_count == 0 || process->peers->hold)
        return kicked;
    mx_ring_answer(process, queue);
    return true;
}

/* Looks where it was kicked, and at no other time: a kick that is lost is a request that hangs. */
bool mx_rings_serve(struct mx_process *process)
{
    int kicks[MX_QUEUES];
    bool any = false;

    if (!mx_process_may_write(process))
        return false;
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        kicks[i] = process->rings[i].enabled ? process->rings[i].kick_fd : -1;
    unsigned kicked = mx_rang(kicks);
    for (uint16_t i = 0; i < MX_QUEUES; i++) {
        if (process->rings[i].started && process->rings[i].enabled)
            any = serve(process, i, (kicked & (1u << i)) != 0) || any;
    }
    return any;
}

void mx_ring_tear(struct mx_process *process)
{
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        struct mx_peer_ring *ring = &process->rings[i];
        struct hf_used *used = ring->device.ring.used;

        if (!ring->started || ring->held_count == 0)
            continue;
        for (uint16_t at = 0; at < ring->held_count; at++) {
            uint16_t index = (uint16_t)(ring->device.used_index + at);

            used->ring[hf_ring_slot(&ring->device.ring, index)] = ring->held[at];
            if (ring->device.inflight.header != NULL)
                ring->device.last_batch = hf_inflight_link(
                    &ring->device.inflight, (uint16_t)ring->held[at].id, ring->device.last_batch);
        }
        hf_order_release_u16(&used->index, (uint16_t)(ring->device.used_index + ring->held_count));
    }
}
