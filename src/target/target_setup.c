/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a target does once: opens its units, makes its workers, comes by its socket; and closes
 * everything at the end. It listens only when every unit is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/guard.h"
#include "os/log.h"
#include "target/offer.h"
#include "target/session.h"
#include "target/target.h"
#include "target/target_parts.h"
#include "target/unit.h"
#include "target/worker.h"

/* A killed predecessor holds socket and lock file until the kernel has taken it apart. */
#define SOCKET_GRACE_NS (2 * HF_NS_PER_S)

/* ---- units ---- */

static int open_units(struct hf_target *target, struct hf_error *error)
{
    int failed = hf_target_open_units(target, error);

    hf_lease_init(&target->lease, target->units, target->unit_count);
    if (hf_unit_lock_disabled())
        hf_log(HF_LOG_WARNING, "built WITHOUT the lock of its units, for tests: it loses data");
    return failed;
}

/* ---- process ---- */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Before there are threads: they inherit the mask, and the loop takes the signals. */
static int block_signals(void)
{
    sigset_t signals;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

/* Before anything is opened: later, the number of a closed one may be something of ours. */
static int check_fd(const char *option, int fd, struct hf_error *error)
{
    if (fd < 0) /* not given */
        return 0;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return hf_error_set(error, errno, "--%s=%d: it is not open", option, fd);
    if ((flags & O_ACCMODE) == O_RDONLY)
        return hf_error_set(error, EBADF, "--%s=%d: it is open for reading only", option, fd);
    return 0;
}

static int guard_memory(struct hf_target *target, struct hf_error *error)
{
    int failed = hf_guard_install();

    target->memory_lost_fd = failed < 0 ? failed : hf_event_create();
    return target->memory_lost_fd >= 0
               ? 0
               : hf_error_set(error, -target->memory_lost_fd, "cannot guard guest memory: %s",
                              strerror(-target->memory_lost_fd));
}

static unsigned useful_threads(const struct hf_target_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = processors > 0 ? (unsigned)processors : 1;

    if (options->threads > 0)
        return options->threads;
    return threads < options->queues ? threads : options->queues;
}

static void on_engine_broken(void *context, int error)
{
    char why[128];

    snprintf(why, sizeof(why),
             "an I/O engine broke: %s: ends with I/O in flight, which stays recorded",
             strerror(-error));
    hf_target_leave(context, why);
}

static int make_crew(struct hf_target *target, struct hf_error *error)
{
    const struct hf_crew_options options = { .threads = useful_threads(target->options),
                                             .poll_us = target->options->poll_us,
                                             .broken = on_engine_broken,
                                             .context = target };

    target->crew = hf_crew_new(&options, error);
    if (!target->crew)
        return error->code ? -error->code : -EINVAL;
    if (hf_crew_fallback_reason(target->crew))
        hf_log(HF_LOG_NOTICE, "%s: threads do the I/O, which is slower",
               hf_crew_fallback_reason(target->crew));
    return 0;
}

/* ---- socket ---- */

static int socket_number(int fd, int option)
{
    int value = 0;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -errno : value;
}

/* --fd=N and socket activation: one that listens, or one connection. */
static int adopt_socket(struct hf_target *target, int given, struct hf_error *error)
{
    int listens = socket_number(given, SO_ACCEPTCONN);

    if (listens < 0)
        return hf_error_set(error, -listens, "descriptor %d is no socket: %s", given,
                            strerror(-listens));
    int fd = hf_fd_lift(given);
    if (fd < 0)
        return hf_error_set(error, -fd, "descriptor %d: %s", given, strerror(-fd));
    if (listens)
        return hf_listener_adopt(&target->listener, fd, error);
    if (socket_number(fd, SO_DOMAIN) != AF_UNIX || socket_number(fd, SO_TYPE) != SOCK_STREAM) {
        hf_fd_close(&fd);
        return hf_error_set(error, EINVAL, "descriptor %d is not a Unix stream socket", given);
    }
    int failed = hf_target_serve_connection(target, fd);
    return failed < 0 ? hf_error_set(error, -failed, "descriptor %d: %s", given, strerror(-failed))
                      : 0;
}

static int find_socket(struct hf_target *target, struct hf_error *error)
{
    const struct hf_target_options *options = target->options;

    if (options->socket_path) {
        int failed =
            hf_listener_init(&target->listener, options->socket_path, SOCKET_GRACE_NS, error);
        if (failed < 0)
            hf_error_prefix(error, "--socket-path=%s", options->socket_path);
        return failed;
    }
    if (options->socket_fd >= 0)
        return adopt_socket(target, options->socket_fd, error);
    int given = sd_listen_fds(true);
    if (given == 1)
        return adopt_socket(target, SD_LISTEN_FDS_START, error);
    return hf_error_set(error, EINVAL,
                        given > 1 ? "more than one socket was passed: want one"
                                  : "no socket given: say --socket-path=PATH or --fd=N");
}

int hf_target_stamp(const char *option, int taken_fd, uint64_t stamp_ns, struct hf_error *error)
{
    HF_AUTO_FD int fd = taken_fd;

    if (fd < 0)
        return 0;
    ssize_t written = write(fd, &stamp_ns, sizeof(stamp_ns));
    if (written == (ssize_t)sizeof(stamp_ns))
        return 0;
    int code = written < 0 ? errno : EIO;
    return hf_error_set(error, code, "--%s=%d: cannot write to it: %s", option, fd, strerror(code));
}

static int tell_ready(const struct hf_target *target, uint64_t listening_ns, struct hf_error *error)
{
    /* Who asked for it waits for it. */
    int failed = hf_target_stamp("ready-fd", target->options->ready_fd, listening_ns, error);

    if (failed < 0)
        return failed;
    hf_log(HF_LOG_NOTICE, "listening on %s at %llu.%06llu s (CLOCK_MONOTONIC), %u unit%s, %s",
           target->listener.path[0] ? target->listener.path : "an inherited socket",
           (unsigned long long)(listening_ns / HF_NS_PER_S),
           (unsigned long long)(listening_ns % HF_NS_PER_S / HF_NS_PER_US), target->unit_count,
           target->unit_count == 1 ? "" : "s", hf_crew_engine(target->crew));
    return 0;
}

/* The same socket under the same name, however it was given to us; empty where it has none. */
static void name_service(struct hf_target *target, int fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t length = sizeof(address) - 1;
    const char *path = target->options->socket_path;
    char *real;

    if (!path && getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        path = address.sun_path;
    real = path ? realpath(path, NULL) : NULL;
    for (unsigned i = 0; i < target->unit_count; i++)
        hf_unit_set_service(target->units[i], real ? real : path ? path : "");
    free(real);
}

static int take_socket(struct hf_target *target, struct hf_error *error)
{
    int failed = find_socket(target, error);

    if (failed < 0)
        return failed;
    name_service(target, target->listener.fd);
    if (!target->single) {
        failed = hf_target_watch_listener(target);
        if (failed < 0)
            return hf_error_set(error, -failed, "cannot watch the socket: %s", strerror(-failed));
    }
    uint64_t listening_ns = target->listener.listening_ns;
    return tell_ready(target, listening_ns ? listening_ns : hf_clock_ns(), error);
}

int hf_target_init(struct hf_target *target, const struct hf_target_options *options,
                   struct hf_error *error)
{
    memset(target, 0, sizeof(*target));
    hf_list_init(&target->sessions);
    target->listener.fd = target->listener.lock_fd = -1;
    target->memory_lost_fd = -1;
    target->options = options;
    target->lock_fd = options->lock_fd;
    target->log_limit = (struct hf_log_limit){ .interval_ns = HF_NS_PER_S, .burst = 20 };
    target->offer = hf_target_offer(options);

    raise_descriptor_limit();
    int failed = check_fd("ready-fd", options->ready_fd, error);
    if (failed == 0)
        failed = check_fd("lock-fd", options->lock_fd, error);
    if (failed == 0)
        failed = open_units(target, error);
    if (failed == 0)
        failed = block_signals();
    if (failed == 0)
        failed = guard_memory(target, error);
    if (failed == 0)
        failed = make_crew(target, error);
    if (failed < 0)
        return failed;
    hf_target_fill_config(options, target->unit_count, target->config);
    failed = hf_target_wire(target);
    if (failed < 0)
        return hf_error_set(error, -failed, "cannot make the control loop: %s", strerror(-failed));
    return take_socket(target, error);
}

/* ---- the end ---- */

static void free_sessions(struct hf_target *target)
{
    while (!hf_list_empty(&target->sessions))
        hf_session_free(hf_session_of_link(target->sessions.next));
}

void hf_target_done(struct hf_target *target)
{
    if (!target->options)
        return;
    free_sessions(target);
    hf_listener_done(&target->listener);
    hf_crew_free(target->crew);
    sd_event_source_disable_unref(target->accept_source);
    sd_event_source_disable_unref(target->accept_again_source);
    sd_event_source_disable_unref(target->retry_source);
    sd_event_source_disable_unref(target->reap_source);
    sd_event_source_disable_unref(target->drain_source);
    sd_event_source_disable_unref(target->slow_source);
    sd_event_unref(target->event);
    hf_fd_close(&target->memory_lost_fd);
    for (unsigned i = 0; i < target->unit_count; i++)
        hf_unit_close(target->units[i]);
}
