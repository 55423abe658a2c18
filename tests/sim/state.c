/* SPDX-License-Identifier: BSD-3-Clause */
/* The world's part of the number: memory, rings, the VMM, back-ends, the edge, what is to come. */
#include "state.h"

#include <string.h>

/* ---- guest memory ---------------------------------------------------------------------------- */

static void base_indices(struct sim_reading *reading)
{
    for (unsigned i = 0; i < SIM_QUEUES_MAX; i++) {
        uint16_t used = reading->world->memory.rings[i].used_index;

        reading->index_base[i] = (uint16_t)(used - used % SIM_RING_SIZE);
    }
}

static void mix_ring(struct sim_reading *reading, unsigned queue)
{
    const struct sim_ring *from = &reading->world->memory.rings[queue];
    struct sim_ring ring = *from;

    memset(ring.avail, 0, sizeof(ring.avail));
    memset(ring.used, 0, sizeof(ring.used));
    for (uint16_t i = from->used_index; i != from->avail_index; i++)
        ring.avail[i % from->size] = (uint16_t)(1u + from->avail[i % from->size]);
    for (uint16_t i = from->harvested; i != from->used_index; i++)
        ring.used[i % from->size] = (uint16_t)(1u + from->used[i % from->size]);
    for (unsigned i = 0; i < SIM_RING_SIZE; i++)
        ring.outstanding[i] = from->outstanding[i] != 0;
    ring.generation = 0;
    ring.avail_index = sim_state_index(reading, queue, from->avail_index);
    ring.used_index = sim_state_index(reading, queue, from->used_index);
    ring.harvested = sim_state_index(reading, queue, from->harvested);
    SIM_CLEAR_PADDING(&ring);
    sim_state_mix_bytes(reading, &ring, sizeof(ring));
}

/* Links are followed from the last head for as many entries as the used index is ahead: none, once
 * they agree. */
static void mix_track(struct sim_reading *reading, struct sim_track track, unsigned queue)
{
    bool is_settled = track.used_index == reading->world->memory.rings[queue].used_index;

    if (track.version != 0)
        track.used_index = sim_state_index(reading, queue, track.used_index);
    if (is_settled)
        track.last_batch_head = 0;
    for (unsigned i = 0; i < SIM_RING_SIZE; i++) {
        if (!track.entries[i].inflight)
            track.entries[i].counter = 0;
        if (is_settled)
            track.entries[i].next = 0;
    }
    SIM_CLEAR_PADDING(&track);
    sim_state_mix_bytes(reading, &track, sizeof(track));
}

static void mix_region(struct sim_reading *reading, const struct sim_inflight *from)
{
    const struct sim_vmm *vmm = &reading->world->vmm;
    struct sim_inflight head = { .read_only = from->read_only };

    head.epoch = vmm->epoch - from->epoch;
    head.size_bytes = from->size_bytes;
    head.queue_count = from->queue_count;
    head.queue_size = from->queue_size;
    SIM_CLEAR_PADDING(&head);
    sim_state_mix_bytes(reading, &head, offsetof(struct sim_inflight, queues));
    /* Who starts a ring with one of an older guest is red before he looks into it. */
    for (unsigned i = 0; i < vmm->queue_count && from->epoch == vmm->epoch; i++)
        mix_track(reading, from->queues[i], i);
}

/* What the names stand for. */
static void mix_objects(struct sim_reading *reading)
{
    const struct sim_memory *memory = &reading->world->memory;

    for (unsigned i = 0; i < reading->object_count; i++) {
        const struct sim_object *object = &memory->objects[reading->objects[i]];

        sim_state_mix(reading, object->kind);
        if (object->kind == SIM_KIND_INFLIGHT)
            mix_region(reading, &memory->inflight[object->index]);
        else
            sim_state_mix(reading, object->index);
        sim_state_mix(reading, object->kind == SIM_KIND_KICK && object->signals > 0);
    }
}

/* ---- the VMM --------------------------------------------------------------------------------- */

static void mix_vmm_ring(struct sim_reading *reading, const struct sim_vmm_ring *from)
{
    struct sim_vmm_ring ring = *from;

    sim_state_shift(reading, &ring.desc);
    sim_state_shift(reading, &ring.avail);
    sim_state_shift(reading, &ring.used);
    sim_state_mix_object(reading, &ring.kick);
    sim_state_mix_object(reading, &ring.call);
    sim_state_mix_object(reading, &ring.err);
    SIM_CLEAR_PADDING(&ring);
    sim_state_mix_bytes(reading, &ring, sizeof(ring));
}

