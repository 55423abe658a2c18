/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a device in chapters: first start, question, hot-plug, dirty log, a kill, new call,
 * pause, guest reset, clean stop. Each chapter begins with requests in flight and ends when all is
 * told and all requests are answered: whatever was injected must have been mended by then.
 *
 * Where a story stands is a value, so that a world that was copied in its midst goes on from there:
 *
 *   (first) -> SETTLES -> RESTS -> SETTLES_AGAIN --+-> (next chapter) -> POSTS -> ACTS -> SETTLES
 *                                                  +-> (the last) -> STOPS -> OVER
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "vmm.h"

struct sim_case;

enum sim_stage {
    SIM_STAGE_POSTS,         /* requests; until some of them are answered */
    SIM_STAGE_ACTS,          /* what the chapter is about happens, and has its time */
    SIM_STAGE_SETTLES,       /* until all is told and answered */
    SIM_STAGE_RESTS,         /* what was injected with a delay has its time, */
    SIM_STAGE_SETTLES_AGAIN, /* and may begin it all again */
    SIM_STAGE_TOLD,          /* the chapter is */
    SIM_STAGE_STOPS,
    SIM_STAGE_OVER,
    SIM_STAGE_COUNT
};

struct sim_story {
    enum sim_stage stage;
    unsigned chapter;
    enum sim_action action;
    uint64_t end_ns; /* of the stage; for those that wait for something, at the latest */
};

/* The same chapters at different paces. */
struct sim_tale {
    const char *name;
    uint64_t rest_ns; /* after each chapter */
};
extern const struct sim_tale sim_tale_brisk; /* sessions are short when the next thing happens */
extern const struct sim_tale sim_tale_slow;  /* every timer has run out by then */
/* NULL: no such name. */
const struct sim_tale *sim_tale_named(const char *name);

/* Runs one case to its end. What went wrong is in world->verdict. */
void sim_story_run(struct sim_world *world, const struct sim_case *situation);
/* The same in steps of one event at most; false: it is over, or red. */
void sim_story_open(struct sim_world *world, const struct sim_case *situation);
bool sim_story_step(struct sim_world *world);
/* The stage ends at a given time. */
bool sim_story_is_passing(const struct sim_world *world);

/* Parts of it, for stories of their own: the device starts and has answered a few requests. */
void sim_story_begin(struct sim_world *world, const struct sim_case *situation);
/* Requests are posted; with some of them answered and some in flight, `action` happens; then all
 * settles and all requests are answered. */
void sim_story_act(struct sim_world *world, enum sim_action action);
/* Clean stop, hang-up, all ledgers balance. */
void sim_story_end(struct sim_world *world);

bool sim_story_all_done(const struct sim_world *world);

#endif
