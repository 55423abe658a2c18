/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue in its worker. The life of a request here:
 *
 *     fetch (marked in flight) -> active -> begin (request.c, task.c) -> finish -> settle:
 *     published in one batch with whatever else was finished in this round
 */
#include "target/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "target/request.h"
#include "target/serve_log.h"
#include "target/serve_recover.h"
#include "target/task.h"
#include "target/worker_state.h"

#define FETCH_MAX 64u /* in one go: no queue starves the others of its worker */

static void (*const begin[HF_ROLE_COUNT])(struct hf_request *request) = {
    [HF_ROLE_CONTROL] = hf_task_begin,
    [HF_ROLE_REQUEST] = hf_request_begin,
};

static void mark_dirty(struct hf_queue *queue)
{
    if (hf_list_empty(&queue->dirty_link))
        hf_list_append(&queue->worker->dirty, &queue->dirty_link);
}

/* ---- trouble ---- */

static bool memory_lost(const struct hf_queue *queue)
{
    return hf_guard_lost(&queue->nexus->memory_owner);
}

static void run_report(struct hf_mail *mail)
{
    struct hf_report *report = HF_CONTAINER(mail, struct hf_report, mail);
    struct hf_nexus *nexus = report->queue->nexus;

    if (nexus->report)
        nexus->report(nexus->context, report->queue->index, report->broken, report->text);
    atomic_store_explicit(&report->under_way, false, memory_order_release);
}

void hf_serve_report(struct hf_queue *queue, bool broken, const char *what, const char *why)
{
    struct hf_report *report = &queue->report;

    if (queue->err_fd >= 0)
        hf_event_signal(queue->err_fd);
    if (atomic_exchange_explicit(&report->under_way, true, memory_order_acquire))
        return;
    report->queue = queue;
    report->broken = broken;
    snprintf(report->text, sizeof(report->text), "%s: %s", what, why);
    report->mail.run = run_report;
    hf_crew_post(queue->crew, &report->mail);
}

/* Zeros in the place of memory that is gone are no driver's mistake. */
static void break_ring(struct hf_queue *queue, const char *why)
{
    if (queue->broken || memory_lost(queue))
        return;
    queue->broken = true;
    hf_serve_report(queue, true, "the driver broke the ring", why);
}

/* ---- one request ---- */

static void activate(struct hf_queue *queue, uint16_t head, bool replayed)
{
    struct hf_request *request = &queue->requests[head];

    request->queue = queue;
    request->head = head;
    request->active = true;
    request->replayed = replayed;
    request->in_unit = false;
    request->killed = 0;
    request->generation = queue->generation;
    request->written_bytes = 0;
    request->order = queue->worker->next_order++;
    request->iov = queue->iov_memory + (size_t)head * queue->iov_capacity;
    request->unit = NULL;
    queue->active_count++;
    hf_counter_add(&queue->counters.requests, 1);
    if (replayed)
        hf_counter_add(&queue->counters.replayed, 1);
}

static void deactivate(struct hf_request *request)
{
    struct hf_queue *queue = request->queue;

    request->active = false;
    queue->active_count--;
    if (request->generation != queue->generation)
        queue->old_count--;
}

void hf_serve_finish(struct hf_request *request, uint32_t length)
{
    struct hf_queue *queue = request->queue;

    mark_dirty(queue);
    queue->finished[queue->finished_count++] = (struct hf_used_element){
        .id = request->head,
        .length = length,
    };
}

/* A new malformed one keeps its mark: whoever comes next answers it, and the guest is told now. */
void hf_serve_malformed(struct hf_request *request, const char *why)
{
    if (request->replayed) {
        hf_serve_report(request->queue, false, "a request found in flight was dropped", why);
        hf_serve_finish(request, 0);
        return;
    }
    deactivate(request);
    mark_dirty(request->queue);
    break_ring(request->queue, why);
}

_Static_assert(sizeof(struct hf_span) == sizeof(struct iovec), "spans are handed to readv");
_Static_assert(offsetof(struct hf_span, length) == offsetof(struct iovec, iov_len),
               "spans are handed to readv");

