/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request of the VMM's that the back-end refuses has changed nothing: the plan gets back what it
 * had. Until it is settled, descriptors that were replaced are kept for that.
 */
#include "session/relay_parts.h"

void hf_relay_remember_ring(struct hf_relay *relay, uint16_t ring)
{
    relay->undo.kind = HF_RELAY_UNDO_RING;
    relay->undo.ring = ring;
    relay->undo.was_started = relay->rings[ring].started;
    relay->undo.ring_before = hf_relay_plan(relay)->rings[ring];
}

void hf_relay_remember_memory(struct hf_relay *relay)
{
    const struct hf_plan *plan = hf_relay_plan(relay);

    relay->undo.kind = HF_RELAY_UNDO_MEMORY;
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        relay->undo.regions_before[i] = plan->regions[i];
}

void hf_relay_remember_log(struct hf_relay *relay)
{
    relay->undo.kind = HF_RELAY_UNDO_LOG;
    relay->undo.log_before = hf_relay_plan(relay)->log;
    relay->undo.log_told = relay->back.log;
}

void hf_relay_remember_channel(struct hf_relay *relay)
{
    relay->undo.kind = HF_RELAY_UNDO_CHANNEL;
    relay->undo.channel_before = hf_relay_plan(relay)->channel_fd;
}

static void close_replaced(struct hf_relay_context *context, int before, int now)
{
    if (before != now)
        hf_relay_close(context, before);
}

static void forget_ring(struct hf_relay_context *context)
{
    const struct hf_relay_undo *undo = &context->relay->undo;
    const struct hf_ring_plan *before = &undo->ring_before;
    const struct hf_ring_plan *now = &hf_relay_plan(context->relay)->rings[undo->ring];

    close_replaced(context, before->kick_fd, now->kick_fd);
    close_replaced(context, before->call_fd, now->call_fd);
    close_replaced(context, before->err_fd, now->err_fd);
}

static void forget_memory(struct hf_relay_context *context)
{
    const struct hf_plan *plan = hf_relay_plan(context->relay);
    const struct hf_region_plan *before = context->relay->undo.regions_before;

    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        if (before[i].generation != 0 && before[i].generation != plan->regions[i].generation)
            hf_relay_close(context, before[i].fd);
    }
}

static void forget_log(struct hf_relay_context *context)
{
    close_replaced(context, context->relay->undo.log_before.fd,
                   hf_relay_plan(context->relay)->log.fd);
}

static void forget_channel(struct hf_relay_context *context)
{
    close_replaced(context, context->relay->undo.channel_before,
                   hf_relay_plan(context->relay)->channel_fd);
}

static void undo_ring(struct hf_relay_context *context)
{
    struct hf_plan *plan = hf_relay_plan(context->relay);
    const struct hf_relay_undo *undo = &context->relay->undo;
    const struct hf_ring_plan *before = &undo->ring_before;
    const struct hf_ring_plan now = plan->rings[undo->ring];
    const struct hf_ring_addresses addresses = { .desc = before->desc_address,
                                                 .avail = before->avail_address,
                                                 .used = before->used_address,
                                                 .used_guest = before->used_guest_address };

    context->relay->rings[undo->ring].started = undo->was_started;
    if (now.layout_generation != before->layout_generation)
        hf_plan_set_ring(plan, undo->ring, before->size, &addresses, before->base);
    plan->rings[undo->ring].in_flight = before->in_flight;
    hf_plan_set_enabled(plan, undo->ring, !before->disabled);
    if (now.kick_fd != before->kick_fd)
        hf_relay_close(context, hf_plan_set_kick(plan, undo->ring, before->kick_fd));
    if (now.call_fd != before->call_fd)
        hf_relay_close(context, hf_plan_set_call(plan, undo->ring, before->call_fd));
    if (now.err_fd != before->err_fd)
        hf_relay_close(context, hf_plan_set_err(plan, undo->ring, before->err_fd));
}

static void undo_memory(struct hf_relay_context *context)
{
    struct hf_plan *plan = hf_relay_plan(context->relay);
    const struct hf_region_plan *before = context->relay->undo.regions_before;

    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        const struct hf_region_plan now = plan->regions[i];

        if (now.generation == before[i].generation)
            continue;
        if (now.generation != 0)
            hf_relay_close(context, hf_plan_remove_region(plan, now.guest_address, now.size_bytes));
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        /* It was there before, among the same others: there is room for it. */
        if (before[i].generation != 0 && before[i].generation != plan->regions[i].generation)
            hf_plan_add_region(plan, &before[i]);
    }
}

static void undo_log(struct hf_relay_context *context)
{
    const struct hf_log_plan *before = &context->relay->undo.log_before;
    struct hf_plan *plan = hf_relay_plan(context->relay);

    context->relay->back.log = context->relay->undo.log_told;
    if (plan->log.fd != before->fd)
        hf_relay_close(context,
                       hf_plan_set_log(plan, before->size_bytes, before->mmap_offset, before->fd));
}

/* The edge has let go of the one before: there is none. */
static void undo_channel(struct hf_relay_context *context)
{
    forget_channel(context);
    hf_relay_close(context, hf_plan_set_channel(hf_relay_plan(context->relay), -1));
    hf_relay_emit(context, HF_RELAY_EFFECT_UNDO_CHANNEL);
}

static const struct {
    void (*forget)(struct hf_relay_context *context);
    void (*undo)(struct hf_relay_context *context);
} kinds[HF_RELAY_UNDO_COUNT] = {
    [HF_RELAY_UNDO_RING] = { forget_ring, undo_ring },
    [HF_RELAY_UNDO_MEMORY] = { forget_memory, undo_memory },
    [HF_RELAY_UNDO_LOG] = { forget_log, undo_log },
    [HF_RELAY_UNDO_CHANNEL] = { forget_channel, undo_channel },
};

void hf_relay_forget(struct hf_relay_context *context)
{
    enum hf_relay_undo_kind kind = context->relay->undo.kind;

    context->relay->undo.kind = HF_RELAY_UNDO_NOTHING;
    if (kind != HF_RELAY_UNDO_NOTHING)
        kinds[kind].forget(context);
}

void hf_relay_undo(struct hf_relay_context *context)
{
    enum hf_relay_undo_kind kind = context->relay->undo.kind;

    context->relay->undo.kind = HF_RELAY_UNDO_NOTHING;
    if (kind != HF_RELAY_UNDO_NOTHING)
        kinds[kind].undo(context);
}
