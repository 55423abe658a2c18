/* SPDX-License-Identifier: BSD-3-Clause */
/* The step of the relay core: the VMM's message through the back core, what it asks for into the
 * plan (relay_ask.c), and its answer when that is settled. */
#include "session/relay.h"

#include "session/relay_parts.h"

#include "base/check.h"
#include "base/checked.h"

#include <errno.h>
#include <string.h>

void hf_relay_init(struct hf_relay *relay, const struct hf_relay_settings *settings,
                   struct hf_front *front)
{
    memset(relay, 0, sizeof(*relay));
    relay->settings = *settings;
    relay->front = front;
}

struct hf_plan *hf_relay_plan(const struct hf_relay *relay)
{
    return &relay->front->plan;
}

struct hf_relay_effect *hf_relay_emit(struct hf_relay_context *context,
                                      enum hf_relay_effect_kind kind)
{
    struct hf_relay_effects *effects = context->effects;

    HF_CHECK(effects->count < HF_RELAY_EFFECTS_MAX);
    struct hf_relay_effect *effect = &effects->list[effects->count++];

    *effect = (struct hf_relay_effect){ .kind = kind, .fd = -1 };
    return effect;
}

void hf_relay_close(struct hf_relay_context *context, int fd)
{
    if (fd >= 0)
        hf_relay_emit(context, HF_RELAY_EFFECT_CLOSE)->fd = fd;
}

static bool any_started(const struct hf_relay *relay)
{
    for (unsigned i = 0; i < relay->back.offer.ring_count; i++) {
        if (relay->rings[i].started)
            return true;
    }
    return false;
}

/* A lost back-end left requests in flight, as far as one knows. */
static bool owes_requests(const struct hf_relay *relay)
{
    const struct hf_front *front = relay->front;

    return hf_front_recovers(front) && (front->plan.settle_owed || front->lost_in_flight > 0);
}

static bool rests(const struct hf_relay *relay)
{
    return relay->switching == HF_RELAY_SWITCH_REST || relay->switching == HF_RELAY_SWITCH_BACK;
}

static bool may_run(const struct hf_relay *relay)
{
    if (relay->leaving || rests(relay) || !relay->released || !any_started(relay))
        return false;
    return relay->hold == HF_RELAY_HOLD_NONE ||
           (relay->hold == HF_RELAY_HOLD_DRAIN && owes_requests(relay));
}

/* A stopped ring stays in the plan until others go on without it: should it go on where it stopped,
 * what the in-flight region knows of it still holds. */
static void take_stopped_away(struct hf_relay *relay)
{
    struct hf_plan *plan = hf_relay_plan(relay);
    const struct hf_ring_addresses nowhere = { .desc = 0 };

    for (uint16_t i = 0; i < relay->back.offer.ring_count; i++) {
        if (!relay->rings[i].started && plan->rings[i].size != 0 &&
            relay->hold == HF_RELAY_HOLD_NONE)
            hf_plan_set_ring(plan, i, 0, &nowhere, plan->rings[i].base);
    }
}

void hf_relay_update_run(struct hf_relay *relay)
{
    bool runs = may_run(relay);

    if (runs)
        take_stopped_away(relay);
    hf_plan_set_run(hf_relay_plan(relay), runs);
}

void hf_relay_end_epoch(struct hf_relay_context *context, const char *why)
{
    struct hf_relay *relay = context->relay;

    hf_relay_close(context, hf_plan_end_epoch(hf_relay_plan(relay)));
    hf_relay_plan(relay)->tracked_queues = 0;
    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
        relay->rings[i].was_stopped = false;
    hf_relay_emit(context, HF_RELAY_EFFECT_NEW_EPOCH)->why = why;
}

/* ---- the back core's effects ----------------------------------------------------------------- */

static void reset_device(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    struct hf_plan *plan = hf_relay_plan(relay);
    const struct hf_ring_addresses nowhere = { .desc = 0 };

    for (uint16_t i = 0; i < relay->back.offer.ring_count; i++) {
        hf_plan_set_ring(plan, i, 0, &nowhere, 0);
        relay->rings[i] = (struct hf_relay_ring){ .started = false };
    }
    relay->released = false;
    relay->hold = HF_RELAY_HOLD_NONE;
    hf_relay_end_epoch(context, "the guest was reset");
    hf_relay_emit(context, HF_RELAY_EFFECT_ASK)->asked =
        (struct hf_asked){ .request = HF_REQUEST_RESET_DEVICE };
}