static void begin_head(struct hf_queue *queue, uint16_t head, bool replayed)
{
    struct hf_request *request = &queue->requests[head];
    struct hf_ring_chain chain;
    enum hf_ring_fault fault;

    if (request->active) {
        break_ring(queue, hf_ring_fault_text(HF_RING_FAULT_HEAD_BUSY));
        return;
    }
    activate(queue, head, replayed);
    chain = (struct hf_ring_chain){
        .spans = (struct hf_span *)request->iov,
        .span_capacity = queue->iov_capacity / 2,
    };
    fault = hf_ring_device_walk(&queue->device, &chain, head);
    if (fault != HF_RING_FAULT_NONE) {
        hf_serve_malformed(request, hf_ring_fault_text(fault));
        return;
    }
    request->readable = hf_spans_of(request->iov, chain.readable_count);
    request->writable = hf_spans_of(request->iov + chain.readable_count, chain.writable_count);
    request->readable_bytes = chain.readable_bytes;
    request->writable_bytes = chain.writable_bytes;
    begin[queue->role](request);
}

/* ---- fetch ---- */

static bool fetchable(const struct hf_queue *queue)
{
    return !memory_lost(queue) && queue->enabled && !queue->broken && !queue->stopping &&
           !queue->abandoned && !queue->held && queue->role != HF_ROLE_EVENT;
}

/* What a dead predecessor left, in its order, before anything new. */
static void begin_recovered(struct hf_queue *queue)
{
    while (queue->recovered_next < queue->recovered_count && !queue->broken)
        begin_head(queue, queue->recovered[queue->recovered_next++].head, true);
    hf_serve_tell_recovered(queue);
}

static bool fetch_one(struct hf_queue *queue)
{
    uint16_t head;

    if (!hf_ring_device_fetch(&queue->device, &head)) {
        if (queue->device.fault != HF_RING_FAULT_NONE)
            break_ring(queue, hf_ring_fault_text(queue->device.fault));
        return false;
    }
    if (queue->armed) {
        queue->armed = false;
        hf_ring_device_disable_kick(&queue->device);
    }
    begin_head(queue, head, false);
    return !queue->broken;
}

/*
 * Task management ends requests of other rings, so none goes before those found in flight there run
 * again (CONTRACT §4): neither what was found in flight itself nor what was posted since.
 */
static bool held_back(struct hf_queue *queue)
{
    queue->held = queue->role == HF_ROLE_CONTROL &&
                  (queue->recovered_next < queue->recovered_count ||
                   hf_ring_device_pending(&queue->device)) &&
                  !hf_serve_siblings_recovered(queue);
    return queue->held;
}

bool hf_serve_fetch(struct hf_queue *queue)
{
    queue->kicked = false;
    if (!fetchable(queue) || held_back(queue))
        return false;
    if (queue->recovered_next < queue->recovered_count)
        begin_recovered(queue);
    for (unsigned i = 0; i < FETCH_MAX; i++) {
        if (queue->broken || !fetch_one(queue))
            return false;
    }
    queue->kicked = true;
    return true;
}

bool hf_serve_arm(struct hf_queue *queue)
{
    if (queue->armed || !fetchable(queue))
        return false;
    if (hf_ring_device_enable_kick(&queue->device)) {
        queue->kicked = true;
        return true;
    }
    queue->armed = true;
    return false;
}

bool hf_serve_pending(struct hf_queue *queue)
{
    if (!fetchable(queue) || !hf_ring_device_pending(&queue->device))
        return false;
    queue->kicked = true;
    return true;
}

/* ---- settle ---- */

/* After an abandon, or without memory, only our own books are closed: what is answered stays in
 * flight in the region. The marks come first: the log may be what is lost. */
static void publish(struct hf_queue *queue)
{
    uint16_t count = queue->finished_count;

    hf_serve_mark_finished(queue, count);
    bool silent = queue->abandoned || memory_lost(queue);
    queue->finished_count = 0;
    if (!silent)
        hf_ring_device_complete(&queue->device, queue->finished, count);
    for (uint16_t i = 0; i < count; i++)
        deactivate(&queue->requests[queue->finished[i].id]);
    if (!silent && hf_ring_device_call_needed(&queue->device))
        hf_bell_ring(&queue->call);
}

static void answer_order(struct hf_order *order, int result, const char *text)
{
    struct hf_queue *queue = order->queue;

    order->answer.result = result;
    order->answer.text = text;
    hf_crew_post(queue->crew, &order->mail);
}

