/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference back-end at work: starts and stops rings, fetches, executes, answers, recovers. */
#include "world.h"

#include <string.h>

struct sim_track *sim_peer_track(struct sim_process *process, uint16_t queue)
{
    struct sim_world *world = process->world;
    struct sim_inflight *inflight;

    if (!process->peer.inflight_set)
        return NULL;
    inflight =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, process->peer.inflight_fd));
    return inflight != NULL && queue < inflight->queue_count ? &inflight->queues[queue] : NULL;
}

/* Who keeps no record must finish in order: then used->idx alone says where to go on. */
bool sim_peer_in_order(const struct sim_process *process)
{
    return !process->peer.inflight_set;
}

static void schedule_done(struct sim_process *process, uint16_t queue, uint16_t head)
{
    uint64_t takes_ns = 100 * SIM_US;

    if (!sim_peer_in_order(process))
        takes_ns += (uint64_t)((head * 37u + queue * 11u) % 5u) * 60 * SIM_US;
    sim_world_later(process->world, takes_ns,
                    (struct sim_event){ .kind = SIM_EVENT_DONE,
                                        .process = process->id,
                                        .session = process->peer.session,
                                        .index = queue,
                                        .head = head });
}

static void take_on(struct sim_process *process, uint16_t queue, uint16_t head)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    const struct sim_ring *memory = &process->world->memory.rings[queue];

    if (head >= memory->size || memory->outstanding[head] == 0) {
        sim_peer_fail(process, "ring %u: executes head %u, which the guest does not own to it",
                      queue, head);
        return;
    }
    if (ring->requests[head] != 0)
        sim_peer_fail(process, "ring %u: head %u is fetched twice", queue, head);
    ring->requests[head] = memory->outstanding[head];
    ring->in_flight++;
    schedule_done(process, queue, head);
}

/* What is asked of the first rings is about requests of the others: they must have been looked at
 * before, or what was posted there earlier is missed. Who begins a ring only with a signal that the
 * guest gives has no order. */
static void judge_order(struct sim_process *process, uint16_t queue)
{
    const struct sim_memory *memory = &process->world->memory;

    /* A VMM in the midst of its own start has its own order. */
    if (process->world->relay != NULL && !sim_relay_is_idle(process->world))
        return;
    if (queue >= SIM_LATE_RINGS || process->persona->waits_to_kick)
        return;
    for (uint16_t i = SIM_LATE_RINGS; i < SIM_QUEUES_MAX; i++) {
        const struct sim_peer_ring *other = &process->peer.rings[i];

        if (other->addr_told && !(other->running && other->enabled) &&
            memory->rings[i].avail_index != other->base)
            sim_peer_fail(process, "ring %u: taken up before ring %u was looked at", queue, i);
    }
}

static void fetch_one(struct sim_process *process, uint16_t queue)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    const struct sim_ring *memory = &process->world->memory.rings[queue];
    struct sim_track *track = sim_peer_track(process, queue);
    uint16_t head = memory->avail[ring->last_avail++ % memory->size];

    judge_order(process, queue);
    if (track != NULL)
        track->entries[head] = (struct sim_entry){ .inflight = true, .counter = ++ring->counter };
    take_on(process, queue, head);
}

/* The kick is an eventfd: reading it takes what was signalled, and only once. */
static bool is_live(struct sim_process *process, struct sim_peer_ring *ring)
{
    struct sim_world *world = process->world;
    unsigned kick = sim_fd_object(&world->fds, ring->kick_fd);

    if (world->memory.objects[kick].signals > 0) {
        world->memory.objects[kick].signals = 0;
        ring->live = true;
    }
    return ring->live || !process->persona->waits_to_kick;
}

void sim_peer_fetch(struct sim_process *process, uint16_t queue)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    const struct sim_ring *memory = &process->world->memory.rings[queue];

    if (!ring->running || !ring->enabled || ring->stopping ||
        ring->generation != memory->generation)
        return;
    if (!is_live(process, ring))
        return;
    while (ring->in_flight < SIM_PEER_DEPTH && ring->last_avail != memory->avail_index &&
           !process->world->verdict.red)
        fetch_one(process, queue);
}

