/* SPDX-License-Identifier: BSD-3-Clause */
/* Each persona lives through the whole story with nothing going wrong. */
#include "world.h"

#include "../unit/cmocka_all.h"

#include <stdlib.h>

static void each_persona_lives_through_the_story(void **state)
{
    struct sim_world *world = malloc(sizeof(*world));

    (void)state;
    assert_non_null(world);
    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        struct sim_case situation = sim_case_of(sim_personas[i]);

        if (getenv("SIM_TRACE") != NULL)
            situation.transcript = stderr;
        sim_story_run(world, &situation);
        if (world->verdict.red)
            fail_msg("%s: %s", sim_personas[i]->name, world->verdict.text);
        print_message("%s: %u messages, %llu requests\n", sim_personas[i]->name, world->step,
                      (unsigned long long)world->memory.completed);
    }
    free(world);
}

/* 96 messages of a start are acknowledged, 32 at most wait for it. */
static void sixteen_rings_are_more_than_can_be_pending(void **state)
{
    struct sim_world *world = malloc(sizeof(*world));

    (void)state;
    assert_non_null(world);
    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        struct sim_case situation = sim_case_of(sim_personas[i]);

        situation.queue_count = SIM_QUEUES_MAX;
        sim_story_run(world, &situation);
        if (world->verdict.red)
            fail_msg("%s: %s", sim_personas[i]->name, world->verdict.text);
    }
    free(world);
}

static void indices_may_wrap(void **state)
{
    struct sim_world *world = malloc(sizeof(*world));

    (void)state;
    assert_non_null(world);
    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        struct sim_case situation = sim_case_of(sim_personas[i]);

        situation.first_index = 65530;
        sim_story_run(world, &situation);
        if (world->verdict.red)
            fail_msg("%s: %s", sim_personas[i]->name, world->verdict.text);
    }
    free(world);
}

/* ---- while a region is copied ---------------------------------------------------------------- */

static void hang_up(struct sim_world *world)
{
    sim_process_hang_up(sim_process_present(world), HF_FAULT_HANGUP);
}

static void reset(struct sim_world *world)
{
    sim_vmm_do(world, SIM_ACTION_RESET);
}

static void reset_in_no_time(struct sim_world *world)
{
    sim_vmm_do(world, SIM_ACTION_LAYOUT);
}

static void stop_and_start(struct sim_world *world)
{
    sim_vmm_do(world, SIM_ACTION_STOP);
    sim_vmm_do(world, SIM_ACTION_START);
}

static void pause_and_resume(struct sim_world *world)
{
    sim_vmm_do(world, SIM_ACTION_HALT);
    sim_vmm_do(world, SIM_ACTION_GO);
}

static bool is_copying(const struct sim_world *world)
{
    return world->front.session.converting != 0;
}

static void meet_another_layout(struct sim_world *world, const struct sim_persona *persona)
{
    struct sim_case situation = sim_case_of(persona);

    sim_story_begin(world, &situation);
    sim_vmm_give_quota(world, 7);
    sim_world_pass(world, 200 * SIM_US);
    world->poor = *persona;
    world->poor.stride_rounding = 128;
    world->next_persona = &world->poor;
    sim_vmm_do(world, SIM_ACTION_KILL);
    sim_world_run(world, is_copying, SIM_S);
}

/* The next connection begins with the region that was in use, or with none after a reset. */
static void whatever_happens_while_a_region_is_copied_is_survived(void **state)
{
    static void (*const mishaps[])(struct sim_world *) = { hang_up, reset, reset_in_no_time,
                                                           stop_and_start, pause_and_resume };
    struct sim_world *world = malloc(sizeof(*world));

    (void)state;
    assert_non_null(world);
    for (unsigned i = 0; i < sizeof(mishaps) / sizeof(mishaps[0]); i++) {
        meet_another_layout(world, &sim_persona_yc);
        assert_false(world->verdict.red);
        mishaps[i](world);
        sim_world_run(world, sim_story_all_done, 10 * SIM_S);
        sim_story_act(world, SIM_ACTION_CALL);
        sim_story_end(world);
        if (world->verdict.red)
            fail_msg("%u: %s", i, world->verdict.text);
    }
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_persona_lives_through_the_story),
        cmocka_unit_test(sixteen_rings_are_more_than_can_be_pending),
        cmocka_unit_test(indices_may_wrap),
        cmocka_unit_test(whatever_happens_while_a_region_is_copied_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
