/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every single fault at every message: a loop. Without options all faults at all steps against
 * all personas; --persona= and --fault= and --step= choose, --trace shows one case's transcript.
 */
#include "world.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const struct sim_persona *persona; /* NULL: all */
    int fault;                         /* -1: all */
    int step;                          /* -1: all */
    unsigned show_max;
    bool trace;
    bool stop_at_first;
};

struct result {
    unsigned cases;
    unsigned red;
    unsigned sessions;
    unsigned not_injected;
};

static bool is_red(struct sim_world *world, const struct sim_case *situation, struct result *result,
                   unsigned show_max)
{
    sim_story_run(world, situation);
    result->cases++;
    result->sessions += world->tally.sessions;
    result->not_injected += world->tally.faults_injected < situation->fault_count;
    if (!world->verdict.red)
        return false;
    if (result->red++ < show_max)
        printf("RED %s, step %u, %s (%u): %s\n", situation->persona->name,
               situation->faults[0].step, sim_fault_name(situation->faults[0].fault),
               situation->faults[0].fault, world->verdict.text);
    return true;
}

static unsigned step_count(struct sim_world *world, const struct sim_persona *persona,
                           struct result *result)
{
    struct sim_case situation = sim_case_of(persona);

    sim_story_run(world, &situation);
    if (world->verdict.red)
        printf("RED %s without a fault: %s\n", persona->name, world->verdict.text);
    result->red += world->verdict.red;
    return world->step;
}

static void run_persona(struct sim_world *world, const struct options *options,
                        const struct sim_persona *persona, struct result *result)
{
    unsigned steps = step_count(world, persona, result);
    unsigned first = options->step >= 0 ? (unsigned)options->step : 0;
    unsigned last = options->step >= 0 ? first : steps - 1;

    for (unsigned fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_COUNT; fault++) {
        if (options->fault >= 0 && (unsigned)options->fault != fault)
            continue;
        for (unsigned step = first; step <= last; step++) {
            if (options->stop_at_first && result->red > 0)
                return;
            struct sim_case situation = sim_case_of(persona);

            situation.faults[0].step = step;
            situation.faults[0].fault = (enum sim_fault)fault;
            situation.fault_count = 1;
            situation.transcript = options->trace ? stdout : NULL;
            is_red(world, &situation, result, options->show_max);
        }
    }
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "persona", required_argument, NULL, 'p' },
                                           { "fault", required_argument, NULL, 'f' },
                                           { "step", required_argument, NULL, 's' },
                                           { "show", required_argument, NULL, 'n' },
                                           { "trace", no_argument, NULL, 't' },
                                           { "stop-at-first", no_argument, NULL, 'x' },
                                           { 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'p')
            options->persona = sim_persona_named(optarg);
        else if (option == 'f')
            options->fault = atoi(optarg);
        else if (option == 's')
            options->step = atoi(optarg);
        else if (option == 'n')
            options->show_max = (unsigned)atoi(optarg);
        else if (option == 't')
            options->trace = true;
        else if (option == 'x')
            options->stop_at_first = true;
        else
            return false;
        if (option == 'p' && options->persona == NULL)
            return false;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = { .fault = -1, .step = -1, .show_max = 20 };
    struct result result = { .cases = 0 };
    struct sim_world *world = malloc(sizeof(*world));

    if (world == NULL || !parse(argc, argv, &options)) {
        fprintf(stderr, "usage: test_single_faults [--persona=NAME] [--fault=N] [--step=N] "
                        "[--show=N] [--trace] [--stop-at-first]\n");
        free(world);
        return 2;
    }
    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        unsigned before = result.cases;

        if (options.persona != NULL && options.persona != sim_personas[i])
            continue;
        run_persona(world, &options, sim_personas[i], &result);
        printf("%s: %u cases\n", sim_personas[i]->name, result.cases - before);
    }
    printf("%u cases, %u sessions, %u red\n", result.cases, result.sessions, result.red);
    free(world);
    return result.red > 0 || result.cases == 0 || result.not_injected > 0;
}
