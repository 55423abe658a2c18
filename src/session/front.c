/* SPDX-License-Identifier: BSD-3-Clause */
/* The front core: one handler an event, then whatever the session owes next. */
#include "session/front.h"
#include "session/front_context.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

const struct hf_front_settings hf_front_settings_default = HF_FRONT_SETTINGS_DEFAULT;

void hf_front_init(struct hf_front *front, const struct hf_front_settings *settings,
                   uint16_t queue_count)
{
    memset(front, 0, sizeof(*front));
    front->settings = *settings;
    front->phase = HF_PHASE_DOWN;
    front->backoff_ns = settings->backoff_first_ns;
    hf_plan_init(&front->plan, queue_count);
    hf_session_init(&front->session, 0);
}

struct hf_effect *hf_front_emit(struct hf_step_context *context, enum hf_effect_kind kind)
{
    HF_CHECK(context->effects->count < HF_EFFECTS_MAX);
    struct hf_effect *effect = &context->effects->list[context->effects->count++];

    *effect = (struct hf_effect){ .kind = kind, .fd = -1 };
    return effect;
}

struct hf_report *hf_front_report(struct hf_step_context *context, enum hf_report_kind kind)
{
    struct hf_effect *effect = hf_front_emit(context, HF_EFFECT_REPORT);

    effect->report.kind = kind;
    return &effect->report;
}

void hf_front_enter(struct hf_step_context *context, enum hf_phase phase)
{
    HF_CHECK(hf_phase_may_follow(context->front->phase, phase));
    context->front->phase = phase;
}

struct hf_script_state hf_front_script(struct hf_front *front)
{
    return (struct hf_script_state){ .plan = &front->plan,
                                     .session = &front->session,
                                     .asked = &front->asked };
}

void hf_front_answer(struct hf_step_context *context, uint32_t number, int error)
{
    struct hf_effect *effect = hf_front_emit(context, HF_EFFECT_ANSWER);

    effect->number = number;
    effect->error = error;
}

static bool is_present(const struct hf_step_context *context)
{
    return hf_phase_connected(context->front->phase) &&
           context->event->dial == context->front->session.dial;
}

static void start(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase != HF_PHASE_DOWN && front->phase != HF_PHASE_FAILED)
        return;
    front->backoff_ns = front->settings.backoff_first_ns;
    front->suspect_strikes = 0;
    front->refusal_reported = false;
    front->tries_left = front->settings.first_tries;
    front->away_since_ns = context->event->now_ns;
    hf_front_take_up(context);
    hf_front_dial(context);
}

static void stop(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase == HF_PHASE_DOWN)
        return;
    if (front->phase == HF_PHASE_DIALING)
        hf_front_emit(context, HF_EFFECT_HANG_UP);
    if (hf_phase_connected(front->phase)) {
        hf_front_note_cut(context);
        hf_front_part(context);
    }
    hf_front_enter(context, HF_PHASE_DOWN);
}

static void changed(struct hf_step_context *context)
{
    (void)context; /* advance() looks at the plan after every event */
}

static int refuse_asking(const struct hf_front *front, const struct hf_asked *asked)
{
    uint64_t gate = asked->request == HF_REQUEST_RESET_DEVICE ? HF_PROTOCOL_FEATURE(RESET_DEVICE)
                                                              : HF_PROTOCOL_FEATURE(CONFIG);

    if (!hf_phase_agreed(front->phase))
        return ENOTCONN;
    if ((front->session.protocol & gate) == 0)
        return ENOTSUP;
    return front->asked.number != 0 ? EBUSY : 0;
}

static void ask(struct hf_step_context *context)
{
    int error = refuse_asking(context->front, &context->event->asked);

    if (error != 0)
        hf_front_answer(context, context->event->asked.number, error);
    else
        context->front->asked = context->event->asked;
}

static void dialed(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->phase != HF_PHASE_DIALING || context->event->dial != front->last_dial)
        return;
    hf_session_init(&front->session, front->last_dial);
    front->sending = false;
    front->refusal_reported = true; /* from now on a loss was reported before */
    front->started_ns = 0;
    hf_front_enter(context, HF_PHASE_NEGOTIATING);
}

static void dial_failed(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    const struct hf_event *event = context->event;
    struct hf_text text = hf_text_of(context->effects->detail, HF_FAULT_DETAIL_SIZE);

    if (front->phase != HF_PHASE_DIALING || event->dial != front->last_dial)
        return;
    if (event->why != NULL)
        hf_text_add(&text, "%s", event->why);
    else if (event->error != 0)
        hf_text_add(&text, "errno %d", event->error);
    hf_front_miss(context, event->fault != HF_FAULT_NONE ? event->fault : HF_FAULT_REFUSED_DIAL);
}

/* A request that kills back-ends is not offered to each new one at once. */
static void appeared(struct hf_step_context *context)
{
    struct hf_front *front = context->front;

    if (front->suspect_strikes >= HF_STRIKES_MAX)
        return;
    front->backoff_ns = front->settings.backoff_first_ns;
    if (front->phase == HF_PHASE_BACKOFF)
        hf_front_dial(context);
}

static void sent(struct hf_step_context *context)
{
    if (is_present(context))
        context->front->sending = false;
}

static void close_fds(struct hf_step_context *context, unsigned first)
{
    const struct hf_message *message = context->event->message;

    for (unsigned i = first; i < message->fd_count; i++)
        hf_front_emit(context, HF_EFFECT_CLOSE)->fd = message->fds[i];
}

