/* SPDX-License-Identifier: BSD-3-Clause */
/* What the relay core's effects do, one by one, as src/relay/effects.c has it. */
#include "world.h"

#include <string.h>

/* No wait exceeds the limit, but a stop's while pages are logged. */
static void judge_time(struct sim_world *world)
{
    const struct sim_relay *relay = world->relay;
    uint32_t request = relay->core.back.request.request;
    bool stops = request == HF_REQUEST_GET_VRING_BASE || request == HF_REQUEST_RESET_DEVICE;
    uint64_t limit_ns = stops ? SIM_RELAY_STOP_NS : SIM_RELAY_REPLY_NS;
    uint64_t waited_ns = world->now_ns - relay->read_ns;

    if (waited_ns > limit_ns + SIM_MS && !(stops && world->vmm.log != 0))
        sim_fail(&world->verdict, "relay: %s was answered after %.1f s", hf_request_name(request),
                 (double)waited_ns / (double)SIM_S);
}

static void reply(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    struct sim_event event = { .kind = SIM_EVENT_VMM_HEARS, .session = relay->vmm.serial };

    judge_time(world);
    event.message = relay->effects.reply;
    if (!sim_edge_copy(world, HF_STREAM_REPLIES, &event.message))
        return;
    if (relay->vmm.there)
        sim_world_later(world, 10 * SIM_US, event);
    else
        sim_edge_drop_fds(world, &event.message);
}

bool sim_relay_has_waited(const struct sim_world *world)
{
    return world->now_ns - world->relay->read_ns >= SIM_RELAY_REPLY_NS;
}

static void hang_up(struct sim_world *world, const struct hf_relay_effect *effect)
{
    struct sim_relay *relay = world->relay;

    if (!relay->vmm.there)
        return;
    sim_world_note(world, "the VMM is hung up on: %s", hf_back_fault_text(effect->fault));
    sim_relay_vmm_drop(world);
}

static void read_indices(struct sim_world *world, uint16_t queue)
{
    const struct sim_ring *ring = &world->memory.rings[queue];

    sim_relay_step(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_INDICES,
                                                   .ring = queue,
                                                   .avail = ring->avail_index,
                                                   .used = ring->used_index,
                                                   .fd = -1 });
}

static void make(struct sim_world *world, const struct hf_relay_effect *effect)
{
    struct sim_relay *relay = world->relay;
    union hf_wire_body body = { .inflight = effect->inflight };
    uint64_t stride = (16u + 16u * (uint64_t)body.inflight.queue_size + 63u) / 64u * 64u;

    body.inflight.mmap_size_bytes = stride * body.inflight.queue_count;
    relay->region = sim_inflight_new(
        &world->memory, &(struct sim_inflight){ .epoch = world->vmm.epoch,
                                                .size_bytes = body.inflight.mmap_size_bytes,
                                                .queue_count = body.inflight.queue_count,
                                                .queue_size = body.inflight.queue_size });
    sim_relay_step(world, (struct hf_relay_event){
                              .kind = HF_RELAY_EVENT_MADE,
                              .body = &body,
                              .fd = sim_fd_open(&world->fds, relay->region, SIM_OWNER_EDGE) });
}

static void look_at(struct sim_world *world, const struct hf_relay_effect *effect)
{
    struct sim_relay *relay = world->relay;
    unsigned object = sim_fd_object(&world->fds, effect->fd);
    bool ours = object == relay->region;

    relay->region = object;
    sim_relay_step(world,
                   (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE, .ours = ours, .fd = -1 });
}

/* An end for the back-end; each session's has one of its own. */
int sim_relay_channel_end(struct sim_world *world)
{
    unsigned object = sim_object_new(&world->memory, SIM_KIND_CHANNEL, 0);

    return sim_fd_open(&world->fds, object, SIM_OWNER_PLAN);
}

static void make_channel(struct sim_world *world)
{
    world->relay->channel = true;
    sim_relay_step(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                                   .fd = sim_relay_channel_end(world) });
}

static void cut(struct sim_world *world)
{
    struct sim_event event = { .front = { .kind = HF_EVENT_HANGUP,
                                          .dial = world->front.session.dial,
                                          .fault = HF_FAULT_CUT } };

    sim_edge_feed(world, &event);
}

void sim_relay_carry_out(struct sim_world *world, const struct hf_relay_effect *effect)
{
    struct sim_relay *relay = world->relay;

    relay->changed |= effect->kind == HF_RELAY_EFFECT_CHANGED;
    if (effect->why != NULL)
        sim_world_note(world, "relay: %s", effect->why);
    if (effect->kind == HF_RELAY_EFFECT_REPLY)
        reply(world);
    else if (effect->kind == HF_RELAY_EFFECT_HANG_UP)
        hang_up(world, effect);
    else if (effect->kind == HF_RELAY_EFFECT_CLOSE)
        sim_fd_close(&world->fds, effect->fd);
    else if (effect->kind == HF_RELAY_EFFECT_ASK)
        sim_relay_ask(world, &effect->asked);
    else if (effect->kind == HF_RELAY_EFFECT_CUT)
        cut(world);
    else if (effect->kind == HF_RELAY_EFFECT_INDICES)
        read_indices(world, effect->ring);
    else if (effect->kind == HF_RELAY_EFFECT_MAKE)
        make(world, effect);
    else if (effect->kind == HF_RELAY_EFFECT_LOOK_AT)
        look_at(world, effect);
    else if (effect->kind == HF_RELAY_EFFECT_CHANNEL)
        make_channel(world);
    else if (effect->kind == HF_RELAY_EFFECT_UNDO_CHANNEL)
        relay->channel = false;
}
