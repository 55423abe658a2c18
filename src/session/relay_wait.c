/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request of the VMM's waits for, when that has come true, and what is done where it does
 * not. */
#include "session/relay_parts.h"

#include <errno.h>

/* A stop may wait without end while the log is on; that is said so often. */
#define LATE_NS UINT64_C(10000000000)

static bool at_rest(const struct hf_relay *relay)
{
    const struct hf_plan *plan = hf_relay_plan(relay);

    return !plan->settle_owed && !hf_plan_any_ran(plan);
}

/* The back-end was told and agreed; or none is there: the next will be told. And the last one
 * cannot do harm any more. What is held back is told to nobody yet. */
static bool is_settled(const struct hf_relay *relay)
{
    if (hf_phase_connected(relay->front->phase))
        return hf_front_is_settled(relay->front) && !hf_relay_plan(relay)->settle_owed;
    return at_rest(relay);
}

uint32_t hf_relay_told_dial(const struct hf_relay *relay)
{
    const struct hf_front *front = relay->front;

    return hf_phase_connected(front->phase) && is_settled(relay) ? front->session.dial : 0;
}

static bool is_refused(const struct hf_relay_context *context)
{
    return context->event->kind == HF_RELAY_EVENT_LOOK && context->event->lost == HF_FAULT_NAK &&
           context->event->dial == context->relay->dial;
}

void hf_relay_ask(struct hf_relay_context *context)
{
    const struct hf_message *request = &context->relay->back.request;

    context->relay->ask_again = false;
    hf_relay_emit(context, HF_RELAY_EFFECT_ASK)->asked =
        (struct hf_asked){ .request = request->request, .config = request->body.config };
}

static void look_settled(struct hf_relay_context *context)
{
    if (is_refused(context))
        hf_relay_finish(context, -EPROTO);
    else if (is_settled(context->relay))
        hf_relay_finish(context, 0);
}

static void look_rest(struct hf_relay_context *context)
{
    if (at_rest(context->relay) && !hf_relay_plan(context->relay)->run)
        hf_relay_finish(context, 0);
}

static void look_answer(struct hf_relay_context *context)
{
    if (context->relay->ask_again && hf_phase_agreed(context->relay->front->phase))
        hf_relay_ask(context);
}

static void nothing(struct hf_relay_context *context)
{
    (void)context;
}

static void (*const lookers[HF_RELAY_WAIT_COUNT])(struct hf_relay_context *) = {
    [HF_RELAY_WAIT_NONE] = nothing,         [HF_RELAY_WAIT_INDICES] = nothing,
    [HF_RELAY_WAIT_SETTLED] = look_settled, [HF_RELAY_WAIT_REST] = look_rest,
    [HF_RELAY_WAIT_USED] = nothing,         [HF_RELAY_WAIT_ANSWER] = look_answer,
    [HF_RELAY_WAIT_EDGE] = nothing,
};

void hf_relay_look(struct hf_relay_context *context)
{
    lookers[context->relay->wait](context);
}

/* ---- too late ---------------------------------------------------------------------------------
 */

static void late(struct hf_relay_context *context, const char *why)
{
    hf_relay_emit(context, HF_RELAY_EFFECT_LATE)->why = why;
    context->relay->deadline_ns = context->event->now_ns + LATE_NS;
}

/* A stop must not lie while pages are logged: the destination of a migration would be corrupt. */
static void stop_too_late(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (hf_relay_plan(relay)->log.generation != 0) {
        late(context, "a ring is to stop, and dirty pages are logged: only a back-end can say "
                      "where it stands");
        return;
    }
    relay->hold = HF_RELAY_HOLD_REST;
    relay->wait = HF_RELAY_WAIT_USED;
    relay->deadline_ns = 0;
    hf_relay_emit(context, HF_RELAY_EFFECT_INDICES)->ring = relay->asked[0].ring;
}

/* Who still uses what is to go (memory, or a log that nobody will read any more), or does not yet
 * mark what it writes, must not be forgotten about. */
static bool may_do_harm(const struct hf_relay *relay)
{
    uint32_t request = relay->back.request.request;
    bool logs = (relay->back.features & HF_FEATURE(LOG_ALL)) != 0;
    bool begins = relay->asked[0].kind == HF_BACK_EFFECT_LOG_SWITCH && relay->asked[0].value != 0;

    return request == HF_REQUEST_REM_MEM_REG || request == HF_REQUEST_SET_MEM_TABLE || begins ||
           (request == HF_REQUEST_SET_LOG_BASE && logs);
}

/* Anything else is recorded, and told as soon as somebody listens. */
static int verdict_on_late(const struct hf_relay *relay)
{
    bool asks = relay->wait == HF_RELAY_WAIT_ANSWER;

    return asks || may_do_harm(relay) ? -ETIMEDOUT : 0;
}

static void too_late(struct hf_relay_context *context)
{
    if (context->relay->wait == HF_RELAY_WAIT_REST)
        stop_too_late(context);
    else
        hf_relay_finish(context, verdict_on_late(context->relay));
}

/* Its rings do not come to rest: whoever runs them is cut off, and fenced. */
static void leave_too_late(struct hf_relay_context *context)
{
    hf_relay_emit(context, HF_RELAY_EFFECT_CUT);
    late(context, "the VMM has gone, and its rings are still in use");
}

void hf_relay_timer(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->deadline_ns == 0 || context->event->now_ns < relay->deadline_ns)
        return;
    if (relay->leaving) {
        leave_too_late(context);
    } else if (relay->wait != HF_RELAY_WAIT_NONE) {
        too_late(context);
    } else {
        relay->hold = HF_RELAY_HOLD_NONE;
        relay->deadline_ns = 0;
    }
}

/* After one ring was stopped the others wait a little for their own end: who stops one mostly stops
 * all, and a start between would only be in the way. */
void hf_relay_linger(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->hold != HF_RELAY_HOLD_NONE && relay->wait == HF_RELAY_WAIT_NONE &&
        relay->deadline_ns == 0 && !relay->leaving)
        relay->deadline_ns = context->event->now_ns + relay->settings.linger_ns;
}

bool hf_relay_is_at_rest(const struct hf_relay *relay)
{
    return at_rest(relay) && !hf_relay_plan(relay)->run;
}

bool hf_relay_is_over(const struct hf_relay *relay)
{
    return relay->leaving && at_rest(relay);
}
