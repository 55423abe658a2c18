/* SPDX-License-Identifier: BSD-3-Clause */
/* What the host is told: the front-end's reports in the words of this device, and what the device
 * found by itself. */
#include "device/device_private.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

static const enum hf_device_event_kind kinds[HF_REPORT_COUNT] = {
    [HF_REPORT_CONNECTED] = HF_DEVICE_EVENT_CONNECTED,
    [HF_REPORT_STARTED] = HF_DEVICE_EVENT_STARTED,
    [HF_REPORT_STOPPED] = HF_DEVICE_EVENT_STOPPED,
    [HF_REPORT_LOST] = HF_DEVICE_EVENT_LOST,
    [HF_REPORT_REFUSED] = HF_DEVICE_EVENT_REFUSED,
    [HF_REPORT_REQUEST_KILLS] = HF_DEVICE_EVENT_REQUEST_KILLS,
    [HF_REPORT_FAILED] = HF_DEVICE_EVENT_FAILED,
    [HF_REPORT_FENCE] = HF_DEVICE_EVENT_FENCE,
};

static const int errnos[HF_FAULT_COUNT] = {
    [HF_FAULT_REFUSED_DIAL] = ECONNREFUSED,
    [HF_FAULT_HANGUP] = ECONNRESET,
    [HF_FAULT_TIMEOUT] = ETIMEDOUT,
    [HF_FAULT_STOP_TIMEOUT] = ETIMEDOUT,
    [HF_FAULT_MALFORMED] = EPROTO,
    [HF_FAULT_UNEXPECTED] = EPROTO,
    [HF_FAULT_NAK] = EPROTO,
    [HF_FAULT_FEATURES_LOST] = EPROTONOSUPPORT,
    [HF_FAULT_PROTOCOL_LOST] = EPROTONOSUPPORT,
    [HF_FAULT_QUEUES_LOST] = EPROTONOSUPPORT,
    [HF_FAULT_SLOTS_LOST] = EPROTONOSUPPORT,
    [HF_FAULT_INFLIGHT_INVALID] = EPROTO,
    [HF_FAULT_INFLIGHT_LAYOUT] = EPROTONOSUPPORT,
    [HF_FAULT_RING_INDEX] = EPROTO,
    [HF_FAULT_LOCAL] = EIO,
    [HF_FAULT_OUTAGE] = ETIMEDOUT,
    [HF_FAULT_CUT] = ECONNABORTED,
    [HF_FAULT_NO_ADDRESS] = EDESTADDRREQ,
};

/* The sentences of the steps of a start are QEMU's: people search for them. */
static const char *const stages[HF_STAGE_COUNT] = {
    [HF_STAGE_FORMAT] = "Error setting inflight format",
    [HF_STAGE_GET_INFLIGHT] = "Error getting inflight",
    [HF_STAGE_SET_INFLIGHT] = "Error setting inflight",
    [HF_STAGE_START] = "Error starting vhost dev",
};

static bool is_loss(const struct hf_report *report)
{
    return report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED;
}

static void put_into_words(const struct hf_report *report, const char *text, struct hf_text *words)
{
    if (is_loss(report) && report->counted && !report->last)
        hf_text_add(words, "Reconnecting after error: ");
    if (is_loss(report) && stages[report->stage] != NULL)
        hf_text_add(words, "unable to start vhost-user-scsi: %s: ", stages[report->stage]);
    hf_text_add(words, "%s", text);
}

void hf_device_tell(struct hf_device *device, const struct hf_device_event *event)
{
    if (device->ops.event == NULL)
        return;
    device->calling++;
    device->ops.event(device->ops.host, event);
    device->calling--;
}

static void remember(struct hf_device *device, const struct hf_report *report, const char *text)
{
    if (is_loss(report)) {
        device->fault = report->fault;
        device->losses += report->stage == HF_STAGE_RUN || report->stage == HF_STAGE_STOP;
        hf_device_forget_questions(device);
        hf_error_set(&device->trouble, errnos[report->fault], "%s", text);
    }
    /* Where nobody took the dial, that may have been told long ago. */
    if (report->kind == HF_REPORT_FAILED && device->trouble.code == 0)
        hf_error_set(&device->trouble, errnos[report->fault], "%s", text);
    if (report->kind == HF_REPORT_STOPPED) {
        device->stopped_clean = report->clean;
        if (!report->clean) {
            device->last_in_flight = report->in_flight;
            hf_device_mark_rings(device);
        }
    }
    if (report->kind == HF_REPORT_STARTED && report->recovered) {
        device->last_gap_ns = report->gap_ns;
        device->gaps_ns += report->gap_ns;
    }
}

/* Realized before it is told, so that who hears of it may unrealize the device again; and not at
 * all by a back-end that is to be hung up on. */
static bool is_first(struct hf_device *device, const struct hf_report *report)
{
    if (report->kind != HF_REPORT_CONNECTED || !device->frontend.wanted ||
        device->frontend.unwanted)
        return false;
    bool first = !device->realized;

    hf_device_greet(device);
    device->realized = true;
    return first;
}

void hf_device_hear_report(void *host, const struct hf_report *report, const char *text)
{
    struct hf_device *device = host;
    char sentence[2 * HF_ERROR_TEXT_SIZE];
    struct hf_text words = hf_text_of(sentence, sizeof(sentence));

    HF_CHECK((unsigned)report->kind < HF_REPORT_COUNT);
    put_into_words(report, text, &words);
    remember(device, report, sentence);
    bool first = is_first(device, report);
    hf_device_tell(device,
                   &(struct hf_device_event){ .kind = kinds[report->kind],
                                              .fault = report->fault,
                                              .error = errnos[report->fault],
                                              .text = sentence,
                                              .will_retry = is_loss(report) && !report->last,
                                              .recovered = report->recovered,
                                              .clean = report->clean,
                                              .queue = report->queue,
                                              .head = report->head,
                                              .in_flight = report->in_flight,
                                              .gap_ns = report->gap_ns });
    if (first && device->realized)
        hf_device_tell(device, &(struct hf_device_event){ .kind = HF_DEVICE_EVENT_REALIZED,
                                                          .text = "the device is realized" });
}

/* Nobody can use what was taken away: the dead back-end is known to be harmless, and the living one
 * has confirmed that it does not. */
static bool is_settled(struct hf_device *device)
{
    if (device->frontend.front.plan.settle_owed)
        return false;
    if (hf_phase_connected(device->frontend.front.phase))
        return hf_frontend_is_settled(&device->frontend);
    return hf_device_at_rest(device);
}

static void say(struct hf_device *device, bool *owed, enum hf_device_event_kind kind,
                const char *text)
{
    *owed = false;
    hf_device_tell(device, &(struct hf_device_event){ .kind = kind, .text = text });
}

void hf_device_tell_owed(struct hf_device *device)
{
    if (device->reset_untold)
        say(device, &device->reset_untold, HF_DEVICE_EVENT_NEEDS_RESET,
            "the device needs a reset: the driver set a sense_size or cdb_size that is not "
            "supported");
    if (device->memory_coming && (hf_device_at_rest(device) || is_settled(device)))
        say(device, &device->memory_coming, HF_DEVICE_EVENT_MEMORY_READY,
            "the memory that was added can be used");
    if (device->memory_leaving && is_settled(device))
        say(device, &device->memory_leaving, HF_DEVICE_EVENT_MEMORY_RELEASED,
            "no back-end uses the memory that was removed");
    if (device->log_changing && is_settled(device))
        say(device, &device->log_changing, HF_DEVICE_EVENT_LOG_SETTLED,
            "the change of the dirty log is in effect");
}
