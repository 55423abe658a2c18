/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM's request asks for, brought into the plan: one function an awaited effect of the back
 * core. Says what is to be waited for before the VMM is answered. */
#include "session/relay_parts.h"

#include <string.h>

/* ---- rings ----------------------------------------------------------------------------------- */

static enum hf_relay_wait start_ring(struct hf_relay_context *context,
                                     const struct hf_back_effect *effect)
{
    hf_relay_emit(context, HF_RELAY_EFFECT_INDICES)->ring = effect->ring;
    return HF_RELAY_WAIT_INDICES;
}

static bool same_place(const struct hf_wire_vring_addr *a, const struct hf_wire_vring_addr *b)
{
    return a->desc == b->desc && a->avail == b->avail && a->used == b->used;
}

/* A guest reset is not visible as such (a VMM need not send RESET_DEVICE). Only a ring that goes on
 * exactly where it stopped may be of the same system as before. Why not; NULL: it may. */
static const char *why_another_system(const struct hf_relay *relay,
                                      const struct hf_relay_event *event)
{
    const struct hf_relay_ring *before = &relay->rings[event->ring];
    const struct hf_back_ring *now = &relay->back.rings[event->ring];

    uint16_t answered = (uint16_t)(event->used - before->used);

    if (!before->was_stopped)
        return NULL;
    if (event->error == 0 && !before->unsettled &&
        (uint16_t)(event->avail - event->used) < before->in_flight)
        return "a ring has fewer requests than were in flight when it was stopped";
    if (now->size != before->size)
        return "a ring has another size than when it was stopped";
    if (!same_place(&now->addresses, &before->addresses))
        return "a ring lies elsewhere than when it was stopped";
    if (now->base != before->base)
        return "a ring starts at another index than the one answered when it was stopped";
    if (event->error == 0 && answered > (before->unsettled ? before->size : 0))
        return "a ring's used index has changed since it was stopped";
    return NULL;
}

/* True if the ring goes on where it stopped. */
static bool judge_epoch(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    uint16_t ring = context->event->ring;
    const char *why = why_another_system(relay, context->event);

    if (why != NULL)
        hf_relay_end_epoch(context, why);
    return why == NULL && relay->rings[ring].was_stopped &&
           hf_relay_plan(relay)->rings[ring].size != 0;
}

void hf_relay_start_ring(struct hf_relay_context *context)
{
    struct hf_relay *relay = context->relay;
    struct hf_plan *plan = hf_relay_plan(relay);
    uint16_t index = context->event->ring;
    const struct hf_back_ring *ring = &relay->back.rings[index];
    const struct hf_ring_addresses addresses = { .desc = ring->addresses.desc,
                                                 .avail = ring->addresses.avail,
                                                 .used = ring->addresses.used,
                                                 .used_guest = ring->addresses.log };

    /* Where the guest sees it is where it goes on; what the VMM was told when it stopped may be
     * older than what a back-end that was lost wrote last. */
    uint16_t base = context->event->error == 0 ? context->event->used : ring->base;

    hf_relay_remember_ring(relay, index);
    if (!judge_epoch(context))
        hf_plan_set_ring(plan, index, ring->size, &addresses, base);
    hf_plan_set_kick(plan, index, relay->asked[0].fd); /* the old one is in the undo */
    relay->rings[index].started = true;
    /* Without bit 30 all are. */
    relay->released |= ring->enabled;
}

static enum hf_relay_wait stop_ring(struct hf_relay_context *context,
                                    const struct hf_back_effect *effect)
{
    (void)effect;
    if (context->relay->hold == HF_RELAY_HOLD_NONE)
        context->relay->hold = HF_RELAY_HOLD_DRAIN;
    return HF_RELAY_WAIT_REST;
}

/* Refused, it is as before without more ado: the back core says how each ring is. */
static enum hf_relay_wait enable_ring(struct hf_relay_context *context,
                                      const struct hf_back_effect *effect)
{
    struct hf_relay *relay = context->relay;

    hf_plan_set_enabled(hf_relay_plan(relay), effect->ring, effect->value != 0);
    relay->released |= effect->value != 0;
    return HF_RELAY_WAIT_SETTLED;
}

