/* SPDX-License-Identifier: BSD-3-Clause */
/* The first thing that went wrong in a simulated case, as a sentence. Knows nothing else. */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include <stdbool.h>

struct sim_verdict {
    bool red;
    char text[320];
};

/* Only the first failure is kept: what follows is mostly its echo. */
void sim_fail(struct sim_verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
