/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports as sentences for a log. */
#include "frontend/effects.h"

#include "base/check.h"
#include "base/text.h"
#include "os/clock.h"

bool hf_frontend_tracks_inflight(const struct hf_frontend *frontend)
{
    const struct hf_inflight_plan *inflight = &frontend->front.plan.inflight;
    uint64_t protocol = frontend->front.session.protocol;

    return inflight->generation != 0 ||
           ((protocol & HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD)) != 0 && !inflight->absent);
}

/* Before the first request, at each loss, and at each start again: never hidden. */
static void warn_of_losses(const struct hf_frontend *frontend, struct hf_text *text)
{
    if (!hf_frontend_tracks_inflight(frontend))
        hf_text_add(text, "; lossy: it does not track requests in flight");
    if (frontend->fence == HF_FENCE_NONE)
        hf_text_add(text, "; lossy: it is not fenced");
    /* Whether it does that itself is asked only later, and not known here. */
    const char *why = hf_frontend_unfenced(frontend);
    if (why != NULL)
        hf_text_add(text, "; lossy unless it fences its units itself: it is not fenced: %s", why);
}

static void connected(const struct hf_frontend *frontend, const struct hf_report *report,
                      struct hf_text *text)
{
    (void)report;
    hf_text_add(text, "connected to the back-end at %s (process %d)", hf_frontend_path(frontend),
                frontend->channel.pid);
    warn_of_losses(frontend, text);
}

static void started(const struct hf_frontend *frontend, const struct hf_report *report,
                    struct hf_text *text)
{
    if (report->recovered)
        hf_text_add(text, "recovered after %llu.%03llu ms, %u requests were in flight",
                    (unsigned long long)(report->gap_ns / HF_NS_PER_MS),
                    (unsigned long long)(report->gap_ns / HF_NS_PER_US % 1000), report->in_flight);
    else
        hf_text_add(text, "rings started");
    warn_of_losses(frontend, text);
}

static void stopped(const struct hf_frontend *frontend, const struct hf_report *report,
                    struct hf_text *text)
{
    (void)frontend;
    hf_text_add(text, "rings stopped %s", report->clean ? "clean" : "after a crash");
    if (!report->clean)
        hf_text_add(text, ", %u requests in flight", report->in_flight);
}

static void lost(const struct hf_frontend *frontend, const struct hf_report *report,
                 struct hf_text *text)
{
    bool was_there = report->fault != HF_FAULT_REFUSED_DIAL;

    hf_text_add(text, "%s at %s: %s", was_there ? "lost the back-end" : "no back-end",
                hf_frontend_path(frontend), hf_fault_text(report->fault));
    /* In the handshake nobody knows yet what it can do. */
    if (was_there && report->stage != HF_STAGE_HANDSHAKE)
        warn_of_losses(frontend, text);
}

static void refused(const struct hf_frontend *frontend, const struct hf_report *report,
                    struct hf_text *text)
{
    hf_text_add(text, "cannot use the back-end at %s: %s", hf_frontend_path(frontend),
                hf_fault_text(report->fault));
}

static void request_kills(const struct hf_frontend *frontend, const struct hf_report *report,
                          struct hf_text *text)
{
    (void)frontend;
    hf_text_add(text, "a request kills the back-end: ring %u, head %u; redialling slowly",
                report->queue, report->head);
}

static void failed(const struct hf_frontend *frontend, const struct hf_report *report,
                   struct hf_text *text)
{
    hf_text_add(text, "gave up on the back-end at %s: %s", hf_frontend_path(frontend),
                hf_fault_text(report->fault));
}

static void (*const writers[HF_REPORT_COUNT])(const struct hf_frontend *, const struct hf_report *,
                                              struct hf_text *) = {
    [HF_REPORT_CONNECTED] = connected, [HF_REPORT_STARTED] = started,
    [HF_REPORT_STOPPED] = stopped,     [HF_REPORT_LOST] = lost,
    [HF_REPORT_REFUSED] = refused,     [HF_REPORT_REQUEST_KILLS] = request_kills,
    [HF_REPORT_FAILED] = failed,
};

void hf_frontend_report(struct hf_frontend *frontend, const struct hf_report *report)
{
    char sentence[HF_ERROR_TEXT_SIZE];
    struct hf_text text = hf_text_of(sentence, sizeof(sentence));

    HF_CHECK((unsigned)report->kind < HF_REPORT_COUNT);
    if (frontend->ops->report == NULL)
        return;
    writers[report->kind](frontend, report, &text);
    if (frontend->effects.detail[0] != '\0')
        hf_text_add(&text, " (%s)", frontend->effects.detail);
    frontend->ops->report(frontend->ops->host, report, sentence);
}
