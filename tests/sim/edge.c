/* SPDX-License-Identifier: BSD-3-Clause */
/* A model of the front-end's edge: carries out effects, and feeds back what comes of them. */
#include "world.h"

#include <errno.h>
#include <string.h>

static const char *const report_names[HF_REPORT_COUNT] = {
    [HF_REPORT_CONNECTED] = "CONNECTED", [HF_REPORT_STARTED] = "STARTED",
    [HF_REPORT_STOPPED] = "STOPPED",     [HF_REPORT_LOST] = "LOST",
    [HF_REPORT_REFUSED] = "REFUSED",     [HF_REPORT_REQUEST_KILLS] = "REQUEST_KILLS",
    [HF_REPORT_FAILED] = "FAILED",
};

/* ---- dial and hang up ------------------------------------------------------------------------ */

static void connect_to(struct sim_world *world, struct sim_process *process, uint32_t dial)
{
    struct sim_edge *edge = &world->edge;

    sim_peer_accept(process, dial);
    edge->connected = true;
    edge->dial = dial;
    edge->process = process->id;
    edge->sending = false;
    edge->in_transit = 0;
    edge->started = 0;
    world->tally.sessions++;
    /* The same process again: it has ended the session in which it ran the rings. */
    sim_world_later(world, 10 * SIM_US, (struct sim_event){ .kind = SIM_EVENT_SETTLE });
}

static void dial(struct sim_world *world, const struct hf_effect *effect)
{
    struct sim_edge *edge = &world->edge;
    struct hf_event event = { .kind = HF_EVENT_DIALED, .dial = effect->dial };
    struct sim_process *process = sim_process_listening(world);

    sim_world_note(world, "dial %u", effect->dial);
    if (edge->connected)
        sim_fail(&world->verdict, "edge: dials while the last socket is open");
    if (edge->dials_to_ignore > 0) {
        edge->dials_to_ignore--;
        return;
    }
    if (process != NULL && edge->dials_to_refuse == 0 && !sim_edge_is_full(world)) {
        connect_to(world, process, effect->dial);
    } else {
        event.kind = HF_EVENT_DIAL_FAILED;
        event.error = sim_edge_is_full(world) ? EMFILE : ECONNREFUSED;
        edge->dials_to_refuse -= edge->dials_to_refuse > 0;
    }
    sim_world_feed(world, 20 * SIM_US, event);
}

void sim_edge_hang_up(struct sim_world *world)
{
    struct sim_edge *edge = &world->edge;
    struct sim_process *process = &world->processes[edge->process];

    sim_world_note(world, "hang up");
    if (!edge->connected)
        return;
    edge->connected = false;
    if (process->peer.connected && process->peer.dial == edge->dial) {
        process->abandoned = true;
        sim_world_later(world, SIM_MS,
                        (struct sim_event){ .kind = SIM_EVENT_EOF,
                                            .process = process->id,
                                            .session = process->peer.session });
    }
    if (edge->started != 0)
        world->vmm.crashed = true;
}