static void mix_vmm_region(struct sim_reading *reading, unsigned id)
{
    struct sim_vmm_region region = reading->world->vmm.regions[id];

    if (!region.there)
        return;
    sim_state_mix_object(reading, &region.object);
    sim_state_mix(reading, id);
    SIM_CLEAR_PADDING(&region);
    sim_state_mix_bytes(reading, &region, sizeof(region));
}

static void mix_vmm(struct sim_reading *reading)
{
    const struct sim_vmm *from = &reading->world->vmm;
    const size_t tail = offsetof(struct sim_vmm, region_count);
    struct sim_vmm vmm;

    sim_state_mix_bytes(reading, from, offsetof(struct sim_vmm, rings));
    for (unsigned i = 0; i < from->queue_count; i++)
        mix_vmm_ring(reading, &from->rings[i]);
    for (unsigned i = 0; i < SIM_VMM_REGIONS_MAX; i++)
        mix_vmm_region(reading, i);
    memcpy((uint8_t *)&vmm + tail, (const uint8_t *)from + tail, sizeof(vmm) - tail);
    sim_state_mix_object(reading, &vmm.log);
    sim_state_mix_object(reading, &vmm.inflight);
    vmm.epoch = 0;
    vmm.set_ups = 0;
    vmm.last_question = 0;
    sim_state_mix_bytes(reading, (const uint8_t *)&vmm + tail, sizeof(vmm) - tail);
    /* It decides which head comes next. */
    sim_state_mix(reading, reading->world->memory.last_request % SIM_RING_SIZE);
}

/* ---- back-ends ------------------------------------------------------------------------------- */

static void mix_peer_ring(struct sim_reading *reading, const struct sim_peer_ring *from,
                          unsigned queue)
{
    struct sim_peer_ring ring = *from;
    bool is_live = ring.started || ring.stopping;
    bool is_present = from->generation == reading->world->memory.rings[queue].generation;

    if (!is_live && !ring.addr_told)
        memset(&ring.addr, 0, sizeof(ring.addr));
    if (!is_live && !ring.num_told)
        ring.size = 0;
    /* Of a ring that was laid out anew meanwhile they are asked for and not used. */
    if (!is_live || !is_present)
        ring.last_avail = reading->index_base[queue];
    if (is_live ? !is_present : !ring.base_told)
        ring.base = reading->index_base[queue];
    ring.base = sim_state_index(reading, queue, ring.base);
    ring.last_avail = sim_state_index(reading, queue, ring.last_avail);
    sim_state_shift(reading, &ring.addr.desc);
    sim_state_shift(reading, &ring.addr.avail);
    sim_state_shift(reading, &ring.addr.used);
    sim_state_shift(reading, &ring.addr.log);
    ring.generation = is_live && is_present;
    for (unsigned i = 0; i < SIM_RING_SIZE; i++)
        ring.requests[i] = from->requests[i] != 0;
    sim_state_mix_fd(reading, &ring.kick_fd);
    sim_state_mix_fd(reading, &ring.call_fd);
    sim_state_mix_fd(reading, &ring.err_fd);
    SIM_CLEAR_PADDING(&ring);
    sim_state_mix_bytes(reading, &ring, sizeof(ring));
}

static void mix_peer_region(struct sim_reading *reading, const struct sim_peer_region *from)
{
    struct sim_peer_region region = *from;

    sim_state_mix(reading, from->there);
    if (!from->there)
        return;
    sim_state_mix_fd(reading, &region.fd);
    SIM_CLEAR_PADDING(&region);
    sim_state_mix_bytes(reading, &region, sizeof(region));
}

static void mix_peer(struct sim_reading *reading, const struct sim_peer *from)
{
    const size_t first = offsetof(struct sim_peer, regions);
    const size_t tail = offsetof(struct sim_peer, regions) + sizeof(from->regions);
    struct sim_peer head;

    memcpy(&head, from, first);
    memcpy((uint8_t *)&head + tail, (const uint8_t *)from + tail,
           offsetof(struct sim_peer, rings) - tail);
    head.session = head.dial = 0;
    if (head.inflight_epoch != 0)
        head.inflight_epoch = 1 + reading->world->vmm.epoch - head.inflight_epoch;
    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        mix_peer_region(reading, &from->regions[i]);
    sim_state_mix_fd(reading, &head.log_fd);
    sim_state_mix_fd(reading, &head.channel_fd);
    sim_state_mix_fd(reading, &head.inflight_fd);
    SIM_CLEAR_PADDING(&head.log);
    sim_state_mix_bytes(reading, &head, first);
    sim_state_mix_bytes(reading, (const uint8_t *)&head + tail,
                        offsetof(struct sim_peer, rings) - tail);
    for (unsigned i = 0; i < reading->world->vmm.queue_count; i++)
        mix_peer_ring(reading, &from->rings[i], i);
}

