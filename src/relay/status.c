/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of a device: log lines as things happen, and a snapshot on demand. */
#include "relay/device_private.h"

#include "base/checked.h"
#include "base/text.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const phase_names[HF_RELAY_PHASE_COUNT] = {
    [HF_RELAY_PHASE_WAITING] = "waiting",
    [HF_RELAY_PHASE_LISTENING] = "listening",
    [HF_RELAY_PHASE_CONFIGURED] = "configured",
    [HF_RELAY_PHASE_RUNNING] = "running",
    [HF_RELAY_PHASE_AWAY] = "away",
    [HF_RELAY_PHASE_SWITCHING] = "switching",
    [HF_RELAY_PHASE_LEAVING] = "leaving",
};

const char *hf_relay_phase_name(enum hf_relay_phase phase)
{
    return phase_names[phase];
}

void hf_relay_status_init(struct hf_relay_device *device)
{
    device->status.since_s = (int64_t)time(NULL);
}

/* ---- reports --------------------------------------------------------------------------------- */

/* One line at a loss, one when it is over; what lies between is for those who ask for more. */
static const enum hf_log_level levels[HF_REPORT_COUNT] = {
    [HF_REPORT_CONNECTED] = HF_LOG_INFO, [HF_REPORT_STARTED] = HF_LOG_INFO,
    [HF_REPORT_STOPPED] = HF_LOG_INFO,   [HF_REPORT_LOST] = HF_LOG_INFO,
    [HF_REPORT_REFUSED] = HF_LOG_ERROR,  [HF_REPORT_REQUEST_KILLS] = HF_LOG_ERROR,
    [HF_REPORT_FAILED] = HF_LOG_ERROR,   [HF_REPORT_FENCE] = HF_LOG_WARNING,
};

static void note_loss(struct hf_relay_device *device, const char *text)
{
    struct hf_relay_status *status = &device->status;

    snprintf(status->why, sizeof(status->why), "%s", text);
    if (device->crashed || !hf_front_recovers(&device->backend->front))
        return;
    device->crashed = true;
    device->away_since_ns = device->backend->front.lost_ns;
    status->crashes++;
}

void hf_relay_status_over(struct hf_relay_device *device)
{
    if (device->away_since_ns != 0)
        device->status.outage_ns += hf_clock_ns() - device->away_since_ns;
    device->away_since_ns = 0;
    device->crashed = false;
}

static void note_start(struct hf_relay_device *device, const struct hf_report *report)
{
    struct hf_relay_status *status = &device->status;

    if (!report->recovered) {
        hf_relay_status_over(device);
        return;
    }
    device->crashed = false;
    device->away_since_ns = 0;
    status->last_gap_ns = report->gap_ns;
    status->outage_ns += report->gap_ns;
    status->last_crash_in_flight = report->in_flight;
}

static enum hf_log_level level_of(const struct hf_relay_device *device,
                                  const struct hf_report *report, bool first)
{
    if (report->kind == HF_REPORT_LOST && first && device->crashed)
        return HF_LOG_WARNING;
    if (report->kind == HF_REPORT_STARTED && report->recovered)
        return HF_LOG_NOTICE;
    return levels[report->kind];
}

static bool is_lossy(const struct hf_relay_device *device)
{
    if (device->config.fence == HF_FENCE_NONE)
        return true;
    /* Without leave nobody is served who does not track. */
    return device->config.allow_lossy &&
           (device->backend == NULL || !hf_frontend_tracks_inflight(device->backend));
}

/* What a user can do about a refusal. */
static const char *remedy_of(const struct hf_relay_device *device, const struct hf_report *report)
{
    uint64_t offered = device->backend->front.session.protocol_offered;

    if (report->kind != HF_REPORT_REFUSED || device->config.allow_lossy ||
        (offered & HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD)) != 0)
        return "";
    return "; it does not track requests in flight, so they would be lost with it: --allow-lossy "
           "serves it all the same";
}

void hf_relay_status_report(struct hf_relay_device *device, const struct hf_report *report,
                            const char *text)
{
    bool was_crashed = device->crashed;
    bool repeated = report->kind == HF_REPORT_REFUSED && strcmp(text, device->status.why) == 0;

    if (report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED)
        note_loss(device, text);
    else if (report->kind == HF_REPORT_FENCE)
        snprintf(device->status.why, sizeof(device->status.why), "%s", text);
    enum hf_log_level level = level_of(device, report, !was_crashed);
    if (report->kind == HF_REPORT_STARTED)
        note_start(device, report);
    hf_relay_device_log(device, repeated ? HF_LOG_DEBUG : level, "%s%s", text,
                        remedy_of(device, report));
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static enum hf_relay_phase phase_of(const struct hf_relay_device *device)
{
    if (device->backend == NULL || !device->promised)
        return HF_RELAY_PHASE_WAITING;
    if (!device->served)
        return HF_RELAY_PHASE_LISTENING;
    if (device->core.leaving)
        return HF_RELAY_PHASE_LEAVING;
    if (device->move.phase > HF_RELAY_MOVE_PREPARE)
        return HF_RELAY_PHASE_SWITCHING;
    if (device->backend->front.phase == HF_PHASE_RUNNING)
        return HF_RELAY_PHASE_RUNNING;
    return hf_phase_connected(device->backend->front.phase) ? HF_RELAY_PHASE_CONFIGURED
                                                            : HF_RELAY_PHASE_AWAY;
}

static uint16_t count_queues(const struct hf_relay_device *device)
{
    uint16_t count = 0;

    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
        count = (uint16_t)(count + device->core.rings[i].started);
    return count;
}

static void name_vmm(const struct hf_relay_device *device, struct hf_relay_status *status)
{
    const char *path = device->config.listen_path;

    status->vmm_pid = device->vmm.pid;
    snprintf(status->vmm, sizeof(status->vmm), "%s", path != NULL ? path : "(passed)");
}

static void name_backend(const struct hf_relay_device *device, struct hf_relay_status *status)
{
    if (device->backend == NULL)
        return;
    status->backend_there = hf_phase_connected(device->backend->front.phase);
    status->backend_pid = device->backend->channel.pid;
    snprintf(status->backend, sizeof(status->backend), "%s", hf_frontend_path(device->backend));
}

/* Who the rings wait for stays in sight, whatever the dials meanwhile run into. */
static void name_trouble(const struct hf_relay_device *device, struct hf_relay_status *status)
{
    char fence[HF_RELAY_WHY_SIZE] = "";
    struct hf_text text = hf_text_of(fence, sizeof(fence));

    if (device->backend != NULL)
        hf_frontend_describe_fence(device->backend, &text);
    if (fence[0] != '\0')
        memcpy(status->why, fence, sizeof(fence));
}

void hf_relay_device_status(const struct hf_relay_device *device, struct hf_relay_status *status)
{
    *status = device->status;
    snprintf(status->name, sizeof(status->name), "%s", device->config.name);
    status->type = device->config.type->name;
    status->phase = phase_of(device);
    status->tracked = !is_lossy(device);
    status->queues = count_queues(device);
    name_vmm(device, status);
    name_backend(device, status);
    name_trouble(device, status);
    if (device->away_since_ns != 0)
        status->outage_ns += hf_clock_ns() - device->away_since_ns;
}

/* Called when the pump has come to rest. */
void hf_relay_status_update(struct hf_relay_device *device)
{
    enum hf_relay_phase phase = phase_of(device);

    if (phase == device->status.phase)
        return;
    device->status.phase = phase;
    device->status.since_s = (int64_t)time(NULL);
    if (device->ops->changed != NULL)
        device->ops->changed(device->ops->host, device->config.name);
}
