/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The step of the back core: judge a message by its row, wait for the edge, answer. What single
 * requests mean is in back_ring.c, back_memory.c, back_device.c and back_log.c.
 */
#include "session/back.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "session/back_rows.h"

static const char *const effect_names[HF_BACK_EFFECT_COUNT] = {
    [HF_BACK_EFFECT_REPLY] = "reply",
    [HF_BACK_EFFECT_REPORT] = "report",
    [HF_BACK_EFFECT_CLOSE_FDS] = "close fds",
    [HF_BACK_EFFECT_HANG_UP] = "hang up",
    [HF_BACK_EFFECT_RING_ENABLE] = "ring enable",
    [HF_BACK_EFFECT_RING_CALL] = "ring call",
    [HF_BACK_EFFECT_RING_ERR] = "ring err",
    [HF_BACK_EFFECT_RING_LOG] = "ring log",
    [HF_BACK_EFFECT_LOG_MAP] = "log map",
    [HF_BACK_EFFECT_LOG_SWITCH] = "log switch",
    [HF_BACK_EFFECT_RING_START] = "ring start",
    [HF_BACK_EFFECT_RING_STOP] = "ring stop",
    [HF_BACK_EFFECT_MEMORY_REPLACE] = "memory replace",
    [HF_BACK_EFFECT_MEMORY_ADD] = "memory add",
    [HF_BACK_EFFECT_MEMORY_REMOVE] = "memory remove",
    [HF_BACK_EFFECT_INFLIGHT_CREATE] = "in-flight create",
    [HF_BACK_EFFECT_INFLIGHT_ADOPT] = "in-flight adopt",
    [HF_BACK_EFFECT_FEATURES] = "features",
    [HF_BACK_EFFECT_CONFIG_GET] = "config get",
    [HF_BACK_EFFECT_CONFIG_SET] = "config set",
    [HF_BACK_EFFECT_CHANNEL] = "back-end channel",
    [HF_BACK_EFFECT_RESET] = "reset",
};

struct hf_back_effect *hf_back_add(struct hf_back_effects *effects, enum hf_back_effect_kind kind,
                                   uint16_t ring)
{
    HF_CHECK(effects->count < HF_BACK_EFFECTS_MAX);
    struct hf_back_effect *effect = &effects->items[effects->count++];

    *effect = (struct hf_back_effect){ .kind = kind, .ring = ring, .fd = -1 };
    return effect;
}

struct hf_back_effect *hf_back_ask(struct hf_back *back, struct hf_back_effects *effects,
                                   enum hf_back_effect_kind kind)
{
    back->awaited++;
    return hf_back_add(effects, kind, back->present_ring);
}

int hf_back_take_fd(struct hf_back *back)
{
    back->fds_taken = true;
    return back->request.fd_count > 0 ? back->request.fds[0] : -1;
}

struct hf_back_ring *hf_back_present_ring(struct hf_back *back)
{
    return &back->rings[back->present_ring];
}

bool hf_back_any_started(const struct hf_back *back)
{
    for (unsigned i = 0; i < back->offer.ring_count; i++)
        if (back->rings[i].started)
            return true;
    return false;
}

static const struct hf_back_row *find_row(uint32_t request)
{
    static const struct hf_back_row *const tables[] = { hf_back_ring_rows, hf_back_memory_rows,
                                                        hf_back_device_rows, hf_back_log_rows };

    if (request >= HF_REQUEST_COUNT)
        return NULL;
    for (size_t i = 0; i < HF_ARRAY_COUNT(tables); i++)
        if (tables[i][request].begin)
            return &tables[i][request];
    return NULL;
}

static uint64_t named_ring(enum hf_back_index index, const union hf_wire_body *body)
{
    const uint64_t places[HF_BACK_INDEX_COUNT] = {
        [HF_BACK_INDEX_STATE] = body->state.index,
        [HF_BACK_INDEX_ADDRESS] = body->addr.index,
        [HF_BACK_INDEX_U64] = body->u64 & HF_WIRE_VRING_MASK,
    };
    return places[index];
}

/* Bit 30 need only be offered for the two requests it allows; what is gated by the rest must be
 * acknowledged (vhost-user "Feature negotiation"). */
