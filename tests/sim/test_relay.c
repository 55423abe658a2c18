/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay between VMM and back-end, in one virtual world. --all: every single fault at every
 * message of either side, for every back-end and every habit of a VMM (one of each with --persona=,
 * --habit=). --cases=N: of them, and of pairs of them, so many, chosen by --seed= (printed first).
 * --recovering: the back-end dies in the middle of its life, and at each message to the next one
 * something else happens, or the VMM does something. --replaced=EVERY: no fault, but at every
 * instant (every second one, ...) between two effects the relay dies, and another goes on with its
 * record. --replay=WORD runs one, with its transcript.
 */
#include "case.h"
#include "guard.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

/* Longer than a life without faults: recoveries have steps too. */
#define STEPS_MAX     240u
#define VMM_STEPS_MAX 200u
#define INSTANTS_MAX  500u
/* From a hello to rings that run, and some more. */
#define SESSION_STEPS 60u

struct options {
    const struct sim_persona *persona; /* NULL: all */
    const struct sim_relay_habit *habit;
    const char *replay;
    uint64_t seed;
    unsigned cases;
    unsigned show_max;
    unsigned stride; /* of --replaced; 0: not so */
    bool all;
    bool recovering;
    struct sim_world *world;
};

struct result {
    unsigned cases;
    unsigned red;
    unsigned met;
};

static void run_case(const struct options *options, const struct sim_case *situation,
                     struct result *result)
{
    struct sim_world *world = options->world;

    sim_guard_note(situation);
    sim_story_run(world, situation);
    result->cases++;
    result->met += world->tally.faults_injected;
    if (world->verdict.red && result->red++ < options->show_max)
        sim_case_print_red(situation, world->verdict.text);
}

static void run_steps(const struct options *options, struct sim_case situation, unsigned first,
                      unsigned count, struct result *result)
{
    for (unsigned fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_COUNT; fault++) {
        if (first != 0 && !sim_fault_is_at_once((enum sim_fault)fault))
            continue;
        for (unsigned step = 0; step < count; step++) {
            situation.fault_count = 1;
            situation.faults[0] =
                (struct sim_planned){ .step = first + step, .fault = (enum sim_fault)fault };
            run_case(options, &situation, result);
        }
    }
}

static void run_pair(const struct options *options, const struct sim_persona *persona,
                     const struct sim_relay_habit *habit, struct result *result)
{
    struct sim_case situation = sim_case_with_relay(persona, habit);
    unsigned before = result->cases;

    run_case(options, &situation, result);
    unsigned steps = options->world->step;
    unsigned vmm_steps = situation.relay->step;
    run_steps(options, situation, 0, steps, result);
    run_steps(options, situation, SIM_RELAY_STEPS, vmm_steps, result);
    printf("%s, %s: %u messages to the back-end, %u of the VMM, %u cases\n", persona->name,
           habit->name, steps, vmm_steps, result->cases - before);
    fflush(stdout);
}

/* ---- in every phase of a recovery ------------------------------------------------------------ */

static void run_recovery(const struct options *options, const struct sim_persona *persona,
                         const struct sim_relay_habit *habit, struct result *result)
{
    struct sim_case situation = sim_case_with_relay(persona, habit);
    unsigned before = result->cases;

    run_case(options, &situation, result);
    unsigned crash = options->world->step / 2;
    situation.fault_count = 2;
    situation.faults[0] = (struct sim_planned){ .step = crash, .fault = SIM_FAULT_CRASH };
    for (unsigned fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_COUNT; fault++) {
        for (unsigned i = 1; i <= SESSION_STEPS && sim_fault_is_at_once(fault); i++) {
            situation.faults[1] =
                (struct sim_planned){ .step = crash + i, .fault = (enum sim_fault)fault };
            run_case(options, &situation, result);
        }
    }
    printf("%s, %s: dead at message %u, %u cases\n", persona->name, habit->name, crash,
           result->cases - before);
    fflush(stdout);
}

/* ---- another relay goes on ------------------------------------------------------------------- */

static void run_replaced(const struct options *options, const struct sim_persona *persona,
                         const struct sim_relay_habit *habit, struct result *result)
{
    struct sim_case situation = sim_case_with_relay(persona, habit);
    unsigned before = result->cases;

    situation.replaced_at = UINT_MAX;
    run_case(options, &situation, result);
    unsigned instants = situation.relay->instants;
    for (unsigned i = 1; i <= instants; i += options->stride) {
        situation.replaced_at = i;
        run_case(options, &situation, result);
    }
    printf("%s, %s: %u instants, %u cases\n", persona->name, habit->name, instants,
           result->cases - before);
    fflush(stdout);
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef void run_fn(const struct options *options, const struct sim_persona *persona,
                    const struct sim_relay_habit *habit, struct result *result);

/* One that has no MQ has one ring, and no VMM wants a disk of one. */
static bool is_wanted(const struct options *options, const struct sim_persona *persona)
{
    return persona != &sim_persona_bare &&
           (options->persona == NULL || options->persona == persona);
}

static int run_all(void *context)
{
    const struct options *options = context;
    struct result result = { .cases = 0 };
    run_fn *run = options->stride != 0  ? run_replaced
                  : options->recovering ? run_recovery
                                        : run_pair;

    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++)
        for (unsigned j = 0; j < SIM_RELAY_HABITS; j++)
            if (is_wanted(options, sim_personas[i]) &&
                (options->habit == NULL || options->habit == sim_relay_habits[j]))
                run(options, sim_personas[i], sim_relay_habits[j], &result);
    printf("%u cases, %u red\n", result.cases, result.red);
    return result.red > 0 || (result.met == 0 && options->stride == 0);
}

