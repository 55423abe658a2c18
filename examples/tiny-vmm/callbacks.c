/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations in both styles. */
#include "callbacks.h"

#include "say.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void hear_event(void *host, const struct hf_device_event *event)
{
    struct vmm *vmm = host;

    vmm->events[event->kind]++;
    if (event->kind == HF_DEVICE_EVENT_STOPPED)
        vmm->in_flight = event->in_flight;
    if (event->kind == HF_DEVICE_EVENT_LOST || event->kind == HF_DEVICE_EVENT_REFUSED)
        vmm->crash_seen = true;
    say("  %s: %s", vmm->name, event->text);
    if (event->kind == HF_DEVICE_EVENT_FAILED || event->kind == HF_DEVICE_EVENT_HOST_FAILED)
        fail("the device gave up");
}

/* A VMM with KVM gives the eventfd to KVM_IOEVENTFD here; from then on a guest that writes the
 * register does not leave its virtual processor for us. */
static int set_host_notifier(void *host, uint16_t queue, bool on)
{
    struct vmm *vmm = host;

    vmm->past_us[queue] = on;
    return hf_device_set_kick(vmm->device, queue, on ? vmm->kick[queue] : -1);
}

static int set_guest_notifiers(void *host, uint16_t queue_count, bool on)
{
    struct vmm *vmm = host;

    if (queue_count != GUEST_QUEUES)
        return -EINVAL;
    for (uint16_t i = 0; i < queue_count; i++) {
        int result = hf_device_set_call(vmm->device, i, on ? vmm->call[i] : -1);

        if (result < 0)
            return result;
    }
    return 0;
}

static void interrupt(void *host, uint16_t queue)
{
    struct vmm *vmm = host;

    vmm->interrupted[queue] = true;
    callbacks_deliver(vmm, queue);
}

struct hf_device_ops callbacks_of(struct vmm *vmm, enum vmm_style style)
{
    struct hf_device_ops ops = { .size_bytes = sizeof(ops), .host = vmm, .event = hear_event };

    if (style == VMM_TRAPPED) {
        ops.interrupt = interrupt;
        return ops;
    }
    ops.set_host_notifier = set_host_notifier;
    ops.set_guest_notifiers = set_guest_notifiers;
    return ops;
}

void callbacks_notify(void *host, uint16_t queue)
{
    struct vmm *vmm = host;
    struct hf_error error = { 0 };

    if (!vmm->past_us[queue])
        vmm_expect(hf_device_kick(vmm->device, queue, &error), 0, "hf_device_kick", &error);
    else if (eventfd_write(vmm->kick[queue], 1) < 0)
        fail("cannot kick queue %u: %s", queue, strerror(errno));
}

void callbacks_deliver(struct vmm *vmm, uint16_t queue)
{
    if (!vmm->runs || !vmm->interrupted[queue])
        return;
    vmm->interrupted[queue] = false;
    guest_interrupt(vmm->guest, queue);
}

void callbacks_take_call(struct vmm *vmm, uint16_t queue)
{
    eventfd_t count;

    if (eventfd_read(vmm->call[queue], &count) == 0)
        guest_interrupt(vmm->guest, queue);
}
