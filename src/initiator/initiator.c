/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of an initiator: memory, bells, device; the blocking calls; the way to the queues. */
#include "initiator/initiator.h"
#include "initiator/state.h"

#include "os/fd.h"
#include "wire/feature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_ROUNDS 4u /* looks at one queue before others get their turn */

const struct hf_initiator_config hf_initiator_config_default = {
    .queue_count = 1, .depth = 32, .segments_max = 8, .buffer_size = 1u << 20
};

static const char *const recovery_names[HF_RECOVERY_COUNT] = {
    [HF_RECOVERY_AUTO] = "auto",
    [HF_RECOVERY_INFLIGHT] = "inflight",
    [HF_RECOVERY_DRIVER] = "driver",
    [HF_RECOVERY_USED_INDEX] = "used-index",
};

bool hf_recovery_parse(const char *word, enum hf_recovery *recovery)
{
    for (unsigned i = 0; i < HF_RECOVERY_COUNT; i++) {
        if (strcmp(word, recovery_names[i]) == 0) {
            *recovery = (enum hf_recovery)i;
            return true;
        }
    }
    return false;
}

const char *hf_recovery_name(enum hf_recovery recovery)
{
    return recovery_names[recovery];
}

/* ---- the way through the queues ---- */

static void serve_queue(struct hf_initiator *initiator, struct hf_initiator_line *line)
{
    struct hf_initiator_queue *queue = &initiator->queues[line->vring - HF_VSCSI_QUEUE_REQUEST];
    bool more = true;

    for (unsigned i = 0; i < SERVICE_ROUNDS && more; i++) {
        hf_initiator_queue_take(queue, HF_INITIATOR_RING_MAX);
        more = hf_initiator_queue_listen(queue);
    }
    if (more)
        hf_event_signal(line->call_fd);
    hf_initiator_push(initiator);
}

static void call_ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_initiator_line *line = (struct hf_initiator_line *)watch;
    struct hf_initiator *initiator = line->initiator;

    (void)events;
    hf_event_drain(line->call_fd);
    if (!initiator->prepared)
        return;
    if (line->vring >= HF_VSCSI_QUEUE_REQUEST)
        serve_queue(initiator, line);
    else if (line->vring == HF_VSCSI_QUEUE_EVENT && hf_initiator_events_take(&initiator->events))
        hf_event_signal(line->call_fd);
}

void hf_initiator_push(struct hf_initiator *initiator)
{
    for (uint16_t i = 0; i < initiator->config.queue_count; i++)
        hf_initiator_queue_push(&initiator->queues[i]);
}

unsigned hf_initiator_poll(struct hf_initiator *initiator)
{
    unsigned count = 0;

    if (!initiator->prepared)
        return 0;
    for (uint16_t i = 0; i < initiator->config.queue_count; i++)
        count += hf_initiator_queue_take(&initiator->queues[i], HF_INITIATOR_RING_MAX);
    if (count > 0)
        hf_initiator_push(initiator);
    return count;
}

int hf_initiator_submit(struct hf_initiator *initiator, uint16_t queue,
                        struct hf_initiator_request *request)
{
    if (queue >= initiator->config.queue_count)
        return -EINVAL;
    return hf_initiator_queue_submit(&initiator->queues[queue], request);
}

unsigned hf_initiator_outstanding(const struct hf_initiator *initiator)
{
    unsigned sum = 0;

    for (uint16_t i = 0; i < initiator->config.queue_count; i++)
        sum += initiator->queues[i].outstanding;
    return sum;
}

static void ring_fault(void *host, uint16_t queue, enum hf_ring_fault fault)
{
    struct hf_initiator *initiator = host;

    if (initiator->ops.ring_fault != NULL)
        initiator->ops.ring_fault(initiator->ops.host, queue, fault);
}

/* ---- life ---- */

