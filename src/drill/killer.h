/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that kills a process group at a random instant, whatever the load's loop does then: a
 * kill must not know where that loop stands. Knows no back-ends, and of the load only the answer to
 * one question.
 */
#ifndef HF_DRILL_KILLER_H
#define HF_DRILL_KILLER_H

#include "base/error.h"
#include "base/random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hf_killer_aim {
    uint64_t at_ns; /* the first instant */
    uint64_t seed;  /* of the others */
    /* Would a kill meet anything now? Asked from the killer's thread. NULL: always. */
    bool (*hits)(void *host);
    void *host;
};

struct hf_killer {
    struct hf_killer_aim aim;
    struct hf_random random;
    pthread_t thread;
    pid_t pid;
    int stop_fd; /* readable: do not kill; -1: none */
    bool runs;
    bool killing;       /* atomic */
    uint64_t killed_ns; /* atomic */
};

/* SIGKILL to a group, or to a process that has none yet; returns when. */
uint64_t hf_killer_kill(pid_t pid);

/*
 * Kills at aim->at_ns, or soon after, if that instant hits nothing (killer.c says how). 0, or
 * -errno with a sentence. The process must not be reaped before hf_killer_end.
 */
int hf_killer_start(struct hf_killer *killer, pid_t pid, const struct hf_killer_aim *aim,
                    struct hf_error *error);
/* No kill comes after it. Accepts one that never started. */
void hf_killer_end(struct hf_killer *killer);

/* It is about to kill, or has: a death seen after this was false came by itself. */
bool hf_killer_is_killing(const struct hf_killer *killer);
/* When it killed; 0: not yet. */
uint64_t hf_killer_killed(const struct hf_killer *killer);

#endif