/* An acknowledgement is as good as what confirms it later. */
static bool completes(const struct hf_front *front, enum hf_row_id row)
{
    static const enum hf_row_id acknowledged[] = { HF_ROW_SET_CONFIG, HF_ROW_RESET_DEVICE };

    if (row == HF_ROW_GET_CONFIG)
        return true;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(acknowledged); i++) {
        bool told = front->session.told[acknowledged[i]] == front->asked.number;

        if (row == acknowledged[i] || (row == HF_ROW_BARRIER && told))
            return true;
    }
    return false;
}

static void complete_asked(struct hf_step_context *context, const struct hf_reply_result *result)
{
    struct hf_front *front = context->front;

    if (front->asked.number == 0 || !completes(front, result->row))
        return;
    context->effects->answer = *context->event->message;
    hf_front_answer(context, front->asked.number, 0);
    front->asked = (struct hf_asked){ 0 };
}

static void message(struct hf_step_context *context)
{
    if (!is_present(context)) {
        close_fds(context, 0);
        return;
    }
    struct hf_script_state script = hf_front_script(context->front);
    struct hf_reply_result result =
        hf_script_reply(&script, context->event->message, context->effects->detail);

    close_fds(context, result.taken || result.converts ? 1 : 0);
    if (result.converts) {
        context->effects->offer = hf_script_offer(context->event->message);
        hf_front_emit(context, HF_EFFECT_CONVERT);
    }
    if (result.fault != HF_FAULT_NONE)
        hf_front_lose(context, result.fault);
    else
        complete_asked(context, &result);
}

static void name_layouts(struct hf_step_context *context)
{
    const struct hf_inflight_plan *kept = &context->front->plan.inflight;
    const struct hf_inflight_plan *offer = &context->event->offer;
    struct hf_text text = hf_text_of(context->effects->detail, HF_FAULT_DETAIL_SIZE);

    hf_text_add(&text, "%s; %llu bytes for %u rings, it wants %llu for %u", context->event->why,
                (unsigned long long)kept->mmap_size, kept->queue_count,
                (unsigned long long)offer->mmap_size, offer->queue_count);
}

/* The session may be over, and the epoch too: then nobody wants the copy. */
static void converted(struct hf_step_context *context)
{
    struct hf_front *front = context->front;
    struct hf_inflight_plan *kept = &front->plan.inflight;
    bool wanted = is_present(context) && kept->generation != 0 &&
                  kept->generation == front->session.converting;
    bool made = wanted && context->event->why == NULL;

    if (is_present(context))
        front->session.converting = 0;
    hf_front_emit(context, HF_EFFECT_CLOSE)->fd =
        made ? hf_plan_set_inflight(&front->plan, &context->event->offer)
             : context->event->offer.fd;
    if (wanted && !made) {
        name_layouts(context);
        hf_front_lose(context, HF_FAULT_INFLIGHT_LAYOUT);
    }
}

static void hangup(struct hf_step_context *context)
{
    struct hf_text text = hf_text_of(context->effects->detail, HF_FAULT_DETAIL_SIZE);

    if (!is_present(context))
        return;
    if (context->event->why != NULL)
        hf_text_add(&text, "%s", context->event->why);
    hf_front_lose(context, context->event->fault);
}

static void (*const handlers[HF_EVENT_COUNT])(struct hf_step_context *) = {
    [HF_EVENT_START] = start,
    [HF_EVENT_STOP] = stop,
    [HF_EVENT_CHANGED] = changed,
    [HF_EVENT_ASK] = ask,
    [HF_EVENT_DIALED] = dialed,
    [HF_EVENT_DIAL_FAILED] = dial_failed,
    [HF_EVENT_APPEARED] = appeared,
    [HF_EVENT_SENT] = sent,
    [HF_EVENT_MESSAGE] = message,
    [HF_EVENT_HANGUP] = hangup,
    [HF_EVENT_SETTLED] = hf_front_settled,
    [HF_EVENT_CONVERTED] = converted,
    [HF_EVENT_TIMER] = hf_front_timer,
};

void hf_front_step(struct hf_front *front, const struct hf_event *event, struct hf_effects *effects)
{
    struct hf_step_context context = {
        .front = front, .event = event, .effects = effects, .stage = hf_front_stage(front)
    };

    HF_CHECK((unsigned)event->kind < HF_EVENT_COUNT);
    effects->count = 0;
    effects->detail[0] = '\0';
    handlers[event->kind](&context);
    hf_front_advance(&context);
    hf_front_arm(&context);
}

bool hf_front_is_settled(struct hf_front *front)
{
    struct hf_script_state script = hf_front_script(front);
    struct hf_step step;

    return hf_phase_agreed(front->phase) && !front->sending &&
           hf_script_next(&script, &step) == HF_SCRIPT_DONE;
}

void hf_front_check(const struct hf_front *front)
{
    bool dialled = front->phase == HF_PHASE_DIALING || hf_phase_connected(front->phase);

    /* Armed for a new connection, connected, or explicitly neither. */
    if (front->phase == HF_PHASE_BACKOFF)
        HF_CHECK(front->redial_ns != 0 && front->armed_ns != 0);
    if (dialled)
        HF_CHECK(front->last_dial != 0);
    if (hf_phase_connected(front->phase))
        HF_CHECK(front->session.dial == front->last_dial);
    HF_CHECK(front->session.stopping == (front->phase == HF_PHASE_STOPPING));
    if (front->phase == HF_PHASE_RUNNING)
        HF_CHECK(!front->plan.settle_owed);
    if (front->session.converting != 0)
        HF_CHECK(hf_phase_connected(front->phase) && front->phase != HF_PHASE_RUNNING);
    if (front->asked.number != 0)
        HF_CHECK(hf_phase_connected(front->phase));
}