static void answer_swaps(struct hf_queue *queue)
{
    struct hf_link *link;

    while ((link = hf_list_pop(&queue->swaps)))
        answer_order(HF_CONTAINER(link, struct hf_order, link), 0, NULL);
}

static void detach(struct hf_queue *queue)
{
    struct hf_aio *aio = queue->worker->aio;

    hf_aio_remove_watch(aio, &queue->watch);
    hf_aio_cancel_timer(aio, &queue->poll_timer);
    hf_list_remove(&queue->link);
    hf_list_remove(&queue->dirty_link);
    queue->gone = true;
}

/* The control thread may free the queue once the last of these is posted. */
static void end(struct hf_queue *queue)
{
    bool stopping = queue->stopping;
    bool abandoned = queue->abandoned;
    bool settled = hf_ring_device_outstanding(&queue->device) == 0;

    detach(queue);
    queue->stop_order.answer.base = queue->device.last_avail;
    queue->stop_order.answer.settled = settled && !abandoned;
    if (stopping)
        answer_order(&queue->stop_order, abandoned ? -ECANCELED : 0,
                     abandoned ? "the session is gone" : NULL);
    if (abandoned)
        answer_order(&queue->abandon_order, 0, NULL);
}

void hf_serve_settle(struct hf_queue *queue)
{
    if (queue->finished_count > 0)
        publish(queue);
    if (queue->old_count == 0)
        answer_swaps(queue);
    if ((queue->stopping || queue->abandoned) && queue->active_count == 0)
        end(queue);
}

/* ---- orders ---- */

static struct hf_order *order_of(struct hf_mail *mail)
{
    return HF_CONTAINER(mail, struct hf_order, mail);
}

void hf_serve_stop(struct hf_mail *mail)
{
    struct hf_queue *queue = order_of(mail)->queue;

    queue->stopping = true; /* what is held back stays in flight in the region */
    mark_dirty(queue);
}

void hf_serve_abandon(struct hf_mail *mail)
{
    struct hf_queue *queue = order_of(mail)->queue;

    if (queue->gone) { /* the stop was faster */
        answer_order(&queue->abandon_order, 0, NULL);
        return;
    }
    queue->abandoned = true;
    for (uint16_t head = 0; head < queue->device.ring.size; head++) {
        struct hf_request *request = &queue->requests[head];

        if (request->active && request->in_unit)
            hf_unit_cancel(request->unit, &request->io);
    }
    mark_dirty(queue);
}

void hf_serve_set_call(struct hf_mail *mail)
{
    struct hf_order *order = order_of(mail);
    struct hf_bell old = order->queue->call;

    order->queue->call = order->bell;
    order->bell = old;
    if (!order->queue->abandoned)
        hf_bell_ring(&order->queue->call); /* what the old one was told may have been missed */
    answer_order(order, 0, NULL);
}

void hf_serve_set_err(struct hf_mail *mail)
{
    struct hf_order *order = order_of(mail);
    int old = order->queue->err_fd;

    order->queue->err_fd = order->bell.fd;
    order->bell.fd = old;
    answer_order(order, 0, NULL);
}

void hf_serve_set_enabled(struct hf_mail *mail)
{
    struct hf_order *order = order_of(mail);

    order->queue->enabled = order->flag;
    order->queue->armed = false;
    order->queue->kicked = true;
    answer_order(order, 0, NULL);
}

/* The rings are the same guest memory, seen elsewhere: indices in our own memory stay right. */
void hf_serve_set_memory(struct hf_mail *mail)
{
    struct hf_order *order = order_of(mail);
    struct hf_queue *queue = order->queue;

    if (order->flag)
        queue->old_memory = queue->device.memory;
    queue->device.memory = order->memory;
    queue->device.ring = order->ring;
    if (!order->flag) {
        answer_order(order, 0, NULL);
        return;
    }
    queue->generation++;
    queue->old_count = queue->active_count;
    hf_list_append(&queue->swaps, &order->link);
    mark_dirty(queue);
}

void hf_serve_siblings(struct hf_mail *mail)
{
    struct hf_queue *queue = HF_CONTAINER(mail, struct hf_queue, siblings_mail);

    atomic_exchange_explicit(&queue->siblings_posted, false, memory_order_acq_rel);
    queue->held = false; /* the next fetch looks again */
    queue->kicked = true;
}
