/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every event in every state, twice in a row, with every fault of the sim in between: matrix.h has
 * the table, roads.c how each state is reached and what must be true at the end. A case is
 * EVENT/STATE/ROAD/FAULT/AT: the fault comes with the AT-th message after the event, or (AT s) the
 * event's consequences come to their end before. Without options all of them; --only=CASE one, or
 * all whose name begins so; --part=I/N each N-th of those with a fault, and all without; --at=N the
 * largest AT; --list names them; --pairs: the second event may be any other; --own: the back-ends
 * are of the device's own process, which cannot be fenced, and there is no state P.
 */
#include "matrix.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_LIMIT_S 120
#define AT_SETTLED   UINT32_MAX

const char *sim_fault_name(enum sim_fault fault);

struct mx_case {
    enum mx_event event, second; /* the same, or with --pairs any other */
    enum mx_state state;
    unsigned road;
    enum sim_fault fault;
    unsigned at;
};

struct options {
    const char *only;
    unsigned part, parts;
    unsigned at_max;
    bool list, own, pairs;
};

static char name[200];

static void add_word(const char *word)
{
    size_t length = strlen(name);

    for (; *word != '\0' && length + 1 < sizeof(name); word++) {
        if (*word != ',')
            name[length++] = *word == ' ' || *word == '/' ? '-' : *word;
    }
    name[length] = '\0';
}

static void write_name(const struct mx_case *situation)
{
    char numbers[40];

    name[0] = '\0';
    add_word(mx_rows[situation->event].name);
    if (situation->second != situation->event) {
        add_word("+");
        add_word(mx_rows[situation->second].name);
    }
    snprintf(name + strlen(name), sizeof(name) - strlen(name), "/%s/%u/",
             mx_state_names[situation->state], situation->road + 1);
    add_word(sim_fault_name(situation->fault));
    snprintf(numbers, sizeof(numbers), "%u", situation->at);
    snprintf(name + strlen(name), sizeof(name) - strlen(name), "/%s",
             situation->at == AT_SETTLED ? "s" : numbers);
}

/* ---- one case -------------------------------------------------------------------------------- */

static void look(struct mx *mx, const struct mx_case *situation)
{
    const struct mx_cell *cell = &mx_rows[situation->event].cells[situation->state];
    char wanted = cell->state == 'P' && mx->peers.own ? 'D' : cell->state;
    char state = mx_state_of(mx);

    if (state != wanted)
        mx_fail(&mx->verdict, "\"%s\": the device is in state %c and not %c", cell->text, state,
                wanted);
    else if (cell->also != NULL && !cell->also(mx))
        mx_fail(&mx->verdict, "\"%s\": state %c, but it is not so; the call returned %lld",
                cell->text, state, (long long)mx->result);
}

static void begin(struct mx *mx, const struct mx_case *situation)
{
    const struct mx_row *row = &mx_rows[situation->event];

    mx_reach(mx, situation->state, situation->road, row->guest);
    if (row->prepare != NULL)
        row->prepare(mx);
    mx_pass(mx, 2 * MX_MS);
    mx->before = mx_look(mx);
}

static void happen_twice(struct mx *mx, const struct mx_case *situation)
{
    const struct mx_row *row = &mx_rows[situation->event];
    bool settled = situation->at == AT_SETTLED;

    if (!settled)
        mx_fault_arm(mx, situation->fault, situation->at);
    row->happen(mx);
    mx_pass(mx, 3 * MX_MS);
    if (settled) {
        look(mx, situation);
        mx_fault_arm(mx, situation->fault, 0);
        mx_rest(mx);
    }
    if (!mx->verdict.red)
        mx_rows[situation->second].happen(mx);
    mx_pass(mx, 12 * MX_S);
}

