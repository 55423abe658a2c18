/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One inotify instance for the process. Each loop that has watches has a port: a duplicate of the
 * instance's fd (so that any loop that runs reads the events, for all) and an eventfd (by which the
 * reader tells the loop of the watches it found due). One mutex guards it all; callbacks run
 * outside.
 *
 *      instance --events--> any loop: under the mutex, marks watches due, rings their ports
 *      port's eventfd -----> the watch's own loop: takes one due watch, calls it, comes again
 */
#include "os/path_watch.h"

#include "base/check.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The same for every watch, for those on one folder share it. Added to what is there: the kernel
 * replaces a mask by way of 0, and what happens in the folder at that moment is told to nobody. */
#define WATCHED (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD)
/* After these the descriptor says nothing any more. */
#define ENDED (IN_IGNORED | IN_UNMOUNT)
/* The folder is no longer where we looked for it. */
#define MOVED (IN_DELETE_SELF | IN_MOVE_SELF | ENDED | IN_Q_OVERFLOW)
/* Folders that come and go while we look: the back-off helps on. */
#define PLACE_TRIES 16

struct hf_path_port {
    struct hf_link link;
    struct hf_link watches;
    struct hf_link due;
    struct hf_loop *loop;
    struct hf_watch inotify_watch;
    struct hf_watch event_watch;
    int inotify_fd;
    int event_fd;
};

static struct {
    pthread_mutex_t mutex;
    struct hf_link ports;
    int fd; /* -1 while there is no port */
} hub = { .mutex = PTHREAD_MUTEX_INITIALIZER, .ports = { &hub.ports, &hub.ports }, .fd = -1 };

static struct hf_path_watch *watch_of(struct hf_link *link)
{
    return HF_CONTAINER(link, struct hf_path_watch, link);
}

static struct hf_path_port *port_of(struct hf_link *link)
{
    return HF_CONTAINER(link, struct hf_path_port, link);
}

/* The folder that holds what path[0, length) names: 0 = the working directory. The root is its own
 * folder. */
static size_t folder_above(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

/* Is `name` the next one on the way from the watched folder to the socket? */
static bool is_next_name(const struct hf_path_watch *watch, const char *name)
{
    const char *next = watch->path + watch->watched_length;

    while (*next == '/')
        next++;
    size_t length = strlen(name);
    return strncmp(next, name, length) == 0 && (next[length] == '\0' || next[length] == '/');
}

static bool is_on_folder(const struct hf_path_watch *watch)
{
    return watch->descriptor >= 0 &&
           watch->watched_length == folder_above(watch->path, strlen(watch->path));
}

static bool port_uses(const struct hf_path_port *port, int descriptor)
{
    HF_LIST_FOR_EACH (link, &port->watches)
        if (watch_of(link)->descriptor == descriptor)
            return true;
    return false;
}

static void drop_descriptor(struct hf_path_watch *watch)
{
    int descriptor = watch->descriptor;

    watch->descriptor = -1;
    if (descriptor < 0)
        return;
    HF_LIST_FOR_EACH (link, &hub.ports)
        if (port_uses(port_of(link), descriptor))
            return;
    inotify_rm_watch(hub.fd, descriptor);
}

/* inotify on path[0, length). Returns the descriptor or -errno. */
static int watch_folder(const char *path, size_t length)
{
    char folder[HF_STREAM_PATH_SIZE] = ".";

    if (length > 0) {
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    int descriptor = inotify_add_watch(hub.fd, folder, WATCHED);
    return descriptor < 0 ? -errno : descriptor;
}

/* The nearest folder that exists. */
static int watch_nearest(const char *path, size_t *length)
{
    *length = folder_above(path, strlen(path));
    int descriptor = watch_folder(path, *length);
    while (descriptor == -ENOENT || descriptor == -ENOTDIR) {
        size_t above = folder_above(path, *length);
        if (above == *length)
            break;
        *length = above;
        descriptor = watch_folder(path, above);
    }
    return descriptor;
}

/* Looks again after each step up: a folder made before the watch was in place made no event. */
static int place(struct hf_path_watch *watch)
{
    for (int i = 0; i < PLACE_TRIES; i++) {
        size_t length;
        int descriptor = watch_nearest(watch->path, &length);
        bool is_settled = descriptor == watch->descriptor;
        if (!is_settled)
            drop_descriptor(watch);
        watch->watched_length = length;
        if (descriptor < 0)
            return descriptor;
        watch->descriptor = descriptor;
        if (is_settled || is_on_folder(watch))
            return 0;
    }
    return 0;
}

static void mark_due(struct hf_path_watch *watch)
{
    hf_list_remove(&watch->due_link);
    hf_list_append(&watch->port->due, &watch->due_link);
    hf_event_ring_own(watch->port->event_fd);
}

static void judge_event(struct hf_path_watch *watch, const struct inotify_event *event)
{
    bool is_overflow = (event->mask & IN_Q_OVERFLOW) != 0;

    if (!is_overflow && event->wd != watch->descriptor)
        return;
    if ((event->mask & MOVED) == 0 && (event->len == 0 || !is_next_name(watch, event->name)))
        return;
    if ((event->mask & ENDED) != 0)
        watch->descriptor = -1; /* the kernel has dropped it */
    /* If it fails now there is nobody to tell; the back-off goes on. */
    if (!is_on_folder(watch) || (event->mask & MOVED) != 0)
        place(watch);
    if (is_on_folder(watch))
        mark_due(watch);
}

static void judge_for_all(const struct inotify_event *event)
{
    HF_LIST_FOR_EACH (port, &hub.ports)
        HF_LIST_FOR_EACH (watch, &port_of(port)->watches)
            judge_event(watch_of(watch), event);
}

/* One buffer a dispatch; the fd stays readable if there is more. */
static void read_events(void)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length = read(hub.fd, buffer, sizeof(buffer));

    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
        judge_for_all(event);
        at += (ssize_t)(sizeof(*event) + event->len);
    }
}