static int check_config(const struct hf_initiator_config *config, struct hf_error *error)
{
    if (config->queue_count == 0 || config->queue_count > HF_NUM_QUEUES_MAX)
        return hf_error_set(error, EINVAL, "%u queues: 1 to %u are possible", config->queue_count,
                            HF_NUM_QUEUES_MAX);
    if (config->depth == 0 || config->depth > HF_INITIATOR_DEPTH_MAX)
        return hf_error_set(error, EINVAL, "depth %u: 1 to %u is possible", config->depth,
                            HF_INITIATOR_DEPTH_MAX);
    if (config->segments_max == 0 || config->segments_max > HF_INITIATOR_SEGMENTS_MAX)
        return hf_error_set(error, EINVAL, "%u segments: 1 to %u are possible",
                            config->segments_max, HF_INITIATOR_SEGMENTS_MAX);
    return 0;
}

static int make_line(struct hf_initiator *initiator, uint16_t vring)
{
    struct hf_initiator_line *line = &initiator->lines[vring];

    *line = (struct hf_initiator_line){
        .watch = { .ready = call_ready }, .initiator = initiator, .vring = vring, .call_fd = -1
    };
    line->kick_fd = hf_event_create();
    if (line->kick_fd < 0)
        return line->kick_fd;
    line->call_fd = hf_event_create();
    if (line->call_fd < 0)
        return line->call_fd;
    return hf_loop_add(initiator->loop, &line->watch, line->call_fd, EPOLLIN);
}

static int make_queue(struct hf_initiator *initiator, uint16_t index)
{
    struct hf_initiator_queue_setup setup = {
        .index = index,
        .depth = initiator->config.depth,
        .segments_max = initiator->config.segments_max,
        .polls = initiator->config.polls,
        .data = &initiator->guest.data,
        .arena = hf_guest_slots(&initiator->guest, index),
        .kick_fd = initiator->lines[HF_VSCSI_QUEUE_REQUEST + index].kick_fd,
        .ops = { .host = initiator, .fault = ring_fault },
    };

    return hf_initiator_queue_init(&initiator->queues[index], &setup);
}

static int make_queues(struct hf_initiator *initiator)
{
    struct hf_guest_region buffers = hf_guest_events(&initiator->guest);
    uint16_t vring_count = initiator->guest.vring_count;
    int ret = 0;

    initiator->lines = calloc(vring_count, sizeof(*initiator->lines));
    initiator->queues = calloc(initiator->config.queue_count, sizeof(*initiator->queues));
    if (initiator->lines == NULL || initiator->queues == NULL)
        return -ENOMEM;
    for (uint16_t i = 0; i < vring_count; i++)
        initiator->lines[i].kick_fd = initiator->lines[i].call_fd = -1;
    for (uint16_t i = 0; ret == 0 && i < vring_count; i++)
        ret = make_line(initiator, i);
    for (uint16_t i = 0; ret == 0 && i < initiator->config.queue_count; i++)
        ret = make_queue(initiator, i);
    if (ret == 0)
        ret = hf_initiator_events_init(&initiator->events, &buffers,
                                       initiator->lines[HF_VSCSI_QUEUE_EVENT].kick_fd);
    return ret;
}

static void device_ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_initiator *initiator = HF_CONTAINER(watch, struct hf_initiator, device_watch);

    (void)events;
    hf_device_dispatch(initiator->device);
}

static int give_memory(struct hf_initiator *initiator, const struct hf_guest_region *region,
                       struct hf_error *error)
{
    struct hf_device_memory memory = { .guest_address = region->guest_address,
                                       .size_bytes = region->size_bytes,
                                       .host_address = region->host,
                                       .fd = region->fd };

    return hf_device_add_memory(initiator->device, &memory, error);
}