static bool negotiated(const struct hf_back *back, const struct hf_request_info *info)
{
    uint64_t features = back->features;

    if (info->feature_gate == HF_FEATURE_PROTOCOL_FEATURES && info->gate == HF_GATE_NONE &&
        (back->request.request == HF_REQUEST_GET_PROTOCOL_FEATURES ||
         back->request.request == HF_REQUEST_SET_PROTOCOL_FEATURES))
        features |= back->offer.features & HF_FEATURE(PROTOCOL_FEATURES);
    return hf_request_allowed(info, features, back->protocol_features);
}

static enum hf_back_fault begin(struct hf_back *back, const struct hf_back_row *row,
                                const struct hf_request_info *info, struct hf_back_effects *effects)
{
    if (!info)
        return HF_BACK_FAULT_NOT_A_REQUEST;
    if (!row)
        return HF_BACK_FAULT_NOT_SUPPORTED;
    if (!negotiated(back, info))
        return HF_BACK_FAULT_NOT_NEGOTIATED;
    uint64_t ring = named_ring(row->index, &back->request.body);
    if (ring >= back->offer.ring_count)
        return HF_BACK_FAULT_RING_INDEX;
    back->present_ring = (uint16_t)ring;
    return row->begin(back, effects);
}

/* need_reply on the very SET_PROTOCOL_FEATURES that negotiates REPLY_ACK is answered: who sets the
 * bit waits. So either state counts, before the message or after it. */
static bool answered(const struct hf_back *back, const struct hf_request_info *info)
{
    uint64_t in_force = back->protocol_features;

    if (back->ack_legal)
        in_force |= HF_PROTOCOL_FEATURE(REPLY_ACK);
    return hf_request_is_answered(info, hf_message_needs_reply(&back->request), in_force);
}

