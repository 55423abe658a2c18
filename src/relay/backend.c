/* SPDX-License-Identifier: BSD-3-Clause */
/* The side of the back-end: what the front core reports becomes notes for the relay core. Nothing
 * is done in a callback; hf_relay_device_pump does it. */
#include "relay/device_private.h"

#include "base/text.h"
#include "wire/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A dial that opens no socket is over at once; this is for the connection itself. */
#define DIAL_TIMEOUT_NS UINT64_C(5000000000)

static void reported(void *host, const struct hf_report *report, const char *text)
{
    struct hf_relay_device *device = host;

    device->look = true;
    if (report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED) {
        device->lost = report->fault;
        device->lost_dial = device->backend->front.session.dial;
    }
    if (report->kind == HF_REPORT_CONNECTED)
        device->connected = true;
    hf_relay_status_report(device, report, text);
}

static void answered(void *host, uint32_t number, int error, const struct hf_message *reply)
{
    struct hf_relay_device *device = host;

    device->look = true;
    if (number != device->question)
        return;
    device->question = 0;
    device->answered = true;
    device->answer_error = error;
    if (error == 0 && reply->kind == HF_PAYLOAD_CONFIG)
        device->answer = reply->body;
}

static bool indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    struct hf_relay_device *device = host;
    const struct hf_plan *plan = hf_frontend_plan(device->backend);
    const struct hf_ring_plan *ring = &plan->rings[queue];

    return hf_relay_read_indices(plan, ring->avail_address, ring->used_address, avail, used) == 0;
}

static void traced(void *host, const char *line)
{
    struct hf_relay_device *device = host;
    char whole[HF_MESSAGE_LINE_SIZE + 16];
    struct hf_text text = hf_text_of(whole, sizeof(whole));

    hf_text_add(&text, "back-end %s", line);
    device->ops->trace(device->ops->host, device->config.name, whole);
}

static struct hf_frontend_config config_of(const struct hf_relay_device *device)
{
    struct hf_frontend_config config = { .socket_path = device->config.backends[0],
                                         .socket_fd = -1,
                                         .queue_count = HF_BACK_RINGS_MAX,
                                         .protocol_wanted = hf_relay_protocol_wanted,
                                         .fence = device->config.fence,
                                         .fence_command = device->config.fence_command,
                                         .settings = HF_FRONT_SETTINGS_DEFAULT };

    config.settings.dial_timeout_ns = DIAL_TIMEOUT_NS;
    config.settings.reply_timeout_ns = device->config.reply_timeout_ns;
    config.settings.stop_timeout_ns = device->config.stop_wait_ns;
    return config;
}

static void settle_plan(struct hf_relay_device *device)
{
    struct hf_plan *plan = hf_frontend_plan(device->backend);

    plan->late_rings = device->config.type->late_rings;
    if (!device->config.allow_lossy)
        plan->promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
}

static void ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_relay_device *device = HF_CONTAINER(watch, struct hf_relay_device, backend_watch);

    (void)events;
    hf_frontend_dispatch(device->backend);
    device->look = true;
    hf_relay_device_pump(device);
}

static int begin(struct hf_relay_device *device, struct hf_error *error)
{
    const struct hf_relay_settings settings = { .reply_timeout_ns = device->config.reply_timeout_ns,
                                                .stop_wait_ns = device->config.stop_wait_ns,
                                                .linger_ns = HF_RELAY_LINGER_NS };
    const struct hf_frontend_config config = config_of(device);

    device->backend_ops =
        (struct hf_frontend_ops){ .host = device,
                                  .report = reported,
                                  .answer = answered,
                                  .indices = indices,
                                  .trace = device->ops->trace != NULL ? traced : NULL };
    int result = hf_frontend_init(device->backend, &config, &device->backend_ops, error);
    if (result < 0)
        return result;
    device->backend_watch.ready = ready;
    result = hf_loop_add(&device->loop, &device->backend_watch, hf_frontend_fd(device->backend),
                         EPOLLIN);
    if (result < 0) {
        hf_frontend_done(device->backend);
        return hf_error_set(error, -result, "cannot watch the back-end: %s", strerror(-result));
    }
    hf_relay_init(&device->core, &settings, &device->backend->front);
    settle_plan(device);
    hf_frontend_want(device->backend, true);
    return 0;
}

static void end(struct hf_relay_device *device)
{
    hf_loop_remove(&device->backend_watch);
    hf_frontend_done(device->backend);
}

int hf_relay_backend_init(struct hf_relay_device *device, struct hf_error *error)
{
    device->backend = calloc(1, sizeof(*device->backend));
    if (device->backend == NULL)
        return hf_error_set(error, ENOMEM, "no memory");
    int result = begin(device, error);
    if (result < 0) {
        free(device->backend);
        device->backend = NULL;
    }
    return result;
}

void hf_relay_backend_done(struct hf_relay_device *device)
{
    if (device->backend == NULL)
        return;
    end(device);
    free(device->backend);
    device->backend = NULL;
}

void hf_relay_backend_renew(struct hf_relay_device *device)
{
    struct hf_error error = { 0 };

    end(device);
    if (begin(device, &error) == 0)
        return;
    free(device->backend);
    device->backend = NULL;
    hf_relay_device_log(device, HF_LOG_ERROR, "%s", error.text);
    device->ops->ended(device->ops->host, device->config.name, "its back-end cannot be dialled");
}

/* One question at a time: a reset may still be under way. */
static bool try_to_ask(struct hf_relay_device *device, const struct hf_asked *asked)
{
    int64_t number = hf_frontend_ask(device->backend, asked);

    if (number > 0 && asked->request != HF_REQUEST_RESET_DEVICE)
        device->question = (uint32_t)number;
    return number > 0;
}

void hf_relay_backend_ask_waiting(struct hf_relay_device *device)
{
    if (device->waiting.request != 0 && try_to_ask(device, &device->waiting))
        device->waiting.request = 0;
}

static void answer_now(struct hf_relay_device *device, int error)
{
    device->answered = true;
    device->answer_error = error;
}

static bool can_be_asked(const struct hf_relay_device *device)
{
    const struct hf_front *front = &device->backend->front;

    return hf_phase_connected(front->phase) && front->phase != HF_PHASE_NEGOTIATING;
}

void hf_relay_backend_ask(struct hf_relay_device *device, const struct hf_asked *asked)
{
    bool reset = asked->request == HF_REQUEST_RESET_DEVICE;
    uint64_t gate = reset ? HF_PROTOCOL_FEATURE(RESET_DEVICE) : HF_PROTOCOL_FEATURE(CONFIG);
    bool there = can_be_asked(device);
    bool has = there && (device->backend->front.session.protocol & gate) != 0;

    if (has) {
        if (!try_to_ask(device, asked))
            device->waiting = *asked;
        return;
    }
    if (reset)
        return; /* a session that begins anew knows nothing that should be forgotten */
    device->answer.config = asked->config;
    if (asked->request == HF_REQUEST_GET_CONFIG &&
        hf_relay_space_answer(device, &device->answer.config))
        answer_now(device, 0);
    else
        answer_now(device, there ? EOPNOTSUPP : ENOTCONN);
}
