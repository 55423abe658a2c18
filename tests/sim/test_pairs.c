/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two faults in one life: --pairs=N of them, chosen by --seed= (printed first, so that it is known
 * whatever happens). All of them are test_all_pairs. --replay=WORD runs one, with its transcript.
 */
#include "case.h"
#include "guard.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Longer than a story without faults: recoveries have steps too. */
#define STEPS_MAX 170u
#define SHOWN_MAX 20u

struct options {
    uint64_t seed;
    unsigned pairs;
    const char *replay;
    struct sim_world *world;
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
    if (draw(state) % 4 == 0)
        situation.tale = &sim_tale_slow;
    return situation;
}

static int run_pairs(void *context)
{
    const struct options *options = context;
    struct sim_world *world = options->world;
    uint64_t state = options->seed;
    unsigned red = 0, both = 0;

    for (unsigned i = 0; i < options->pairs; i++) {
        struct sim_case situation = draw_case(&state);

        sim_guard_note(&situation);
        sim_story_run(world, &situation);
        both += world->tally.faults_injected == 2;
        if (world->verdict.red && red++ < SHOWN_MAX)
            sim_case_print_red(&situation, world->verdict.text);
    }
    printf("%u pairs, %u with both faults met, %u red, --seed=%" PRIu64 "\n", options->pairs, both,
           red, options->seed);
    return red > 0 || both == 0;
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

static int run(struct options *options)
{
    if (options->replay != NULL)
        return sim_case_replay(options->world, options->replay);
    printf("--pairs=%u --seed=%" PRIu64 "\n", options->pairs, options->seed);
    return sim_guard_run(run_pairs, options);
}

int main(int argc, char **argv)
{
    struct options options = { .seed = (uint64_t)time(NULL), .pairs = 2000 };
    int result = 2;

    options.world = malloc(sizeof(*options.world));
    if (options.world != NULL && parse(argc, argv, &options))
        result = run(&options);
    if (result == 2)
        fprintf(stderr, "usage: test_pairs [--seed=N] [--pairs=N] [--replay=WORD]\n");
    free(options.world);
    return result;
}
