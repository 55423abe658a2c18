/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a device in chapters: first start, question, hot-plug, dirty log, new call, pause,
 * guest reset, clean stop. Each chapter begins with requests in flight and ends when all is told
 * and all requests are answered: whatever was injected must have been mended by then.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "world.h"

/* Runs one case to its end. What went wrong is in world->verdict. */
void sim_story_run(struct sim_world *world, const struct sim_case *situation);

/* Parts of it, for stories of their own: the device starts and has answered a few requests. */
void sim_story_begin(struct sim_world *world, const struct sim_case *situation);
/* Requests are posted; with some of them answered and some in flight, `action` happens; then all
 * settles and all requests are answered. */
void sim_story_act(struct sim_world *world, enum sim_action action);
/* Clean stop, hang-up, all ledgers balance. */
void sim_story_end(struct sim_world *world);

bool sim_story_at_rest(const struct sim_world *world);
bool sim_story_all_done(const struct sim_world *world);

#endif