static void answer_at_once(struct hf_relay_context *context, const struct hf_back_effects *from,
                           const struct hf_back_effect *effect)
{
    struct hf_back *back = &context->relay->back;

    if (effect->kind == HF_BACK_EFFECT_REPLY) {
        context->effects->reply = from->reply;
        hf_relay_emit(context, HF_RELAY_EFFECT_REPLY);
    } else if (effect->kind == HF_BACK_EFFECT_CLOSE_FDS) {
        for (unsigned i = 0; i < back->request.fd_count; i++)
            hf_relay_close(context, back->request.fds[i]);
    } else if (effect->kind == HF_BACK_EFFECT_RESET) {
        reset_device(context);
    } else {
        bool over = effect->kind == HF_BACK_EFFECT_HANG_UP;
        struct hf_relay_effect *told =
            hf_relay_emit(context, over ? HF_RELAY_EFFECT_HANG_UP : HF_RELAY_EFFECT_REPORT);
        told->fault = effect->fault;
        told->result = effect->result;
    }
}

static void carry(struct hf_relay_context *context, const struct hf_back_effects *from)
{
    struct hf_relay *relay = context->relay;

    for (unsigned i = 0; i < from->count; i++) {
        const struct hf_back_effect *effect = &from->items[i];
        hf_relay_asker *asker = hf_relay_asker_of(effect->kind);

        if (!hf_back_effect_awaited(effect->kind)) {
            answer_at_once(context, from, effect);
            continue;
        }
        relay->asked[relay->asked_count++] = *effect;
        relay->wait = asker(context, effect);
    }
}

static void feed(struct hf_relay_context *context, const struct hf_back_event *event)
{
    struct hf_back_effects from;

    hf_back_step(&context->relay->back, event, &from);
    carry(context, &from);
}

/* ---- a request's end ------------------------------------------------------------------------- */

/* Where the ring is now, for its restart. */
static uint16_t note_stopped(struct hf_relay *relay, uint16_t index, uint16_t base)
{
    const struct hf_back_ring *ring = &relay->back.rings[index];

    relay->rings[index] =
        (struct hf_relay_ring){ .was_stopped = true,
                                .unsettled = !hf_relay_is_at_rest(relay),
                                .base = base,
                                .used = base,
                                .in_flight = hf_relay_plan(relay)->rings[index].in_flight,
                                .size = ring->size,
                                .addresses = ring->addresses };
    return base;
}

/* The plan knows the base of a ring at rest; of one that could not be stopped, memory does. */
static uint16_t base_of(const struct hf_relay_context *context, uint16_t ring)
{
    const struct hf_relay_event *event = context->event;

    if (event->kind == HF_RELAY_EVENT_INDICES && event->ring == ring && event->error == 0)
        return event->used;
    return hf_relay_plan(context->relay)->rings[ring].base;
}

void hf_relay_finish(struct hf_relay_context *context, int result)
{
    struct hf_relay *relay = context->relay;
    unsigned count = relay->asked_count;

    if (result < 0)
        hf_relay_undo(context);
    else
        hf_relay_forget(context);
    relay->wait = HF_RELAY_WAIT_NONE;
    relay->asked_count = 0;
    relay->deadline_ns = 0;
    for (unsigned i = 0; i < count; i++) {
        struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE,
                                      .result = result,
                                      .ring = relay->asked[i].ring,
                                      .body = context->event->body,
                                      .fd = context->event->fd };

        if (relay->asked[i].kind == HF_BACK_EFFECT_RING_STOP && result == 0)
            done.base = note_stopped(relay, done.ring, base_of(context, done.ring));
        feed(context, &done);
    }
}

/* Rings that are not to be served say so without an effect while they are stopped; features that
 * were refused are those of before again. */
static void follow(struct hf_relay *relay)
{
    struct hf_plan *plan = hf_relay_plan(relay);
    const uint64_t not_guests = HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL);
    bool idle = relay->wait == HF_RELAY_WAIT_NONE;

    for (uint16_t i = 0; i < relay->back.offer.ring_count; i++) {
        if (idle)
            hf_plan_set_enabled(plan, i, relay->back.rings[i].enabled);
        relay->released |= relay->back.rings[i].started && relay->back.rings[i].enabled;
    }
    /* Not before the VMM did: libvhost-user takes features without VERSION_1 for a bug. */
    bool untold = plan->features_generation == 0 && any_started(relay);
    if (untold || (idle && plan->features != (relay->back.features & ~not_guests)))
        hf_plan_set_features(plan, relay->back.features);
    hf_relay_update_run(relay);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool asks_for_stop(const struct hf_message *message)
{
    return message->request == HF_REQUEST_GET_VRING_BASE;
}

static uint64_t limit_of(const struct hf_relay *relay)
{
    return relay->wait == HF_RELAY_WAIT_REST ? relay->settings.stop_wait_ns
                                             : relay->settings.reply_timeout_ns;
}

static void message(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    uint64_t since_ns = context->event->since_ns;
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_MESSAGE,
                                         .message = context->event->message,
                                         .fd = -1 };

    if (!asks_for_stop(event.message))
        relay->hold = HF_RELAY_HOLD_NONE;
    relay->deadline_ns = 0;
    relay->dial = hf_relay_told_dial(relay);
    feed(context, &event);
    if (relay->wait != HF_RELAY_WAIT_NONE && limit_of(relay) != 0)
        relay->deadline_ns = (since_ns != 0 ? since_ns : context->event->now_ns) + limit_of(relay);
}