static void push_used(struct sim_process *process, uint16_t queue, uint16_t head)
{
    struct sim_ring *memory = &process->world->memory.rings[queue];

    memory->used[memory->used_index % memory->size] = head;
    memory->used_index++;
    process->peer.rings[queue].requests[head] = 0;
    process->peer.rings[queue].in_flight--;
}

static void link_entry(struct sim_track *track, uint16_t head)
{
    if (track == NULL)
        return;
    track->entries[head].next = track->last_batch_head;
    track->last_batch_head = head;
}

static void answer_base(struct sim_process *process, uint16_t queue)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_VRING_BASE);
    uint32_t twist = ring->stop_twist;

    ring->stopping = ring->started = ring->running = ring->live = false;
    ring->num_told = ring->base_told = ring->addr_told = false;
    reply.body.state.index = queue;
    reply.body.state.num = ring->last_avail;
    if (twist != SIM_TWIST_CLOSE)
        sim_peer_reply(process, &reply, twist);
    for (uint16_t i = 0; i < SIM_QUEUES_MAX; i++)
        if (process->peer.rings[i].started)
            return;
    process->peer.inflight_set = false;
    process->kicked = false;
}

/* A ring of an older guest is memory of nobody: nothing is written there. */
static bool is_of_this_guest(struct sim_process *process, uint16_t queue)
{
    return process->peer.rings[queue].generation == process->world->memory.rings[queue].generation;
}

static void publish(struct sim_process *process, uint16_t queue, uint16_t head)
{
    struct sim_world *world = process->world;
    struct sim_track *track = sim_peer_track(process, queue);

    link_entry(track, head);
    push_used(process, queue, head);
    if (track != NULL) {
        track->entries[head].inflight = false;
        track->used_index = world->memory.rings[queue].used_index;
    }
    unsigned call = sim_fd_object(&world->fds, process->peer.rings[queue].call_fd);
    sim_world_signal(world, call);
}

void sim_peer_done(struct sim_process *process, uint16_t queue, uint16_t head)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];

    if (!process->peer.connected || ring->requests[head] == 0)
        return;
    if (ring->requests[head] == process->world->poison) {
        sim_process_kill(process);
        return;
    }
    if (is_of_this_guest(process, queue)) {
        publish(process, queue, head);
    } else {
        ring->requests[head] = 0;
        ring->in_flight--;
    }
    if (ring->stopping && ring->in_flight == 0)
        answer_base(process, queue);
    else
        sim_peer_fetch(process, queue);
}

static void tear_ring(struct sim_process *process, uint16_t queue)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    struct sim_track *track = sim_peer_track(process, queue);
    unsigned left = 2;

    if (!ring->started || track == NULL || !is_of_this_guest(process, queue))
        return;
    for (uint16_t head = 0; head < SIM_RING_SIZE && left > 0; head++) {
        if (ring->requests[head] == 0)
            continue;
        link_entry(track, head);
        push_used(process, queue, head);
        left--;
    }
}

void sim_peer_tear(struct sim_process *process)
{
    for (uint16_t queue = 0; queue < process->world->vmm.queue_count; queue++)
        tear_ring(process, queue);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void initialise_track(struct sim_process *process, uint16_t queue, struct sim_track *track)
{
    const struct sim_ring *memory = &process->world->memory.rings[queue];

    *track = (struct sim_track){ .version = 1, .desc_num = memory->size };
    if (!process->persona->forgets_used_index)
        track->used_index = memory->used_index;
}

/* The lowest counter not yet taken on; SIM_RING_SIZE: none is left. */
static uint16_t next_to_replay(const struct sim_track *track, const struct sim_peer_ring *ring)
{
    uint16_t best = SIM_RING_SIZE;

    for (uint16_t head = 0; head < SIM_RING_SIZE; head++) {
        if (!track->entries[head].inflight || ring->requests[head] != 0)
            continue;
        if (best == SIM_RING_SIZE || track->entries[head].counter < track->entries[best].counter)
            best = head;
    }
    return best;
}

static void recover(struct sim_process *process, uint16_t queue, struct sim_track *track)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    uint16_t used = process->world->memory.rings[queue].used_index;
    uint16_t head = next_to_replay(track, ring);

    if (track->used_index != used)
        sim_peer_fail(process, "ring %u: the last batch was not settled (%u, region %u)", queue,
                      used, track->used_index);
    while (head < SIM_RING_SIZE && !process->world->verdict.red) {
        ring->counter = track->entries[head].counter;
        take_on(process, queue, head);
        head = next_to_replay(track, ring);
    }
    ring->last_avail =
        (uint16_t)((process->persona->own_base ? used : ring->base) + ring->in_flight);
}

