/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life of a relayed device, and its pump: the cores of both sides are stepped in turn, from one
 * place, so that neither is entered from within the other.
 */
#include "relay/device.h"

#include "base/check.h"
#include "os/clock.h"
#include "relay/device_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct hf_relay_device_config hf_relay_device_config_default = {
    .name = "disk",
    .listen_fd = -1,
    .vmm_fd = -1,
    .socket_mode = 0600,
    .reply_timeout_ns = UINT64_C(10000000000),
    .stop_wait_ns = UINT64_C(10000000000),
};

/* ---- the core -------------------------------------------------------------------------------- */

static void arm(struct hf_relay_device *device)
{
    if (device->core.deadline_ns == 0)
        hf_loop_cancel_timer(&device->loop, &device->deadline);
    else
        hf_loop_set_timer(&device->loop, &device->deadline, device->core.deadline_ns);
}

/* Effects may feed the next event: that is done behind the last of them. */
void hf_relay_device_feed(struct hf_relay_device *device, const struct hf_relay_event *event)
{
    struct hf_relay_event now = *event;

    now.now_ns = hf_clock_ns();
    if (device->feeding) {
        HF_CHECK(!device->fed);
        device->fed = true;
        device->next = now;
        if (event->body != NULL) {
            device->next_body = *event->body;
            device->next.body = &device->next_body;
        }
        return;
    }
    device->feeding = true;
    hf_relay_step(&device->core, &now, &device->effects);
    hf_relay_record_step(device, &device->effects);
    for (unsigned i = 0; i < device->effects.count; i++) {
        hf_relay_device_carry_out(device, &device->effects.list[i]);
        hf_relay_record_acted(device->record);
    }
    device->feeding = false;
    arm(device);
    if (device->fed) {
        struct hf_relay_event next = device->next;

        device->fed = false;
        hf_relay_device_feed(device, &next);
    }
}

static void deadline_passed(struct hf_timer *timer)
{
    struct hf_relay_device *device = HF_CONTAINER(timer, struct hf_relay_device, deadline);
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_TIMER, .fd = -1 };

    hf_relay_device_feed(device, &event);
    hf_relay_device_pump(device);
}

/* ---- the pump -------------------------------------------------------------------------------- */

static void hear_vmm_gone(struct hf_relay_device *device)
{
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_HANG_UP, .fd = -1 };

    device->vmm_gone = false;
    hf_relay_move_abort(device, -ECANCELED, "the VMM has gone");
    device->question = 0;
    device->waiting.request = 0;
    device->reset_waits = false;
    device->answered = false;
    hf_relay_calls_done(device);
    hf_relay_device_feed(device, &event);
    device->look = true;
}

static void hear_answer(struct hf_relay_device *device)
{
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_ANSWER,
                                          .error = device->answer_error,
                                          .body = &device->answer,
                                          .fd = -1 };

    device->answered = false;
    if (device->answer_error == 0 && device->core.back.request.request == HF_REQUEST_GET_CONFIG)
        hf_relay_space_note(device, &device->answer.config);
    hf_relay_device_feed(device, &event);
}

/* Before the next one is told of it. */
static void hear_parted(struct hf_relay_device *device)
{
    device->parted = false;
    hf_relay_calls_renew(device);
}

static void hear_connected(struct hf_relay_device *device)
{
    device->connected = false;
    if (!device->served)
        hf_relay_promise_learn(device);
}

static void look(struct hf_relay_device *device)
{
    const struct hf_relay_event event = {
        .kind = HF_RELAY_EVENT_LOOK, .lost = device->lost, .dial = device->lost_dial, .fd = -1
    };

    device->look = false;
    device->lost = HF_FAULT_NONE;
    hf_relay_backend_ask_waiting(device);
    hf_relay_device_feed(device, &event);
}

static void over(struct hf_relay_device *device)
{
    device->served = false;
    hf_relay_status_over(device);
    hf_relay_backend_renew(device);
    if (device->given_used)
        device->ops->ended(device->ops->host, device->config.name, "its VMM has gone");
}

