/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast: looks at back-ends and relays, and drills them. Picks the subcommand; knows nothing
 * else. */
#include "subcommand.h"

#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 2
#define NAME_SIZE  64

static const struct hf_subcommand *const subcommands[] = {
    &hf_subcommand_info,   &hf_subcommand_drill,  &hf_subcommand_bench,
    &hf_subcommand_status, &hf_subcommand_switch,
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_usage(FILE *out)
{
    fputs("Usage: holdfast SUBCOMMAND [OPTION...]\n\n", out);
    for (unsigned i = 0; i < SUBCOMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n", subcommands[i]->name, subcommands[i]->summary);
    fputs("\n\"holdfast SUBCOMMAND --help\" tells more.\n", out);
}

static const struct hf_subcommand *find(const char *name)
{
    for (unsigned i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(subcommands[i]->name, name) == 0)
            return subcommands[i];
    }
    return NULL;
}

static int run(const struct hf_subcommand *subcommand, int count, char **arguments)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "holdfast %s", subcommand->name);
    arguments[0] = name;
    return subcommand->run(count, arguments);
}

int main(int count, char **arguments)
{
    const char *word = count > 1 ? arguments[1] : "";
    const struct hf_subcommand *subcommand = find(word);

    if (subcommand != NULL)
        return run(subcommand, count - 1, arguments + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        puts("holdfast " HF_VERSION);
        return 0;
    }
    if (*word != 0)
        fprintf(stderr, "holdfast: no subcommand \"%s\"\n", word);
    print_usage(stderr);
    return EXIT_USAGE;
}
