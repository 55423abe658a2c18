/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two faults in one life: --pairs=N of them, chosen by --seed= (printed, so that a run repeats).
 * --replay=PERSONA:STEP:FAULT:STEP:FAULT runs one, with its transcript.
 */
#include "world.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than a story without faults: recoveries have steps too. */
#define STEPS_MAX 170u

struct options {
    uint64_t seed;
    unsigned pairs;
    const char *replay;
};

/* splitmix64: small, and the same everywhere. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct sim_case draw_case(uint64_t *state)
{
    struct sim_case situation = sim_case_of(sim_personas[draw(state) % SIM_PERSONA_COUNT]);

    situation.fault_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        situation.faults[i].step = (unsigned)(draw(state) % STEPS_MAX);
        situation.faults[i].fault =
            (enum sim_fault)(SIM_FAULT_NONE + 1 + draw(state) % (SIM_FAULT_COUNT - 1));
    }
    /* Close together they meet more often. */
    if (draw(state) % 2 == 0)
        situation.faults[1].step = situation.faults[0].step + (unsigned)(draw(state) % 40);
    return situation;
}

static bool run_case(struct sim_world *world, const struct sim_case *situation)
{
    const struct sim_planned *faults = situation->faults;

    sim_story_run(world, situation);
    if (!world->verdict.red)
        return true;
    printf("RED --replay=%s:%u:%u:%u:%u (%s; %s): %s\n", situation->persona->name, faults[0].step,
           faults[0].fault, faults[1].step, faults[1].fault, sim_fault_name(faults[0].fault),
           sim_fault_name(faults[1].fault), world->verdict.text);
    return false;
}

static int run_pairs(struct sim_world *world, const struct options *options)
{
    uint64_t state = options->seed;
    unsigned red = 0, both = 0;

    for (unsigned i = 0; i < options->pairs; i++) {
        struct sim_case situation = draw_case(&state);

        red += !run_case(world, &situation);
        both += world->tally.faults_injected == 2;
    }
    printf("%u pairs, %u with both faults met, %u red, --seed=%" PRIu64 "\n", options->pairs, both,
           red, options->seed);
    return red > 0 || both == 0;
}

static int replay(struct sim_world *world, const char *text)
{
    char name[20];
    unsigned numbers[4];

    if (sscanf(text, "%19[a-z]:%u:%u:%u:%u", name, &numbers[0], &numbers[1], &numbers[2],
               &numbers[3]) != 5 ||
        sim_persona_named(name) == NULL || numbers[1] >= SIM_FAULT_COUNT ||
        numbers[3] >= SIM_FAULT_COUNT)
        return 2;
    struct sim_case situation = sim_case_of(sim_persona_named(name));
    situation.fault_count = 2;
    situation.faults[0] = (struct sim_planned){ numbers[0], (enum sim_fault)numbers[1] };
    situation.faults[1] = (struct sim_planned){ numbers[2], (enum sim_fault)numbers[3] };
    situation.transcript = stdout;
    return !run_case(world, &situation);
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "seed", required_argument, NULL, 's' },
                                           { "pairs", required_argument, NULL, 'n' },
                                           { "replay", required_argument, NULL, 'r' },
                                           { 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 's')
            options->seed = strtoull(optarg, NULL, 0);
        else if (option == 'n')
            options->pairs = (unsigned)strtoul(optarg, NULL, 0);
        else if (option == 'r')
            options->replay = optarg;
        else
            return false;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = { .seed = (uint64_t)time(NULL), .pairs = 2000 };
    struct sim_world *world = malloc(sizeof(*world));
    int result = 2;

    if (world != NULL && parse(argc, argv, &options))
        result =
            options.replay != NULL ? replay(world, options.replay) : run_pairs(world, &options);
    if (result == 2)
        fprintf(stderr, "usage: test_pairs [--seed=N] [--pairs=N] "
                        "[--replay=PERSONA:STEP:FAULT:STEP:FAULT]\n");
    free(world);
    return result;
}
