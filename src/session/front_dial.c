/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, losing and missing the back-end: dials, back-off, faults, deadlines. */
#include "session/front_context.h"

#include "base/checked.h"
#include "base/text.h"

#include <errno.h>

void hf_front_dial(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    front->last_dial++;
    front->dial_deadline_ns = context->event->now_ns + front->settings.dial_timeout_ns;
    hf_front_emit(context, HF_EFFECT_DIAL)->dial = front->last_dial;
    hf_front_enter(context, HF_PHASE_DIALING);
}

/* What to wait this time; the next time it is twice as long. */
uint64_t hf_front_next_wait(struct hf_front *front)
{
    uint64_t wait_ns = front->backoff_ns;

    front->backoff_ns = hf_min_u64(2 * wait_ns, front->settings.backoff_last_ns);
    if (front->suspect_strikes >= HF_STRIKES_MAX)
        return front->settings.backoff_slow_ns;
    return wait_ns;
}

void hf_front_back_off(struct hf_step_context *context, uint64_t wait_ns)
{
    context->front->redial_ns = context->event->now_ns + wait_ns;
    hf_front_enter(context, HF_PHASE_BACKOFF);
}

static void ask_to_settle(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    /* Owed already: no ring has been started since, so there is nobody new to fence. */
    if (front->plan.settle_owed || !hf_plan_any_ran(&front->plan))
        return;
    front->plan.settle_owed = true;
    hf_front_emit(context, HF_EFFECT_SETTLE)->fence = true;
}

static uint32_t left_in_flight(const struct hf_plan *plan)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < plan->queue_count; i++)
        count += plan->rings[i].size != 0 ? plan->rings[i].in_flight : 0;
    return count;
}

void hf_front_resume(struct hf_front *front, const struct hf_plan *plan, uint64_t now_ns)
{
    front->plan = *plan;
    front->plan.settle_owed = false; /* an edge that is no more may have been asked */
    front->lost_in_flight = left_in_flight(plan);
    front->lost = hf_plan_any_ran(plan) || front->lost_in_flight > 0;
    front->lost_epoch = plan->epoch;
    front->lost_ns = now_ns;
}

void hf_front_inherit(struct hf_front *front, const struct hf_front *from)
{
    front->lost = from->lost;
    front->lost_epoch = from->lost_epoch;
    front->lost_ns = from->lost_ns;
    front->lost_in_flight = from->lost_in_flight;
}

void hf_front_take_up(struct hf_step_context *context)
{
    ask_to_settle(context);
}

void hf_front_part(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    hf_front_emit(context, HF_EFFECT_HANG_UP);
    if (front->asked.number != 0)
        hf_front_answer(context, front->asked.number, ENOTCONN);
    front->asked = (struct hf_asked){ 0 };
    front->session.stopping = false;
    front->session.pending_count = 0;
    front->session.converting = 0;
    front->sending = false;
    ask_to_settle(context);
}

bool hf_front_recovers(const struct hf_front *front)
{
    return front->lost && front->lost_epoch == front->plan.epoch;
}

void hf_front_note_cut(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (!hf_session_any_started(&front->session, &front->plan) || hf_front_recovers(front))
        return;
    front->lost = true;
    front->lost_epoch = front->plan.epoch;
    front->lost_ns = context->event->now_ns;
    front->lost_early = false;
}

static void note_loss(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    uint64_t now_ns = context->event->now_ns;

    hf_front_note_cut(context);
    front->lost_early =
        front->started_ns == 0 || now_ns - front->started_ns < front->settings.backoff_reset_ns;
    if (front->away_since_ns == 0)
        front->away_since_ns = now_ns;
}

static void give_up(struct hf_step_context *context, enum hf_fault fault)
{
    hf_front_enter(context, HF_PHASE_FAILED);
    hf_front_report(context, HF_REPORT_FAILED)->fault = fault;
}

/* Nothing more is tried behind it. */
static bool is_last(const struct hf_front *front, enum hf_fault fault)
{
    return hf_fault_remedy(fault) == HF_REMEDY_GIVE_UP || front->tries_left == 1;
}

