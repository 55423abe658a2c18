/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread's side of a queue: makes it, sends orders to its worker, delivers the answers,
 * frees it.
 *
 *     start ----> set_*, siblings ----> stop [----> abandon]      nothing follows the last one
 *
 * The worker may end the queue by a stop while an abandon is under way; so the abandon's answer,
 * once sent, is what frees.
 */
#include "target/queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "os/fd.h"
#include "target/queue_state.h"
#include "target/serve.h"
#include "target/serve_log.h"
#include "target/worker_state.h"
#include "wire/feature.h"

#define IOV_CAPACITY_BASE 16u /* beside one a descriptor: buffers that cross memory regions */
#define IOV_CAPACITY_MAX  1024u

/* ---- answers ---- */

static void reply(struct hf_order *order)
{
    if (order->reply.call)
        order->reply.call(order->reply.context, &order->answer);
}

static void queue_free(struct hf_queue *queue)
{
    hf_fd_close(&queue->kick.fd);
    hf_fd_close(&queue->call.fd);
    hf_fd_close(&queue->err_fd);
    free(queue->requests);
    free(queue->iov_memory);
    free(queue->recovered);
    free(queue->finished);
    free(queue);
}

static void forget(struct hf_queue *queue)
{
    if (queue->nexus->queues[queue->index] == queue)
        queue->nexus->queues[queue->index] = NULL;
}

/* The fd that comes back is the old one. The reply may give the same order again. */
static void deliver(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);
    struct hf_order done = *order;

    hf_fd_close(&done.bell.fd);
    order->under_way = false;
    reply(&done);
}

static void deliver_start(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);

    hf_queue_get_stats(order->queue, &order->answer.stats);
    reply(order);
}

/* The reply may start a new queue in the place of this one. */
static void deliver_last(struct hf_order *order, bool frees)
{
    struct hf_queue *queue = order->queue;

    hf_queue_get_stats(queue, &order->answer.stats);
    if (frees) {
        forget(queue);
        if (queue->role == HF_ROLE_REQUEST)
            queue->worker->queue_count--;
    }
    reply(order);
    if (frees)
        queue_free(queue);
}

/* An abandon may be on its way to a worker that has stopped already: then its answer is the end,
 * and the stop's must not say so too. */
static void deliver_stop(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);
    bool overtaken = order->queue->abandon_sent;

    if (overtaken)
        order->answer.result = -ECANCELED;
    deliver_last(order, !overtaken);
}

static void deliver_abandon(struct hf_mail *mail)
{
    deliver_last(HF_CONTAINER(mail, struct hf_order, mail), true);
}

/* ---- orders ---- */

typedef void run_fn(struct hf_mail *mail);

/* An order's mail runs twice: in the worker, which then posts it to the crew with `deliver`. */
static void carry_out(struct hf_mail *mail)
{
    struct hf_order *order = HF_CONTAINER(mail, struct hf_order, mail);

    mail->run = order->deliver;
    order->serve(mail);
}

static void send(struct hf_queue *queue, struct hf_order *order, run_fn *serve, run_fn *deliverer)
{
    order->queue = queue;
    order->serve = serve;
    order->deliver = deliverer;
    order->mail.run = carry_out;
    hf_list_init(&order->link);
    hf_worker_post(queue->worker, &order->mail);
}

static void dispatch(struct hf_queue *queue, struct hf_order *order, run_fn *serve)
{
    HF_CHECK(!queue->stop_sent && !queue->abandon_sent && !order->under_way);
    order->under_way = true;
    send(queue, order, serve, deliver);
}

void hf_queue_set_call(struct hf_queue *queue, int fd, struct hf_queue_reply to)
{
    queue->call_order.reply = to;
    queue->call_order.bell = hf_bell_of(fd);
    dispatch(queue, &queue->call_order, hf_serve_set_call);
}