static void hang_up(struct sim_world *world, const struct hf_effect *effect)
{
    (void)effect;
    sim_edge_hang_up(world);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void hold_fds(struct sim_world *world, struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        message->fds[i] = sim_fd_dup(&world->fds, message->fds[i], SIM_OWNER_EDGE);
}

static void note_kick(struct sim_world *world, const struct hf_message *message)
{
    struct sim_process *process = &world->processes[world->edge.process];

    if (message->request != HF_REQUEST_SET_VRING_KICK)
        return;
    uint16_t queue = (uint16_t)(message->body.u64 & HF_WIRE_VRING_MASK);

    process->kicked = true;
    world->edge.writer = process->id;
    world->edge.writer_session = process->peer.session;
    world->edge.started |= 1u << queue;
    world->edge.generations[queue] = world->memory.rings[queue].generation;
}

static struct sim_injection inject(struct sim_world *world)
{
    struct sim_injection injection = { .lost = false };

    for (unsigned i = 0; i < world->situation.fault_count; i++) {
        if (world->situation.faults[i].step != world->step)
            continue;
        world->tally.faults_injected++;
        sim_world_note(world, "fault: %s", sim_fault_name(world->situation.faults[i].fault));
        injection = sim_fault_inject(world, world->situation.faults[i].fault);
    }
    world->step++;
    return injection;
}

/* A VMM that was answered before its rings were at rest may have gone on: its memory is another
 * guest's by now. */
static bool is_of_another_guest(const struct sim_world *world, uint16_t queue)
{
    return world->relay != NULL &&
           world->edge.generations[queue] != world->memory.rings[queue].generation;
}

/* The edge initialises a fresh region while the rings are at rest: some back-ends forget used_idx.
 */
static void prepare_region(struct sim_world *world)
{
    struct sim_inflight *inflight = sim_inflight_of(&world->memory, world->vmm.inflight);

    for (uint16_t i = 0; i < world->front.plan.queue_count; i++) {
        bool outlived = inflight->queues[i].version != 0 && is_of_another_guest(world, i);

        if (world->memory.rings[i].size != 0 && !outlived)
            sim_track_settle(&world->memory, &inflight->queues[i], i);
    }
}

/* One that the VMM handed over is seen for the first time when it is handed on. */
static void prepare_adopted(struct sim_world *world)
{
    uint64_t generation = world->front.plan.inflight.generation;

    if (world->edge.prepared == generation)
        return;
    world->edge.prepared = generation;
    world->vmm.inflight = sim_fd_object(&world->fds, world->front.plan.inflight.fd);
    prepare_region(world);
}

static void send(struct sim_world *world, const struct hf_effect *effect)
{
    struct sim_edge *edge = &world->edge;
    struct hf_message message = world->effects.message;
    const struct sim_process *process = &world->processes[edge->process];
    struct sim_event arrive = { .kind = SIM_EVENT_ARRIVE, .process = edge->process };

    (void)effect;
    if (!edge->connected || edge->sending)
        sim_fail(&world->verdict, "edge: SEND while %s",
                 edge->connected ? "the last is not sent" : "there is no socket");
    sim_world_note_message(world, "->", &message);
    if (!sim_edge_copy(world, HF_STREAM_REQUESTS, &message))
        return;
    if (world->relay != NULL && message.request == HF_REQUEST_SET_INFLIGHT_FD)
        prepare_adopted(world);
    hold_fds(world, &message);
    note_kick(world, &message);
    arrive.session = process->peer.session;
    arrive.epoch = world->vmm.epoch;
    struct sim_injection injection = inject(world);
    edge->sending = true;
    if (message.fd_count > 0 && sim_edge_is_full(world)) {
        injection.unsent = true;
        sim_edge_break_off(world, HF_FAULT_LOCAL);
    }
    if (!injection.unsent)
        sim_world_feed(world, 5 * SIM_US,
                       (struct hf_event){ .kind = HF_EVENT_SENT, .dial = edge->dial });
    if (injection.lost || injection.unsent) {
        sim_edge_drop_fds(world, &message);
        return;
    }
    arrive.message = message;
    arrive.serial = (uint32_t)injection.twist;
    edge->in_transit++;
    sim_world_later(world, 40 * SIM_US, arrive);
}

/* ---- rings ----------------------------------------------------------------------------------- */

static bool may_still_run(const struct sim_world *world)
{
    const struct sim_edge *edge = &world->edge;
    const struct sim_process *process = &world->processes[edge->settle_process];

    return edge->settle_fenced && process->alive && process->peer.connected &&
           process->peer.session == edge->settle_session;
}

static void settle_tracks(struct sim_world *world, struct hf_settled *settled)
{
    const struct hf_plan *plan = &world->front.plan;
    struct sim_inflight *inflight =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, plan->inflight.fd));

    settled->clean = true;
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        const struct sim_ring *ring = &world->memory.rings[i];
        unsigned count;

        world->edge.bases[i] = plan->rings[i].base;
        world->edge.in_flights[i] = 0;
        if (!hf_plan_ring_is_same(plan, i) || is_of_another_guest(world, i))
            continue;
        count = inflight != NULL && i < inflight->queue_count
                    ? sim_track_settle(&world->memory, &inflight->queues[i], i)
                    : (uint16_t)(ring->avail_index - ring->used_index);
        settled->in_flight += count;
        world->edge.in_flights[i] = (uint16_t)count;
        settled->clean = settled->clean && (inflight == NULL || count == 0) &&
                         plan->rings[i].base == ring->used_index;
        world->edge.bases[i] = ring->used_index;
    }
}

