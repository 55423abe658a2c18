/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two patiences. A back-end that hangs is one whose used index stands still while there is work, on
 * a ring that must progress; and for the first back-end a device waits so long.
 */
#include "relay/device_private.h"

#include "os/clock.h"

#include <stdio.h>

/* Looked at so often within hang_after_ns. */
#define LOOKS 4u

static bool has_hung(struct hf_relay_device *device, uint16_t ring, uint64_t now_ns)
{
    const struct hf_plan *plan = hf_frontend_plan(device->backend);
    const struct hf_ring_plan *place = &plan->rings[ring];
    uint64_t *since_ns = &device->hang_since_ns[ring];
    uint16_t avail, used;

    if (!hf_session_ring_started(&device->backend->front.session, ring) || place->disabled ||
        !device->config.type->progresses(ring) ||
        hf_relay_read_indices(plan, place->avail_address, place->used_address, &avail, &used) < 0 ||
        avail == used) {
        *since_ns = 0;
        return false;
    }
    if (*since_ns == 0 || used != device->hang_used[ring])
        *since_ns = now_ns;
    device->hang_used[ring] = used;
    return now_ns - *since_ns >= device->config.hang_after_ns;
}

static void cut(struct hf_relay_device *device, uint16_t ring)
{
    hf_relay_device_log(device, HF_LOG_ERROR,
                        "the back-end hangs: ring %u has had work and made no progress for %llu "
                        "ms; it is hung up on",
                        ring, (unsigned long long)(device->config.hang_after_ns / HF_NS_PER_MS));
    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
        device->hang_since_ns[i] = 0;
    hf_frontend_cut(device->backend);
    device->look = true;
    hf_relay_device_pump(device);
}

static void look(struct hf_relay_device *device)
{
    uint64_t now_ns = hf_clock_ns();

    if (device->backend == NULL || device->backend->front.phase != HF_PHASE_RUNNING)
        return;
    for (uint16_t i = 0; i < hf_frontend_plan(device->backend)->queue_count; i++) {
        if (has_hung(device, i, now_ns)) {
            cut(device, i);
            return;
        }
    }
}

static void look_again(struct hf_relay_device *device)
{
    hf_loop_set_timer(&device->loop, &device->hang_timer,
                      hf_clock_ns() + device->config.hang_after_ns / LOOKS);
}

static void time_to_look(struct hf_timer *timer)
{
    struct hf_relay_device *device = HF_CONTAINER(timer, struct hf_relay_device, hang_timer);

    look_again(device);
    look(device);
}

static void waited(struct hf_timer *timer)
{
    struct hf_relay_device *device = HF_CONTAINER(timer, struct hf_relay_device, wait_timer);

    char why[HF_STREAM_PATH_SIZE + 64];

    snprintf(why, sizeof(why), "no back-end has come to %s in time (see --wait)",
             device->config.backends[0]);
    if (!device->promised)
        device->ops->ended(device->ops->host, device->config.name, why);
}

void hf_relay_hang_init(struct hf_relay_device *device)
{
    device->hang_timer.expired = time_to_look;
    device->wait_timer.expired = waited;
    if (device->config.hang_after_ns != 0)
        look_again(device);
    if (device->config.wait_ns != 0 && !device->promised)
        hf_loop_set_timer(&device->loop, &device->wait_timer,
                          hf_clock_ns() + device->config.wait_ns);
}

void hf_relay_hang_done(struct hf_relay_device *device)
{
    hf_loop_cancel_timer(&device->loop, &device->hang_timer);
    hf_loop_cancel_timer(&device->loop, &device->wait_timer);
}