void hf_queue_set_err(struct hf_queue *queue, int fd, struct hf_queue_reply to)
{
    queue->err_order.reply = to;
    queue->err_order.bell.fd = fd;
    dispatch(queue, &queue->err_order, hf_serve_set_err);
}

void hf_queue_set_enabled(struct hf_queue *queue, bool enabled, struct hf_queue_reply to)
{
    struct hf_order *order = &queue->enabled_orders[enabled];

    order->reply = to;
    order->flag = enabled;
    dispatch(queue, order, hf_serve_set_enabled);
}

static void change_memory(struct hf_queue *queue, bool wait_for_old, const struct hf_memory *memory,
                          const struct hf_ring *ring, struct hf_queue_reply to)
{
    struct hf_order *order = &queue->memory_order;

    order->reply = to;
    order->flag = wait_for_old;
    order->memory = memory;
    order->ring = *ring;
    dispatch(queue, order, hf_serve_set_memory);
}

void hf_queue_extend_memory(struct hf_queue *queue, const struct hf_memory *memory,
                            const struct hf_ring *ring, struct hf_queue_reply to)
{
    change_memory(queue, false, memory, ring, to);
}

void hf_queue_set_memory(struct hf_queue *queue, const struct hf_memory *memory,
                         const struct hf_ring *ring, struct hf_queue_reply to)
{
    change_memory(queue, true, memory, ring, to);
}

void hf_queue_set_log(struct hf_queue *queue, const struct hf_queue_log *log,
                      struct hf_queue_reply to)
{
    queue->log_order.reply = to;
    queue->log_order.log = *log;
    dispatch(queue, &queue->log_order, hf_serve_set_log);
}

void hf_queue_stop(struct hf_queue *queue, struct hf_queue_reply to)
{
    HF_CHECK(!queue->stop_sent && !queue->abandon_sent);
    queue->stop_sent = true;
    queue->stop_order.reply = to;
    send(queue, &queue->stop_order, hf_serve_stop, deliver_stop);
}

void hf_queue_abandon(struct hf_queue *queue, struct hf_queue_reply to)
{
    HF_CHECK(!queue->abandon_sent);
    queue->abandon_sent = true;
    queue->abandon_order.reply = to;
    send(queue, &queue->abandon_order, hf_serve_abandon, deliver_abandon);
}

/* A ring runs its replayed requests: held task management may go (CONTRACT §4). */
static void tell_control_queue(struct hf_mail *mail)
{
    struct hf_queue *queue = HF_CONTAINER(mail, struct hf_queue, recovered_mail);
    struct hf_queue *control = queue->nexus->queues[HF_VSCSI_QUEUE_CONTROL];

    if (!control || control->stop_sent || control->abandon_sent)
        return;
    if (!atomic_exchange_explicit(&control->siblings_posted, true, memory_order_acq_rel))
        hf_worker_post(control->worker, &control->siblings_mail);
}

/* ---- start ---- */

static enum hf_role role_of(unsigned index)
{
    static const enum hf_role roles[] = {
        [HF_VSCSI_QUEUE_CONTROL] = HF_ROLE_CONTROL,
        [HF_VSCSI_QUEUE_EVENT] = HF_ROLE_EVENT,
    };

    return index < HF_ARRAY_COUNT(roles) ? roles[index] : HF_ROLE_REQUEST;
}

static struct hf_worker *choose_worker(struct hf_crew *crew, enum hf_role role)
{
    struct hf_worker *best = &crew->workers[0];

    if (role != HF_ROLE_REQUEST)
        return best;
    for (unsigned i = 1; i < crew->worker_count; i++) {
        if (crew->workers[i].queue_count < best->queue_count)
            best = &crew->workers[i];
    }
    best->queue_count++;
    return best;
}