static enum hf_relay_wait set_call(struct hf_relay_context *context,
                                   const struct hf_back_effect *effect)
{
    hf_relay_remember_ring(context->relay, effect->ring);
    hf_plan_set_call(hf_relay_plan(context->relay), effect->ring, effect->fd);
    return HF_RELAY_WAIT_SETTLED;
}

static enum hf_relay_wait set_err(struct hf_relay_context *context,
                                  const struct hf_back_effect *effect)
{
    hf_relay_remember_ring(context->relay, effect->ring);
    hf_plan_set_err(hf_relay_plan(context->relay), effect->ring, effect->fd);
    return HF_RELAY_WAIT_SETTLED;
}

static enum hf_relay_wait log_ring(struct hf_relay_context *context,
                                   const struct hf_back_effect *effect)
{
    hf_plan_set_ring_log(hf_relay_plan(context->relay), effect->ring,
                         context->relay->back.request.body.addr.log);
    return HF_RELAY_WAIT_SETTLED;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void add_region(struct hf_relay_context *context, const struct hf_wire_region *wire, int fd)
{
    struct hf_region_plan region = { .guest_address = wire->guest_address,
                                     .size_bytes = wire->size_bytes,
                                     .user_address = wire->user_address,
                                     .mmap_offset = wire->mmap_offset,
                                     .fd = fd };

    /* The back core judged it, and there are as many slots. */
    if (hf_plan_add_region(hf_relay_plan(context->relay), &region) < 0)
        hf_relay_close(context, fd);
}

static enum hf_relay_wait add_memory(struct hf_relay_context *context,
                                     const struct hf_back_effect *effect)
{
    hf_relay_remember_memory(context->relay);
    add_region(context, &context->relay->back.request.body.region, effect->fd);
    return HF_RELAY_WAIT_SETTLED;
}

static enum hf_relay_wait remove_memory(struct hf_relay_context *context,
                                        const struct hf_back_effect *effect)
{
    const struct hf_wire_region *region = &context->relay->back.request.body.region;

    (void)effect;
    hf_relay_remember_memory(context->relay);
    hf_plan_remove_region(hf_relay_plan(context->relay), region->guest_address, region->size_bytes);
    return HF_RELAY_WAIT_SETTLED;
}

static void remove_all(struct hf_plan *plan)
{
    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan region = plan->regions[i];

        if (region.generation != 0)
            hf_plan_remove_region(plan, region.guest_address, region.size_bytes);
    }
}

static enum hf_relay_wait replace_memory(struct hf_relay_context *context,
                                         const struct hf_back_effect *effect)
{
    const struct hf_message *request = &context->relay->back.request;

    (void)effect;
    hf_relay_remember_memory(context->relay);
    remove_all(hf_relay_plan(context->relay));
    for (uint32_t i = 0; i < request->body.table.count; i++)
        add_region(context, &request->body.table.regions[i], request->fds[i]);
    return HF_RELAY_WAIT_SETTLED;
}

/* ---- device ---------------------------------------------------------------------------------- */

static enum hf_relay_wait map_log(struct hf_relay_context *context,
                                  const struct hf_back_effect *effect)
{
    const struct hf_wire_log *log = &context->relay->back.request.body.log;

    hf_relay_remember_log(context->relay);
    hf_plan_set_log(hf_relay_plan(context->relay), log->size_bytes, log->mmap_offset, effect->fd);
    return HF_RELAY_WAIT_SETTLED;
}

/* It is on with the log (SET_LOG_BASE). Once it is off, the log is gone: before it is switched on
 * again there must be another one. */
static enum hf_relay_wait switch_log(struct hf_relay_context *context,
                                     const struct hf_back_effect *effect)
{
    hf_relay_remember_log(context->relay);
    if (effect->value == 0) {
        hf_plan_set_log(hf_relay_plan(context->relay), 0, 0, -1);
        memset(&context->relay->back.log, 0, sizeof(context->relay->back.log));
    }
    return HF_RELAY_WAIT_SETTLED;
}

/* Refused, they are what the back core still has: see follow() in relay.c. */
static enum hf_relay_wait set_features(struct hf_relay_context *context,
                                       const struct hf_back_effect *effect)
{
    (void)effect;
    hf_plan_set_features(hf_relay_plan(context->relay), context->relay->back.request.body.u64);
    return HF_RELAY_WAIT_SETTLED;
}

