/* SPDX-License-Identifier: BSD-3-Clause */
/* The step of the relay core: the VMM's message through the back core, what it asks for into the
 * plan (relay_ask.c), and its answer when that is settled. */
#include "session/relay.h"

#include "session/relay_parts.h"

#include "base/check.h"
#include "base/checked.h"

#include <errno.h>
#include <string.h>

/* What a guest's driver may be offered through us: no more than we know to survive a crash. */
#define FEATURES_PASSED                                                                            \
    ~(HF_FEATURE(IOMMU_PLATFORM) | HF_FEATURE(RING_PACKED) | HF_FEATURE(NOTIFICATION_DATA) |       \
      HF_FEATURE(NOTIF_CONFIG_DATA) | HF_FEATURE(RING_RESET) | HF_FEATURE(ADMIN_VQ) |              \
      HF_FEATURE(SR_IOV))
/* Passed on where the back-end has it. */
#define PROTOCOL_PASSED                                                                            \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(LOG_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |      \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |              \
     HF_PROTOCOL_FEATURE(BACKEND_REQ))
/* Ours, whatever the back-end has. */
#define PROTOCOL_OURS (HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(RESET_DEVICE))
#define RING_SIZE_MAX 32768u

/* A stop may wait without end while the log is on; that is said so often. */
#define LATE_NS UINT64_C(10000000000)

struct hf_back_offer hf_relay_offer(const struct hf_session *session, uint16_t ring_count)
{
    bool multiqueue = hf_session_has(session, HF_PROTOCOL_FEATURE(MQ));
    bool slots = hf_session_has(session, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));

    return (struct hf_back_offer){
        .features = (session->offered & FEATURES_PASSED) | HF_FEATURE(PROTOCOL_FEATURES),
        .protocol_features = (session->protocol & PROTOCOL_PASSED) | PROTOCOL_OURS,
        .ring_count =
            multiqueue ? (uint16_t)hf_min_u64(session->queue_count, HF_BACK_RINGS_MAX) : ring_count,
        .ring_size_max = RING_SIZE_MAX,
        .memory_slots = slots ? (uint16_t)hf_min_u64(session->slot_count, HF_MEMORY_REGIONS_MAX)
                              : HF_REGION_COUNT_BASELINE,
        .config_bytes = HF_WIRE_CONFIG_MAX,
    };
}

void hf_relay_init(struct hf_relay *relay, const struct hf_relay_settings *settings,
                   struct hf_front *front)
{
    memset(relay, 0, sizeof(*relay));
    relay->settings = *settings;
    relay->front = front;
}

void hf_relay_begin(struct hf_relay *relay, const struct hf_back_offer *offer)
{
    struct hf_promise *promise = &hf_relay_plan(relay)->promise;

    hf_back_init(&relay->back, offer);
    promise->features = offer->features & ~HF_FEATURE(PROTOCOL_FEATURES);
    promise->protocol_features = offer->protocol_features & PROTOCOL_PASSED;
    promise->queue_count = offer->ring_count;
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

void hf_relay_update_run(struct hf_relay *relay)
{
    hf_plan_set_run(hf_relay_plan(relay),
                    relay->released && !relay->lingering && any_started(relay));
}

void hf_relay_end_epoch(struct hf_relay_context *context, const char *why)
{
    struct hf_relay *relay = context->relay;

    hf_relay_close(context, hf_plan_end_epoch(hf_relay_plan(relay)));
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
    relay->released = relay->lingering = false;
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
    } else if (effect->kind == HF_BACK_EFFECT_CHANNEL) {
        hf_relay_emit(context, HF_RELAY_EFFECT_CHANNEL)->fd = effect->fd;
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
static uint16_t note_stopped(struct hf_relay *relay, uint16_t index)
{
    struct hf_plan *plan = hf_relay_plan(relay);
    const struct hf_back_ring *ring = &relay->back.rings[index];
    const struct hf_ring_addresses nowhere = { .desc = 0 };
    uint16_t base = plan->rings[index].base;

    relay->rings[index] = (struct hf_relay_ring){ .was_stopped = true,
                                                  .base = base,
                                                  .used = base,
                                                  .size = ring->size,
                                                  .addresses = ring->addresses };
    hf_plan_set_ring(plan, index, 0, &nowhere, base);
    return base;
}

static void finish(struct hf_relay_context *context, int result)
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
            done.base = note_stopped(relay, done.ring);
        feed(context, &done);
    }
}

/* Rings that are not to be served say so without an effect while they are stopped; and the features
 * are told with the next start. */
static void follow(struct hf_relay *relay)
{
    struct hf_plan *plan = hf_relay_plan(relay);
    const uint64_t not_guests = HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL);

    for (uint16_t i = 0; i < relay->back.offer.ring_count; i++) {
        if (relay->wait == HF_RELAY_WAIT_NONE)
            hf_plan_set_enabled(plan, i, relay->back.rings[i].enabled);
        relay->released |= relay->back.rings[i].started && relay->back.rings[i].enabled;
    }
    if (plan->features_generation == 0 || plan->features != (relay->back.features & ~not_guests))
        hf_plan_set_features(plan, relay->back.features);
    hf_relay_update_run(relay);
}