void hf_relay_device_pump(struct hf_relay_device *device)
{
    if (device->pumping || device->feeding)
        return;
    device->pumping = true;
    while (device->backend != NULL) {
        hf_frontend_flush(device->backend);
        if (device->vmm_gone)
            hear_vmm_gone(device);
        else if (device->parted)
            hear_parted(device);
        else if (device->connected)
            hear_connected(device);
        else if (device->answered)
            hear_answer(device);
        else if (device->look)
            look(device);
        else if (hf_relay_move_pump(device))
            continue;
        else if (device->served && hf_relay_is_over(&device->core))
            over(device);
        else
            break;
    }
    device->pumping = false;
    hf_relay_vmm_update(device);
    hf_relay_status_update(device);
}

/* ---- life ------------------------------------------------------------------------------------ */

static char *put(char **at, const char *word)
{
    char *place = *at;
    size_t size = strlen(word) + 1;

    memcpy(place, word, size);
    *at += size;
    return place;
}

static size_t size_of(const char *word)
{
    return word == NULL ? 0 : strlen(word) + 1;
}

static void copy_word(char **at, const char **word)
{
    if (*word != NULL)
        *word = put(at, *word);
}

static int copy_config(struct hf_relay_device *device, const struct hf_relay_device_config *config)
{
    struct hf_relay_device_config *copy = &device->config;
    size_t size = size_of(config->name) + size_of(config->listen_path) +
                  size_of(config->fence_command) + size_of(config->state_path);

    for (unsigned i = 0; i < HF_RELAY_BACKENDS_MAX; i++)
        size += size_of(config->backends[i]);
    *copy = *config;
    device->words = malloc(size);
    if (device->words == NULL)
        return -ENOMEM;
    char *at = device->words;
    copy_word(&at, &copy->name);
    copy_word(&at, &copy->listen_path);
    copy_word(&at, &copy->fence_command);
    copy_word(&at, &copy->state_path);
    for (unsigned i = 0; i < HF_RELAY_BACKENDS_MAX; i++)
        copy_word(&at, &copy->backends[i]);
    return 0;
}

static int build(struct hf_relay_device *device, struct hf_error *error)
{
    int result = hf_loop_init(&device->loop);

    device->record_fd = -1;
    if (result < 0)
        return hf_error_set(error, -result, "cannot make an epoll loop: %s", strerror(-result));
    device->deadline.expired = deadline_passed;
    hf_relay_log_init(device);
    hf_relay_calls_init(device);
    hf_relay_promise_recall(device);
    result = hf_relay_vmm_init(device, error);
    if (result == 0)
        result = hf_relay_record_open(device, error);
    if (result == 0)
        result = hf_relay_backend_init(device, error);
    if (result == 0) {
        hf_relay_status_init(device);
        hf_relay_hang_init(device);
    }
    return result;
}

struct hf_relay_device *hf_relay_device_new(const struct hf_relay_device_config *config,
                                            const struct hf_relay_device_ops *ops, int *result,
                                            struct hf_error *error)
{
    struct hf_relay_device *device = calloc(1, sizeof(*device));
    int failed = device == NULL ? -ENOMEM : copy_config(device, config);

    if (failed < 0) {
        hf_error_set(error, ENOMEM, "no memory for a device");
        free(device);
    } else {
        device->ops = ops;
        failed = build(device, error);
        if (failed < 0)
            hf_relay_device_free(device);
        else
            hf_relay_vmm_update(device);
    }
    if (result != NULL)
        *result = failed;
    return failed < 0 ? NULL : device;
}

void hf_relay_device_free(struct hf_relay_device *device)
{
    if (device == NULL)
        return;
    HF_CHECK(!device->pumping && !device->feeding);
    hf_relay_vmm_done(device);
    hf_relay_calls_done(device);
    hf_relay_hang_done(device);
    hf_relay_move_abort(device, -ECANCELED, "the relay ends");
    hf_relay_backend_done(device);
    hf_loop_cancel_timer(&device->loop, &device->deadline);
    hf_relay_record_close(device);
    hf_relay_log_done(device);
    hf_loop_done(&device->loop);
    free(device->words);
    free(device);
}

int hf_relay_device_fd(const struct hf_relay_device *device)
{
    return hf_loop_fd(&device->loop);
}

void hf_relay_device_dispatch(struct hf_relay_device *device)
{
    hf_loop_dispatch(&device->loop, 0);
    hf_relay_device_pump(device);
}

const char *hf_relay_device_name(const struct hf_relay_device *device)
{
    return device->config.name;
}
