/* SPDX-License-Identifier: BSD-3-Clause */
/* What a relay must know to go on in another's place. */
#include "session/relay_record.h"

#include "base/check.h"
#include "ring/order.h"

#include <string.h>

#define MAGIC UINT64_C(0x6472636572666c68) /* "hlfrecrd", as bytes */

/* It lies in memory that outlives the process. */
static void begin(struct hf_relay_record *record)
{
    hf_order_store_u16(&record->writing, 1);
    hf_order_fence();
}

static void end(struct hf_relay_record *record)
{
    hf_order_release_u16(&record->writing, 0);
}

static void copy_effects(struct hf_relay_effects *to, const struct hf_relay_effects *from)
{
    to->count = from->count;
    memcpy(to->list, from->list, from->count * sizeof(from->list[0]));
    to->reply = from->reply;
}

void hf_relay_record_write(struct hf_relay_record *record, const struct hf_relay *relay,
                           const struct hf_relay_promise *promise,
                           const struct hf_relay_effects *effects)
{
    begin(record);
    record->magic = MAGIC;
    record->version = HF_RELAY_RECORD_VERSION;
    record->size_bytes = sizeof(*record);
    record->promise = *promise;
    record->plan = relay->front->plan;
    record->relay = *relay;
    record->relay.front = NULL;
    record->acted = 0;
    copy_effects(&record->effects, effects);
    end(record);
}

void hf_relay_record_plan(struct hf_relay_record *record, const struct hf_plan *plan)
{
    begin(record);
    record->plan = *plan;
    end(record);
}

void hf_relay_record_acted(struct hf_relay_record *record)
{
    HF_CHECK(record->acted < record->effects.count);
    record->acted++;
}

const char *hf_relay_record_fault(const void *bytes, size_t count)
{
    const struct hf_relay_record *record = bytes;

    if (count < sizeof(*record) || record->magic != MAGIC)
        return "it is no record of a relayed device";
    if (record->writing != 0)
        return "the relay died while it wrote it";
    if (record->version != HF_RELAY_RECORD_VERSION || record->size_bytes != sizeof(*record))
        return "another version of the relay wrote it";
    return NULL;
}

static bool rings_are_same(const struct hf_plan *a, const struct hf_plan *b)
{
    return a->queue_count == b->queue_count &&
           memcmp(a->rings, b->rings, a->queue_count * sizeof(a->rings[0])) == 0;
}

bool hf_relay_record_has(const struct hf_relay_record *record, const struct hf_plan *plan)
{
    const struct hf_plan *kept = &record->plan;

    return kept->last_generation == plan->last_generation && kept->run == plan->run &&
           kept->settle_owed == plan->settle_owed &&
           kept->promise.protocol_features == plan->promise.protocol_features &&
           kept->inflight.absent == plan->inflight.absent && rings_are_same(kept, plan);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct visitor {
    hf_relay_record_visit *visit;
    void *context;
};

static void visit(const struct visitor *visitor, int *fd)
{
    if (*fd >= 0)
        visitor->visit(visitor->context, fd);
}

static void visit_ring(const struct visitor *visitor, struct hf_ring_plan *ring)
{
    visit(visitor, &ring->kick_fd);
    visit(visitor, &ring->call_fd);
    visit(visitor, &ring->err_fd);
}

static void visit_regions(const struct visitor *visitor, struct hf_region_plan *regions)
{
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        if (regions[i].generation != 0)
            visit(visitor, &regions[i].fd);
    }
}

static void visit_plan(const struct visitor *visitor, struct hf_plan *plan)
{
    for (uint16_t i = 0; i < plan->queue_count; i++)
        visit_ring(visitor, &plan->rings[i]);
    visit_regions(visitor, plan->regions);
    visit(visitor, &plan->inflight.fd);
    visit(visitor, &plan->log.fd);
    visit(visitor, &plan->channel_fd);
}

static void visit_undo(const struct visitor *visitor, struct hf_relay_undo *undo)
{
    if (undo->kind == HF_RELAY_UNDO_RING)
        visit_ring(visitor, &undo->ring_before);
    else if (undo->kind == HF_RELAY_UNDO_MEMORY)
        visit_regions(visitor, undo->regions_before);
    else if (undo->kind == HF_RELAY_UNDO_LOG)
        visit(visitor, &undo->log_before.fd);
    else if (undo->kind == HF_RELAY_UNDO_CHANNEL)
        visit(visitor, &undo->channel_before);
}

static void visit_message(const struct visitor *visitor, struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        visit(visitor, &message->fds[i]);
}

