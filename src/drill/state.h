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
    struct hf_backend relay; /* settings->via_relay; any process that listens is one of these */
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
/* Turns until it listens. */
int hf_drill_wait_listening(struct hf_drill *drill, struct hf_backend *process,
                            struct hf_error *error);
/* Turns until the mode has ended, or there is no hope. */
int hf_drill_wait_mode(struct hf_drill *drill, enum hf_workload_mode mode, struct hf_error *error);
void hf_drill_clear_line(const struct hf_drill *drill);

/* kills.c: all kills, each followed by the first completion of every front-end; and load for so
 * long that what was to be read again a second later is. */
int hf_drill_kill_all(struct hf_drill *drill, struct hf_error *error);

/* recovery.c: what comes before and after a kill, whoever dies. */
uint64_t hf_drill_draw_ns(struct hf_drill *drill, const struct hf_drill_span *span);
/* Load until the back-end was killed, at a moment that this loop does not know, and reaps it. */
int hf_drill_kill_backend(struct hf_drill *drill, struct hf_error *error);
/* The same at a moment of the caller's, whatever is in flight. */
int hf_drill_kill_backend_at(struct hf_drill *drill, uint64_t at_ns, struct hf_error *error);
/* The back-end died then. Returns how many requests of the living front-ends were in flight, and
 * has each of them remember its next completion. */
unsigned hf_drill_count_lost(struct hf_drill *drill, uint64_t killed_ns);
/* Starts the next back-end, and turns until it listens. */
int hf_drill_start_backend(struct hf_drill *drill, struct hf_error *error);
/* Turns until every front-end had its first completion since it was marked; then says when the last
 * of them had: 0, there is no hope. */
int hf_drill_wait_served(struct hf_drill *drill, uint64_t *served_ns, struct hf_error *error);

/* vmm_kills.c: a front-end dies, alone or together with the back-end, and the next one connects. */
int hf_drill_kill_vmm(struct hf_drill *drill, struct hf_error *error);
int hf_drill_kill_both(struct hf_drill *drill, struct hf_error *error);

/* relay.c: starts the relay and waits until it listens; looks whether it is still there; what it
 * has of the machine after so many kills, and what it does while nothing happens. Nothing without
 * one. */
int hf_drill_start_relay(struct hf_drill *drill, struct hf_error *error);
void hf_drill_look_at_relay(struct hf_drill *drill);
int hf_drill_measure_relay(struct hf_drill *drill, struct hf_error *error);
int hf_drill_measure_idle_relay(struct hf_drill *drill, struct hf_error *error);

/* file_check.c: every block of the hot set in the file itself; the back-end is gone. */
int hf_drill_check_file(struct hf_drill *drill, struct hf_error *error);

#endif