/* Large and mostly never touched: calloc leaves the pages to be made at first use. */
static bool allocate(struct hf_queue *queue, uint16_t size)
{
    uint32_t spans = size < IOV_CAPACITY_MAX ? size : IOV_CAPACITY_MAX;

    queue->iov_capacity = 2 * (spans + IOV_CAPACITY_BASE);
    queue->requests = calloc(size, sizeof(*queue->requests));
    queue->iov_memory = calloc((size_t)size * queue->iov_capacity, sizeof(*queue->iov_memory));
    queue->recovered = calloc(size, sizeof(*queue->recovered));
    queue->finished = calloc(size, sizeof(*queue->finished));
    return queue->requests && queue->iov_memory && queue->recovered && queue->finished;
}

static void fill(struct hf_queue *queue, const struct hf_queue_setup *setup)
{
    queue->index = setup->index;
    queue->role = role_of(setup->index);
    queue->setup = (struct hf_ring_device_setup){
        .ring = setup->ring,
        .memory = setup->memory,
        .base = setup->base,
        .event_index = (setup->features & HF_FEATURE(EVENT_IDX)) != 0,
        .indirect = (setup->features & HF_FEATURE(INDIRECT_DESC)) != 0,
    };
    queue->region = setup->region;
    queue->enabled = setup->enabled;
    queue->recovered_mail.run = tell_control_queue;
    queue->siblings_mail.run = hf_serve_siblings;
    hf_list_init(&queue->link);
    hf_list_init(&queue->dirty_link);
    hf_list_init(&queue->swaps);
    queue->enabled_orders[false].bell.fd = queue->enabled_orders[true].bell.fd = -1;
    queue->memory_order.bell.fd = queue->log_order.bell.fd = -1;
    queue->start_order.log = setup->log;
}

static struct hf_queue *queue_new(const struct hf_queue_setup *setup)
{
    struct hf_queue *queue = calloc(1, sizeof(*queue));
    int fds[] = { setup->kick_fd, setup->call_fd, setup->err_fd };

    if (!queue) {
        hf_fd_close_all(fds, HF_ARRAY_COUNT(fds));
        return NULL;
    }
    queue->kick = hf_bell_of(setup->kick_fd);
    queue->call = hf_bell_of(setup->call_fd);
    queue->err_fd = setup->err_fd;
    if (!allocate(queue, setup->ring.size)) {
        queue_free(queue);
        return NULL;
    }
    fill(queue, setup);
    return queue;
}

struct hf_queue *hf_queue_start(struct hf_crew *crew, struct hf_nexus *nexus,
                                const struct hf_queue_setup *setup, struct hf_queue_reply to,
                                struct hf_error *error)
{
    struct hf_queue *queue;

    HF_CHECK(setup->index < HF_QUEUE_MAX && !nexus->queues[setup->index]);
    queue = queue_new(setup);
    if (!queue) {
        hf_error_set(error, ENOMEM, "no memory for a ring of %u", setup->ring.size);
        return NULL;
    }
    queue->crew = crew;
    queue->nexus = nexus;
    queue->worker = choose_worker(crew, queue->role);
    nexus->queues[setup->index] = queue;
    atomic_fetch_and_explicit(&nexus->recovered[setup->index / 64], ~HF_BIT(setup->index % 64),
                              memory_order_relaxed);
    queue->start_order.reply = to;
    send(queue, &queue->start_order, hf_serve_start, deliver_start);
    return queue;
}

/* ---- questions ---- */

void hf_queue_get_stats(const struct hf_queue *queue, struct hf_queue_stats *stats)
{
    const struct hf_queue_counters *counters = &queue->counters;

    stats->requests = atomic_load_explicit(&counters->requests, memory_order_relaxed);
    stats->bytes_read = atomic_load_explicit(&counters->bytes_read, memory_order_relaxed);
    stats->bytes_written = atomic_load_explicit(&counters->bytes_written, memory_order_relaxed);
    stats->errors = atomic_load_explicit(&counters->errors, memory_order_relaxed);
    stats->replayed = atomic_load_explicit(&counters->replayed, memory_order_relaxed);
}

unsigned hf_queue_index(const struct hf_queue *queue)
{
    return queue->index;
}
