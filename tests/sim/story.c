/* SPDX-License-Identifier: BSD-3-Clause */
/* The chapters, and what must be true at the end of each. */
#include "story.h"

#define CHAPTER_LIMIT_NS (400 * SIM_S)

static bool some_done(const struct sim_world *world)
{
    return world->vmm.progress >= 2u * world->vmm.queue_count || sim_vmm_quota_done(&world->vmm);
}

bool sim_story_all_done(const struct sim_world *world)
{
    return sim_world_is_idle(world) && sim_vmm_quota_done(&world->vmm) && sim_vmm_runs(&world->vmm);
}

static bool paused(const struct sim_world *world)
{
    return sim_world_is_idle(world) && world->front.phase == HF_PHASE_READY &&
           !world->front.plan.settle_owed;
}

bool sim_story_at_rest(const struct sim_world *world)
{
    return world->front.phase == HF_PHASE_DOWN && !world->front.plan.settle_owed;
}

static void audit(struct sim_world *world)
{
    if (!world->verdict.red)
        sim_peer_audit(sim_process_present(world));
}

static bool finish(struct sim_world *world)
{
    bool (*end)(const struct sim_world *) = world->vmm.paused ? paused : sim_story_all_done;

    if (!sim_world_run(world, end, CHAPTER_LIMIT_NS))
        return false;
    /* What was injected with a delay has its time, and may begin it all again. */
    sim_world_pass(world, 50 * SIM_MS);
    if (!sim_world_run(world, end, CHAPTER_LIMIT_NS))
        return false;
    audit(world);
    return !world->verdict.red;
}

void sim_story_begin(struct sim_world *world, const struct sim_case *situation)
{
    sim_world_init(world, situation);
    sim_vmm_do(world, SIM_ACTION_SET_UP);
    sim_vmm_do(world, SIM_ACTION_START);
    sim_vmm_give_quota(world, 4);
    finish(world);
}

void sim_story_act(struct sim_world *world, enum sim_action action)
{
    if (world->verdict.red)
        return;
    if (sim_vmm_runs(&world->vmm)) {
        sim_vmm_give_quota(world, 7);
        if (!sim_world_run(world, some_done, CHAPTER_LIMIT_NS))
            return;
    }
    sim_world_note(world, "== %s", sim_action_sentence(action));
    sim_vmm_do(world, action);
    sim_world_pass(world, 2 * SIM_MS);
    finish(world);
}

void sim_story_end(struct sim_world *world)
{
    if (world->verdict.red)
        return;
    sim_story_act(world, SIM_ACTION_PAUSE);
    if (world->verdict.red)
        return;
    sim_vmm_do(world, SIM_ACTION_STOP);
    sim_world_run(world, sim_story_at_rest, CHAPTER_LIMIT_NS);
    sim_world_end(world);
}

void sim_story_run(struct sim_world *world, const struct sim_case *situation)
{
    static const enum sim_action chapters[] = {
        SIM_ACTION_ASK_CONFIG, SIM_ACTION_MEMORY_ADD, SIM_ACTION_LOG_ON,        SIM_ACTION_KILL,
        SIM_ACTION_CALL,       SIM_ACTION_LOG_OFF,    SIM_ACTION_MEMORY_REMOVE, SIM_ACTION_PAUSE,
        SIM_ACTION_RESUME,     SIM_ACTION_RESET,
    };

    sim_story_begin(world, situation);
    for (unsigned i = 0; i < sizeof(chapters) / sizeof(chapters[0]); i++)
        sim_story_act(world, chapters[i]);
    sim_story_end(world);
}
