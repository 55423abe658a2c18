/* SPDX-License-Identifier: BSD-3-Clause */
/* The supervisor of back-end processes: they live, stop, wake, die, and are started again. */
#include "world.h"

#define RESTART_NS (5 * SIM_MS)

static void restart_later(struct sim_world *world)
{
    sim_world_later(world, RESTART_NS, (struct sim_event){ .kind = SIM_EVENT_RESTART });
}

struct sim_process *sim_process_new(struct sim_world *world, const struct sim_persona *persona)
{
    unsigned id = world->process_count;

    if (id == SIM_PROCESSES_MAX) {
        sim_fail(&world->verdict, "sim: more than %u processes", SIM_PROCESSES_MAX);
        return &world->processes[0];
    }
    for (unsigned i = 0; i < id; i++)
        world->processes[i].listening = false;
    world->process_count++;
    world->processes[id] = (struct sim_process){
        .world = world, .persona = persona, .id = id, .alive = true, .listening = true
    };
    return &world->processes[id];
}

struct sim_process *sim_process_present(struct sim_world *world)
{
    return &world->processes[world->edge.process];
}

struct sim_process *sim_process_listening(struct sim_world *world)
{
    for (unsigned i = 0; i < world->process_count; i++)
        if (world->processes[i].listening)
            return &world->processes[i];
    return NULL;
}

static void front_sees_end(struct sim_process *process, enum hf_fault fault)
{
    struct sim_world *world = process->world;

    if (world->edge.connected && world->edge.dial == process->peer.dial)
        sim_world_feed(world, 20 * SIM_US,
                       (struct hf_event){
                           .kind = HF_EVENT_HANGUP, .dial = process->peer.dial, .fault = fault });
}

void sim_process_hang_up(struct sim_process *process, enum hf_fault fault)
{
    if (!process->peer.connected)
        return;
    front_sees_end(process, fault);
    sim_peer_close(process);
}

void sim_process_kill(struct sim_process *process)
{
    struct sim_world *world = process->world;

    if (!process->alive || process->killed)
        return;
    sim_world_note(world, "process %u is killed", process->id);
    if (process->peer.connected)
        front_sees_end(process, HF_FAULT_HANGUP);
    process->killed = true;
    sim_events_unpark(&world->events, process->id, world->now_ns);
    if (process->listening)
        restart_later(world);
    process->listening = false;
    sim_world_later(world, world->linger_ns,
                    (struct sim_event){ .kind = SIM_EVENT_DEATH, .process = process->id });
    world->linger_ns = 2 * SIM_MS;
}

/* Nothing more is heard of it. A new one takes over the socket once the front-end has given up on
 * this one; only later is it killed, or does it wake up. */
void sim_process_stop(struct sim_process *process)
{
    sim_world_note(process->world, "process %u is stopped", process->id);
    process->stopped = true;
}

static void death(struct sim_process *process)
{
    if (!process->alive)
        return;
    sim_world_note(process->world, "process %u is gone", process->id);
    process->alive = process->listening = false;
    sim_peer_close(process);
    sim_edge_settle(process->world);
}

static void end_of_file(struct sim_process *process, const struct sim_event *event)
{
    struct sim_world *world = process->world;

    if (!process->alive || process->killed || process->peer.session != event->session)
        return;
    if (process->stopped && process->listening) {
        process->listening = false;
        restart_later(world);
        sim_world_later(
            world, 40 * SIM_MS,
            (struct sim_event){ .kind = process->exits ? SIM_EVENT_WAKE : SIM_EVENT_KILL,
                                .process = process->id });
    }
    if (process->stopped) {
        sim_world_park(world, *event);
        return;
    }
    sim_peer_close(process);
    if (process->exits)
        death(process);
}

static void restart(struct sim_world *world)
{
    const struct sim_persona *persona =
        world->next_persona != NULL ? world->next_persona : world->situation.persona;
    struct sim_process *process;

    if (world->no_restart || sim_process_listening(world) != NULL)
        return;
    process = sim_process_new(world, persona);
    sim_world_note(world, "process %u listens%s", process->id,
                   world->next_persona != NULL ? ", another one" : "");
    /* A poor one is replaced by a good one. */
    if (world->next_persona != NULL)
        sim_world_later(world, 300 * SIM_MS,
                        (struct sim_event){ .kind = SIM_EVENT_KILL, .process = process->id });
    world->next_persona = NULL;
    sim_world_feed(world, 10 * SIM_US, (struct hf_event){ .kind = HF_EVENT_APPEARED });
}

/* What it reads now may stop it again, and then nobody would end it. */
static void wake(struct sim_process *process)
{
    sim_world_later(process->world, 40 * SIM_MS,
                    (struct sim_event){ .kind = SIM_EVENT_KILL, .process = process->id });
    sim_world_note(process->world, "process %u wakes up", process->id);
    process->stopped = false;
    sim_events_unpark(&process->world->events, process->id, process->world->now_ns);
}

void sim_process_handle(struct sim_world *world, const struct sim_event *event)
{
    struct sim_process *process = &world->processes[event->process];

    if (event->kind == SIM_EVENT_EOF)
        end_of_file(process, event);
    else if (event->kind == SIM_EVENT_RESTART)
        restart(world);
    else if (event->kind == SIM_EVENT_KILL)
        sim_process_kill(process);
    else if (event->kind == SIM_EVENT_DEATH)
        death(process);
    else if (event->kind == SIM_EVENT_WAKE)
        wake(process);
}