/* One of the first tries is over, or none: they are not counted any more. */
static struct hf_report *report_loss(struct hf_step_context *context, enum hf_fault fault)
{
    struct hf_front *front = context->front;
    bool refused = hf_fault_remedy(fault) == HF_REMEDY_REDIAL_LATER;
    struct hf_report *report =
        hf_front_report(context, refused ? HF_REPORT_REFUSED : HF_REPORT_LOST);

    report->fault = fault;
    report->stage = context->stage;
    report->counted = front->tries_left > 0;
    report->last = is_last(front, fault);
    front->tries_left -= report->counted;
    return report;
}

void hf_front_lose(struct hf_step_context *context, enum hf_fault fault)
{
    struct hf_front *front = context->front;

    note_loss(context);
    const struct hf_report *report = report_loss(context, fault);
    hf_front_part(context);
    if (report->last) {
        give_up(context, fault);
        return;
    }
    front->refused = hf_fault_remedy(fault) == HF_REMEDY_REDIAL_LATER;
    if (front->refused && !report->counted)
        front->backoff_ns = front->settings.backoff_last_ns;
    hf_front_back_off(context, hf_front_next_wait(front));
}

/* Told once in an outage; while tries are counted, each time. */
void hf_front_miss(struct hf_step_context *context, enum hf_fault fault)
{
    struct hf_front *front = context->front;
    bool last = is_last(front, fault);

    if (last || front->tries_left > 0 || !front->refusal_reported)
        report_loss(context, fault);
    front->refusal_reported = true;
    if (last)
        give_up(context, fault);
    else
        hf_front_back_off(context, hf_front_next_wait(front));
}

enum hf_stage hf_front_stage(const struct hf_front *front)
{
    static const enum hf_stage by_phase[HF_PHASE_COUNT] = {
        [HF_PHASE_DOWN] = HF_STAGE_DIAL,    [HF_PHASE_DIALING] = HF_STAGE_DIAL,
        [HF_PHASE_READY] = HF_STAGE_IDLE,   [HF_PHASE_NEGOTIATING] = HF_STAGE_HANDSHAKE,
        [HF_PHASE_RUNNING] = HF_STAGE_RUN,  [HF_PHASE_STOPPING] = HF_STAGE_STOP,
        [HF_PHASE_BACKOFF] = HF_STAGE_DIAL, [HF_PHASE_FAILED] = HF_STAGE_DIAL,
    };
    static const enum hf_stage by_row[HF_ROW_COUNT] = {
        [HF_ROW_SET_FEATURES] = HF_STAGE_FORMAT,
        [HF_ROW_GET_INFLIGHT_FD] = HF_STAGE_GET_INFLIGHT,
        [HF_ROW_SET_INFLIGHT_FD] = HF_STAGE_SET_INFLIGHT,
    };
    const struct hf_plan *plan = &front->plan;
    bool starting = front->phase == HF_PHASE_READY && plan->run && !plan->settle_owed &&
                    plan->features_generation != 0;
    enum hf_stage named = by_row[hf_session_row(&front->session)];

    if (!starting)
        return by_phase[front->phase];
    return named != HF_STAGE_DIAL ? named : HF_STAGE_START;
}

/* The same oldest request in flight when three short-lived sessions ended: it kills back-ends. */
static void suspect(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    const struct hf_settled *settled = &context->event->settled;
    bool same = front->suspect_strikes > 0 && settled->has_oldest &&
                settled->oldest_queue == front->suspect_queue &&
                settled->oldest_head == front->suspect_head &&
                settled->oldest_counter == front->suspect_counter;

    if (!settled->has_oldest || !front->lost_early) {
        front->suspect_strikes = 0;
        return;
    }
    if (!same)
        front->suspect_strikes = 0;
    front->suspect_queue = settled->oldest_queue;
    front->suspect_head = settled->oldest_head;
    front->suspect_counter = settled->oldest_counter;
    if (front->suspect_strikes == HF_STRIKES_MAX || ++front->suspect_strikes < HF_STRIKES_MAX)
        return;
    struct hf_report *report = hf_front_report(context, HF_REPORT_REQUEST_KILLS);
    report->queue = front->suspect_queue;
    report->head = front->suspect_head;
}

/* The session had been long and of use: what came before it is forgotten, and so is the wait that
 * was chosen before this was known. */