static enum hf_relay_wait make_region(struct hf_relay_context *context,
                                      const struct hf_back_effect *effect)
{
    (void)effect;
    hf_relay_emit(context, HF_RELAY_EFFECT_MAKE)->inflight =
        context->relay->back.request.body.inflight;
    return HF_RELAY_WAIT_EDGE;
}

static enum hf_relay_wait look_at_region(struct hf_relay_context *context,
                                         const struct hf_back_effect *effect)
{
    hf_relay_emit(context, HF_RELAY_EFFECT_LOOK_AT)->fd = effect->fd;
    return HF_RELAY_WAIT_EDGE;
}

/* Of another epoch, its heads are nobody's; of this one, it may have been converted for a back-end
 * that lays it out differently, and what the VMM has is the older one. */
static bool is_stale(const struct hf_relay_context *context)
{
    const struct hf_plan *plan = hf_relay_plan(context->relay);

    return context->event->ours &&
           (plan->inflight.generation != 0 || context->relay->region_epoch != plan->epoch);
}

/* Some VMMs acknowledge the feature and use a region, some acknowledge it and do not: one that is
 * handed over before the rings start counts, else it is ours. */
void hf_relay_adopt(struct hf_relay_context *context)
{
    struct hf_plan *plan = hf_relay_plan(context->relay);
    const struct hf_wire_inflight *told = &context->relay->back.request.body.inflight;
    int fd = context->relay->asked[0].fd;
    struct hf_inflight_plan region = { .mmap_size = told->mmap_size_bytes,
                                       .mmap_offset = told->mmap_offset,
                                       .queue_count = told->queue_count,
                                       .queue_size = told->queue_size,
                                       .fd = fd };

    if (is_stale(context)) {
        hf_relay_close(context, fd);
        return;
    }
    context->relay->region_epoch = plan->epoch;
    /* Rings that it does not hold cannot be started: see the back core. */
    plan->tracked_queues = told->queue_count;
    hf_relay_close(context, hf_plan_set_inflight(plan, &region));
    plan->promise.protocol_features |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
}

static enum hf_relay_wait make_channel(struct hf_relay_context *context,
                                       const struct hf_back_effect *effect)
{
    hf_relay_emit(context, HF_RELAY_EFFECT_CHANNEL)->fd = effect->fd;
    return HF_RELAY_WAIT_EDGE;
}

/* The old end is in the undo. */
void hf_relay_give_channel(struct hf_relay_context *context)
{
    hf_relay_remember_channel(context->relay);
    hf_plan_set_channel(hf_relay_plan(context->relay), context->event->fd);
}

static enum hf_relay_wait ask_back_end(struct hf_relay_context *context,
                                       const struct hf_back_effect *effect)
{
    (void)effect;
    hf_relay_ask(context);
    return HF_RELAY_WAIT_ANSWER;
}

static hf_relay_asker *const askers[HF_BACK_EFFECT_COUNT] = {
    [HF_BACK_EFFECT_RING_START] = start_ring,
    [HF_BACK_EFFECT_RING_STOP] = stop_ring,
    [HF_BACK_EFFECT_RING_ENABLE] = enable_ring,
    [HF_BACK_EFFECT_RING_CALL] = set_call,
    [HF_BACK_EFFECT_RING_ERR] = set_err,
    [HF_BACK_EFFECT_RING_LOG] = log_ring,
    [HF_BACK_EFFECT_LOG_MAP] = map_log,
    [HF_BACK_EFFECT_LOG_SWITCH] = switch_log,
    [HF_BACK_EFFECT_MEMORY_REPLACE] = replace_memory,
    [HF_BACK_EFFECT_MEMORY_ADD] = add_memory,
    [HF_BACK_EFFECT_MEMORY_REMOVE] = remove_memory,
    [HF_BACK_EFFECT_INFLIGHT_CREATE] = make_region,
    [HF_BACK_EFFECT_INFLIGHT_ADOPT] = look_at_region,
    [HF_BACK_EFFECT_FEATURES] = set_features,
    [HF_BACK_EFFECT_CONFIG_GET] = ask_back_end,
    [HF_BACK_EFFECT_CONFIG_SET] = ask_back_end,
    [HF_BACK_EFFECT_CHANNEL] = make_channel,
};

hf_relay_asker *hf_relay_asker_of(enum hf_back_effect_kind kind)
{
    return askers[kind];
}
