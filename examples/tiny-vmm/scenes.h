/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenes: each begins with a machine that is off and a back-end that listens, and ends with the
 * machine off again. */
#ifndef TINY_SCENES_H
#define TINY_SCENES_H

#include "guest.h"
#include "memory.h"
#include "vmm.h"

struct place {
    const char *socket_path;
    uint64_t seed;
    uint64_t requests; /* how long a load is */
    struct guest guest;
    struct memory *memory; /* one of the two, and so on: the machine moves from one to the other */
    struct vmm *vmm;
    struct memory memories[2];
    struct vmm vmms[2];
};

/* Where a scene does not care how notifications go, the seed says. */
enum vmm_style place_style(const struct place *place);
/* A machine, its memory, and a guest that has booted. The place may have been used before. */
void place_begin(struct place *place, enum vmm_style style);
/* The last answers come, nobody wrote where he should not, everything is given back. */
void place_end(struct place *place);

void scene_io(struct place *place);
void scene_trapped(struct place *place);
void scene_mask(struct place *place);
void scene_pause(struct place *place);
void scene_pause_death(struct place *place);
void scene_reset(struct place *place);
void scene_reset_away(struct place *place);
void scene_hotplug(struct place *place);
void scene_move(struct place *place);
void scene_move_crash(struct place *place);
void scene_log(struct place *place);
void scene_migrate(struct place *place);

#endif
