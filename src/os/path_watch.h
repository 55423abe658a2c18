/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tells when a socket file may have appeared: inotify on its folder, or on the nearest folder above
 * that exists, moving down as folders appear. One inotify instance per process, whatever the number
 * of loops and watches (the kernel allows a user 128), shared by reference count.
 *
 * It is a hint beside the redial back-off, not a promise: a folder renamed far above, a symbolic
 * link that changes or a network file system is not noticed.
 */
#ifndef HF_OS_PATH_WATCH_H
#define HF_OS_PATH_WATCH_H

#include <stdbool.h>

#include "base/error.h"
#include "os/loop.h"
#include "os/stream.h"

struct hf_path_port;

/* Zero it, set `appeared` (and `host`), start it. `appeared` comes in a dispatch of the watch's own
 * loop, maybe too often; it may stop the watch. */
struct hf_path_watch {
    void (*appeared)(struct hf_path_watch *watch);
    void *host; /* the caller's own */
    /* Below: of path_watch.c, under its lock. */
    struct hf_path_port *port; /* NULL = not started */
    struct hf_link link;       /* all watches of the port */
    struct hf_link due_link;   /* those with a callback to come */
    int descriptor;            /* inotify's, -1 = none */
    size_t watched_length;     /* so much of the path is the watched folder */
    char path[HF_STREAM_PATH_SIZE];
};

/* Start first, then look (connect) for what is there already. 0, or -errno with a sentence:
 * -EMFILE (instances), -ENOSPC (watches), -EACCES, -ENAMETOOLONG: then only the back-off helps. */
int hf_path_watch_start(struct hf_path_watch *watch, struct hf_loop *loop, const char *path,
                        struct hf_error *error);

/* From the thread of the loop. No callback comes any more. Harmless when not started. Stop all
 * watches of a loop before hf_loop_done. */
void hf_path_watch_stop(struct hf_path_watch *watch);

#endif