/* Descriptors that were to go into the plan once the edge has said more. */
static void drop_asked(struct hf_relay_context *context)
{
    const struct hf_relay *relay = context->relay;

    if (relay->wait == HF_RELAY_WAIT_INDICES || relay->wait == HF_RELAY_WAIT_EDGE)
        hf_relay_close(context, relay->asked[0].fd);
}

/* Nobody waits for anything any more; its memory is let go when nobody uses it. */
static void hang_up(struct hf_relay_context *context)
{
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_HANG_UP, .fd = -1 };
    struct hf_relay *relay = context->relay;

    hf_relay_forget(context);
    hf_relay_close(context, hf_plan_set_channel(hf_relay_plan(relay), -1));
    drop_asked(context);
    relay->wait = HF_RELAY_WAIT_NONE;
    relay->asked_count = 0;
    relay->leaving = true;
    relay->deadline_ns = context->event->now_ns + relay->settings.stop_wait_ns;
    feed(context, &event);
}

static void indices(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->wait == HF_RELAY_WAIT_INDICES) {
        hf_relay_start_ring(context);
        relay->wait = HF_RELAY_WAIT_SETTLED;
    } else if (relay->wait == HF_RELAY_WAIT_USED) {
        hf_relay_finish(context, 0);
    }
}

/* What was looked at, or made, is what it came to. */
static void take_region(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    bool looked_at = relay->asked[0].kind == HF_BACK_EFFECT_INFLIGHT_ADOPT;

    if (context->event->error == 0 && looked_at)
        hf_relay_adopt(context);
    else if (looked_at)
        hf_relay_close(context, relay->asked[0].fd);
    else if (context->event->error == 0)
        relay->region_epoch = hf_relay_plan(relay)->epoch;
    hf_relay_finish(context, -context->event->error);
}

static void made(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->wait != HF_RELAY_WAIT_EDGE) {
        hf_relay_close(context, context->event->fd);
        return;
    }
    if (relay->asked[0].kind != HF_BACK_EFFECT_CHANNEL) {
        take_region(context);
        return;
    }
    hf_relay_close(context, relay->asked[0].fd);
    if (context->event->error != 0) {
        hf_relay_finish(context, -context->event->error);
        return;
    }
    hf_relay_give_channel(context);
    relay->wait = HF_RELAY_WAIT_SETTLED;
}

static void answer(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->wait != HF_RELAY_WAIT_ANSWER)
        return;
    relay->ask_again = context->event->error == ENOTCONN;
    if (!relay->ask_again)
        hf_relay_finish(context, -context->event->error);
}

static void nothing(struct hf_relay_context *context)
{
    (void)context; /* hf_relay_look looks after every event */
}

static void (*const handlers[HF_RELAY_EVENT_COUNT])(struct hf_relay_context *) = {
    [HF_RELAY_EVENT_MESSAGE] = message,      [HF_RELAY_EVENT_HANG_UP] = hang_up,
    [HF_RELAY_EVENT_LOOK] = nothing,         [HF_RELAY_EVENT_ANSWER] = answer,
    [HF_RELAY_EVENT_INDICES] = indices,      [HF_RELAY_EVENT_MADE] = made,
    [HF_RELAY_EVENT_TIMER] = hf_relay_timer,
};

static bool is_as_it_was(const struct hf_plan *plan, uint64_t generation, bool ran)
{
    return generation == plan->last_generation && ran == plan->run;
}

void hf_relay_step(struct hf_relay *relay, const struct hf_relay_event *event,
                   struct hf_relay_effects *effects)
{
    struct hf_relay_context context = { .relay = relay, .event = event, .effects = effects };
    struct hf_plan *plan = hf_relay_plan(relay);
    uint64_t generation = plan->last_generation;
    bool ran = plan->run;

    HF_CHECK((unsigned)event->kind < HF_RELAY_EVENT_COUNT);
    effects->count = 0;
    handlers[event->kind](&context);
    follow(relay);
    /* What has just changed is not settled; what is settled now may change more. */
    if (is_as_it_was(plan, generation, ran)) {
        hf_relay_look(&context);
        follow(relay);
    }
    if (!is_as_it_was(plan, generation, ran))
        hf_relay_emit(&context, HF_RELAY_EFFECT_CHANGED);
    hf_relay_linger(&context);
}

bool hf_relay_waits_for_switch(const struct hf_relay *relay)
{
    return relay->switching == HF_RELAY_SWITCH_REST || relay->switching == HF_RELAY_SWITCH_START;
}

bool hf_relay_settled(const struct hf_relay *relay)
{
    return relay->wait == HF_RELAY_WAIT_NONE && !hf_relay_waits_for_switch(relay) &&
           hf_back_settled(&relay->back);
}

void hf_relay_set_switching(struct hf_relay *relay, enum hf_relay_switch switching)
{
    relay->switching = switching;
}