/* No two processes may work on the same rings. */
static void judge_fence(struct sim_process *process, uint16_t queue)
{
    const struct sim_world *world = process->world;

    for (unsigned i = 0; i < world->process_count; i++) {
        const struct sim_process *other = &world->processes[i];

        if (other != process && other->alive && other->kicked && other->peer.connected)
            sim_peer_fail(process, "ring %u starts while process %u may still write to it", queue,
                          other->id);
    }
}

static void judge_start(struct sim_process *process, uint16_t queue)
{
    const struct sim_world *world = process->world;
    const struct sim_peer *peer = &process->peer;
    const struct sim_peer_ring *ring = &peer->rings[queue];
    const struct sim_vmm_ring *wanted = &world->vmm.rings[queue];
    const struct sim_ring *memory = &world->memory.rings[queue];
    bool tracks = (peer->protocol & HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD)) != 0;

    if (!ring->num_told || !ring->base_told || !ring->addr_told)
        sim_peer_fail(process, "ring %u starts without NUM, BASE and ADDR", queue);
    if (!peer->features_set)
        sim_peer_fail(process, "ring %u starts before SET_FEATURES", queue);
    if (tracks && !peer->inflight_set && !world->vmm.inflight_none &&
        process->heard_epoch == world->vmm.epoch)
        sim_peer_fail(process, "ring %u starts without SET_INFLIGHT_FD", queue);
    if (wanted->size != ring->size || wanted->desc != ring->addr.desc ||
        wanted->avail != ring->addr.avail || wanted->used != ring->addr.used)
        return; /* laid out anew while the message was on its way: it is stopped again */
    if (ring->base != memory->used_index)
        sim_peer_fail(process, "ring %u starts at base %u, its used index is %u", queue, ring->base,
                      memory->used_index);
}

void sim_peer_start_ring(struct sim_process *process, uint16_t queue)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];
    struct sim_world *world = process->world;
    const struct sim_vmm_ring *wanted = &world->vmm.rings[queue];
    struct sim_track *track = sim_peer_track(process, queue);

    judge_fence(process, queue);
    judge_start(process, queue);
    ring->started = true;
    ring->running = true;
    ring->live = false;
    ring->in_flight = 0;
    ring->last_avail = ring->base;
    memset(ring->requests, 0, sizeof(ring->requests));
    /* 0 is the generation of no ring: what was laid out anew is not touched. */
    ring->generation = wanted->desc == ring->addr.desc && wanted->size == ring->size
                           ? world->memory.rings[queue].generation
                           : 0;
    if (track != NULL && ring->generation != 0) {
        const struct sim_inflight *inflight =
            sim_inflight_of(&world->memory, sim_fd_object(&world->fds, process->peer.inflight_fd));

        if (inflight->epoch != process->heard_epoch)
            sim_peer_fail(process, "ring %u starts with the region of an older epoch", queue);
        if (track->version == 0)
            initialise_track(process, queue, track);
        recover(process, queue, track);
    }
    sim_peer_fetch(process, queue);
}

void sim_peer_stop_ring(struct sim_process *process, uint16_t queue, uint32_t twist)
{
    struct sim_peer_ring *ring = &process->peer.rings[queue];

    ring->stopping = true;
    ring->stop_twist = twist;
    if (ring->in_flight == 0)
        answer_base(process, queue);
}
