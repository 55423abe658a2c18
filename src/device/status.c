/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the rings should run: one predicate over everything that was set, whoever set it, and
 * level-triggered (R17, R18, R25, R38).
 */
#include "device/device_private.h"

#include "base/checked.h"
#include "os/event.h"

#include <errno.h>

#define APPLY_MAX 16u

static bool should_run(const struct hf_device *device)
{
    bool driver_is_there = (device->status & HF_VIRTIO_STATUS_DRIVER_OK) != 0 ||
                           device->early_kick == HF_EARLY_KICK_STARTED;

    return device->vm_running && driver_is_there &&
           (device->status & HF_VIRTIO_STATUS_NEEDS_RESET) == 0;
}

/* A legacy driver's rings have the byte order of its processor. */
static int judge_order(const struct hf_device *device, struct hf_error *error)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    if (!device->big_endian_guest || (plan->features & HF_FEATURE(VERSION_1)) != 0)
        return 0;
    return hf_error_set(error, EOPNOTSUPP,
                        "unable to start vhost-user-scsi: the guest is big-endian and its driver "
                        "did not acknowledge VERSION_1: such rings are not supported");
}

static int apply_once(struct hf_device *device, struct hf_error *error)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    bool run = should_run(device);
    int result = run ? judge_order(device, error) : 0;

    device->apply_owed = false;
    if (run && result == 0)
        result = hf_device_bind(device, error);
    /* A driver may use the device without having written any features: it acknowledged none. */
    if (run && result == 0 && plan->features_generation == 0)
        hf_plan_set_features(plan, 0);
    device->run = run && result == 0;
    /* The back-end is reset before the next driver's rings start. */
    hf_plan_set_run(plan, device->run && !hf_device_reset_is_owed(device));
    hf_frontend_changed(&device->frontend);
    return result;
}

/* An operation of the host's may change what this depends on: then all of it is gone through again.
 * One that never comes to rest is not followed for ever; the next dispatch goes on with it. */
int hf_device_apply(struct hf_device *device, struct hf_error *error)
{
    int result = 0;

    device->apply_owed = true;
    for (unsigned i = 0; device->apply_owed && !device->binding && i < APPLY_MAX; i++) {
        hf_error_clear(error);
        device->binding = true;
        result = apply_once(device, error);
        device->binding = false;
    }
    return result;
}

void hf_device_apply_owed(struct hf_device *device)
{
    struct hf_error error;

    if (!device->apply_owed || hf_device_apply(device, &error) == 0)
        return;
    hf_device_tell(device, &(struct hf_device_event){ .kind = HF_DEVICE_EVENT_HOST_FAILED,
                                                      .error = error.code,
                                                      .text = error.text });
}

int hf_device_set_status(struct hf_device *device, uint8_t status, struct hf_error *error)
{
    if (status == 0) {
        hf_device_reset(device);
        return 0;
    }
    device->status = (uint8_t)((device->status & HF_VIRTIO_STATUS_NEEDS_RESET) |
                               (status & ~HF_VIRTIO_STATUS_NEEDS_RESET));
    if ((status & HF_VIRTIO_STATUS_DRIVER_OK) != 0)
        device->early_kick = HF_EARLY_KICK_OFF;
    return hf_device_apply(device, error);
}

/* "A device MUST NOT [...] interact with the queues after indicating completion of the reset by
 * reinitializing device status to 0" (virtio 1.3 §2.4.1). */
uint8_t hf_device_get_status(const struct hf_device *device)
{
    bool resets = device->status == 0 && !hf_device_at_rest(device);

    return resets ? device->status_before : device->status;
}

int hf_device_set_vm_running(struct hf_device *device, bool running, struct hf_error *error)
{
    device->vm_running = running;
    return hf_device_apply(device, error);
}

void hf_device_reset(struct hf_device *device)
{
    static const struct hf_device_queue none = { .size = 0 };
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);

    /* Of this life, not of one before it. */
    if (device->status != 0 || hf_device_at_rest(device))
        device->status_before = device->status;
    device->status = 0;
    device->early_kick = HF_EARLY_KICK_OFF;
    device->reset_untold = false;
    device->stopped_clean |= hf_device_at_rest(device);
    /* Their places are forgotten with them, and what was lost is not at rest yet. */
    if (!hf_device_at_rest(device) && !hf_device_is_connected(device))
        hf_device_mark_rings(device);
    hf_plan_forget_features(plan);
    for (uint16_t i = 0; i < plan->queue_count; i++)
        hf_device_lay_ring(device, i, &none, 0);
    hf_device_end_epoch(device);
    if (hf_device_is_connected(device) &&
        (device->frontend.front.session.protocol & HF_PROTOCOL_FEATURE(RESET_DEVICE)) != 0)
        hf_device_ask(device, HF_DEVICE_QUESTION_RESET);
    hf_device_apply(device, NULL); /* nothing runs now: it cannot fail */
}

uint64_t hf_device_get_features(const struct hf_device *device)
{
    return device->frontend.front.plan.promise.features;
}

int hf_device_set_features(struct hf_device *device, uint64_t features)
{
    if ((features & ~hf_device_get_features(device)) != 0)
        return -EINVAL;
    if ((device->status & HF_VIRTIO_STATUS_DRIVER_OK) != 0)
        return -EBUSY;
    hf_plan_set_features(hf_frontend_plan(&device->frontend), features);
    if (!should_run(device))
        device->early_kick =
            (features & HF_FEATURE(VERSION_1)) != 0 ? HF_EARLY_KICK_OFF : HF_EARLY_KICK_ARMED;
    hf_frontend_changed(&device->frontend);
    return 0;
}

int hf_device_kick(struct hf_device *device, uint16_t queue, struct hf_error *error)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    int result = 0;

    if (queue >= plan->queue_count)
        return hf_error_set(error, EINVAL, "no queue %u: the device has %u", queue,
                            plan->queue_count);
    if (device->early_kick == HF_EARLY_KICK_ARMED) {
        device->early_kick = HF_EARLY_KICK_STARTED;
        result = hf_device_apply(device, error);
    }
    /* Where no ring runs it is not lost: each start kicks every ring. */
    if (plan->rings[queue].kick_fd >= 0)
        hf_event_signal(plan->rings[queue].kick_fd);
    return result;
}

void hf_device_force_stop(struct hf_device *device)
{
    if (!hf_device_at_rest(device))
        hf_frontend_cut(&device->frontend);
}