static void run(struct mx *mx, const struct mx_case *situation, bool own)
{
    alarm(CASE_LIMIT_S);
    mx_stand_begin(mx, own);
    begin(mx, situation);
    if (!mx->verdict.red)
        happen_twice(mx, situation);
    if (!mx->verdict.red)
        mx_conclude(mx, situation->fault % 2 == 0);
    mx_stand_end(mx);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct result {
    unsigned number, cases, met, red;
};

static bool is_wanted(const struct options *options, const struct mx_case *situation,
                      struct result *result)
{
    if (options->own && situation->state == MX_STATE_P)
        return false;
    if (options->only != NULL)
        return strncmp(name, options->only, strlen(options->only)) == 0;
    if (situation->fault == SIM_FAULT_NONE && !options->pairs)
        return true;
    return result->number++ % options->parts == options->part;
}

static void try_case(struct mx *mx, const struct options *options, const struct mx_case *situation,
                     struct result *result)
{
    write_name(situation);
    if (!is_wanted(options, situation, result))
        return;
    if (options->list) {
        puts(name);
        return;
    }
    run(mx, situation, options->own);
    result->cases++;
    result->met += mx->met > 0;
    if (!mx->verdict.red)
        return;
    result->red++;
    printf("RED --only=%s: %s\n", name, mx->verdict.text);
    fflush(stdout);
}

static void try_faults(struct mx *mx, const struct options *options, struct mx_case *situation,
                       struct result *result)
{
    for (unsigned fault = SIM_FAULT_NONE; fault < SIM_FAULT_COUNT; fault++) {
        situation->fault = (enum sim_fault)fault;
        situation->at = AT_SETTLED;
        try_case(mx, options, situation, result);
        for (unsigned at = 0; at <= options->at_max && fault != SIM_FAULT_NONE; at++) {
            situation->at = at;
            try_case(mx, options, situation, result);
        }
    }
}

static void try_seconds(struct mx *mx, const struct options *options, struct mx_case *situation,
                        struct result *result)
{
    for (unsigned second = 0; second < MX_EVENT_COUNT; second++) {
        situation->second = (enum mx_event)second;
        if (options->pairs || situation->second == situation->event)
            try_faults(mx, options, situation, result);
    }
}

static struct result try_all(struct mx *mx, const struct options *options)
{
    struct result result = { .number = 0 };

    for (unsigned cell = 0; cell < MX_EVENT_COUNT * MX_STATE_COUNT * MX_ROADS; cell++) {
        struct mx_case situation = {
            .event = (enum mx_event)(cell / (MX_STATE_COUNT * MX_ROADS)),
            .state = (enum mx_state)(cell / MX_ROADS % MX_STATE_COUNT),
            .road = cell % MX_ROADS,
        };

        try_seconds(mx, options, &situation, &result);
    }
    return result;
}

/* ---- the program ----------------------------------------------------------------------------- */

/* A check that fails, a crash, or a case without end: it is named all the same. */
static void die(int number)
{
    static const char red[] = "RED --only=", why[] = ": the test died or hangs here\n";

    (void)number;
    if (write(STDOUT_FILENO, red, sizeof(red) - 1) < 0 ||
        write(STDOUT_FILENO, name, strlen(name)) < 0 ||
        write(STDOUT_FILENO, why, sizeof(why) - 1) < 0)
        _exit(2);
    _exit(1);
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = { { "only", required_argument, NULL, 'o' },
                                           { "part", required_argument, NULL, 'p' },
                                           { "at", required_argument, NULL, 'a' },
                                           { "list", no_argument, NULL, 'l' },
                                           { "pairs", no_argument, NULL, '2' },
                                           { "own", no_argument, NULL, 'w' },
                                           { 0 } };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'o')
            options->only = optarg;
        else if (option == 'a')
            options->at_max = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'l')
            options->list = true;
        else if (option == '2')
            options->pairs = true;
        else if (option == 'w')
            options->own = true;
        else if (option != 'p' || sscanf(optarg, "%u/%u", &options->part, &options->parts) != 2 ||
                 options->part >= options->parts)
            return false;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = { .parts = 1, .at_max = 2 };
    struct mx *mx = malloc(sizeof(*mx));

    if (mx == NULL || !parse(argc, argv, &options) || !mx_stand_open(mx)) {
        fprintf(
            stderr,
            "usage: test_matrix [--only=CASE] [--part=I/N] [--at=N] [--own] [--pairs] [--list]\n");
        return 2;
    }
    /* A device is large; pages that each case gives back would be taken anew by the next. */
    mallopt(M_MMAP_THRESHOLD, 1 << 24);
    mallopt(M_TRIM_THRESHOLD, 1 << 26);
    signal(SIGABRT, die);
    signal(SIGALRM, die);
    signal(SIGSEGV, die);
    struct result result = try_all(mx, &options);
    mx_stand_close(mx);
    free(mx);
    printf("%u cells, %u cases, %u with their fault, %u red\n", MX_EVENT_COUNT * MX_STATE_COUNT,
           result.cases, result.met, result.red);
    return result.red > 0 || (result.cases == 0 && !options.list);
}
