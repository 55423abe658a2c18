/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of a device, and small questions about it. */
#include "device/device_private.h"

#include "holdfast/version.h"

#include "base/checked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(number)                   #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *hf_version(void)
{
    return VERSION_TEXT(HF_VERSION_MAJOR, HF_VERSION_MINOR, HF_VERSION_PATCH);
}

static void hear_trace(void *host, const char *line)
{
    struct hf_device *device = host;

    device->calling++;
    device->ops.trace(device->ops.host, line);
    device->calling--;
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

static int take_ops(struct hf_device *device, const struct hf_device_ops *ops,
                    struct hf_error *error)
{
    size_t known = (size_t)hf_min_u64(ops->size_bytes, sizeof(device->ops));

    if (ops->size_bytes <= offsetof(struct hf_device_ops, host))
        return hf_error_set(error, EINVAL, "the size of the operations is not set");
    memcpy(&device->ops, ops, known - known % sizeof(void *)); /* no half of a pointer */
    return 0;
}

static int build(struct hf_device *device, const struct hf_device_config *config,
                 const struct hf_device_ops *ops, struct hf_error *error)
{
    struct hf_frontend_config frontend;
    int result = take_ops(device, ops, error);

    if (result == 0)
        result = hf_device_take_config(device, config, &frontend, error);
    if (result < 0)
        return result;
    device->frontend_ops = (struct hf_frontend_ops){
        .host = device,
        .report = hf_device_hear_report,
        .answer = hf_device_hear_answer,
        .indices = read_indices,
        .trace = device->ops.trace != NULL ? hear_trace : NULL,
    };
    result = hf_frontend_init(&device->frontend, &frontend, &device->frontend_ops, error);
    if (result < 0)
        return result;
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    plan->promise.queue_count = (uint16_t)(plan->queue_count - HF_VSCSI_QUEUE_REQUEST);
    plan->late_rings = HF_VSCSI_QUEUE_REQUEST; /* control and event */
    device->vm_running = true;
    device->stopped_clean = true;
    hf_device_lines_init(device);
    return 0;
}

int hf_device_new(struct hf_device **device, const struct hf_device_config *config,
                  const struct hf_device_ops *ops, struct hf_error *error)
{
    struct hf_device *made = calloc(1, sizeof(*made));

    *device = NULL;
    if (made == NULL)
        return hf_error_set(error, ENOMEM, "no memory for a device");
    int result = build(made, config, ops, error);
    if (result < 0) {
        free(made->fence_command);
        free(made);
        return result;
    }
    *device = made;
    return 0;
}

void hf_device_free(struct hf_device *device)
{
    if (device == NULL)
        return;
    hf_device_lines_done(device);
    hf_frontend_done(&device->frontend);
    free(device->fence_command);
    free(device);
}

int hf_device_fd(const struct hf_device *device)
{
    return hf_frontend_fd(&device->frontend);
}

void hf_device_dispatch(struct hf_device *device)
{
    if (device->calling > 0)
        return;
    hf_frontend_dispatch(&device->frontend);
    hf_device_apply_owed(device);
    hf_device_unbind_at_rest(device);
    hf_device_tell_owed(device);
}

bool hf_device_is_connected(const struct hf_device *device)
{
    return hf_phase_agreed(device->frontend.front.phase);
}

bool hf_device_at_rest(const struct hf_device *device)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    return !plan->settle_owed && !hf_plan_any_ran(plan);
}

int hf_device_boot_path(const struct hf_device *device, const char *node, char *path,
                        size_t size_bytes)
{
    return snprintf(path, size_bytes, "/channel@0/%s@%x,0", node, device->boot_target);
}

static enum hf_device_phase phase_of(enum hf_phase phase)
{
    static const enum hf_device_phase phases[HF_PHASE_COUNT] = {
        [HF_PHASE_DOWN] = HF_DEVICE_DOWN,
        [HF_PHASE_DIALING] = HF_DEVICE_CONNECTING,
        [HF_PHASE_NEGOTIATING] = HF_DEVICE_NEGOTIATING,
        [HF_PHASE_READY] = HF_DEVICE_CONNECTED,
        [HF_PHASE_RUNNING] = HF_DEVICE_RUNNING,
        [HF_PHASE_STOPPING] = HF_DEVICE_STOPPING,
        [HF_PHASE_BACKOFF] = HF_DEVICE_AWAY,
        [HF_PHASE_FAILED] = HF_DEVICE_FAILED,
    };

    return phases[phase];
}

const char *hf_device_phase_name(enum hf_device_phase phase)
{
    static const char *const names[HF_DEVICE_PHASE_COUNT] = {
        [HF_DEVICE_DOWN] = "down",
        [HF_DEVICE_CONNECTING] = "connecting",
        [HF_DEVICE_NEGOTIATING] = "negotiating",
        [HF_DEVICE_CONNECTED] = "connected",
        [HF_DEVICE_RUNNING] = "running",
        [HF_DEVICE_STOPPING] = "stopping",
        [HF_DEVICE_AWAY] = "away",
        [HF_DEVICE_FAILED] = "failed",
    };

    return (unsigned)phase < HF_DEVICE_PHASE_COUNT ? names[phase] : "unknown";
}

static uint64_t present_gap_ns(const struct hf_front *front)
{
    return hf_front_recovers(front) ? hf_clock_ns() - front->lost_ns : 0;
}

void hf_device_get_info(const struct hf_device *device, struct hf_device_info *info,
                        size_t size_bytes)
{
    const struct hf_front *front = &device->frontend.front;
    bool tracks = hf_frontend_tracks_inflight(&device->frontend);
    struct hf_device_info whole = {
        .phase = phase_of(front->phase),
        .should_run = device->run,
        .realized = device->realized,
        .tracks_inflight = tracks,
        .fences = device->fences,
        .lossy = !tracks || device->frontend.fence == HF_FENCE_NONE ||
                 (!device->fences && hf_frontend_unfenced(&device->frontend) != NULL),
        .stopped_clean = device->stopped_clean,
        .peer_pid = device->frontend.channel.pid,
        .offered = device->peer.offered,
        .protocol_offered = device->peer.protocol_offered,
        .protocol = device->peer.protocol,
        .backend_queues = device->peer.queue_count,
        .memory_slots = device->peer.slot_count,
        .sessions = device->frontend.session_count,
        .losses = device->losses,
        .last_gap_ns = device->last_gap_ns,
        .last_in_flight = device->last_in_flight,
        .outage_ns = device->gaps_ns + present_gap_ns(front),
        .last_fault = device->fault,
    };

    memset(info, 0, size_bytes);
    memcpy(info, &whole, (size_t)hf_min_u64(size_bytes, sizeof(whole)));
}
