/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the back-end asks of the VMM (vhost-user "Back-end communication"). Requests are passed on
 * one by one, answers come in their order; neither waits for the sockets of rings and memory. Each
 * session of a back-end has a channel of its own: half a message of a dead one must not come before
 * the first of the next.
 */
#include "relay/device_private.h"

#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <string.h>

/* What may be passed on. Memory of the VMM's is nothing to be asked for here, and what needs
 * descriptors of the back-end's (host notifiers, shared objects) would die with it. */
static bool passes(const struct hf_message *message)
{
    const struct hf_request_info *info = hf_backend_request_info(message->request);

    return info != NULL && info->relay == HF_RELAY_RULE_FORWARDED && message->fd_count == 0;
}

static void update(struct hf_relay_calls *calls)
{
    bool full = calls->count == HF_RELAY_CALLS_MAX || hf_channel_is_sending(&calls->vmm) ||
                hf_channel_is_sending(&calls->backend);

    if (hf_channel_is_open(&calls->backend))
        hf_channel_set_mode(&calls->backend, full ? HF_CHANNEL_RESTS : HF_CHANNEL_READS);
}

static void refuse(struct hf_relay_device *device, const struct hf_message *request)
{
    struct hf_message reply;

    if (!hf_message_needs_reply(request) || hf_channel_is_sending(&device->calls.backend))
        return;
    reply = hf_message_backend_reply_u64((enum hf_backend_request)request->request, 1);
    hf_channel_send(&device->calls.backend, &reply);
}

static void asked(void *host, const struct hf_message *message)
{
    struct hf_relay_device *device = host;
    struct hf_relay_calls *calls = &device->calls;
    struct hf_message copy = *message;

    hf_relay_device_trace(device, "back-end channel", "<-", message);
    if (message->request == HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG)
        device->space.size_bytes = 0;
    if (!passes(message) || !hf_channel_is_open(&calls->vmm)) {
        hf_fd_close_all(copy.fds, copy.fd_count);
        refuse(device, message);
        update(calls);
        return;
    }
    if (hf_message_needs_reply(message)) {
        unsigned at = (calls->head + calls->count++) % HF_RELAY_CALLS_MAX;

        calls->dials[at] = device->backend->front.session.dial;
    }
    hf_channel_send(&calls->vmm, &copy);
    update(calls);
}

static void replied(void *host, const struct hf_message *message)
{
    struct hf_relay_device *device = host;
    struct hf_relay_calls *calls = &device->calls;
    struct hf_message copy = *message;

    hf_relay_device_trace(device, "vmm channel", "<-", message);
    if (calls->count > 0) {
        uint32_t dial = calls->dials[calls->head];

        calls->head = (calls->head + 1) % HF_RELAY_CALLS_MAX;
        calls->count--;
        if (hf_channel_is_open(&calls->backend) && !hf_channel_is_sending(&calls->backend) &&
            dial == device->backend->front.session.dial)
            hf_channel_send(&calls->backend, &copy);
    }
    hf_fd_close_all(copy.fds, copy.fd_count);
    update(calls);
}

static void sent(void *host)
{
    struct hf_relay_device *device = host;

    update(&device->calls);
}

static void vmm_broken(void *host, enum hf_fault fault, const char *why)
{
    struct hf_relay_device *device = host;

    (void)fault;
    hf_relay_vmm_log(device, HF_LOG_INFO, "the VMM's channel for the back-end has ended: %s", why);
    hf_channel_close(&device->calls.vmm);
    device->calls.count = 0;
    update(&device->calls);
}

static void backend_broken(void *host, enum hf_fault fault, const char *why)
{
    struct hf_relay_device *device = host;

    (void)why;
    if (fault == HF_FAULT_MALFORMED)
        hf_relay_vmm_log(device, HF_LOG_WARNING, "the back-end's channel sent %s", why);
    hf_channel_close(&device->calls.backend);
}

void hf_relay_calls_init(struct hf_relay_device *device)
{
    struct hf_relay_calls *calls = &device->calls;

    calls->vmm_ops = (struct hf_channel_ops){
        .host = device, .sent = sent, .received = replied, .broken = vmm_broken
    };
    calls->backend_ops = (struct hf_channel_ops){
        .host = device, .sent = sent, .received = asked, .broken = backend_broken
    };
    hf_channel_init(&calls->vmm, HF_STREAM_BACKEND_REPLIES, &device->loop, &calls->vmm_ops);
    hf_channel_init(&calls->backend, HF_STREAM_BACKEND_REQUESTS, &device->loop,
                    &calls->backend_ops);
}

void hf_relay_calls_done(struct hf_relay_device *device)
{
    hf_channel_close(&device->calls.vmm);
    hf_channel_close(&device->calls.backend);
    device->calls.count = 0;
}

static int adopt(struct hf_channel *channel, int fd, struct hf_error *error)
{
    int result = hf_stream_prepare(fd, error);

    if (result < 0) {
        hf_fd_close(&fd);
        return result;
    }
    return hf_channel_adopt(channel, fd, error);
}

/* The back-end's end of a new one, or -errno. */
static int make_pair(struct hf_relay_device *device)
{
    struct hf_error error = { 0 };
    int ends[2];

    hf_channel_close(&device->calls.backend);
    int result = hf_stream_pair(ends);
    if (result < 0)
        return result;
    result = hf_channel_adopt(&device->calls.backend, ends[0], &error);
    if (result < 0) {
        hf_fd_close(&ends[1]);
        return result;
    }
    /* What the one before asked may still be under way. */
    update(&device->calls);
    return ends[1];
}

int hf_relay_calls_take(struct hf_relay_device *device, int fd)
{
    struct hf_error error = { 0 };
    int own = hf_fd_dup(fd);

    hf_relay_calls_done(device);
    int result = own < 0 ? own : adopt(&device->calls.vmm, own, &error);
    if (result == 0)
        result = make_pair(device);
    if (result < 0) {
        hf_relay_vmm_log(device, HF_LOG_WARNING, "the VMM's channel for the back-end: %s",
                         error.text[0] != '\0' ? error.text : strerror(-result));
        hf_relay_calls_done(device);
    }
    return result;
}

void hf_relay_calls_renew(struct hf_relay_device *device)
{
    if (!hf_channel_is_open(&device->calls.vmm)) {
        hf_channel_close(&device->calls.backend);
        return;
    }
    int end = make_pair(device);
    if (end < 0) {
        hf_relay_vmm_log(device, HF_LOG_WARNING, "the back-end has no channel to the VMM: %s",
                         strerror(-end));
        return;
    }
    int old = hf_plan_set_channel(hf_frontend_plan(device->backend), end);
    hf_fd_close(&old);
    hf_frontend_changed(device->backend);
}