static void forgive(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    uint64_t soon_ns = context->event->now_ns + front->settings.backoff_first_ns;

    front->backoff_ns = front->settings.backoff_first_ns;
    if (front->phase == HF_PHASE_BACKOFF && !front->refused)
        front->redial_ns = hf_min_u64(front->redial_ns, soon_ns);
}

void hf_front_settled(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    const struct hf_settled *settled = &context->event->settled;

    if (!front->plan.settle_owed)
        return;
    hf_plan_settle(&front->plan, settled->bases, settled->in_flights);
    struct hf_report *report = hf_front_report(context, HF_REPORT_STOPPED);
    report->clean = !front->lost && settled->clean;
    report->in_flight = settled->in_flight;
    if (settled->note != NULL) {
        struct hf_text text = hf_text_of(context->effects->detail, HF_FAULT_DETAIL_SIZE);

        hf_text_add(&text, "%s", settled->note);
    }
    if (!front->lost)
        return;
    front->lost_in_flight = settled->in_flight;
    suspect(context);
    if (settled->progressed && !front->lost_early)
        forgive(context);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    if (a_ns == 0 || b_ns == 0)
        return a_ns | b_ns;
    return hf_min_u64(a_ns, b_ns);
}

static uint64_t outage_end(const struct hf_front *front)
{
    if (front->settings.outage_limit_ns == 0 || front->away_since_ns == 0 ||
        front->phase == HF_PHASE_DOWN || front->phase == HF_PHASE_FAILED)
        return 0;
    return front->away_since_ns + front->settings.outage_limit_ns;
}

static uint64_t session_end(const struct hf_front *front)
{
    return earlier(hf_session_deadline_ns(&front->session),
                   front->sending ? front->send_deadline_ns : 0);
}

static uint64_t phase_end(const struct hf_front *front)
{
    if (front->phase == HF_PHASE_DIALING)
        return front->dial_deadline_ns;
    if (front->phase == HF_PHASE_BACKOFF)
        return front->redial_ns;
    return hf_phase_connected(front->phase) ? session_end(front) : 0;
}

static void outage_over(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase == HF_PHASE_DIALING)
        hf_front_emit(context, HF_EFFECT_HANG_UP);
    if (hf_phase_connected(front->phase))
        hf_front_lose(context, HF_FAULT_OUTAGE);
    else
        give_up(context, HF_FAULT_OUTAGE);
}

static void session_late(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    struct hf_text text = hf_text_of(context->effects->detail, HF_FAULT_DETAIL_SIZE);
    const struct hf_pending *pending = &front->session.pending[front->session.pending_head];
    bool stopping =
        front->session.pending_count > 0 && pending->undo && pending->row == HF_ROW_SET_VRING_KICK;

    if (front->session.pending_count > 0)
        hf_text_add(&text, "%s, index %u", stopping ? "GET_VRING_BASE" : hf_row_name(pending->row),
                    pending->index);
    hf_front_lose(context, stopping ? HF_FAULT_STOP_TIMEOUT : HF_FAULT_TIMEOUT);
}

static bool is_past(uint64_t deadline_ns, uint64_t now_ns)
{
    return deadline_ns != 0 && now_ns >= deadline_ns;
}

void hf_front_timer(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    uint64_t now_ns = context->event->now_ns;

    front->armed_ns = 0;
    if (is_past(outage_end(front), now_ns)) {
        outage_over(context);
        return;
    }
    if (!is_past(phase_end(front), now_ns))
        return;
    if (front->phase == HF_PHASE_BACKOFF) {
        hf_front_dial(context);
    } else if (front->phase == HF_PHASE_DIALING) {
        hf_front_emit(context, HF_EFFECT_HANG_UP);
        hf_front_miss(context, HF_FAULT_TIMEOUT);
    } else {
        session_late(context);
    }
}

void hf_front_arm(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    uint64_t deadline_ns = earlier(outage_end(front), phase_end(front));

    /* One that comes early does no harm, and saves arming anew for each message. */
    if (deadline_ns == 0 || (front->armed_ns != 0 && front->armed_ns <= deadline_ns))
        return;
    front->armed_ns = deadline_ns;
    hf_front_emit(context, HF_EFFECT_ARM)->deadline_ns = deadline_ns;
}
