/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of a device, what it hears from its front-end, and its snapshot. */
#include "device/device.h"
#include "device/device_private.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Protocol features the device makes use of. */
#define PROTOCOL_USED                                                                              \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |                           \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE))

/* A crash may come between; but one that hangs up on the question again and again is let alone. */
#define UNANSWERED_MAX 3u

const struct hf_device_config hf_device_config_default = {
    .request_queues = 1,
    .fence = HF_FENCE_EXIT,
    .settings = HF_FRONT_SETTINGS_DEFAULT,
};

/* One request at a time goes out; what is owed waits here. */
static void ask_next(struct hf_device *device)
{
    static const struct hf_asked questions[HF_DEVICE_QUESTION_COUNT] = {
        [HF_DEVICE_QUESTION_TRAILER] = { .request = HF_REQUEST_GET_CONFIG,
                                         .size_bytes = HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES },
        [HF_DEVICE_QUESTION_RESET] = { .request = HF_REQUEST_RESET_DEVICE },
    };

    for (unsigned i = 0; i < HF_DEVICE_QUESTION_COUNT; i++) {
        if ((device->questions_owed & HF_BIT(i)) == 0)
            continue;
        int64_t number = hf_frontend_ask(&device->frontend, &questions[i]);
        if (number < 0)
            return;
        device->questions_owed &= ~HF_BIT(i);
        device->question = (enum hf_device_question)i;
        device->question_number = (uint32_t)number;
        return;
    }
}

void hf_device_ask(struct hf_device *device, enum hf_device_question question)
{
    device->questions_owed |= HF_BIT(question);
    ask_next(device);
}

static void hear_trailer(struct hf_device *device, int error, const struct hf_message *reply)
{
    struct hf_vscsi_trailer trailer;
    const struct hf_wire_config *config = reply != NULL ? &reply->body.config : NULL;

    device->unanswered = error == ENOTCONN ? device->unanswered + 1 : 0;
    device->fences = config != NULL && reply->kind == HF_PAYLOAD_CONFIG &&
                     hf_vscsi_trailer_decode(config->data, config->size_bytes, &trailer) &&
                     (trailer.flags & HF_VSCSI_TRAILER_FENCED) != 0;
}

static void hear_answer(void *host, uint32_t number, int error, const struct hf_message *reply)
{
    struct hf_device *device = host;

    if (number == device->question_number && device->question == HF_DEVICE_QUESTION_TRAILER)
        hear_trailer(device, error, reply);
    ask_next(device);
}

static void note_connected(struct hf_device *device)
{
    const struct hf_session *session = &device->frontend.front.session;

    device->fences = false;
    if (device->offered == 0)
        device->offered = session->offered & HF_DEVICE_FEATURES;
    if ((session->protocol & HF_PROTOCOL_FEATURE(CONFIG)) != 0 &&
        device->unanswered < UNANSWERED_MAX)
        hf_device_ask(device, HF_DEVICE_QUESTION_TRAILER);
}

static void hear_report(void *host, const struct hf_report *report, const char *text)
{
    struct hf_device *device = host;

    if (report->kind == HF_REPORT_CONNECTED)
        note_connected(device);
    if (device->ops.report != NULL)
        device->ops.report(device->ops.host, report, text);
}

static void hear_trace(void *host, const char *line)
{
    struct hf_device *device = host;

    device->ops.trace(device->ops.host, line);
}

static bool read_indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    const struct hf_device *device = host;
    const struct hf_ring *ring = &device->rings[queue];

    if (ring->size == 0)
        return false;
    *avail = hf_ring_avail_index(ring);
    *used = hf_ring_used_index(ring);
    return true;
}

