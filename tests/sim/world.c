/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual time: takes the next event and hands it to whom it concerns. */
#include "world.h"

#include <string.h>

struct sim_case sim_case_of(const struct sim_persona *persona)
{
    return (struct sim_case){ .persona = persona,
                              .queue_count = 3,
                              .tale = &sim_tale_brisk,
                              .settings = HF_FRONT_SETTINGS_DEFAULT };
}

void sim_world_init(struct sim_world *world, const struct sim_case *situation)
{
    /* The lists are large and say themselves how much of them is valid. */
    memset(world, 0, offsetof(struct sim_world, events));
    memset(&world->memory, 0, sizeof(*world) - offsetof(struct sim_world, memory));
    world->situation = *situation;
    world->now_ns = SIM_S;
    sim_events_init(&world->events, &world->verdict);
    world->fds.count = 0;
    world->fds.verdict = world->memory.verdict = &world->verdict;
    world->linger_ns = 2 * SIM_MS;
    hf_front_init(&world->front, &situation->settings, situation->queue_count);
    if (situation->relay != NULL)
        sim_relay_init(world);
    else
        sim_vmm_init(world);
    sim_process_new(world, situation->persona);
}

void sim_world_later(struct sim_world *world, uint64_t delay_ns, struct sim_event event)
{
    event.at_ns = world->now_ns + delay_ns;
    sim_events_add(&world->events, &event);
}

void sim_world_park(struct sim_world *world, struct sim_event event)
{
    event.at_ns = SIM_EVENTS_PARKED;
    sim_events_add(&world->events, &event);
}

void sim_world_feed(struct sim_world *world, uint64_t delay_ns, struct hf_event event)
{
    sim_world_later(world, delay_ns, (struct sim_event){ .kind = SIM_EVENT_FRONT, .front = event });
}

/* ---- signals --------------------------------------------------------------------------------- */

static void kick_heard(struct sim_world *world, uint16_t queue)
{
    for (unsigned i = 0; i < world->process_count; i++)
        if (world->processes[i].alive && world->processes[i].peer.connected)
            sim_world_later(world, 2 * SIM_US,
                            (struct sim_event){ .kind = SIM_EVENT_FETCH,
                                                .process = i,
                                                .session = world->processes[i].peer.session,
                                                .index = queue });
}

/* A write to an eventfd: somebody who waits for it wakes up. */
void sim_world_signal(struct sim_world *world, unsigned object)
{
    struct sim_object *target = &world->memory.objects[object];

    if (object == 0)
        return;
    target->signals++;
    if (target->kind == SIM_KIND_KICK)
        kick_heard(world, target->index);
    /* The guest waits for the descriptor it gave last, and for no other. */
    if (target->kind == SIM_KIND_CALL && world->vmm.rings[target->index].call == object)
        sim_world_later(world, 2 * SIM_US,
                        (struct sim_event){ .kind = SIM_EVENT_HARVEST, .index = target->index });
}

/* ---- events ---------------------------------------------------------------------------------- */

static void drop_message(struct sim_world *world, struct sim_event *event)
{
    for (unsigned i = 0; i < event->message.fd_count; i++)
        sim_fd_close(&world->fds, event->message.fds[i]);
}

static void arrive(struct sim_world *world, struct sim_event *event)
{
    struct sim_process *process = &world->processes[event->process];
    bool is_open = process->alive && !process->killed && process->peer.connected &&
                   process->peer.session == event->session;

    if (is_open && process->stopped) {
        sim_world_park(world, *event);
        return;
    }
    if (process->id == world->edge.process && world->edge.dial == process->peer.dial &&
        world->edge.in_transit > 0)
        world->edge.in_transit--;
    process->heard_epoch = event->epoch;
    if (is_open)
        sim_peer_receive(process, &event->message, event->serial);
    else
        drop_message(world, event);
}

static void at_work(struct sim_world *world, struct sim_event *event)
{
    struct sim_process *process = &world->processes[event->process];

    if (!process->alive || process->killed || !process->peer.connected ||
        process->peer.session != event->session)
        return;
    if (process->stopped)
        sim_world_park(world, *event);
    else if (event->kind == SIM_EVENT_FETCH)
        sim_peer_fetch(process, event->index);
    else
        sim_peer_done(process, event->index, event->head);
}

static void timer(struct sim_world *world, struct sim_event *event)
{
    if (event->serial == world->edge.timer_serial)
        sim_edge_feed(world, event);
}

static void harvest(struct sim_world *world, struct sim_event *event)
{
    sim_vmm_harvest(world, event->index);
}

static void supervise(struct sim_world *world, struct sim_event *event)
{
    sim_process_handle(world, event);
}

static void settle(struct sim_world *world, struct sim_event *event)
{
    (void)event;
    sim_edge_settle(world);
}

static void act(struct sim_world *world, struct sim_event *event)
{
    sim_vmm_do(world, (enum sim_action)event->index);
}

/* ---- with a relay ---------------------------------------------------------------------------- */

static bool is_of_the_vmm(const struct sim_world *world, const struct sim_event *event)
{
    return world->relay->vmm.there && world->relay->vmm.serial == event->session;
}

