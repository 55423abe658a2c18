/* SPDX-License-Identifier: BSD-3-Clause */
/* What the session owes next: one message, a change of phase, or nothing. */
#include "session/front_context.h"

static bool must_stop(struct hf_front *front)
{
    struct hf_script_state script = hf_front_script(front);

    return (front->phase == HF_PHASE_READY || front->phase == HF_PHASE_RUNNING) &&
           hf_script_must_stop(&script);
}

static uint64_t deadline_of(const struct hf_step_context *context, const struct hf_step *step)
{
    const struct hf_front_settings *settings = &context->front->settings;
    bool stops = step->undo && step->row == HF_ROW_SET_VRING_KICK;
    uint64_t limit_ns = stops ? settings->stop_timeout_ns : settings->reply_timeout_ns;

    return limit_ns == 0 ? 0 : context->event->now_ns + limit_ns;
}

static void send(struct hf_step_context *context, const struct hf_step *step)
{
    struct hf_front *front = context->front;
    struct hf_script_state script = hf_front_script(front);
    uint64_t limit_ns = front->settings.reply_timeout_ns;

    context->effects->message = step->message;
    hf_front_emit(context, HF_EFFECT_SEND);
    hf_script_sent(&script, step, deadline_of(context, step));
    front->sending = true;
    front->send_deadline_ns = limit_ns == 0 ? 0 : context->event->now_ns + limit_ns;
}

/* The last message of the handshake is sent; where it is acknowledged, that is waited for: a
 * back-end that refuses it is none. */
static bool awaits_owner(const struct hf_front *front)
{
    return front->phase == HF_PHASE_NEGOTIATING && front->session.told[HF_ROW_SET_OWNER] != 0 &&
           front->session.pending_count > 0;
}

/* Everything asked is answered and the owner is set. No ring is started before, or what a stop
 * means would depend on how fast acknowledgements come. */
static void become_ready(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase != HF_PHASE_NEGOTIATING || front->session.told[HF_ROW_SET_OWNER] == 0)
        return;
    hf_front_enter(context, HF_PHASE_READY);
    front->tries_left = 0;
    hf_front_report(context, HF_REPORT_CONNECTED);
}

static void finish_stopping(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase != HF_PHASE_STOPPING || front->session.pending_count > 0 ||
        hf_session_any_started(&front->session, &front->plan))
        return;
    front->session.stopping = false;
    front->session.notify_owed = false;
    hf_front_enter(context, HF_PHASE_READY);
    front->plan.settle_owed = true;
    hf_front_emit(context, HF_EFFECT_SETTLE)->fence = false;
}

static void report_started(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    struct hf_report *report = hf_front_report(context, HF_REPORT_STARTED);

    report->recovered = hf_front_recovers(front);
    if (report->recovered) {
        report->gap_ns = context->event->now_ns - front->lost_ns;
        report->in_flight = front->lost_in_flight;
    }
    front->lost = false;
    front->started_ns = context->event->now_ns;
}

/* Nothing is owed and everything is confirmed. A start is followed by a kick of every ring and a
 * call of every ring: what the dead back-end had read of either is lost with it. */
static void arrive(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    bool started = hf_session_any_started(&front->session, &front->plan);

    if (front->phase == HF_PHASE_READY && started) {
        hf_front_enter(context, HF_PHASE_RUNNING);
        report_started(context);
    }
    if (front->phase == HF_PHASE_RUNNING || !front->plan.run)
        front->away_since_ns = 0;
    if (started && front->session.notify_owed) {
        hf_front_emit(context, HF_EFFECT_KICK_ALL);
        hf_front_emit(context, HF_EFFECT_CALL_ALL);
    }
    front->session.notify_owed = false;
}

static void owe(struct hf_step_context *context)
{
    struct hf_script_state script = hf_front_script(context->front);
    struct hf_step step;

    switch (hf_script_next(&script, &step)) {
    case HF_SCRIPT_STEP:
        send(context, &step);
        break;
    case HF_SCRIPT_DONE:
        arrive(context);
        break;
    case HF_SCRIPT_WAIT:
        break;
    }
}

void hf_front_advance(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (!hf_phase_connected(front->phase) || front->sending)
        return;
    struct hf_script_state script = hf_front_script(front);
    enum hf_fault fault = hf_script_judge(&script, context->effects->detail);
    if (fault != HF_FAULT_NONE) {
        hf_front_lose(context, fault);
        return;
    }
    if (awaits_owner(front))
        return;
    become_ready(context);
    if (must_stop(front)) {
        front->session.stopping = true;
        hf_front_enter(context, HF_PHASE_STOPPING);
    }
    finish_stopping(context);
    owe(context);
}