static void mix_process(struct sim_reading *reading, const struct sim_process *from)
{
    struct sim_process head;

    sim_state_mix(reading, from->alive);
    sim_state_mix(reading, sim_state_dial(reading, from->peer.dial));
    if (!from->alive)
        return;
    memcpy(&head, from, offsetof(struct sim_process, peer));
    head.id = 0;
    head.heard_epoch = 0; /* of the message at hand: there is none */
    sim_state_mix_bytes(reading, &head, offsetof(struct sim_process, peer));
    sim_state_mix(reading, from->peer.connected);
    if (from->peer.connected)
        mix_peer(reading, &from->peer);
}

/* Naming one may bring up no other, so the list is complete when its end is reached. */
static void mix_processes(struct sim_reading *reading)
{
    for (unsigned i = 0; i < reading->process_count; i++)
        mix_process(reading, &reading->world->processes[reading->processes[i]]);
}

static void name_the_living(struct sim_reading *reading)
{
    for (unsigned i = 0; i < reading->world->process_count; i++)
        if (reading->world->processes[i].alive)
            sim_state_name_process(reading, i);
}

/* ---- what is to come ------------------------------------------------------------------------- */

/* The index in it, if it carries one. A base of a ring that was laid out anew meanwhile is not used
 * (script_accept.c). */
static void tidy_index(const struct sim_reading *reading, struct hf_message *message)
{
    struct hf_wire_vring_state *state = &message->body.state;
    bool is_answer =
        message->request == HF_REQUEST_GET_VRING_BASE && (message->flags & HF_MESSAGE_REPLY) != 0;

    if (message->kind != HF_PAYLOAD_VRING_STATE || state->index >= SIM_QUEUES_MAX)
        return;
    if (message->request == HF_REQUEST_SET_VRING_BASE || is_answer)
        state->num = sim_state_index(reading, state->index, (uint16_t)state->num);
    if (is_answer && !hf_plan_ring_is_same(&reading->world->front.plan, (uint16_t)state->index))
        state->num = 0;
}

static void mix_message(struct sim_reading *reading, const struct hf_message *from)
{
    struct hf_message message = *from;
    struct hf_wire_vring_addr *addr = &message.body.addr;

    tidy_index(reading, &message);
    if (message.kind == HF_PAYLOAD_VRING_ADDR) {
        sim_state_shift(reading, &addr->desc);
        sim_state_shift(reading, &addr->avail);
        sim_state_shift(reading, &addr->used);
        sim_state_shift(reading, &addr->log);
    }
    for (unsigned i = 0; i < HF_MESSAGE_FDS_MAX; i++) {
        if (i < message.fd_count)
            sim_state_mix_fd(reading, &message.fds[i]);
        message.fds[i] = 0;
    }
    SIM_CLEAR_PADDING(&message);
    sim_state_mix_bytes(reading, &message, sizeof(message));
}

static void mix_front_event(struct sim_reading *reading, const struct sim_event *from)
{
    struct hf_event event = from->front;

    event.dial = sim_state_dial(reading, event.dial);
    if (event.asked.number != 0)
        event.asked.number = 1 + reading->world->vmm.last_question - event.asked.number;
    if (event.kind == HF_EVENT_CONVERTED)
        sim_state_mix_fd(reading, &event.offer.fd);
    SIM_CLEAR_PADDING(&event);
    sim_state_mix_bytes(reading, &event, sizeof(event));
    if (event.kind == HF_EVENT_MESSAGE)
        mix_message(reading, &from->message);
}

static bool is_of_a_session(enum sim_event_kind kind)
{
    return kind == SIM_EVENT_ARRIVE || kind == SIM_EVENT_EOF || kind == SIM_EVENT_FETCH ||
           kind == SIM_EVENT_DONE;
}

static bool is_of_a_process(enum sim_event_kind kind)
{
    return is_of_a_session(kind) || kind == SIM_EVENT_KILL || kind == SIM_EVENT_DEATH ||
           kind == SIM_EVENT_WAKE;
}