static void find_oldest(struct sim_world *world, struct hf_settled *settled)
{
    const struct hf_plan *plan = &world->front.plan;
    const struct sim_inflight *inflight =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, plan->inflight.fd));

    for (uint16_t i = 0; inflight != NULL && i < plan->queue_count; i++) {
        for (uint16_t head = 0; head < SIM_RING_SIZE; head++) {
            const struct sim_entry *entry = &inflight->queues[i].entries[head];

            if (!entry->inflight ||
                (settled->has_oldest && entry->counter >= settled->oldest_counter))
                continue;
            settled->has_oldest = true;
            settled->oldest_queue = i;
            settled->oldest_head = head;
            settled->oldest_counter = entry->counter;
        }
    }
}

void sim_edge_settle(struct sim_world *world)
{
    struct hf_event event = { .kind = HF_EVENT_SETTLED };

    if (!world->edge.settle_owed || may_still_run(world))
        return;
    world->edge.settle_owed = false;
    settle_tracks(world, &event.settled);
    find_oldest(world, &event.settled);
    event.settled.bases = world->edge.bases;
    event.settled.in_flights = world->edge.in_flights;
    event.settled.progressed = world->vmm.progress > 0;
    sim_world_note(world, "settled, %u in flight", event.settled.in_flight);
    /* At once: the rings are read when the event is handled, or something could come between. */
    struct sim_event now = { .front = event };
    sim_edge_feed(world, &now);
}

static void settle(struct sim_world *world, const struct hf_effect *effect)
{
    struct sim_edge *edge = &world->edge;

    edge->settle_owed = true;
    edge->settle_fenced = effect->fence;
    edge->settle_process = edge->writer;
    edge->settle_session = edge->writer_session;
    sim_world_note(world, "settle%s", effect->fence ? ", once the back-end is harmless" : "");
    sim_world_later(world, 10 * SIM_US, (struct sim_event){ .kind = SIM_EVENT_SETTLE });
}

/* At once, but what comes of it takes its time: anything may come between. */
static void convert(struct sim_world *world, const struct hf_effect *effect)
{
    const struct hf_inflight_plan *offer = &world->effects.offer;
    struct hf_event event = { .kind = HF_EVENT_CONVERTED, .dial = world->edge.dial };
    struct sim_inflight *from =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, world->front.plan.inflight.fd));
    struct sim_inflight *to =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, offer->fd));

    (void)effect;
    event.offer = *offer;
    if (from == NULL || to == NULL || from == to)
        sim_fail(&world->verdict, "edge: CONVERT without two regions");
    else if (to->read_only)
        event.why = "it cannot be written";
    else
        memcpy(to->queues, from->queues, sizeof(to->queues));
    sim_world_note(world, "convert %llu bytes into %llu%s",
                   (unsigned long long)world->front.plan.inflight.mmap_size,
                   (unsigned long long)offer->mmap_size, event.why != NULL ? ": refused" : "");
    sim_world_feed(world, 10 * SIM_US, event);
}