/* What the row says, with LOG_SHMFD that of SET_LOG_BASE too. Postcopy nobody offers here. */
static bool has_own_reply(const struct hf_back *back, const struct hf_request_info *info)
{
    bool log_shmfd = (back->protocol_features & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0;

    return info &&
           (info->reply == HF_REPLY_OWN || (info->reply == HF_REPLY_LOG_SHMFD && log_shmfd));
}

static void close_rest(struct hf_back *back, struct hf_back_effects *effects)
{
    if (back->request.fd_count > 0 && !back->fds_taken)
        hf_back_add(effects, HF_BACK_EFFECT_CLOSE_FDS, 0);
}

static void hang_up(struct hf_back *back, enum hf_back_fault fault, int result,
                    struct hf_back_effects *effects)
{
    struct hf_back_effect *effect = hf_back_add(effects, HF_BACK_EFFECT_HANG_UP, 0);

    effect->fault = fault;
    effect->result = result;
    back->phase = HF_BACK_PHASE_CLOSED;
}

/* Says no where the protocol has a word for it, and ends the session where it has none: a
 * front-end must not go on in the belief that it was obeyed. That loses nothing: its rings and
 * what is in flight in them outlive the session. An unknown request (`info` is NULL then) is no
 * exception; what it would have changed, we cannot know. */
static void refuse(struct hf_back *back, enum hf_back_fault fault, int result,
                   struct hf_back_effects *effects)
{
    const struct hf_request_info *info = hf_request_info(back->request.request);
    const struct hf_back_row *row = find_row(back->request.request);

    close_rest(back, effects);
    if (!answered(back, info) || (has_own_reply(back, info) && !(row && row->refuse))) {
        hang_up(back, fault, result, effects);
        return;
    }
    struct hf_back_effect *report = hf_back_add(effects, HF_BACK_EFFECT_REPORT, 0);
    report->fault = fault;
    report->result = result;
    enum hf_request request = (enum hf_request)back->request.request;
    if (has_own_reply(back, info)) {
        effects->reply = hf_message_reply(request);
        row->refuse(&effects->reply);
    } else {
        effects->reply = hf_message_reply_u64(request, 1);
    }
    hf_back_add(effects, HF_BACK_EFFECT_REPLY, 0);
    back->phase = HF_BACK_PHASE_OPEN;
}

static void accept(struct hf_back *back, const struct hf_back_event *done,
                   struct hf_back_effects *effects)
{
    const struct hf_back_row *row = find_row(back->request.request);
    const struct hf_request_info *info = hf_request_info(back->request.request);
    enum hf_request request = (enum hf_request)back->request.request;

    effects->reply =
        has_own_reply(back, info) ? hf_message_reply(request) : hf_message_reply_u64(request, 0);
    if (row->commit)
        row->commit(back, done, effects);
    close_rest(back, effects);
    if (answered(back, info))
        hf_back_add(effects, HF_BACK_EFFECT_REPLY, 0);
    back->phase = HF_BACK_PHASE_OPEN;
}

static void on_message(struct hf_back *back, const struct hf_message *message,
                       struct hf_back_effects *effects)
{
    HF_CHECK(back->phase == HF_BACK_PHASE_OPEN);
    back->request = *message;
    back->present_ring = 0;
    back->awaited = 0;
    back->failure = 0;
    back->fds_taken = false;
    back->ack_legal = (back->protocol_features & HF_PROTOCOL_FEATURE(REPLY_ACK)) != 0;
    back->phase = HF_BACK_PHASE_BUSY;

    enum hf_back_fault fault =
        begin(back, find_row(message->request), hf_request_info(message->request), effects);
    if (fault != HF_BACK_FAULT_NONE)
        refuse(back, fault, 0, effects);
    else if (back->awaited == 0)
        accept(back, NULL, effects);
}

/* A ring that stopped is stopped whatever else the present message asked for. */
static void note_stopped(struct hf_back *back, const struct hf_back_event *done)
{
    struct hf_back_ring *ring = &back->rings[done->ring];

    if (done->ring >= back->offer.ring_count || done->result < 0)
        return;
    ring->started = false;
    ring->base = done->base;
}

static bool stops_rings(const struct hf_back *back)
{
    return back->request.request == HF_REQUEST_GET_VRING_BASE ||
           back->request.request == HF_REQUEST_RESET_DEVICE;
}

static void on_done(struct hf_back *back, const struct hf_back_event *done,
                    struct hf_back_effects *effects)
{
    HF_CHECK(back->phase == HF_BACK_PHASE_BUSY && back->awaited > 0);
    if (stops_rings(back))
        note_stopped(back, done);
    if (done->result < 0 && back->failure == 0)
        back->failure = done->result;
    if (--back->awaited > 0)
        return;
    if (back->failure < 0)
        refuse(back, HF_BACK_FAULT_EDGE, back->failure, effects);
    else
        accept(back, done, effects);
}

static void on_hang_up(struct hf_back *back, struct hf_back_effects *effects)
{
    if (back->phase == HF_BACK_PHASE_BUSY)
        close_rest(back, effects);
    hang_up(back, HF_BACK_FAULT_NONE, 0, effects);
}

void hf_back_init(struct hf_back *back, const struct hf_back_offer *offer)
{
    HF_CHECK(offer->ring_count >= 1 && offer->ring_count <= HF_BACK_RINGS_MAX);
    HF_CHECK(offer->memory_slots <= HF_MEMORY_REGIONS_MAX);
    HF_CHECK(offer->config_bytes <= HF_WIRE_CONFIG_MAX);
    memset(back, 0, sizeof(*back));
    back->offer = *offer;
}

void hf_back_step(struct hf_back *back, const struct hf_back_event *event,
                  struct hf_back_effects *effects)
{
    effects->count = 0;
    if (back->phase == HF_BACK_PHASE_CLOSED)
        return;
    if (event->kind == HF_BACK_EVENT_MESSAGE)
        on_message(back, event->message, effects);
    else if (event->kind == HF_BACK_EVENT_DONE)
        on_done(back, event, effects);
    else
        on_hang_up(back, effects);
}

bool hf_back_settled(const struct hf_back *back)
{
    return back->phase == HF_BACK_PHASE_OPEN;
}

bool hf_back_ring_active(const struct hf_back *back, uint16_t ring)
{
    return ring < back->offer.ring_count && back->rings[ring].started && back->rings[ring].enabled;
}

const char *hf_back_effect_name(enum hf_back_effect_kind kind)
{
    return (unsigned)kind < HF_BACK_EFFECT_COUNT ? effect_names[kind] : "?";
}

bool hf_back_effect_awaited(enum hf_back_effect_kind kind)
{
    return kind >= HF_BACK_EFFECT_RING_START && kind < HF_BACK_EFFECT_COUNT;
}
