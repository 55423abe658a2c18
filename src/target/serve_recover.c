/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start of a queue: its ring, its doorbell, and once per start what the in-flight region says.
 * Nothing runs here; what was found in flight waits in queue->recovered until the ring is enabled.
 */
#include "target/serve_recover.h"

#include <errno.h>

#include "os/clock.h"
#include "target/serve.h"
#include "target/serve_log.h"
#include "target/worker_state.h"

#define POLL_INTERVAL_NS HF_NS_PER_MS /* of a ring without a kick fd */

/* ---- rings that wait for each other ---- */

static bool recovered(const struct hf_nexus *nexus, unsigned index)
{
    uint64_t word = atomic_load_explicit(&nexus->recovered[index / 64], memory_order_acquire);

    return (word >> (index % 64) & 1) != 0;
}

/* The other ring's size is not known here; its region's own word is, and is not trusted. */
static bool in_flight(const struct hf_inflight_region *region, uint16_t index)
{
    struct hf_inflight_queue queue;
    uint16_t desc_num;

    if (hf_inflight_region_queue(region, index, 1, &queue) != HF_INFLIGHT_FAULT_NONE)
        return false;
    desc_num = hf_order_load_u16(&queue.header->desc_num);
    queue.ring_size = desc_num < queue.capacity ? desc_num : (uint16_t)queue.capacity;
    return hf_inflight_count(&queue) > 0;
}

bool hf_serve_siblings_recovered(const struct hf_queue *queue)
{
    const struct hf_inflight_region *region = &queue->region;

    for (uint16_t index = HF_VSCSI_QUEUE_REQUEST; index < region->queue_count; index++) {
        if (index < HF_QUEUE_MAX && !recovered(queue->nexus, index) && in_flight(region, index))
            return false;
    }
    return true;
}

void hf_serve_tell_recovered(struct hf_queue *queue)
{
    if (queue->recovery_told || queue->recovered_next < queue->recovered_count)
        return;
    queue->recovery_told = true;
    atomic_fetch_or_explicit(&queue->nexus->recovered[queue->index / 64], HF_BIT(queue->index % 64),
                             memory_order_release);
    hf_crew_post(queue->crew, &queue->recovered_mail);
}

/* ---- the region ---- */

static enum hf_inflight_fault recover_marked(struct hf_queue *queue,
                                             const struct hf_inflight_queue *inflight)
{
    struct hf_inflight_recovery recovery = { .requests = queue->recovered };
    enum hf_inflight_fault fault = hf_ring_device_recover(&queue->device, inflight, &recovery);

    if (fault == HF_INFLIGHT_FAULT_NONE)
        queue->recovered_count = recovery.count;
    return fault;
}

/*
 * Event buffers are never marked by us. Another back-end may have: they are taken back, because all
 * of them lie between used and avail (scsi.md §7) and are seen again from used->idx on.
 */
static enum hf_inflight_fault unmark_events(struct hf_queue *queue,
                                            const struct hf_inflight_queue *inflight)
{
    const struct hf_ring *ring = &queue->setup.ring;
    struct hf_inflight_ring state = {
        .size = ring->size,
        .used_index = hf_ring_used_index(ring),
        .avail_index = hf_ring_avail_index(ring),
    };
    struct hf_inflight_recovery recovery = { .requests = queue->recovered };
    enum hf_inflight_fault fault = hf_inflight_recover(inflight, &state, &recovery);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    for (uint16_t i = 0; i < recovery.count; i++)
        hf_inflight_clear(inflight, recovery.requests[i].head);
    queue->recovered_count = queue->recovered_next = recovery.count;
    queue->setup.base = state.used_index;
    hf_ring_device_start(&queue->device, &queue->setup);
    return HF_INFLIGHT_FAULT_NONE;
}

static enum hf_inflight_fault recover(struct hf_queue *queue)
{
    struct hf_inflight_queue inflight;
    enum hf_inflight_fault fault;

    if (!queue->region.base || queue->index >= queue->region.queue_count)
        return HF_INFLIGHT_FAULT_NONE;
    fault = hf_inflight_region_queue(&queue->region, (uint16_t)queue->index, queue->setup.ring.size,
                                     &inflight);
    if (fault != HF_INFLIGHT_FAULT_NONE)
        return fault;
    return queue->role == HF_ROLE_EVENT ? unmark_events(queue, &inflight)
                                        : recover_marked(queue, &inflight);
}

/* ---- the doorbell ---- */

static void kicked(struct hf_aio_watch *watch)
{
    struct hf_queue *queue = HF_CONTAINER(watch, struct hf_queue, watch);
    int ret = hf_bell_drain(&queue->kick);

    if (ret < 0 && ret != -EAGAIN)
        hf_aio_remove_watch(queue->worker->aio, watch);
    queue->kicked = true;
}

static void look_again(struct hf_timer *timer)
{
    struct hf_queue *queue = HF_CONTAINER(timer, struct hf_queue, poll_timer);

    queue->kicked = true;
    hf_aio_set_timer(queue->worker->aio, timer, hf_clock_ns() + POLL_INTERVAL_NS);
}

static int listen_for_kicks(struct hf_queue *queue)
{
    queue->watch.ready = kicked;
    queue->poll_timer.expired = look_again;
    if (queue->kick.fd >= 0)
        return hf_aio_add_watch(queue->worker->aio, &queue->watch, queue->kick.fd);
    if (queue->role != HF_ROLE_EVENT)
        look_again(&queue->poll_timer);
    return 0;
}

/* ---- start ---- */

static int begin_serving(struct hf_queue *queue, const struct hf_queue_log *log, const char **text)
{
    enum hf_inflight_fault fault;
    int ret;

    hf_ring_device_start(&queue->device, &queue->setup);
    fault = recover(queue);
    if (fault != HF_INFLIGHT_FAULT_NONE) {
        *text = hf_inflight_fault_text(fault);
        return -EPROTO;
    }
    hf_serve_take_log(queue, log);
    if (queue->role == HF_ROLE_EVENT)
        hf_ring_device_disable_kick(&queue->device);
    ret = listen_for_kicks(queue);
    if (ret < 0)
        *text = "the kick fd cannot be watched";
    return ret;
}

void hf_serve_start(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);
    struct hf_queue *queue = order->queue;

    hf_list_append(&queue->worker->queues, &queue->link);
    order->answer.result = begin_serving(queue, &order->log, &order->answer.text);
    order->answer.replayed = (uint16_t)(queue->recovered_count - queue->recovered_next);
    queue->broken = order->answer.result < 0;
    queue->kicked = true;
    hf_crew_post(queue->crew, &order->mail);
    if (!queue->broken)
        hf_serve_tell_recovered(queue);
}
