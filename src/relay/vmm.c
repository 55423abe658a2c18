/* SPDX-License-Identifier: BSD-3-Clause */
/* The side of the VMM: one at a time, one message at a time. */
#include "relay/device_private.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* A relay that was killed a moment ago still has its lock. Others wait for so long at most. */
#define GRACE_NS (300 * HF_NS_PER_MS)

static struct hf_relay_device *device_of(void *host)
{
    return host;
}

static void received(void *host, const struct hf_message *message)
{
    struct hf_relay_device *device = device_of(host);
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_MESSAGE,
                                          .message = message,
                                          .since_ns = device->vmm_since_ns,
                                          .fd = -1 };

    device->vmm_since_ns = 0;
    hf_relay_device_trace(device, "vmm", "<-", message);
    hf_relay_device_feed(device, &event);
    hf_relay_device_pump(device);
}

/* Its next message has come, and a switch holds it up. */
static void waiting(void *host)
{
    struct hf_relay_device *device = device_of(host);

    device->vmm_since_ns = hf_clock_ns();
    hf_relay_move_hurry(device);
}

static void sent(void *host)
{
    hf_relay_vmm_update(device_of(host));
}

static void broken(void *host, enum hf_fault fault, const char *why)
{
    struct hf_relay_device *device = device_of(host);

    if (fault == HF_FAULT_HANGUP)
        hf_relay_vmm_log(device, HF_LOG_INFO, "the VMM has hung up (%s)", why);
    else
        hf_relay_vmm_log(device, HF_LOG_ERROR, "the VMM is hung up on: it sent %s", why);
    hf_relay_vmm_hang_up(device);
}

void hf_relay_vmm_hang_up(struct hf_relay_device *device)
{
    if (!hf_channel_is_open(&device->vmm))
        return;
    hf_channel_close(&device->vmm);
    device->vmm_since_ns = 0;
    device->vmm_gone = true;
    hf_relay_device_pump(device);
}

void hf_relay_vmm_reply(struct hf_relay_device *device)
{
    struct hf_message *reply = &device->effects.reply;

    hf_relay_device_trace(device, "vmm", "->", reply);
    if (hf_channel_is_open(&device->vmm))
        hf_channel_send(&device->vmm, reply);
    hf_fd_close_all(reply->fds, reply->fd_count);
}

static int begin(struct hf_relay_device *device, int fd)
{
    struct hf_error error = { 0 };
    int result = hf_channel_adopt(&device->vmm, fd, &error);

    if (result < 0) {
        hf_relay_vmm_log(device, HF_LOG_ERROR, "a VMM cannot be served: %s", error.text);
        return result;
    }
    if (device->backend->front.phase == HF_PHASE_READY)
        device->promise =
            hf_relay_promise_of(&device->backend->front.session, device->config.type->ring_count,
                                device->config.type->config != NULL);
    device->promise.offer.features_tolerated = device->config.type->features_tolerated;
    hf_relay_begin(&device->core, &device->promise);
    device->effects.count = 0;
    hf_relay_record_step(device, &device->effects);
    device->served = true;
    hf_relay_vmm_log(device, HF_LOG_INFO, "a VMM has connected (process %d)", device->vmm.pid);
    return 0;
}

/* The one before may have gone already, and we are yet to hear of it, behind what it said last:
 * then this one waits. */
static bool has_gone(const struct hf_channel *channel)
{
    struct pollfd one = { .fd = channel->fd };

    return poll(&one, 1, 0) > 0;
}

static void refuse_another(struct hf_relay_device *device)
{
    int fd = hf_listener_accept(&device->listener);

    if (fd < 0)
        return;
    hf_relay_vmm_log(device, HF_LOG_WARNING, "a second VMM was turned away: process %d is served",
                     device->vmm.pid);
    hf_fd_close(&fd);
}

