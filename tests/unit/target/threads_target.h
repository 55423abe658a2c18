/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole holdfast-target in threads of this process: control loop, workers, units. It ends by the
 * signal that ends the program, SIGTERM. Knows no message.
 */
#ifndef TESTS_TARGET_THREADS_TARGET_H
#define TESTS_TARGET_THREADS_TARGET_H

#include <pthread.h>
#include <stdbool.h>

#include "target/target.h"

#define THREADS_QUEUES      4 /* request queues */
#define THREADS_WORKERS     2
#define THREADS_UNIT_BLOCKS 16384u

struct threads_target {
    char folder[128];
    char socket_path[144];
    char lock_path[160];
    char disk_paths[2][144];
    char slow_disk[192]; /* the second one, behind a fault unit */
    struct hf_target_options options;
    struct hf_target target;
    pthread_t thread;
    int status; /* of hf_target_run, once it is joined */
};

/* Workers do their I/O in helper threads instead of io_uring: what pread and pwrite do to memory
 * ThreadSanitizer sees. Before threads_target_start. */
extern bool threads_target_avoids_io_uring;

/* A folder with disk images in it; nothing runs yet. `durable`: what is written outlives the
 * target; else some units are memory, which the workers themselves copy. */
void threads_target_init(struct threads_target *rig, bool durable);
void threads_target_start(struct threads_target *rig);
/* SIGTERM: drains and ends. Returns the exit status of the program that it would be. */
int threads_target_stop(struct threads_target *rig);
void threads_target_done(struct threads_target *rig);

#endif
