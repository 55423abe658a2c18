/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unmapping away from the control thread. To let go of a large guest's memory takes seconds (a
 * second for each 7 GiB that were used here, for each 2 GiB if nobody else has the file any more),
 * and no other front-end shall wait for it. Must not know sessions.
 */
#ifndef HF_TARGET_UNMAP_H
#define HF_TARGET_UNMAP_H

#include <stdbool.h>

#include "os/region.h"

struct hf_crew;
struct hf_unmap;

/* Room for so many mappings. NULL: no memory, which is as good: all is done at once then. Control
 * thread, as everything here. */
struct hf_unmap *hf_unmap_new(unsigned capacity);
/* Takes the mapping out of the guard's care (os/guard.h) and away from the caller. Nobody touches
 * it any more. One that is not mapped is fine. */
void hf_unmap_add(struct hf_unmap *unmap, struct hf_mapping *mapping);
/* True: on its way; `done` is called once, out of hf_crew_dispatch, and the object is gone. False:
 * everything is unmapped already (there was little, or no thread to be had), and it is gone. */
bool hf_unmap_begin(struct hf_unmap *unmap, struct hf_crew *crew, void (*done)(void *context),
                    void *context);
/* Of one on its way: blocks until everything is unmapped; `done` will not be called. */
void hf_unmap_abandon(struct hf_unmap *unmap);

#endif
