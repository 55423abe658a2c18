/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All lives of a device with so many faults: at each message of a life each fault happens, and at
 * each message of the life that comes of it, the next one. The world is copied before each message,
 * so that what lives have in common happens once; and a life that comes to where another one has
 * been (state.h) is not followed any further.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "numbers.h"
#include "state.h"

struct sim_explorer {
    struct sim_case situation; /* of the life at hand; its faults are those that have happened */
    struct sim_world *world;
    struct sim_world *before[SIM_FAULTS_MAX]; /* copies, by the number of faults still to come */
    struct sim_reading *reading;
    /* By the number of faults still to come, less one: so many messages come after this state if
     * none does, and all that may happen at them has been run. */
    struct sim_numbers explored[SIM_FAULTS_MAX];
    /* Where nothing more happens it ends well, after so many messages. */
    struct sim_numbers green;
    unsigned red_max; /* more are counted, not printed */
    unsigned doubt; /* of so many lives that come to a known state one goes on all the same: must it
                 not come to known states only, and end as said? 0: none does */

    uint64_t lives;    /* that were run, */
    uint64_t cases;    /* and that they stand for: combinations of messages and faults */
    uint64_t joined;   /* lives that came to where another one had been */
    uint64_t doubted;  /* those of them that went on all the same */
    uint64_t apart;    /* those of them that came to where nobody had been */
    uint64_t messages; /* that were sent in all */
    unsigned red;
};

/* False: no memory. */
bool sim_explorer_init(struct sim_explorer *explorer, const struct sim_case *situation);
void sim_explorer_done(struct sim_explorer *explorer);
/* Messages in a life without faults. Must come first. */
unsigned sim_explorer_begin(struct sim_explorer *explorer);
/* Each fault at message `step` of that life, and all that can come after. */
void sim_explorer_run(struct sim_explorer *explorer, unsigned step);

#endif
