/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share about one running drill; nobody else includes it. */
#ifndef HF_DRILL_STATE_H
#define HF_DRILL_STATE_H

#include "drill/aim.h"
#include "drill/backend.h"
#include "drill/drill.h"
#include "drill/load.h"
#include "drill/scene.h"

struct hf_drill {
    const struct hf_drill_settings *settings;
    struct hf_drill_outcome *outcome;
    struct hf_loop loop;
    struct hf_watch signal_watch;
    int signal_fd;
    struct hf_scene scene;
    struct hf_backend backend;
    struct hf_load loads[HF_DRILL_FRONT_ENDS_MAX]; /* settings->front_ends of them */
    struct hf_random random;                       /* of kill moments; not of the workload */
    struct hf_aim aim;
    int priority; /* this program's own, and the back-ends' */
    uint64_t overdue_look_ns;
    uint64_t progress_ns;
    bool interrupted;
    bool hopeless; /* requests are stuck, or a ring is broken: more load shows nothing more */
};

#define HF_FOR_EACH_LOAD(load, drill)                                                              \
    for (struct hf_load *load = (drill)->loads;                                                    \
         load < (drill)->loads + (drill)->settings->front_ends; load++)

/* turn.c: one look at everything that can happen. -errno with a sentence: the drill cannot go on.
 */
int hf_drill_turn(struct hf_drill *drill, unsigned timeout_ms, struct hf_error *error);
/* Turns until then. */
int hf_drill_wait_until(struct hf_drill *drill, uint64_t deadline_ns, struct hf_error *error);
/* Turns until the back-end listens. */
int hf_drill_wait_listening(struct hf_drill *drill, struct hf_error *error);
/* Turns until the mode has ended, or there is no hope. */
int hf_drill_wait_mode(struct hf_drill *drill, enum hf_workload_mode mode, struct hf_error *error);
void hf_drill_clear_line(const struct hf_drill *drill);

/* kills.c: all kills, each followed by the first completion of every front-end; and load for so
 * long that what was to be read again a second later is. */
int hf_drill_kill_all(struct hf_drill *drill, struct hf_error *error);

/* file_check.c: every block of the hot set in the file itself; the back-end is gone. */
int hf_drill_check_file(struct hf_drill *drill, struct hf_error *error);

#endif
