/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a queue's interrupts go: straight to the host's descriptor, to the host by its operation,
 * or nowhere for now (R10). Nothing is lost at a change: what the back-end sent before it heard of
 * it still arrives at our own descriptor.
 *
 *   DIRECT ──mask──> MASKED ──unmask──> DIRECT, or DIVERTED where the host has no descriptor
 *      └──bound without a descriptor──> DIVERTED
 */
#include "device/device_private.h"

#include "base/check.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>

static struct hf_plan *plan_of(const struct hf_device_line *line)
{
    return hf_frontend_plan(&line->device->frontend);
}

static int *call_in_plan(const struct hf_device_line *line)
{
    return &plan_of(line)->rings[line->queue].call_fd;
}

static void deliver(struct hf_device_line *line)
{
    struct hf_device *device = line->device;

    if (line->route == HF_CALL_DIRECT && *call_in_plan(line) >= 0)
        hf_event_signal(*call_in_plan(line));
    if (line->route != HF_CALL_DIVERTED)
        return;
    device->calling++;
    device->ops.interrupt(device->ops.host, line->queue);
    device->calling--;
}

/* One that the back-end sent before it heard of the present descriptor comes here too. */
static void own_call_rang(struct hf_watch *watch, uint32_t events)
{
    struct hf_device_line *line = HF_CONTAINER(watch, struct hf_device_line, watch);

    (void)events;
    if (hf_event_drain(line->own_call) != 0)
        return;
    if (line->route == HF_CALL_MASKED)
        line->pending = true;
    else
        deliver(line);
}

static int make_own_call(struct hf_device_line *line)
{
    int result;

    if (line->own_call >= 0)
        return 0;
    line->own_call = hf_event_create();
    if (line->own_call < 0) {
        result = line->own_call;
        line->own_call = -1;
        return result;
    }
    line->watch.ready = own_call_rang;
    result = hf_loop_add(&line->device->frontend.loop, &line->watch, line->own_call, EPOLLIN);
    if (result < 0)
        hf_fd_close(&line->own_call);
    return result;
}

static void drop_own_call(struct hf_device_line *line)
{
    hf_loop_remove(&line->watch);
    hf_fd_close(&line->own_call);
}

/* The back-end is to ring our own descriptor. Returns the one it rang until now. */
static int divert(struct hf_device_line *line, int *replaced)
{
    int result = make_own_call(line);
    int duplicate = result < 0 ? result : hf_fd_dup(line->own_call);

    if (duplicate < 0)
        return duplicate;
    *replaced = hf_plan_set_call(plan_of(line), line->queue, duplicate);
    hf_frontend_changed(&line->device->frontend);
    return 0;
}

/* Takes `fd`. */
static void give_call(struct hf_device_line *line, int fd)
{
    int replaced = hf_plan_set_call(plan_of(line), line->queue, fd);

    hf_fd_close(&replaced);
    line->route = HF_CALL_DIRECT;
    hf_frontend_changed(&line->device->frontend);
}

static int divert_from_host(struct hf_device_line *line)
{
    int replaced = -1;
    int result = divert(line, &replaced);

    if (result < 0)
        return result;
    hf_fd_close(&replaced);
    line->route = HF_CALL_DIVERTED;
    return 0;
}

int hf_device_route_call(struct hf_device_line *line)
{
    if (*call_in_plan(line) >= 0 || line->device->ops.interrupt == NULL)
        return 0;
    return divert_from_host(line);
}

int hf_device_set_call(struct hf_device *device, uint16_t queue, int fd)
{
    struct hf_device_line *line = hf_device_line(device, queue);
    int duplicate = -1;

    if (line == NULL || (fd >= 0 && hf_bell_of(fd).kind == HF_BELL_UNFIT))
        return -EINVAL;
    if (fd >= 0)
        duplicate = hf_fd_dup(fd);
    if (fd >= 0 && duplicate < 0)
        return duplicate;
    if (line->route == HF_CALL_MASKED) {
        hf_fd_close(&line->host_call);
        line->host_call = duplicate;
        return 0;
    }
    if (duplicate < 0 && line->bound && device->ops.interrupt != NULL)
        return divert_from_host(line);
    give_call(line, duplicate);
    return 0;
}

static int mask(struct hf_device_line *line)
{
    int replaced = -1;
    int result = divert(line, &replaced);

    if (result < 0)
        return result;
    if (line->route == HF_CALL_DIRECT)
        line->host_call = replaced;
    else
        hf_fd_close(&replaced);
    line->route = HF_CALL_MASKED;
    return 0;
}

/* Cannot fail, or what was kept would be lost: on the way to the host's operation the back-end goes
 * on ringing our own descriptor. To that operation it comes in a dispatch. */
static int unmask(struct hf_device_line *line)
{
    bool pending = hf_device_call_pending(line->device, line->queue);

    line->pending = false;
    if (line->host_call < 0 && line->bound && line->device->ops.interrupt != NULL)
        line->route = HF_CALL_DIVERTED;
    else
        give_call(line, hf_fd_steal(&line->host_call));
    if (pending && line->route == HF_CALL_DIVERTED)
        hf_event_signal(line->own_call);
    else if (pending)
        deliver(line);
    return 0;
}

int hf_device_mask_call(struct hf_device *device, uint16_t queue, bool masked)
{
    struct hf_device_line *line = hf_device_line(device, queue);

    if (line == NULL)
        return -EINVAL;
    if (masked == (line->route == HF_CALL_MASKED))
        return 0;
    return masked ? mask(line) : unmask(line);
}

bool hf_device_call_pending(struct hf_device *device, uint16_t queue)
{
    struct hf_device_line *line = hf_device_line(device, queue);

    if (line == NULL || line->route != HF_CALL_MASKED)
        return false;
    line->pending |= hf_event_drain(line->own_call) == 0;
    return line->pending;
}

void hf_device_unroute_call(struct hf_device_line *line)
{
    if (line->route == HF_CALL_DIVERTED)
        give_call(line, -1);
    if (line->route != HF_CALL_MASKED)
        drop_own_call(line);
}
