/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A case as one word, PERSONA/TALE:STEP:FAULT:STEP:FAULT (as many as there are; with a relay
 * PERSONA/TALE/HABIT, and with a relay that is replaced PERSONA/TALE/HABIT/INSTANT), with which it
 * runs again: --replay=WORD. Nothing else decides what happens. A fault is written as faults.c
 * names it, without commas and with dashes for spaces, so that a word outlives changes of the
 * table.
 */
#ifndef SIM_CASE_H
#define SIM_CASE_H

#include "world.h"

#define SIM_CASE_WORD_SIZE 200

void sim_case_write(const struct sim_case *situation, char word[static SIM_CASE_WORD_SIZE]);
/* False: there is no such case. */
bool sim_case_read(const char *word, struct sim_case *situation);

/* The line that a red case gets: on stdout at once, or a crash that follows would take it along. */
void sim_case_print_red(const struct sim_case *situation, const char *why);
/* Runs it with its transcript; an exit status, 2: there is no such case. */
int sim_case_replay(struct sim_world *world, const char *word);

#endif
