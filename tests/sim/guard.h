/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A case that kills the test, by a signal, a failed check, a sanitizer or by never ending, is named
 * like any other that is red. The cases run in a child; the parent knows where it is and waits.
 */
#ifndef SIM_GUARD_H
#define SIM_GUARD_H

#include "world.h"

/* The exit status of `work`, which runs in a child of its own; 1 if it died. */
int sim_guard_run(int (*work)(void *context), void *context);
/* In the child: this one begins. */
void sim_guard_note(const struct sim_case *situation);

#endif
