/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases as words. */
#include "case.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void write_fault(enum sim_fault fault, struct hf_text *text)
{
    for (const char *c = sim_fault_name(fault); *c != '\0'; c++)
        if (*c != ',')
            hf_text_add(text, "%c", *c == ' ' ? '-' : *c);
}

void sim_case_write(const struct sim_case *situation, char word[static SIM_CASE_WORD_SIZE])
{
    struct hf_text text = hf_text_of(word, SIM_CASE_WORD_SIZE);

    hf_text_add(&text, "%s/%s", situation->persona->name, situation->tale->name);
    if (situation->habit != NULL)
        hf_text_add(&text, "/%s", situation->habit->name);
    if (situation->replaced_at != 0)
        hf_text_add(&text, "/%u", situation->replaced_at);
    for (unsigned i = 0; i < situation->fault_count; i++) {
        hf_text_add(&text, ":%u:", situation->faults[i].step);
        write_fault(situation->faults[i].fault, &text);
    }
}

static bool read_fault(const char *word, enum sim_fault *fault)
{
    char name[SIM_CASE_WORD_SIZE];

    for (unsigned i = SIM_FAULT_NONE + 1; i < SIM_FAULT_COUNT; i++) {
        struct hf_text text = hf_text_of(name, sizeof(name));

        *fault = (enum sim_fault)i;
        write_fault(*fault, &text);
        if (strcmp(name, word) == 0)
            return true;
    }
    return false;
}

static bool read_faults(char **rest, struct sim_case *situation)
{
    const char *step;

    while ((step = strsep(rest, ":")) != NULL) {
        const char *fault = strsep(rest, ":");
        struct sim_planned *planned = &situation->faults[situation->fault_count];
        char *end;

        if (fault == NULL || situation->fault_count++ == SIM_FAULTS_MAX)
            return false;
        planned->step = (unsigned)strtoul(step, &end, 10);
        if (end == step || *end != '\0' || !read_fault(fault, &planned->fault))
            return false;
    }
    return true;
}

bool sim_case_read(const char *word, struct sim_case *situation)
{
    char copy[SIM_CASE_WORD_SIZE];
    char *rest = copy;

    if (strlen(word) >= sizeof(copy))
        return false;
    memcpy(copy, word, strlen(word) + 1);
    char *head = strsep(&rest, ":");
    const char *persona = strsep(&head, "/");
    const char *tale = strsep(&head, "/");
    const char *habit = strsep(&head, "/");
    const char *replaced = strsep(&head, "/");
    if (tale == NULL || sim_persona_named(persona) == NULL || sim_tale_named(tale) == NULL ||
        (habit != NULL && sim_relay_habit_named(habit) == NULL))
        return false;
    *situation = habit == NULL ? sim_case_of(sim_persona_named(persona))
                               : sim_case_with_relay(sim_persona_named(persona),
                                                     sim_relay_habit_named(habit));
    situation->tale = sim_tale_named(tale);
    situation->replaced_at = replaced == NULL ? 0 : (unsigned)strtoul(replaced, NULL, 10);
    return read_faults(&rest, situation);
}

void sim_case_print_red(const struct sim_case *situation, const char *why)
{
    char word[SIM_CASE_WORD_SIZE];

    sim_case_write(situation, word);
    printf("RED --replay=%s: %s\n", word, why);
    fflush(stdout);
}

int sim_case_replay(struct sim_world *world, const char *word)
{
    struct sim_case situation;

    if (!sim_case_read(word, &situation))
        return 2;
    situation.transcript = stdout;
    sim_story_run(world, &situation);
    printf("%u of %u faults met\n", world->tally.faults_injected, situation.fault_count);
    if (world->verdict.red)
        sim_case_print_red(&situation, world->verdict.text);
    return world->verdict.red;
}