/* splitmix64: small, and the same everywhere. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct sim_planned draw_fault(uint64_t *state)
{
    struct sim_planned planned;
    bool of_vmm = draw(state) % 3 == 0;

    do
        planned.fault = (enum sim_fault)(SIM_FAULT_NONE + 1 + draw(state) % (SIM_FAULT_COUNT - 1));
    while (of_vmm && !sim_fault_is_at_once(planned.fault));
    planned.step = of_vmm ? SIM_RELAY_STEPS + (unsigned)(draw(state) % VMM_STEPS_MAX)
                          : (unsigned)(draw(state) % STEPS_MAX);
    return planned;
}

static struct sim_case draw_case(const struct options *options, uint64_t *state)
{
    const struct sim_persona *persona;

    do
        persona = sim_personas[draw(state) % SIM_PERSONA_COUNT];
    while (!is_wanted(options, persona));
    const struct sim_relay_habit *habit = sim_relay_habits[draw(state) % SIM_RELAY_HABITS];
    struct sim_case situation =
        sim_case_with_relay(persona, options->habit != NULL ? options->habit : habit);

    situation.fault_count = 1 + draw(state) % 2;
    for (unsigned i = 0; i < situation.fault_count; i++)
        situation.faults[i] = draw_fault(state);
    /* Close together they meet more often. */
    if (draw(state) % 2 == 0 && situation.faults[1].step < SIM_RELAY_STEPS &&
        situation.faults[0].step < SIM_RELAY_STEPS)
        situation.faults[1].step = situation.faults[0].step + (unsigned)(draw(state) % 40);
    if (draw(state) % 4 == 0)
        situation.tale = &sim_tale_slow;
    if (draw(state) % 4 == 0)
        situation.replaced_at = 1 + (unsigned)(draw(state) % INSTANTS_MAX);
    return situation;
}

static int run_sample(void *context)
{
    const struct options *options = context;
    struct result result = { .cases = 0 };
    uint64_t state = options->seed;

    while (result.cases < options->cases) {
        struct sim_case situation = draw_case(options, &state);

        run_case(options, &situation, &result);
    }
    printf("%u cases, %u faults met, %u red, --seed=%" PRIu64 "\n", result.cases, result.met,
           result.red, options->seed);
    return result.red > 0 || result.met == 0;
}

static bool take(struct options *options, int option)
{
    if (option == 'p')
        options->persona = sim_persona_named(optarg);
    else if (option == 'h')
        options->habit = sim_relay_habit_named(optarg);
    else if (option == 'r')
        options->replay = optarg;
    else if (option == 's')
        options->seed = strtoull(optarg, NULL, 0);
    else if (option == 'n')
        options->cases = (unsigned)strtoul(optarg, NULL, 0);
    else if (option == 'm')
        options->show_max = (unsigned)strtoul(optarg, NULL, 0);
    else if (option == 'e')
        options->stride = (unsigned)strtoul(optarg, NULL, 0);
    else if (option == 'a')
        options->all = true;
    else if (option == 'v')
        options->recovering = true;
    else
        return false;
    return !(option == 'p' && options->persona == NULL) &&
           !(option == 'h' && options->habit == NULL);
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "all", no_argument, NULL, 'a' },
                                           { "recovering", no_argument, NULL, 'v' },
                                           { "persona", required_argument, NULL, 'p' },
                                           { "habit", required_argument, NULL, 'h' },
                                           { "cases", required_argument, NULL, 'n' },
                                           { "seed", required_argument, NULL, 's' },
                                           { "show", required_argument, NULL, 'm' },
                                           { "replay", required_argument, NULL, 'r' },
                                           { "replaced", required_argument, NULL, 'e' },
                                           { 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (!take(options, option))
            return false;
    return optind == argc;
}

static int run(struct options *options)
{
    if (options->replay != NULL)
        return sim_case_replay(options->world, options->replay);
    if (options->all || options->recovering || options->stride != 0)
        return sim_guard_run(run_all, options);
    printf("--cases=%u --seed=%" PRIu64 "\n", options->cases, options->seed);
    fflush(stdout);
    return sim_guard_run(run_sample, options);
}

int main(int argc, char **argv)
{
    struct options options = { .seed = (uint64_t)time(NULL), .cases = 2000, .show_max = 20 };
    int result = 2;

    options.world = malloc(sizeof(*options.world));
    if (options.world != NULL && parse(argc, argv, &options))
        result = run(&options);
    if (result == 2)
        fprintf(stderr,
                "usage: test_relay [--all] [--persona=NAME] [--habit=NAME] [--cases=N] "
                "[--seed=N] [--show=N] [--recovering] [--replaced=EVERY] [--replay=WORD]\n");
    free(options.world);
    return result;
}
