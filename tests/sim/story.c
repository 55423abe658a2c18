/* SPDX-License-Identifier: BSD-3-Clause */
/* The chapters, and what must be true at the end of each. */
#include "world.h"

#include <string.h>

#define LIMIT_NS (400 * SIM_S)

const struct sim_tale sim_tale_brisk = { .name = "brisk", .rest_ns = 50 * SIM_MS };
const struct sim_tale sim_tale_slow = { .name = "slow", .rest_ns = 100 * SIM_S };

const struct sim_tale *sim_tale_named(const char *name)
{
    static const struct sim_tale *const tales[] = { &sim_tale_brisk, &sim_tale_slow };

    for (unsigned i = 0; i < sizeof(tales) / sizeof(tales[0]); i++)
        if (strcmp(tales[i]->name, name) == 0)
            return tales[i];
    return NULL;
}

static const enum sim_action chapters[] = {
    SIM_ACTION_ASK_CONFIG, SIM_ACTION_MEMORY_ADD, SIM_ACTION_LOG_ON,        SIM_ACTION_KILL,
    SIM_ACTION_CALL,       SIM_ACTION_LOG_OFF,    SIM_ACTION_MEMORY_REMOVE, SIM_ACTION_PAUSE,
    SIM_ACTION_RESUME,     SIM_ACTION_RESET,      SIM_ACTION_PAUSE,
};
#define CHAPTER_COUNT (sizeof(chapters) / sizeof(chapters[0]))

bool sim_story_all_done(const struct sim_world *world)
{
    return sim_world_is_idle(world) && sim_vmm_quota_done(&world->vmm) && sim_vmm_runs(&world->vmm);
}

static bool is_at_rest(const struct sim_world *world)
{
    return world->front.phase == HF_PHASE_DOWN && !world->front.plan.settle_owed;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static void wait_at_most(struct sim_world *world)
{
    world->story.end_ns = world->now_ns + LIMIT_NS;
}

static void pass(struct sim_world *world, uint64_t duration_ns)
{
    world->story.end_ns = world->now_ns + duration_ns;
    /* Something happens at its end, or time would not get there. */
    sim_world_later(world, duration_ns, (struct sim_event){ .kind = SIM_EVENT_SETTLE });
}

static bool has_passed(const struct sim_world *world)
{
    return world->now_ns >= world->story.end_ns;
}

static void post(struct sim_world *world)
{
    if (!world->vmm.paused)
        sim_vmm_give_quota(world, 7);
    wait_at_most(world);
}

static bool some_are_answered(const struct sim_world *world)
{
    return world->vmm.paused || world->vmm.progress >= 2u * world->vmm.queue_count ||
           sim_vmm_quota_done(&world->vmm);
}

static void act(struct sim_world *world)
{
    enum sim_action action = world->story.action;

    sim_world_note(world, "== %s", sim_action_sentence(action));
    sim_vmm_do(world, action);
    pass(world, 2 * SIM_MS);
}

static bool has_settled(const struct sim_world *world)
{
    if (!world->vmm.paused)
        return sim_story_all_done(world);
    return sim_world_is_idle(world) && world->front.phase == HF_PHASE_READY &&
           !world->front.plan.settle_owed;
}

static void rest(struct sim_world *world)
{
    pass(world, world->situation.tale->rest_ns);
}

static void audit(struct sim_world *world)
{
    sim_peer_audit(sim_process_present(world));
}

static void stop(struct sim_world *world)
{
    sim_vmm_do(world, SIM_ACTION_STOP);
    wait_at_most(world);
}

static const struct {
    void (*enter)(struct sim_world *world);
    bool (*is_over)(const struct sim_world *world);
    enum sim_stage next;
} stages[SIM_STAGE_COUNT] = {
    [SIM_STAGE_POSTS] = { post, some_are_answered, SIM_STAGE_ACTS },
    [SIM_STAGE_ACTS] = { act, has_passed, SIM_STAGE_SETTLES },
    [SIM_STAGE_SETTLES] = { wait_at_most, has_settled, SIM_STAGE_RESTS },
    [SIM_STAGE_RESTS] = { rest, has_passed, SIM_STAGE_SETTLES_AGAIN },
    [SIM_STAGE_SETTLES_AGAIN] = { wait_at_most, has_settled, SIM_STAGE_TOLD },
    [SIM_STAGE_TOLD] = { audit, NULL, SIM_STAGE_OVER },
    [SIM_STAGE_STOPS] = { stop, is_at_rest, SIM_STAGE_OVER },
    [SIM_STAGE_OVER] = { sim_world_end, NULL, SIM_STAGE_OVER },
};

bool sim_story_is_passing(const struct sim_world *world)
{
    return stages[world->story.stage].is_over == has_passed;
}

static void enter(struct sim_world *world, enum sim_stage stage)
{
    world->story.stage = stage;
    stages[stage].enter(world);
}

static void begin_chapter(struct sim_world *world, enum sim_action action)
{
    world->story.action = action;
    enter(world, SIM_STAGE_POSTS);
}

/* One event, or the end of a stage; false: this chapter is told, or red. */
static bool go_on(struct sim_world *world)
{
    struct sim_story *story = &world->story;

    if (world->verdict.red || stages[story->stage].is_over == NULL)
        return false;
    if (stages[story->stage].is_over(world))
        enter(world, stages[story->stage].next);
    else if (world->now_ns > story->end_ns || !sim_world_step(world))
        sim_world_fail_stuck(world);
    return !world->verdict.red;
}

bool sim_story_step(struct sim_world *world)
{
    struct sim_story *story = &world->story;

    if (go_on(world))
        return true;
    if (world->verdict.red || story->stage != SIM_STAGE_TOLD)
        return false;
    if (story->chapter == CHAPTER_COUNT)
        enter(world, SIM_STAGE_STOPS);
    else
        begin_chapter(world, chapters[story->chapter++]);
    return !world->verdict.red;
}

void sim_story_open(struct sim_world *world, const struct sim_case *situation)
{
    sim_world_init(world, situation);
    sim_vmm_do(world, SIM_ACTION_SET_UP);
    sim_vmm_do(world, SIM_ACTION_START);
    sim_vmm_give_quota(world, 4);
    enter(world, SIM_STAGE_SETTLES);
}

void sim_story_begin(struct sim_world *world, const struct sim_case *situation)
{
    sim_story_open(world, situation);
    while (go_on(world))
        continue;
}

void sim_story_act(struct sim_world *world, enum sim_action action)
{
    if (world->verdict.red)
        return;
    begin_chapter(world, action);
    while (go_on(world))
        continue;
}

void sim_story_end(struct sim_world *world)
{
    sim_story_act(world, SIM_ACTION_PAUSE);
    if (world->verdict.red)
        return;
    enter(world, SIM_STAGE_STOPS);
    while (go_on(world))
        continue;
}

void sim_story_run(struct sim_world *world, const struct sim_case *situation)
{
    sim_story_open(world, situation);
    while (sim_story_step(world))
        continue;
}
