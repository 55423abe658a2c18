/* SPDX-License-Identifier: BSD-3-Clause */
/* The side of the back-end: what the front core reports becomes notes for the relay core. Nothing
 * is done in a callback; hf_relay_device_pump does it. */
#include "relay/device_private.h"

#include "base/text.h"
#include "wire/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A dial that opens no socket is over at once; this is for the connection itself. */
#define DIAL_TIMEOUT_NS UINT64_C(5000000000)

static void reported(void *host, const struct hf_report *report, const char *text)
{
    struct hf_relay_side *side = host;
    struct hf_relay_device *device = side->device;

    device->look = true;
    hf_relay_move_report(side, report, text);
    if (side != device->side)
        return;
    if (report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED) {
        device->lost = report->fault;
        device->lost_dial = side->frontend.front.session.dial;
        device->parted = true;
    }
    if (report->kind == HF_REPORT_CONNECTED)
        device->connected = true;
    hf_relay_status_report(device, report, text);
}

static void answered(void *host, uint32_t number, int error, const struct hf_message *reply)
{
    struct hf_relay_side *side = host;
    struct hf_relay_device *device = side->device;

    device->look = true;
    if (side != device->side || number != device->question)
        return;
    device->question = 0;
    device->answered = true;
    device->answer_error = error;
    if (error == 0 && reply->kind == HF_PAYLOAD_CONFIG)
        device->answer = reply->body;
}

static bool indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    struct hf_relay_side *side = host;
    const struct hf_plan *plan = hf_frontend_plan(&side->frontend);
    const struct hf_ring_plan *ring = &plan->rings[queue];

    return hf_relay_read_indices(plan, ring->avail_address, ring->used_address, avail, used) == 0;
}

static void traced(void *host, const char *line)
{
    struct hf_relay_side *side = host;
    struct hf_relay_device *device = side->device;
    char whole[HF_MESSAGE_LINE_SIZE + 24];
    struct hf_text text = hf_text_of(whole, sizeof(whole));

    hf_text_add(&text, "%s %s", side == device->side ? "back-end" : "other back-end", line);
    device->ops->trace(device->ops->host, device->config.name, whole);
}

static struct hf_frontend_config config_of(const struct hf_relay_device *device,
                                           const char *const *paths, bool first_only)
{
    struct hf_frontend_config config = { .socket_path = paths[0],
                                         .more_paths = paths + 1,
                                         .first_only = first_only,
                                         .socket_fd = -1,
                                         .path_loop = device->config.path_loop,
                                         .queue_count = HF_BACK_RINGS_MAX,
                                         .protocol_wanted = hf_relay_protocol_wanted(),
                                         .fence = device->config.fence,
                                         .fence_command = device->config.fence_command,
                                         .settings = HF_FRONT_SETTINGS_DEFAULT };

    config.settings.dial_timeout_ns = DIAL_TIMEOUT_NS;
    /* Who hangs is given up in half of the time that the VMM waits at most: the other half is for
     * his end. */
    config.settings.reply_timeout_ns = device->config.reply_timeout_ns / 2;
    config.settings.stop_timeout_ns = device->config.stop_wait_ns / 2;
    return config;
}

static void ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_relay_side *side = HF_CONTAINER(watch, struct hf_relay_side, watch);
    struct hf_relay_device *device = side->device;

    (void)events;
    hf_frontend_dispatch(&side->frontend);
    device->look = true;
    hf_relay_device_pump(device);
}

