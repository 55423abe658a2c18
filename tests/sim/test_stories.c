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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_persona_lives_through_the_story),
        cmocka_unit_test(sixteen_rings_are_more_than_can_be_pending),
        cmocka_unit_test(indices_may_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