static int make_device(struct hf_initiator *initiator, struct hf_error *error)
{
    struct hf_device_config config;
    struct hf_device_ops ops = { .size_bytes = sizeof(ops),
                                 .host = initiator,
                                 .event = hf_initiator_device_event };

    hf_device_config_init(&config, sizeof(config));
    config.socket_path = initiator->config.socket_path;
    config.num_queues = initiator->config.queue_count;
    config.virtqueue_size = HF_INITIATOR_RING_MAX;
    config.realize_retries = HF_RETRIES_FOREVER;
    if (initiator->config.recovery == HF_RECOVERY_USED_INDEX)
        config.protocol_mask |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    int ret = hf_device_new(&initiator->device, &config, &ops, error);
    if (ret == 0)
        ret = give_memory(initiator, &initiator->guest.arena, error);
    if (ret == 0)
        ret = give_memory(initiator, &initiator->guest.data, error);
    if (ret < 0)
        return ret;
    initiator->device_watch.ready = device_ready;
    ret = hf_loop_add(initiator->loop, &initiator->device_watch, hf_device_fd(initiator->device),
                      EPOLLIN);
    return ret < 0 ? hf_error_set(error, -ret, "unable to watch the device: %s", strerror(-ret))
                   : 0;
}

static int build(struct hf_initiator *initiator, struct hf_error *error)
{
    struct hf_guest_shape shape = { .queue_count = initiator->config.queue_count,
                                    .depth = initiator->config.depth,
                                    .segments_max = initiator->config.segments_max,
                                    .data_bytes = initiator->config.buffer_size };
    int ret = hf_guest_init(&initiator->guest, &shape, error);

    if (ret < 0)
        return ret;
    ret = make_queues(initiator);
    if (ret < 0)
        return hf_error_set(error, -ret, "unable to make queues: %s", strerror(-ret));
    initiator->events.host = initiator->ops.host;
    initiator->events.event = initiator->ops.event;
    return make_device(initiator, error);
}

int hf_initiator_new(struct hf_initiator **initiator, const struct hf_initiator_config *config,
                     struct hf_loop *loop, const struct hf_initiator_ops *ops,
                     struct hf_error *error)
{
    int ret = check_config(config, error);

    *initiator = NULL;
    if (ret < 0)
        return ret;
    struct hf_initiator *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return hf_error_set(error, ENOMEM, "no memory for an initiator");
    made->config = *config;
    made->loop = loop;
    made->ops = *ops;
    made->recovery = config->recovery;
    ret = build(made, error);
    if (ret < 0)
        hf_initiator_free(made);
    else
        *initiator = made;
    return ret;
}

static void free_lines(struct hf_initiator *initiator)
{
    for (uint16_t i = 0; initiator->lines != NULL && i < initiator->guest.vring_count; i++) {
        hf_loop_remove(&initiator->lines[i].watch);
        hf_fd_close(&initiator->lines[i].kick_fd);
        hf_fd_close(&initiator->lines[i].call_fd);
    }
    free(initiator->lines);
}

void hf_initiator_free(struct hf_initiator *initiator)
{
    if (initiator == NULL)
        return;
    hf_loop_remove(&initiator->device_watch);
    hf_device_free(initiator->device);
    free_lines(initiator);
    for (uint16_t i = 0; initiator->queues != NULL && i < initiator->config.queue_count; i++)
        hf_initiator_queue_done(&initiator->queues[i]);
    free(initiator->queues);
    hf_initiator_events_done(&initiator->events);
    hf_guest_done(&initiator->guest);
    free(initiator);
}

/* ---- small questions ---- */

void *hf_initiator_buffer(const struct hf_initiator *initiator)
{
    return initiator->guest.data.host;
}

struct hf_ring hf_initiator_ring(const struct hf_initiator *initiator, uint16_t queue)
{
    return initiator->queues[queue].driver.ring;
}

enum hf_recovery hf_initiator_recovery(const struct hf_initiator *initiator)
{
    return initiator->recovery;
}

void hf_initiator_get_info(const struct hf_initiator *initiator, struct hf_device_info *info)
{
    hf_device_get_info(initiator->device, info, sizeof(*info));
}