static bool is_same_socket(const char *a, const char *b)
{
    struct stat of_a, of_b;

    return strcmp(a, b) == 0 || (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
                                 of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

bool hf_relay_backend_is_configured(const struct hf_relay_device *device, const char *path)
{
    for (unsigned i = 0; i < HF_RELAY_BACKENDS_MAX && device->config.backends[i] != NULL; i++) {
        if (is_same_socket(device->config.backends[i], path))
            return true;
    }
    return false;
}

/* One that is configured is the first choice, and the others stand behind it. Any other may have
 * another disk by now than they have: it stands alone. */
static void order_paths(const struct hf_relay_device *device, const char *first,
                        const char *paths[HF_RELAY_BACKENDS_MAX + 1])
{
    bool configured = hf_relay_backend_is_configured(device, first);
    unsigned count = 0;

    paths[count++] = first;
    for (unsigned i = 0; configured && i < HF_RELAY_BACKENDS_MAX; i++) {
        const char *other = device->config.backends[i];

        if (other != NULL && !is_same_socket(other, first) && count < HF_RELAY_BACKENDS_MAX)
            paths[count++] = other;
    }
    paths[count] = NULL;
}

static int begin(struct hf_relay_side *side, const char *const *paths, bool first_only,
                 struct hf_error *error)
{
    struct hf_relay_device *device = side->device;
    const struct hf_frontend_config config = config_of(device, paths, first_only);

    side->ops = (struct hf_frontend_ops){ .host = side,
                                          .report = reported,
                                          .answer = answered,
                                          .indices = indices,
                                          .trace = device->ops->trace != NULL ? traced : NULL,
                                          .stepped = hf_relay_record_stepped };
    int result = hf_frontend_init(&side->frontend, &config, &side->ops, error);
    if (result < 0)
        return result;
    side->watch.ready = ready;
    result = hf_loop_add(&device->loop, &side->watch, hf_frontend_fd(&side->frontend), EPOLLIN);
    if (result < 0) {
        hf_frontend_done(&side->frontend);
        return hf_error_set(error, -result, "cannot watch the back-end: %s", strerror(-result));
    }
    struct hf_plan *plan = hf_frontend_plan(&side->frontend);
    plan->late_rings = device->config.type->late_rings;
    plan->must_track = !device->config.allow_lossy;
    if (plan->must_track)
        plan->promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    return 0;
}

static struct hf_relay_side *new_side(struct hf_relay_device *device, const char *const *paths,
                                      bool first_only, struct hf_error *error)
{
    struct hf_relay_side *side = calloc(1, sizeof(*side));

    if (side == NULL) {
        hf_error_set(error, ENOMEM, "no memory for a front-end");
        return NULL;
    }
    side->device = device;
    if (begin(side, paths, first_only, error) == 0)
        return side;
    free(side);
    return NULL;
}

struct hf_relay_side *hf_relay_side_new(struct hf_relay_device *device, const char *path,
                                        struct hf_error *error)
{
    const char *paths[HF_RELAY_BACKENDS_MAX + 1];

    order_paths(device, path, paths);
    return new_side(device, paths, true, error);
}

void hf_relay_side_free(struct hf_relay_side *side)
{
    if (side == NULL)
        return;
    hf_loop_remove(&side->watch);
    hf_frontend_done(&side->frontend);
    free(side);
}

static void attach(struct hf_relay_device *device, struct hf_relay_side *side)
{
    const struct hf_relay_settings settings = { .reply_timeout_ns = device->config.reply_timeout_ns,
                                                .stop_wait_ns = device->config.stop_wait_ns,
                                                .linger_ns = HF_RELAY_LINGER_NS };

    device->side = side;
    device->backend = side != NULL ? &side->frontend : NULL;
    if (side == NULL)
        return;
    hf_relay_init(&device->core, &settings, &side->frontend.front);
    hf_frontend_want(device->backend, true);
}

int hf_relay_backend_init(struct hf_relay_device *device, struct hf_error *error)
{
    const char *paths[HF_RELAY_BACKENDS_MAX + 1] = { NULL };

    memcpy(paths, device->config.backends, sizeof(device->config.backends));
    struct hf_relay_side *side = new_side(device, paths, false, error);

    attach(device, side);
    return side != NULL ? 0 : -error->code;
}

void hf_relay_backend_done(struct hf_relay_device *device)
{
    hf_relay_side_free(device->side);
    attach(device, NULL);
}

void hf_relay_backend_renew(struct hf_relay_device *device)
{
    struct hf_error error = { 0 };
    const char *paths[HF_RELAY_BACKENDS_MAX + 1] = { NULL };

    /* Where a switch moved it, if it did. */
    memcpy(paths, device->config.backends, sizeof(device->config.backends));
    if (device->moved_to[0] != '\0')
        order_paths(device, device->moved_to, paths);
    hf_relay_backend_done(device);
    attach(device, new_side(device, paths, false, &error));
    if (device->side != NULL)
        return;
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
    const struct hf_asked reset = { .request = HF_REQUEST_RESET_DEVICE };

    if (device->reset_waits && try_to_ask(device, &reset))
        device->reset_waits = false;
    if (device->waiting.request != 0 && !device->reset_waits &&
        try_to_ask(device, &device->waiting))
        device->waiting.request = 0;
}

static void ask_now_or_later(struct hf_relay_device *device, const struct hf_asked *asked)
{
    if (asked->request == HF_REQUEST_RESET_DEVICE)
        device->reset_waits = true;
    else
        device->waiting = *asked;
    hf_relay_backend_ask_waiting(device);
}

static void answer_now(struct hf_relay_device *device, int error)
{
    device->answered = true;
    device->answer_error = error;
}

/* Not one that never had a config space: its VMM would wait for nothing. */
static bool may_answer_later(const struct hf_relay_device *device)
{
    return (device->promise.protocol_features & HF_PROTOCOL_FEATURE(CONFIG)) != 0;
}

void hf_relay_backend_ask(struct hf_relay_device *device, const struct hf_asked *asked)
{
    bool reset = asked->request == HF_REQUEST_RESET_DEVICE;
    uint64_t gate = reset ? HF_PROTOCOL_FEATURE(RESET_DEVICE) : HF_PROTOCOL_FEATURE(CONFIG);
    bool there = hf_phase_agreed(device->backend->front.phase);
    bool has = there && (device->backend->front.session.protocol & gate) != 0;

    if (!reset) {
        /* Of a question before, that was not answered in time, nobody wants the answer. */
        device->question = 0;
        device->answered = false;
    }
    if (has) {
        ask_now_or_later(device, asked);
        return;
    }
    if (reset)
        return; /* a session that begins anew knows nothing that should be forgotten */
    device->answer.config = asked->config;
    if (asked->request == HF_REQUEST_GET_CONFIG &&
        hf_relay_space_answer(device, &device->answer.config))
        answer_now(device, 0);
    else
        answer_now(device, may_answer_later(device) && !there ? ENOTCONN : EOPNOTSUPP);
}
