/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts a victim on a world and lets it go on one instruction at a time (ptrace). It knows nothing
 * of what the victim does.
 */
#ifndef TESTS_CRASH_STEPPER_H
#define TESTS_CRASH_STEPPER_H

#include "world.h"

#include <stdbool.h>
#include <sys/types.h>

struct stepper {
    const char *victim;        /* program */
    int world_fd;              /* memfd */
    struct world *world;       /* mapped here, too */
    pid_t pid;                 /* 0: none */
    unsigned long instruction; /* executed since the life began */
    unsigned long total;       /* in all lives */
};

void stepper_init(struct stepper *stepper, const char *victim);
void stepper_done(struct stepper *stepper);

/* A fresh process, stopped before the first instruction of its life. */
void stepper_start(struct stepper *stepper);
/* One instruction. False: the life has ended (the process has not). */
bool stepper_step(struct stepper *stepper);
/* After the last step: lets the process end, which must be without complaint. */
void stepper_finish(struct stepper *stepper);
/* SIGKILL, at this very instruction. Returns when the process is gone. */
void stepper_kill(struct stepper *stepper);
/* A fresh process that lives its life unwatched. */
void stepper_run(struct stepper *stepper);

#endif
