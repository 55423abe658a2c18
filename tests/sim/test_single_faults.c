/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every single fault at every message: a loop. Without options against all personas; --persona=
 * chooses one; --replay=WORD runs one case, with its transcript.
 */
#include "case.h"
#include "guard.h"

#include <getopt.h>
#include <stdlib.h>

struct options {
    const struct sim_persona *persona; /* NULL: all */
    const char *replay;
    unsigned show_max;
    bool stop_at_first;
    struct sim_world *world;
};

struct result {
    unsigned cases;
    unsigned red;
    unsigned sessions;
    unsigned not_injected;
};

static void run_case(const struct options *options, const struct sim_case *situation,
                     struct result *result)
{
    struct sim_world *world = options->world;

    sim_guard_note(situation);
    sim_story_run(world, situation);
    result->cases++;
    result->sessions += world->tally.sessions;
    result->not_injected += world->tally.faults_injected < situation->fault_count;
    if (world->verdict.red && result->red++ < options->show_max)
        sim_case_print_red(situation, world->verdict.text);
}

/* The steps of a life without faults. */
static unsigned step_count(const struct options *options, const struct sim_persona *persona,
                           struct result *result)
{
    struct sim_case situation = sim_case_of(persona);

    run_case(options, &situation, result);
    return options->world->step;
}

static void run_persona(const struct options *options, const struct sim_persona *persona,
                        struct result *result)
{
    unsigned steps = step_count(options, persona, result);

    for (unsigned fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_COUNT; fault++) {
        for (unsigned step = 0; step < steps; step++) {
            struct sim_case situation = sim_case_of(persona);

            if (options->stop_at_first && result->red > 0)
                return;
            situation.faults[0].step = step;
            situation.faults[0].fault = (enum sim_fault)fault;
            situation.fault_count = 1;
            run_case(options, &situation, result);
        }
    }
}

static int run_all(void *context)
{
    const struct options *options = context;
    struct result result = { .cases = 0 };

    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        unsigned before = result.cases;

        if (options->persona != NULL && options->persona != sim_personas[i])
            continue;
        run_persona(options, sim_personas[i], &result);
        printf("%s: %u cases\n", sim_personas[i]->name, result.cases - before);
    }
    printf("%u cases, %u sessions, %u red\n", result.cases, result.sessions, result.red);
    return result.red > 0 || result.cases == 0 || result.not_injected > 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "persona", required_argument, NULL, 'p' },
                                           { "replay", required_argument, NULL, 'r' },
                                           { "show", required_argument, NULL, 'n' },
                                           { "stop-at-first", no_argument, NULL, 'x' },
                                           { 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'p')
            options->persona = sim_persona_named(optarg);
        else if (option == 'r')
            options->replay = optarg;
        else if (option == 'n')
            options->show_max = (unsigned)strtoul(optarg, NULL, 0);
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
    struct options options = { .show_max = 20 };
    int result = 2;

    options.world = malloc(sizeof(*options.world));
    if (options.world != NULL && parse(argc, argv, &options))
        result = options.replay != NULL ? sim_case_replay(options.world, options.replay)
                                        : sim_guard_run(run_all, &options);
    if (result == 2)
        fprintf(stderr, "usage: test_single_faults [--persona=NAME] [--show=N] [--stop-at-first] "
                        "[--replay=WORD]\n");
    free(options.world);
    return result;
}