static void signal_all(struct sim_world *world, bool kick)
{
    const struct hf_front *front = &world->front;

    sim_world_note(world, "%s all", kick ? "kick" : "call");
    for (uint16_t place = 0; place < front->plan.queue_count; place++) {
        uint16_t i = hf_plan_ring_at(&front->plan, place);
        const struct hf_ring_plan *ring = &front->plan.rings[i];

        if (hf_session_ring_started(&front->session, i))
            sim_world_signal(world,
                             sim_fd_object(&world->fds, kick ? ring->kick_fd : ring->call_fd));
    }
}

static void kick_all(struct sim_world *world, const struct hf_effect *effect)
{
    (void)effect;
    signal_all(world, true);
}

static void call_all(struct sim_world *world, const struct hf_effect *effect)
{
    (void)effect;
    signal_all(world, false);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void arm(struct sim_world *world, const struct hf_effect *effect)
{
    struct sim_edge *edge = &world->edge;
    uint64_t at_ns = effect->deadline_ns > world->now_ns ? effect->deadline_ns : world->now_ns;
    uint64_t wait_ns = (at_ns - world->now_ns) / (edge->early_timer ? 2u : 1u) + edge->late_ns;
    struct sim_event event = { .kind = SIM_EVENT_TIMER, .front = { .kind = HF_EVENT_TIMER } };

    edge->timer_serial++;
    if (effect->deadline_ns == 0)
        return;
    event.serial = edge->timer_serial;
    sim_world_later(world, wait_ns, event);
    if (edge->double_timer)
        sim_world_feed(world, wait_ns, event.front);
    edge->late_ns = 0;
    edge->early_timer = edge->double_timer = false;
}

static void close_it(struct sim_world *world, const struct hf_effect *effect)
{
    sim_fd_close(&world->fds, effect->fd);
}

static void answer(struct sim_world *world, const struct hf_effect *effect)
{
    sim_world_note(world, "answer to question %u: %s", effect->number,
                   effect->error == 0         ? "done"
                   : effect->error == ENOTSUP ? "not supported"
                                              : "no");
    world->tally.questions_answered++;
}

static void judge_stopped(struct sim_world *world, const struct hf_report *report)
{
    if (report->clean && world->vmm.crashed)
        sim_fail(&world->verdict, "report: STOPPED clean, but rings were cut off");
    world->vmm.crashed = false;
}

static void judge_started(struct sim_world *world)
{
    world->tally.started++;
    if (world->edge.in_transit > 0 || world->edge.sending)
        sim_fail(&world->verdict, "report: STARTED, but %u messages are not confirmed",
                 world->edge.in_transit);
    else if (world->processes[world->edge.process].peer.connected && world->relay == NULL)
        sim_peer_audit(&world->processes[world->edge.process]);
}

static void report(struct sim_world *world, const struct hf_effect *effect)
{
    const struct hf_report *said = &effect->report;
    char extra[80] = "";

    world->tally.reports[said->kind]++;
    if (said->kind == HF_REPORT_STARTED && said->recovered)
        snprintf(extra, sizeof(extra), " recovered gap %.2f ms, %u were in flight",
                 (double)said->gap_ns / (double)SIM_MS, said->in_flight);
    if (said->kind == HF_REPORT_STOPPED)
        snprintf(extra, sizeof(extra), "%s, %u in flight",
                 said->clean ? " clean" : " after a crash", said->in_flight);
    if (said->kind == HF_REPORT_REQUEST_KILLS)
        snprintf(extra, sizeof(extra), " ring %u head %u", said->queue, said->head);
    sim_world_note(world, "report %s%s%s%s%s%s", report_names[said->kind], extra,
                   said->fault != HF_FAULT_NONE ? ": " : "",
                   said->fault != HF_FAULT_NONE ? hf_fault_text(said->fault) : "",
                   world->effects.detail[0] != '\0' ? ": " : "", world->effects.detail);
    if (said->kind == HF_REPORT_STOPPED)
        judge_stopped(world, said);
    if (said->kind == HF_REPORT_STARTED)
        judge_started(world);
}

static void (*const carriers[HF_EFFECT_COUNT])(struct sim_world *, const struct hf_effect *) = {
    [HF_EFFECT_DIAL] = dial,         [HF_EFFECT_SEND] = send,       [HF_EFFECT_HANG_UP] = hang_up,
    [HF_EFFECT_ARM] = arm,           [HF_EFFECT_SETTLE] = settle,   [HF_EFFECT_KICK_ALL] = kick_all,
    [HF_EFFECT_CALL_ALL] = call_all, [HF_EFFECT_CLOSE] = close_it,  [HF_EFFECT_ANSWER] = answer,
    [HF_EFFECT_REPORT] = report,     [HF_EFFECT_CONVERT] = convert,
};

/* A region reached the front-end: from now on it is the one of its epoch. */
static void note_region(struct sim_world *world, const struct sim_event *event)
{
    const struct hf_message *message = &event->message;
    bool is_taken = message->request == HF_REQUEST_GET_INFLIGHT_FD && message->fd_count > 0 &&
                    world->front.plan.inflight.fd == message->fds[0];

    if (event->front.kind != HF_EVENT_MESSAGE || message->request != HF_REQUEST_GET_INFLIGHT_FD)
        return;
    if (message->fd_count == 0 && world->front.plan.inflight.absent)
        world->vmm.inflight_none = true;
    if (!is_taken)
        return;
    world->vmm.inflight = sim_fd_object(&world->fds, message->fds[0]);
    sim_fd_give(&world->fds, message->fds[0], SIM_OWNER_PLAN);
    prepare_region(world);
}

/* The copy has taken the place of the region it was made from. */
static void note_copy(struct sim_world *world, const struct hf_event *event)
{
    if (event->kind != HF_EVENT_CONVERTED || world->front.plan.inflight.fd != event->offer.fd)
        return;
    world->vmm.inflight = sim_fd_object(&world->fds, event->offer.fd);
    sim_fd_give(&world->fds, event->offer.fd, SIM_OWNER_PLAN);
    prepare_region(world);
}

static void note_reply(struct sim_world *world, const struct hf_message *message)
{
    sim_world_note_message(world, "<-", message);
    if (message->request == HF_REQUEST_GET_VRING_BASE && message->body.state.index < SIM_QUEUES_MAX)
        world->edge.started &= ~(1u << message->body.state.index);
}

void sim_edge_feed(struct sim_world *world, struct sim_event *event)
{
    enum hf_phase before = world->front.phase;

    /* An answer nobody asked for; one that was asked for has bases. */
    if (event->front.kind == HF_EVENT_SETTLED && event->front.settled.bases == NULL &&
        world->edge.settle_owed)
        return;
    if (event->front.kind == HF_EVENT_MESSAGE)
        event->front.message = &event->message;
    if (event->front.kind == HF_EVENT_SENT && event->front.dial == world->edge.dial)
        world->edge.sending = false;
    if (event->front.kind == HF_EVENT_MESSAGE && event->front.dial == world->edge.dial)
        note_reply(world, &event->message);
    event->front.now_ns = world->now_ns;
    hf_front_step(&world->front, &event->front, &world->effects);
    hf_front_check(&world->front);
    note_region(world, event);
    note_copy(world, &event->front);
    sim_relay_record_plan(world);
    for (unsigned i = 0; i < world->effects.count && !world->verdict.red; i++) {
        if (sim_relay_dies(world))
            break;
        carriers[world->effects.list[i].kind](world, &world->effects.list[i]);
    }
    if (world->front.phase != before)
        sim_world_note(world, "phase %s -> %s", hf_phase_name(before),
                       hf_phase_name(world->front.phase));
    if (world->relay == NULL)
        return;
    sim_relay_note(world, &world->effects);
    sim_relay_pump(world);
}
