/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All pairs of faults: for each persona, each message a of the slow tale's life without faults,
 * each fault A at it, each message b after a of the life that A makes of it, up to its end, and
 * each fault B at that: one case. They are counted, one by one; of those that come to a state in
 * which another case has been (state.h) only that one goes on.
 *
 * Not among them: two faults at one message; the brisk tale, where chapters follow each other
 * within 50 ms (test_pairs draws from both, and two at one message); other numbers of rings, other
 * indices to begin with (test_stories).
 *
 * --slice=I/N runs every N-th message a, beginning with I (from 1). --progress=FILE remembers which
 * are done, so that a run that was interrupted goes on. --doubt=N lets one of N lives that need not
 * go on do so all the same. --replay=WORD runs one case, with its transcript.
 */
#include "case.h"
#include "explore.h"
#include "guard.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SHOWN_MAX 20u
#define STEPS_MAX 1000u

struct options {
    const struct sim_persona *persona; /* NULL: all */
    const struct sim_tale *tale;
    unsigned slice;
    unsigned slices;
    unsigned doubt;
    const char *progress; /* a file; NULL: none */
    const char *replay;
    int64_t build; /* what is done is done with the same program only */
};

struct sum {
    uint64_t cases;
    uint64_t lives;
    unsigned red;
    unsigned steps;
};

/* ---- what is done ---------------------------------------------------------------------------- */

static void read_progress(const struct options *options, const char *persona,
                          struct sum done[static STEPS_MAX])
{
    FILE *in = options->progress != NULL ? fopen(options->progress, "r") : NULL;
    char name[40], tale[40], line[200];
    struct sum sum;
    int64_t build;
    unsigned step;

    memset(done, 0, STEPS_MAX * sizeof(done[0]));
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        if (sscanf(line, "%" SCNd64 " %39s %39s %u %" SCNu64 " %" SCNu64 " %u", &build, name, tale,
                   &step, &sum.cases, &sum.lives, &sum.red) != 7 ||
            build != options->build || strcmp(name, persona) != 0 ||
            strcmp(tale, options->tale->name) != 0 || step >= STEPS_MAX)
            continue;
        sum.steps = 1;
        done[step] = sum;
    }
    if (in != NULL)
        fclose(in);
}

static void write_progress(const struct options *options, const char *persona, unsigned step,
                           const struct sum *sum)
{
    FILE *out = options->progress != NULL ? fopen(options->progress, "a") : NULL;

    if (out == NULL)
        return;
    fprintf(out, "%" PRId64 " %s %s %u %" PRIu64 " %" PRIu64 " %u\n", options->build, persona,
            options->tale->name, step, sum->cases, sum->lives, sum->red);
    fclose(out);
}

/* ---- the cases ------------------------------------------------------------------------------- */

static void run_step(const struct options *options, struct sim_explorer *explorer, unsigned step,
                     struct sum *sum)
{
    struct sum before = { explorer->cases, explorer->lives, explorer->red, 0 };

    sim_explorer_run(explorer, step);
    *sum = (struct sum){ explorer->cases - before.cases, explorer->lives - before.lives,
                         explorer->red - before.red, 1 };
    write_progress(options, explorer->situation.persona->name, step, sum);
}

static void add(struct sum *sum, const struct sum *other)
{
    sum->cases += other->cases;
    sum->lives += other->lives;
    sum->red += other->red;
    sum->steps += other->steps;
}

static void run_steps(const struct options *options, struct sim_explorer *explorer, struct sum *all)
{
    const char *persona = explorer->situation.persona->name;
    struct sum done[STEPS_MAX], sum = { .red = 0 };
    time_t started = time(NULL);
    unsigned steps = sim_explorer_begin(explorer);

    read_progress(options, persona, done);
    /* The last first: from the others one comes to where these have been. */
    for (unsigned step = steps; step-- > 0;) {
        if (step % options->slices != options->slice - 1)
            continue;
        if (done[step].steps == 0)
            run_step(options, explorer, step, &done[step]);
        add(&sum, &done[step]);
    }
    sum.red += explorer->red > 0 && sum.red == 0;
    printf("%s: %" PRIu64 " cases at %u of %u messages, by %" PRIu64 " lives (%" PRIu64
           " joined, %" PRIu64 " doubted, %" PRIu64 " apart, %zu states), %u red, %lld s\n",
           persona, sum.cases, sum.steps, steps, sum.lives, explorer->joined, explorer->doubted,
           explorer->apart, explorer->green.count, sum.red, (long long)(time(NULL) - started));
    fflush(stdout);
    add(all, &sum);
}

static int run_all(void *context)
{
    const struct options *options = context;
    struct sum all = { .red = 0 };

    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++) {
        struct sim_case situation = sim_case_of(sim_personas[i]);
        struct sim_explorer explorer;

        if (options->persona != NULL && options->persona != sim_personas[i])
            continue;
        situation.tale = options->tale;
        if (!sim_explorer_init(&explorer, &situation))
            return 2;
        explorer.doubt = SIM_STATE_IS_EXACT ? options->doubt : 0;
        explorer.red_max = SHOWN_MAX;
        run_steps(options, &explorer, &all);
        sim_explorer_done(&explorer);
    }
    printf("%" PRIu64 " cases, %u red\n", all.cases, all.red);
    return all.red > 0 || all.cases == 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool take(struct options *options, int option)
{
    if (option == 'p')
        return (options->persona = sim_persona_named(optarg)) != NULL;
    if (option == 't')
        return (options->tale = sim_tale_named(optarg)) != NULL;
    if (option == 's')
        return sscanf(optarg, "%u/%u", &options->slice, &options->slices) == 2 &&
               options->slice >= 1 && options->slice <= options->slices;
    if (option == 'd')
        return sscanf(optarg, "%u", &options->doubt) == 1;
    if (option == 'f')
        options->progress = optarg;
    if (option == 'r')
        options->replay = optarg;
    return option == 'f' || option == 'r';
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "persona", required_argument, NULL, 'p' },
                                           { "tale", required_argument, NULL, 't' },
                                           { "slice", required_argument, NULL, 's' },
                                           { "doubt", required_argument, NULL, 'd' },
                                           { "progress", required_argument, NULL, 'f' },
                                           { "replay", required_argument, NULL, 'r' },
                                           { 0 } };
    struct stat program;
    int option;

    if (stat("/proc/self/exe", &program) == 0)
        options->build = program.st_mtime;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (!take(options, option))
            return false;
    return optind == argc;
}

static int replay(const char *word)
{
    struct sim_world *world = malloc(sizeof(*world));
    int result = world == NULL ? 2 : sim_case_replay(world, word);

    free(world);
    return result;
}

int main(int argc, char **argv)
{
    struct options options = {
        .tale = &sim_tale_slow, .slice = 1, .slices = 1, .doubt = 97, .progress = NULL
    };
    int result = 2;

    if (parse(argc, argv, &options))
        result = options.replay != NULL ? replay(options.replay) : sim_guard_run(run_all, &options);
    if (result == 2)
        fprintf(stderr, "usage: test_all_pairs [--persona=NAME] [--tale=NAME] [--slice=I/N] "
                        "[--progress=FILE] [--doubt=N] [--replay=WORD]\n");
    return result;
}
