/* SPDX-License-Identifier: BSD-3-Clause */
/* Kick descriptors, the host's or our own, and the host's notifiers around a start and a stop (R1
 * to R3, R12). */
#include "device/device_private.h"

#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct hf_plan *plan_of(const struct hf_device_line *line)
{
    return hf_frontend_plan(&line->device->frontend);
}

static int make_own_kick(struct hf_device_line *line)
{
    int fd = hf_event_create();

    if (fd < 0)
        return fd;
    hf_plan_set_kick(plan_of(line), line->queue, fd);
    line->own_kick = true;
    return 0;
}

struct hf_device_line *hf_device_line(struct hf_device *device, uint16_t queue)
{
    return queue < device->frontend.front.plan.queue_count ? &device->lines[queue] : NULL;
}

int hf_device_set_kick(struct hf_device *device, uint16_t queue, int fd)
{
    struct hf_device_line *line = hf_device_line(device, queue);
    bool own = fd < 0 && line != NULL && line->bound;
    int kick = -1;

    if (line == NULL || (fd >= 0 && hf_bell_of(fd).kind == HF_BELL_UNFIT))
        return -EINVAL;
    if (own || fd >= 0)
        kick = own ? hf_event_create() : hf_fd_dup(fd);
    if (kick < 0 && (own || fd >= 0))
        return kick;
    int replaced = hf_plan_set_kick(plan_of(line), queue, kick);
    hf_fd_close(&replaced);
    line->own_kick = own;
    hf_frontend_changed(&device->frontend);
    return 0;
}

/* ---- start and stop -------------------------------------------------------------------------- */

static int host_notifier(struct hf_device_line *line, bool on)
{
    struct hf_device *device = line->device;
    int result;

    if (device->ops.set_host_notifier == NULL)
        return 0;
    device->calling++;
    result = device->ops.set_host_notifier(device->ops.host, line->queue, on);
    device->calling--;
    return result;
}

static int guest_notifiers(struct hf_device *device, bool on)
{
    int result;

    if (device->ops.set_guest_notifiers == NULL)
        return 0;
    device->calling++;
    result = device->ops.set_guest_notifiers(device->ops.host,
                                             device->frontend.front.plan.queue_count, on);
    device->calling--;
    return result;
}

static bool is_set_up(const struct hf_device_line *line)
{
    return plan_of(line)->rings[line->queue].size != 0;
}

static bool can_interrupt(const struct hf_device *device)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    if (device->ops.set_guest_notifiers != NULL || device->ops.interrupt != NULL)
        return true;
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (plan->rings[i].size != 0 && plan->rings[i].call_fd < 0)
            return false;
    }
    return true;
}

static void drop_own_kick(struct hf_device_line *line)
{
    if (!line->own_kick)
        return;
    int fd = hf_plan_set_kick(plan_of(line), line->queue, -1);
    hf_fd_close(&fd);
    line->own_kick = false;
}

static int unbind_line(struct hf_device_line *line)
{
    int result = line->bound ? host_notifier(line, false) : 0;

    line->bound = false;
    drop_own_kick(line);
    hf_device_unroute_call(line);
    return result;
}

static int bind_line(struct hf_device_line *line)
{
    int result = 0;

    if (!is_set_up(line))
        unbind_line(line); /* the guest before a reset had set it up */
    if (!is_set_up(line) || line->bound)
        return 0;
    if (plan_of(line)->rings[line->queue].kick_fd < 0)
        result = make_own_kick(line);
    if (result == 0)
        result = host_notifier(line, true);
    line->bound = result == 0;
    if (result == 0 && line->route == HF_CALL_DIRECT)
        result = hf_device_route_call(line);
    return result;
}

/* Off in the reverse order. The first failure is told; all are carried on through. */
static int unbind(struct hf_device *device)
{
    int result = device->guest_bound ? guest_notifiers(device, false) : 0;

    device->guest_bound = false;
    for (unsigned i = device->frontend.front.plan.queue_count; i-- > 0;) {
        int failed = unbind_line(&device->lines[i]);

        if (result == 0)
            result = failed;
    }
    return result;
}

static int begin_host_notifiers(struct hf_device *device)
{
    int result = 0;

    for (uint16_t i = 0; i < device->frontend.front.plan.queue_count && result == 0; i++)
        result = bind_line(&device->lines[i]);
    return result;
}

static int fail_binding(struct hf_device *device, int code, const char *what,
                        struct hf_error *error)
{
    unbind(device);
    return hf_error_set(error, -code, "unable to start vhost-user-scsi: %s: %s", what,
                        strerror(-code));
}

int hf_device_bind(struct hf_device *device, struct hf_error *error)
{
    if (!can_interrupt(device))
        return hf_error_set(error, ENOSYS,
                            "unable to start vhost-user-scsi: binding does not support guest "
                            "notifiers");
    int result = begin_host_notifiers(device);
    if (result < 0)
        return fail_binding(device, result, "Error enabling host notifiers", error);
    if (!device->guest_bound)
        result = guest_notifiers(device, true);
    if (result < 0)
        return fail_binding(device, result, "Error binding guest notifier", error);
    device->guest_bound = true;
    return 0;
}

void hf_device_unbind(struct hf_device *device)
{
    char text[HF_ERROR_TEXT_SIZE];

    if (device->binding)
        return;
    device->binding = true;
    int result = unbind(device);
    device->binding = false;
    if (result == 0)
        return;
    snprintf(text, sizeof(text), "vhost guest notifier cleanup failed: %s", strerror(-result));
    hf_device_tell(device, &(struct hf_device_event){ .kind = HF_DEVICE_EVENT_HOST_FAILED,
                                                      .error = -result,
                                                      .text = text });
}

void hf_device_unbind_at_rest(struct hf_device *device)
{
    if (device->guest_bound && !device->run && hf_device_at_rest(device))
        hf_device_unbind(device);
}

void hf_device_lines_init(struct hf_device *device)
{
    for (uint16_t i = 0; i < HF_QUEUE_COUNT_MAX; i++)
        device->lines[i] = (struct hf_device_line){
            .device = device, .queue = i, .own_call = -1, .host_call = -1
        };
}

void hf_device_lines_done(struct hf_device *device)
{
    for (uint16_t i = 0; i < HF_QUEUE_COUNT_MAX; i++) {
        hf_loop_remove(&device->lines[i].watch);
        hf_fd_close(&device->lines[i].own_call);
        hf_fd_close(&device->lines[i].host_call);
    }
}