static void knocked(struct hf_watch *watch, uint32_t events)
{
    struct hf_relay_device *device = HF_CONTAINER(watch, struct hf_relay_device, listener_watch);

    (void)events;
    if (hf_channel_is_open(&device->vmm) && !has_gone(&device->vmm)) {
        refuse_another(device);
        return;
    }
    if (device->served)
        return;
    int fd = hf_listener_accept(&device->listener);
    if (fd >= 0)
        begin(device, fd);
    else if (fd != -EAGAIN)
        hf_relay_vmm_log(device, HF_LOG_ERROR, "a VMM cannot be served: %s", strerror(-fd));
    hf_relay_vmm_update(device);
}

/* Nobody is let in before it is known what may be offered, nor while the one before still has
 * rings that run. */
static bool lets_in(const struct hf_relay_device *device)
{
    if (device->backend == NULL)
        return false;
    return hf_channel_is_open(&device->vmm) || (device->promised && !device->served);
}

static void take_given(struct hf_relay_device *device)
{
    if (device->config.vmm_fd < 0 || device->given_used || !device->promised)
        return;
    device->given_used = true;
    if (begin(device, hf_fd_steal(&device->config.vmm_fd)) < 0)
        device->ops->ended(device->ops->host, device->config.name, "its VMM cannot be served");
}

static enum hf_channel_mode mode_of(const struct hf_relay_device *device)
{
    if (hf_channel_is_sending(&device->vmm))
        return HF_CHANNEL_RESTS;
    if (hf_relay_settled(&device->core))
        return HF_CHANNEL_READS;
    return hf_relay_waits_for_switch(&device->core) && device->vmm_since_ns == 0 ? HF_CHANNEL_AWAITS
                                                                                 : HF_CHANNEL_RESTS;
}

void hf_relay_vmm_update(struct hf_relay_device *device)
{
    bool listens = lets_in(device);

    take_given(device);
    if (device->listener.fd >= 0 && listens != device->listens) {
        device->listens = listens;
        hf_loop_modify(&device->listener_watch, listens ? EPOLLIN : 0);
    }
    if (hf_channel_is_open(&device->vmm))
        hf_channel_set_mode(&device->vmm, mode_of(device));
}

static int listen_at(struct hf_relay_device *device, struct hf_error *error)
{
    const struct hf_relay_device_config *config = &device->config;
    int result = 0;

    if (config->listen_fd >= 0)
        result =
            hf_listener_adopt(&device->listener, hf_fd_steal(&device->config.listen_fd), error);
    else if (config->listen_path != NULL)
        result = hf_listener_init_mode(&device->listener, config->listen_path,
                                       (mode_t)config->socket_mode, GRACE_NS, error);
    return result;
}

int hf_relay_vmm_init(struct hf_relay_device *device, struct hf_error *error)
{
    device->listener.fd = device->listener.lock_fd = -1;
    device->listener_watch.ready = knocked;
    device->vmm_ops = (struct hf_channel_ops){
        .host = device, .sent = sent, .received = received, .waiting = waiting, .broken = broken
    };
    hf_channel_init(&device->vmm, HF_STREAM_REQUESTS, &device->loop, &device->vmm_ops);
    int result = listen_at(device, error);
    if (result == 0 && device->listener.fd >= 0) {
        result = hf_loop_add(&device->loop, &device->listener_watch, device->listener.fd, 0);
        if (result < 0)
            hf_error_set(error, -result, "cannot watch the listening socket: %s",
                         strerror(-result));
    }
    if (result == 0 && device->config.vmm_fd >= 0)
        result = hf_stream_prepare(device->config.vmm_fd, error);
    return result;
}

void hf_relay_vmm_done(struct hf_relay_device *device)
{
    hf_channel_close(&device->vmm);
    if (device->listener_watch.loop != NULL)
        hf_loop_remove(&device->listener_watch);
    hf_listener_done(&device->listener);
    hf_fd_close(&device->config.vmm_fd);
    hf_fd_close(&device->config.listen_fd);
}