static int check_config(const struct hf_device_config *config, struct hf_error *error)
{
    const unsigned most = HF_QUEUE_COUNT_MAX - HF_VSCSI_QUEUE_REQUEST;

    if (config->socket_path == NULL)
        return hf_error_set(error, EINVAL, "vhost-user-scsi: missing socket path");
    if (config->request_queues == 0 || config->request_queues > most)
        return hf_error_set(error, EINVAL, "invalid number of queues: %u, must be from 1 to %u",
                            config->request_queues, most);
    if ((unsigned)config->fence >= HF_FENCE_COUNT)
        return hf_error_set(error, EINVAL, "unknown fence: %d", (int)config->fence);
    if (config->fence == HF_FENCE_COMMAND && config->fence_command == NULL)
        return hf_error_set(error, EINVAL, "the fence is a command, and none is given");
    return 0;
}

int hf_device_new(struct hf_device **device, const struct hf_device_config *config,
                  const struct hf_device_ops *ops, struct hf_error *error)
{
    struct hf_device *new;
    struct hf_frontend_config frontend = { .socket_path = config->socket_path,
                                           .fence = config->fence,
                                           .fence_command = config->fence_command,
                                           .settings = config->settings };
    int result = check_config(config, error);

    *device = NULL;
    if (result < 0)
        return result;
    new = calloc(1, sizeof(*new));
    if (new == NULL)
        return hf_error_set(error, ENOMEM, "no memory for a device");
    frontend.queue_count = (uint16_t)(config->request_queues + HF_VSCSI_QUEUE_REQUEST);
    new->ops = *ops;
    new->frontend_ops = (struct hf_frontend_ops){ .host = new,
                                                  .report = hear_report,
                                                  .answer = hear_answer,
                                                  .indices = read_indices,
                                                  .trace = ops->trace != NULL ? hear_trace : NULL };
    result = hf_frontend_init(&new->frontend, &frontend, &new->frontend_ops, error);
    if (result < 0) {
        free(new);
        return result;
    }
    struct hf_plan *plan = hf_frontend_plan(&new->frontend);
    plan->protocol_wanted = PROTOCOL_USED & ~config->protocol_mask;
    plan->promise.queue_count = config->request_queues;
    plan->late_rings = HF_VSCSI_QUEUE_REQUEST; /* control and event */
    *device = new;
    return 0;
}

void hf_device_free(struct hf_device *device)
{
    if (device == NULL)
        return;
    hf_frontend_done(&device->frontend);
    free(device);
}

int hf_device_fd(const struct hf_device *device)
{
    return hf_frontend_fd(&device->frontend);
}

void hf_device_dispatch(struct hf_device *device)
{
    hf_frontend_dispatch(&device->frontend);
}

void hf_device_connect(struct hf_device *device)
{
    hf_frontend_want(&device->frontend, true);
}

void hf_device_disconnect(struct hf_device *device)
{
    hf_frontend_want(&device->frontend, false);
}

bool hf_device_connected(const struct hf_device *device)
{
    enum hf_phase phase = device->frontend.front.phase;

    return hf_phase_connected(phase) && phase != HF_PHASE_NEGOTIATING;
}

uint64_t hf_device_offered(const struct hf_device *device)
{
    return device->offered;
}

bool hf_device_at_rest(const struct hf_device *device)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    return !plan->settle_owed && !hf_plan_any_ran(plan);
}

void hf_device_get_status(const struct hf_device *device, struct hf_device_status *status)
{
    const struct hf_front *front = &device->frontend.front;
    bool tracks = front->plan.inflight.generation != 0 ||
                  (front->session.protocol & HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD)) != 0;

    *status = (struct hf_device_status){
        .phase = front->phase,
        .offered = front->session.offered,
        .protocol_offered = front->session.protocol_offered,
        .protocol = front->session.protocol,
        .backend_queues = front->session.queue_count,
        .memory_slots = front->session.slot_count,
        .tracks_inflight = tracks,
        .lossy = !tracks || device->frontend.fence == HF_FENCE_NONE,
        .fences = device->fences,
        .sessions = device->frontend.session_count,
        .peer_pid = device->frontend.channel.pid,
    };
}