static void mix_event(struct sim_reading *reading, const struct sim_event *event)
{
    const struct sim_world *world = reading->world;

    /* Replaced by another: nobody hears it. */
    if (event->kind == SIM_EVENT_TIMER && event->serial != world->edge.timer_serial)
        return;
    sim_state_mix(reading, event->kind);
    sim_state_mix(reading,
                  event->at_ns == SIM_EVENTS_PARKED ? event->at_ns : event->at_ns - world->now_ns);
    sim_state_mix(reading, (uint64_t)event->index << 32 | event->head);
    if (is_of_a_process(event->kind))
        sim_state_mix(reading, sim_state_name_process(reading, event->process));
    if (is_of_a_session(event->kind))
        sim_state_mix(reading, sim_state_session(reading, event->process, event->session));
    if (event->kind == SIM_EVENT_FRONT)
        mix_front_event(reading, event);
    if (event->kind == SIM_EVENT_ARRIVE) {
        sim_state_mix(reading, world->vmm.epoch - event->epoch);
        sim_state_mix(reading, event->serial);
        mix_message(reading, &event->message);
    }
}

/* In the order in which they will happen. */
static void mix_events(struct sim_reading *reading)
{
    const struct sim_events *events = &reading->world->events;
    struct sim_event_key sorted[SIM_EVENTS_MAX];

    for (unsigned i = 0; i < events->count; i++) {
        unsigned at = i;

        while (at > 0 && sim_event_goes_before(&events->keys[i], &sorted[at - 1])) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = events->keys[i];
    }
    for (unsigned i = 0; i < events->count; i++)
        mix_event(reading, &events->list[sorted[i].place]);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void mix_edge(struct sim_reading *reading)
{
    const struct sim_world *world = reading->world;
    struct sim_edge edge = world->edge;

    sim_state_mix(reading, sim_state_name_process(reading, edge.process));
    if (edge.settle_owed) {
        sim_state_mix(reading, sim_state_name_process(reading, edge.settle_process));
        sim_state_mix(reading,
                      sim_state_session(reading, edge.settle_process, edge.settle_session));
    } else {
        edge.settle_fenced = false;
    }
    edge.process = edge.settle_process = 0;
    edge.settle_session = 0;
    edge.dial = sim_state_dial(reading, edge.dial);
    edge.timer_serial = 0;
    memset(edge.bases, 0, sizeof(edge.bases)); /* of the settlement at hand: there is none */
    edge.fds_full_until_ns =
        edge.fds_full_until_ns > world->now_ns ? edge.fds_full_until_ns - world->now_ns : 0;
    SIM_CLEAR_PADDING(&edge);
    sim_state_mix_bytes(reading, &edge, sizeof(edge));
}

static void mix_story(struct sim_reading *reading)
{
    const struct sim_world *world = reading->world;
    struct sim_story story = world->story;

    story.end_ns = sim_story_is_passing(world) ? story.end_ns - world->now_ns : 0;
    SIM_CLEAR_PADDING(&story);
    sim_state_mix_bytes(reading, &story, sizeof(story));
    sim_state_mix(reading, world->tally.questions_asked - world->tally.questions_answered);
}

/* From `next_persona` to `front`. What a poorer back-end is like matters while there is one, or
 * will be. */
static void mix_supervisor(struct sim_reading *reading)
{
    const struct sim_world *world = reading->world;
    const size_t first = offsetof(struct sim_world, next_persona);
    const size_t persona = offsetof(struct sim_world, poor) - first;
    uint8_t copy[offsetof(struct sim_world, front) - offsetof(struct sim_world, next_persona)];
    bool poor = world->next_persona == &world->poor;

    memcpy(copy, (const uint8_t *)world + first, sizeof(copy));
    for (unsigned i = 0; i < world->process_count; i++)
        poor = poor || (world->processes[i].alive && world->processes[i].persona == &world->poor);
    if (!poor)
        memset(copy + persona, 0, sizeof(world->poor));
    sim_state_mix_bytes(reading, copy, sizeof(copy));
}

uint64_t sim_state_number(const struct sim_world *world, struct sim_reading *reading)
{
    memset(reading, 0, offsetof(struct sim_reading, front));
    reading->world = world;
    base_indices(reading);
    name_the_living(reading);
    mix_vmm(reading);
    for (unsigned i = 0; i < world->vmm.queue_count; i++)
        mix_ring(reading, i);
    sim_state_read_front(reading);
    mix_edge(reading);
    mix_events(reading);
    mix_processes(reading);
    mix_objects(reading);
    mix_story(reading);
    mix_supervisor(reading);
    if (reading->is_strange || reading->held_count != sim_fds_open_count(&world->fds) ||
        world->poison != 0) {
        sim_state_mix(reading, world->now_ns);
        sim_state_mix(reading, world->events.last_order);
        sim_state_mix(reading, (uint64_t)world->fds.count << 32 | world->memory.object_count);
    }
    return reading->number;
}