/* Until then it is the request's own; later it is in the plan, or closed. */
static bool holds_asked(const struct hf_relay *relay)
{
    return relay->wait == HF_RELAY_WAIT_INDICES || relay->wait == HF_RELAY_WAIT_EDGE;
}

static void visit_request(const struct visitor *visitor, struct hf_relay *relay)
{
    if (holds_asked(relay) && relay->asked_count > 0)
        visit(visitor, &relay->asked[0].fd);
    if (relay->back.phase == HF_BACK_PHASE_BUSY && !relay->back.fds_taken)
        visit_message(visitor, &relay->back.request);
}

static void visit_effects(const struct visitor *visitor, struct hf_relay_record *record)
{
    for (unsigned i = record->acted; i < record->effects.count; i++) {
        struct hf_relay_effect *effect = &record->effects.list[i];

        if (effect->kind == HF_RELAY_EFFECT_CLOSE)
            visit(visitor, &effect->fd);
        else if (effect->kind == HF_RELAY_EFFECT_REPLY)
            visit_message(visitor, &record->effects.reply);
    }
}

void hf_relay_record_each_fd(struct hf_relay_record *record, hf_relay_record_visit *visit_fd,
                             void *context)
{
    const struct visitor visitor = { .visit = visit_fd, .context = context };

    visit(&visitor, &record->writer_fd);
    visit_plan(&visitor, &record->plan);
    visit_undo(&visitor, &record->relay.undo);
    visit_request(&visitor, &record->relay);
    visit_effects(&visitor, record);
}

/* ---- taking over ----------------------------------------------------------------------------- */

static struct hf_relay_effect *add(struct hf_relay_effects *effects, enum hf_relay_effect_kind kind)
{
    HF_CHECK(effects->count < HF_RELAY_EFFECTS_MAX);
    struct hf_relay_effect *effect = &effects->list[effects->count++];

    *effect = (struct hf_relay_effect){ .kind = kind, .fd = -1 };
    return effect;
}

/* What the edge answers is asked once more, below; there is no back-end to be told or cut. */
static bool is_for_the_next(enum hf_relay_effect_kind kind)
{
    static const bool not_again[HF_RELAY_EFFECT_COUNT] = {
        [HF_RELAY_EFFECT_CHANGED] = true, [HF_RELAY_EFFECT_ASK] = true,
        [HF_RELAY_EFFECT_CUT] = true,     [HF_RELAY_EFFECT_INDICES] = true,
        [HF_RELAY_EFFECT_MAKE] = true,    [HF_RELAY_EFFECT_LOOK_AT] = true,
        [HF_RELAY_EFFECT_CHANNEL] = true,
    };

    return !not_again[kind];
}

static void ask_edge_again(const struct hf_relay *relay, struct hf_relay_effects *effects)
{
    const struct hf_back_effect *asked = &relay->asked[0];

    if (relay->wait == HF_RELAY_WAIT_INDICES || relay->wait == HF_RELAY_WAIT_USED)
        add(effects, HF_RELAY_EFFECT_INDICES)->ring = asked->ring;
    else if (relay->wait == HF_RELAY_WAIT_EDGE && asked->kind == HF_BACK_EFFECT_INFLIGHT_ADOPT)
        add(effects, HF_RELAY_EFFECT_LOOK_AT)->fd = asked->fd;
    else if (relay->wait == HF_RELAY_WAIT_EDGE && asked->kind == HF_BACK_EFFECT_CHANNEL)
        add(effects, HF_RELAY_EFFECT_CHANNEL)->fd = asked->fd;
    else if (relay->wait == HF_RELAY_WAIT_EDGE)
        add(effects, HF_RELAY_EFFECT_MAKE)->inflight = relay->back.request.body.inflight;
}

void hf_relay_record_restore(const struct hf_relay_record *record, struct hf_relay *relay,
                             struct hf_front *front, uint64_t now_ns,
                             struct hf_relay_effects *effects)
{
    hf_front_resume(front, &record->plan, now_ns);
    *relay = record->relay;
    relay->front = front;
    relay->dial = 0; /* who knew all is gone */
    relay->ask_again = relay->wait == HF_RELAY_WAIT_ANSWER;
    effects->count = 0;
    effects->reply = record->effects.reply;
    for (unsigned i = record->acted; i < record->effects.count; i++) {
        if (is_for_the_next(record->effects.list[i].kind))
            effects->list[effects->count++] = record->effects.list[i];
    }
    ask_edge_again(relay, effects);
}