static bool at_rest(const struct hf_relay *relay)
{
    const struct hf_plan *plan = hf_relay_plan(relay);

    return !plan->settle_owed && !hf_plan_any_ran(plan);
}

/* The back-end was told and agreed; or none is there, and the last one cannot do harm any more: the
 * next will be told. What is held back is told to nobody yet. */
static bool is_settled(const struct hf_relay *relay)
{
    if (hf_phase_connected(relay->front->phase))
        return hf_front_is_settled(relay->front);
    return at_rest(relay);
}

static void look(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    bool refused =
        context->event->kind == HF_RELAY_EVENT_LOOK && context->event->lost == HF_FAULT_NAK;

    if (relay->wait == HF_RELAY_WAIT_SETTLED && refused)
        finish(context, -EPROTO);
    else if (relay->wait == HF_RELAY_WAIT_SETTLED && is_settled(relay))
        finish(context, 0);
    else if (relay->wait == HF_RELAY_WAIT_REST && at_rest(relay))
        finish(context, 0);
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
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_MESSAGE,
                                         .message = context->event->message,
                                         .fd = -1 };

    if (relay->lingering && !asks_for_stop(event.message))
        relay->lingering = false;
    feed(context, &event);
    if (relay->wait != HF_RELAY_WAIT_NONE && limit_of(relay) != 0)
        relay->deadline_ns = context->event->now_ns + limit_of(relay);
}

static void hang_up(struct hf_relay_context *context)
{
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_HANG_UP, .fd = -1 };
    struct hf_relay *relay = context->relay;

    hf_relay_forget(context);
    relay->wait = HF_RELAY_WAIT_NONE;
    relay->asked_count = 0;
    relay->deadline_ns = 0;
    feed(context, &event);
}

static void indices(struct hf_relay_context *context)
{
    if (context->relay->wait != HF_RELAY_WAIT_INDICES)
        return;
    hf_relay_start_ring(context);
    context->relay->wait = HF_RELAY_WAIT_SETTLED;
}

static void made(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->wait != HF_RELAY_WAIT_EDGE) {
        hf_relay_close(context, context->event->fd);
        return;
    }
    if (context->event->error == 0 && relay->asked[0].kind == HF_BACK_EFFECT_INFLIGHT_ADOPT)
        hf_relay_adopt(context);
    finish(context, -context->event->error);
}

static void answer(struct hf_relay_context *context)
{
    if (context->relay->wait == HF_RELAY_WAIT_ANSWER &&
        context->event->number == context->relay->question)
        finish(context, -context->event->error);
}

/* A stop must not lie while pages are logged: the destination of a migration would be corrupt. */
static void too_late(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->wait == HF_RELAY_WAIT_REST && hf_relay_plan(relay)->log.generation != 0) {
        hf_relay_emit(context, HF_RELAY_EFFECT_LATE)->why =
            "a ring is to stop, and dirty pages are logged: only a back-end can say where it "
            "stands";
        relay->deadline_ns = context->event->now_ns + LATE_NS;
        return;
    }
    finish(context, relay->back.request.request == HF_REQUEST_REM_MEM_REG ? -ETIMEDOUT : 0);
}

static void timer(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;

    if (relay->deadline_ns == 0 || context->event->now_ns < relay->deadline_ns)
        return;
    if (relay->wait != HF_RELAY_WAIT_NONE) {
        too_late(context);
    } else {
        relay->lingering = false;
        relay->deadline_ns = 0;
    }
}

static void nothing(struct hf_relay_context *context)
{
    (void)context; /* look() looks after every event */
}

static void (*const handlers[HF_RELAY_EVENT_COUNT])(struct hf_relay_context *) = {
    [HF_RELAY_EVENT_MESSAGE] = message, [HF_RELAY_EVENT_HANG_UP] = hang_up,
    [HF_RELAY_EVENT_LOOK] = nothing,    [HF_RELAY_EVENT_ANSWER] = answer,
    [HF_RELAY_EVENT_INDICES] = indices, [HF_RELAY_EVENT_MADE] = made,
    [HF_RELAY_EVENT_TIMER] = timer,
};

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
    if (generation != plan->last_generation || ran != plan->run)
        hf_relay_emit(&context, HF_RELAY_EFFECT_CHANGED);
    else
        look(&context);
    if (relay->lingering && relay->wait == HF_RELAY_WAIT_NONE && relay->deadline_ns == 0)
        relay->deadline_ns = event->now_ns + relay->settings.linger_ns;
}

bool hf_relay_settled(const struct hf_relay *relay)
{
    return relay->wait == HF_RELAY_WAIT_NONE && hf_back_settled(&relay->back);
}
