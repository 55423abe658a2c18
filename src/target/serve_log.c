/* SPDX-License-Identifier: BSD-3-Clause */
/* Marks of the data path. The used ring's own are the ring's (ring/device.c). */
#include "target/serve_log.h"

#include "target/worker_state.h"

static bool is_on(const struct hf_queue *queue)
{
    return queue->log.bits != NULL;
}

/* The table that its spans were made by; the old one lives until no request refers to it. */
static const struct hf_memory *memory_of(const struct hf_request *request)
{
    const struct hf_queue *queue = request->queue;

    return request->generation == queue->generation ? queue->device.memory : queue->old_memory;
}

void hf_serve_mark_finished(struct hf_queue *queue, uint16_t count)
{
    if (!is_on(queue))
        return;
    for (uint16_t i = 0; i < count; i++) {
        const struct hf_request *request = &queue->requests[queue->finished[i].id];

        if (request->written_bytes > 0)
            hf_dirty_mark_spans(&queue->log, memory_of(request), request->writable,
                                request->written_bytes);
    }
}

/* All that the device may write there: who died may have been at it. A chain that cannot be walked
 * is dropped when its turn comes; nothing was written by it. */
static void mark_recovered(struct hf_queue *queue, uint16_t head)
{
    struct iovec *spans = queue->iov_memory + (size_t)head * queue->iov_capacity;
    struct hf_ring_chain chain = {
        .spans = (struct hf_span *)spans,
        .span_capacity = queue->iov_capacity / 2,
    };

    if (hf_ring_device_walk(&queue->device, &chain, head) != HF_RING_FAULT_NONE)
        return;
    hf_dirty_mark_spans(&queue->log, queue->device.memory,
                        hf_spans_of(spans + chain.readable_count, chain.writable_count),
                        chain.writable_bytes);
}

/* Those that run again already are marked when they are answered. Event buffers were taken back and
 * do not run: theirs are all. */
void hf_serve_take_log(struct hf_queue *queue, const struct hf_queue_log *log)
{
    const struct hf_dirty_log none = { .bits = NULL };
    uint16_t first = queue->role == HF_ROLE_EVENT ? 0 : queue->recovered_next;

    queue->log = log->log;
    hf_ring_device_set_log(&queue->device, log->used_ring ? &queue->log : &none,
                           log->used_ring_address);
    for (uint16_t i = first; is_on(queue) && i < queue->recovered_count; i++)
        mark_recovered(queue, queue->recovered[i].head);
}

void hf_serve_set_log(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);
    struct hf_queue *queue = order->queue;

    hf_serve_take_log(queue, &order->log);
    hf_crew_post(queue->crew, &order->mail);
}