static void vmm_sends(struct sim_world *world, struct sim_event *event)
{
    if (is_of_the_vmm(world, event))
        sim_relay_receive(world, &event->message);
    else
        drop_message(world, event);
}

static void vmm_hears(struct sim_world *world, struct sim_event *event)
{
    if (is_of_the_vmm(world, event))
        sim_relay_vmm_hear(world, &event->message);
    else
        drop_message(world, event);
}

static void vmm_acts(struct sim_world *world, struct sim_event *event)
{
    if (!is_of_the_vmm(world, event))
        return;
    world->relay->vmm.pauses = false;
    sim_relay_vmm_go_on(world);
}

static void relay_timer(struct sim_world *world, struct sim_event *event)
{
    sim_relay_timer(world, event->serial);
}

static void (*const handlers[SIM_EVENT_COUNT])(struct sim_world *, struct sim_event *) = {
    [SIM_EVENT_FRONT] = sim_edge_feed,
    [SIM_EVENT_TIMER] = timer,
    [SIM_EVENT_ARRIVE] = arrive,
    [SIM_EVENT_EOF] = supervise,
    [SIM_EVENT_FETCH] = at_work,
    [SIM_EVENT_DONE] = at_work,
    [SIM_EVENT_HARVEST] = harvest,
    [SIM_EVENT_RESTART] = supervise,
    [SIM_EVENT_KILL] = supervise,
    [SIM_EVENT_DEATH] = supervise,
    [SIM_EVENT_WAKE] = supervise,
    [SIM_EVENT_SETTLE] = settle,
    [SIM_EVENT_HOST] = act,
    [SIM_EVENT_VMM_SENDS] = vmm_sends,
    [SIM_EVENT_VMM_HEARS] = vmm_hears,
    [SIM_EVENT_VMM_ACTS] = vmm_acts,
    [SIM_EVENT_RELAY_TIMER] = relay_timer,
};

bool sim_world_is_idle(const struct sim_world *world)
{
    const struct hf_front *front = &world->front;

    return hf_phase_agreed(front->phase) && front->phase != HF_PHASE_STOPPING &&
           world->edge.connected && world->processes[world->edge.process].peer.connected &&
           !world->edge.sending && world->edge.in_transit == 0 &&
           front->session.pending_count == 0 &&
           front->session.silent_count == front->session.silent_confirmed &&
           !world->edge.settle_owed &&
           (front->phase == HF_PHASE_RUNNING || !sim_vmm_runs(&world->vmm)) &&
           (world->relay == NULL || sim_relay_is_idle(world));
}

bool sim_world_step(struct sim_world *world)
{
    struct sim_event event;

    if (world->verdict.red || !sim_events_take(&world->events, &event))
        return false;
    world->now_ns = event.at_ns;
    handlers[event.kind](world, &event);
    return !world->verdict.red;
}

void sim_world_fail_stuck(struct sim_world *world)
{
    sim_fail(&world->verdict, "stuck: phase %s%s%s%s, %llu of %llu requests completed",
             hf_phase_name(world->front.phase),
             world->relay != NULL && !sim_relay_is_idle(world) ? ", the VMM waits" : "",
             world->front.plan.settle_owed ? ", settle owed" : "",
             world->edge.connected ? ", connected" : "",
             (unsigned long long)world->memory.completed, (unsigned long long)world->memory.posted);
}

bool sim_world_run(struct sim_world *world, bool (*reached)(const struct sim_world *world),
                   uint64_t limit_ns)
{
    uint64_t end_ns = world->now_ns + limit_ns;

    while (!reached(world)) {
        if (world->now_ns <= end_ns && sim_world_step(world))
            continue;
        sim_world_fail_stuck(world);
        return false;
    }
    return !world->verdict.red;
}

void sim_world_pass(struct sim_world *world, uint64_t duration_ns)
{
    uint64_t end_ns = world->now_ns + duration_ns;

    sim_world_later(world, duration_ns, (struct sim_event){ .kind = SIM_EVENT_SETTLE });
    while (world->now_ns < end_ns && sim_world_step(world))
        continue;
}

void sim_world_end(struct sim_world *world)
{
    for (unsigned i = 0; i < world->process_count; i++) {
        world->processes[i].alive = world->processes[i].listening = false;
        sim_peer_close(&world->processes[i]);
        sim_events_unpark(&world->events, i, world->now_ns);
    }
    /* What is still on its way must not be lost track of. */
    while (!world->verdict.red && world->events.count > 0) {
        struct sim_event event;

        sim_events_take(&world->events, &event);
        if (event.kind == SIM_EVENT_ARRIVE || event.kind == SIM_EVENT_FRONT ||
            event.kind == SIM_EVENT_VMM_SENDS || event.kind == SIM_EVENT_VMM_HEARS)
            handlers[event.kind](world, &event);
    }
    if (world->relay != NULL)
        sim_relay_close(world);
    sim_vmm_close(world);
    if (world->tally.questions_asked != world->tally.questions_answered)
        sim_fail(&world->verdict, "questions: %u asked, %u answered", world->tally.questions_asked,
                 world->tally.questions_answered);
    sim_fds_balance(&world->fds);
}
