/* SPDX-License-Identifier: BSD-3-Clause */
/* See threads_target.h. Linked with --wrap=hf_crew_new, to choose the engine of the workers. */
#include "threads_target.h"

#include "../cmocka_all.h"
#include "../temporary.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "target/worker.h"

bool threads_target_avoids_io_uring;

struct hf_crew *real_crew(const struct hf_crew_options *options,
                          struct hf_error *error) __asm__("__real_hf_crew_new");
struct hf_crew *wrapped_crew(const struct hf_crew_options *options,
                             struct hf_error *error) __asm__("__wrap_hf_crew_new");

struct hf_crew *wrapped_crew(const struct hf_crew_options *options, struct hf_error *error)
{
    struct hf_crew_options chosen = *options;

    chosen.avoid_io_uring = threads_target_avoids_io_uring;
    return real_crew(&chosen, error);
}

static void make_disk(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, THREADS_UNIT_BLOCKS * 512), 0);
    close(fd);
}

void threads_target_init(struct threads_target *rig, bool durable)
{
    memset(rig, 0, sizeof(*rig));
    make_temporary_folder(rig->folder, sizeof(rig->folder));
    snprintf(rig->socket_path, sizeof(rig->socket_path), "%s/socket", rig->folder);
    snprintf(rig->lock_path, sizeof(rig->lock_path), "%s.lock", rig->socket_path);
    snprintf(rig->disk_paths[0], sizeof(rig->disk_paths[0]), "%s/disk0", rig->folder);
    snprintf(rig->disk_paths[1], sizeof(rig->disk_paths[1]), "%s/disk1", rig->folder);
    make_disk(rig->disk_paths[0]);
    make_disk(rig->disk_paths[1]);
    snprintf(rig->slow_disk, sizeof(rig->slow_disk), "fault:reorder=3,delay=1ms,%s",
             durable ? rig->disk_paths[1] : "mem:8M");
    rig->options = (struct hf_target_options){
        .socket_path = rig->socket_path,
        .socket_fd = -1,
        .ready_fd = -1,
        .lock_fd = -1,
        .queues = THREADS_QUEUES,
        .threads = THREADS_WORKERS,
        .lock_wait_ns = UINT64_C(30000000000),
        .unit_count = durable ? 2 : 3,
        .units = { rig->slow_disk, rig->disk_paths[0], "mem:8M" },
    };
}

static void *run(void *argument)
{
    struct threads_target *rig = argument;

    rig->status = hf_target_run(&rig->target);
    return NULL;
}

void threads_target_start(struct threads_target *rig)
{
    struct hf_error error = { 0 };

    if (hf_target_init(&rig->target, &rig->options, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(pthread_create(&rig->thread, NULL, run, rig), 0);
}

int threads_target_stop(struct threads_target *rig)
{
    kill(getpid(), SIGTERM); /* blocked in every thread: the loop takes it */
    pthread_join(rig->thread, NULL);
    hf_target_done(&rig->target);
    return rig->status;
}

void threads_target_done(struct threads_target *rig)
{
    unlink(rig->socket_path);
    unlink(rig->lock_path);
    unlink(rig->disk_paths[0]);
    unlink(rig->disk_paths[1]);
    assert_int_equal(rmdir(rig->folder), 0);
}