static void instance_ready(struct hf_watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
    pthread_mutex_lock(&hub.mutex);
    read_events();
    pthread_mutex_unlock(&hub.mutex);
}

/* One watch a call, last of all, since its callback may stop the watch and the port with it. The
 * eventfd stays readable while more are due. */
static void port_ready(struct hf_watch *event_watch, uint32_t events)
{
    struct hf_path_port *port = HF_CONTAINER(event_watch, struct hf_path_port, event_watch);
    struct hf_path_watch *watch = NULL;

    (void)events;
    pthread_mutex_lock(&hub.mutex);
    struct hf_link *link = hf_list_pop(&port->due);
    if (link != NULL)
        watch = HF_CONTAINER(link, struct hf_path_watch, due_link);
    if (hf_list_empty(&port->due))
        hf_event_drain(port->event_fd);
    pthread_mutex_unlock(&hub.mutex);
    if (watch != NULL)
        watch->appeared(watch);
}

static void free_port(struct hf_path_port *port)
{
    hf_loop_remove(&port->inotify_watch);
    hf_loop_remove(&port->event_watch);
    hf_fd_close(&port->inotify_fd);
    hf_fd_close(&port->event_fd);
    hf_list_remove(&port->link);
    free(port);
    if (hf_list_empty(&hub.ports))
        hf_fd_close(&hub.fd);
}

static int open_instance(void)
{
    if (hub.fd >= 0)
        return 0;
    hub.fd = hf_fd_lift(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    return hub.fd < 0 ? hub.fd : 0;
}

static int fill_port(struct hf_path_port *port, struct hf_loop *loop)
{
    int failed = open_instance();
    if (failed < 0)
        return failed;
    port->inotify_fd = hf_fd_dup(hub.fd);
    if (port->inotify_fd < 0)
        return port->inotify_fd;
    port->event_fd = hf_event_create();
    if (port->event_fd < 0)
        return port->event_fd;
    failed = hf_loop_add(loop, &port->inotify_watch, port->inotify_fd, EPOLLIN);
    if (failed < 0)
        return failed;
    return hf_loop_add(loop, &port->event_watch, port->event_fd, EPOLLIN);
}

static int make_port(struct hf_loop *loop, struct hf_path_port **made)
{
    struct hf_path_port *port = calloc(1, sizeof(*port));

    if (port == NULL)
        return -ENOMEM;
    *port = (struct hf_path_port){ .loop = loop, .inotify_fd = -1, .event_fd = -1 };
    port->inotify_watch.ready = instance_ready;
    port->event_watch.ready = port_ready;
    hf_list_init(&port->watches);
    hf_list_init(&port->due);
    hf_list_append(&hub.ports, &port->link);
    int failed = fill_port(port, loop);
    if (failed < 0)
        free_port(port);
    else
        *made = port;
    return failed;
}

static int find_port(struct hf_loop *loop, struct hf_path_port **found)
{
    HF_LIST_FOR_EACH (link, &hub.ports)
        if (port_of(link)->loop == loop) {
            *found = port_of(link);
            return 0;
        }
    return make_port(loop, found);
}

static void detach(struct hf_path_watch *watch)
{
    struct hf_path_port *port = watch->port;

    drop_descriptor(watch);
    hf_list_remove(&watch->link);
    hf_list_remove(&watch->due_link);
    watch->port = NULL;
    if (hf_list_empty(&port->watches))
        free_port(port);
}

static int attach(struct hf_path_watch *watch, struct hf_loop *loop)
{
    int failed = find_port(loop, &watch->port);
    if (failed < 0)
        return failed;
    hf_list_append(&watch->port->watches, &watch->link);
    failed = place(watch);
    if (failed < 0)
        detach(watch);
    return failed;
}

static int explain(int code, const char *path, struct hf_error *error)
{
    if (code == EMFILE)
        return hf_error_set(error, code,
                            "cannot watch for %s: no inotify instance or file descriptor left "
                            "(fs.inotify.max_user_instances, ulimit -n)",
                            path);
    if (code == ENOSPC)
        return hf_error_set(error, code,
                            "cannot watch for %s: no inotify watch left "
                            "(fs.inotify.max_user_watches)",
                            path);
    return hf_error_set(error, code, "cannot watch for %s: %s", path, strerror(code));
}

int hf_path_watch_start(struct hf_path_watch *watch, struct hf_loop *loop, const char *path,
                        struct hf_error *error)
{
    HF_CHECK(watch->port == NULL);
    int failed = hf_stream_check_path(path, error);
    if (failed < 0)
        return failed;
    memcpy(watch->path, path, strlen(path) + 1);
    watch->descriptor = -1;
    hf_list_init(&watch->link);
    hf_list_init(&watch->due_link);
    pthread_mutex_lock(&hub.mutex);
    failed = attach(watch, loop);
    pthread_mutex_unlock(&hub.mutex);
    return failed < 0 ? explain(-failed, path, error) : 0;
}

void hf_path_watch_stop(struct hf_path_watch *watch)
{
    /* Written by the loop's own thread only. */
    if (watch->port == NULL)
        return;
    pthread_mutex_lock(&hub.mutex);
    detach(watch);
    pthread_mutex_unlock(&hub.mutex);
}
