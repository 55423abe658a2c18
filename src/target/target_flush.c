/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last flush: nothing is served any more, and what was written becomes durable. It may take
 * long, on a disk that hangs for ever: who asked for the end once more is still heard.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/log.h"
#include "target/lane.h"
#include "target/target.h"
#include "target/target_parts.h"
#include "target/unit.h"
#include "target/worker.h"

#define SLOW_FLUSH_NS (5 * HF_NS_PER_S)

struct flush {
    struct hf_target *target;
    struct hf_aio *aio;
    struct hf_lane lane; /* the workers are gone: this thread is the lane now */
    struct hf_aio_watch told;
    struct hf_timer slow;
    struct hf_unit *unit; /* under way */
    struct hf_unit_io io;
    int result;
};

static void on_told(struct hf_aio_watch *watch)
{
    struct hf_target *target = HF_CONTAINER(watch, struct flush, told)->target;
    struct signalfd_siginfo info;

    if (read(watch->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (target->stopping)
        hf_target_leave(target, "told to end a second time: ends before its units are flushed, as "
                                "after SIGKILL");
    target->stopping = true;
}

static void on_slow(struct hf_timer *timer)
{
    const struct flush *flush = HF_CONTAINER(timer, struct flush, slow);

    hf_log(HF_LOG_NOTICE, "unit '%s': still flushes; another signal ends it", flush->unit->name);
}

static void on_flushed(struct hf_unit_io *io, int result)
{
    HF_CONTAINER(io, struct flush, io)->result = result;
}

/* The signals stay blocked; what came since the loop ended waits to be read. */
static int listen_to_signals(struct flush *flush)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    int fd = hf_fd_lift(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (fd < 0)
        return fd;
    flush->told.ready = on_told;
    int failed = hf_aio_add_watch(flush->aio, &flush->told, fd);
    if (failed < 0)
        hf_fd_close(&fd);
    return failed;
}

static int begin(struct flush *flush, struct hf_target *target)
{
    const struct hf_aio_options options = { .engine = HF_AIO_ENGINE_THREADS, .thread_count = 1 };
    struct hf_error error = { 0 };
    int failed = hf_aio_new(&flush->aio, &options, &error);

    if (failed < 0) {
        hf_log(HF_LOG_ERROR, "the units cannot be flushed: %s", error.text);
        return failed;
    }
    flush->target = target;
    flush->told.fd = -1;
    flush->slow.expired = on_slow;
    hf_lane_init(&flush->lane, 0, flush->aio);
    failed = listen_to_signals(flush);
    if (failed < 0)
        hf_log(HF_LOG_WARNING, "the last flush will not be interrupted: %s", strerror(-failed));
    return 0;
}

/* What stands before a medium makes trouble for guests; this is no request of theirs. */
static struct hf_unit *medium_of(struct hf_unit *unit)
{
    while (unit->inner)
        unit = unit->inner;
    return unit;
}

static int flush_unit(struct flush *flush, struct hf_unit *unit)
{
    int failed = 0;

    if (!unit->present || unit->facts.read_only)
        return 0;
    flush->unit = unit;
    flush->io = (struct hf_unit_io){ .action = HF_UNIT_ACTION_FLUSH, .done = on_flushed };
    flush->result = 0;
    hf_aio_set_timer(flush->aio, &flush->slow, hf_clock_ns() + SLOW_FLUSH_NS);
    hf_unit_submit(medium_of(unit), &flush->lane, &flush->io);
    while (failed >= 0 && hf_aio_in_flight(flush->aio) > 0)
        failed = hf_aio_wait(flush->aio, HF_CLOCK_NEVER);
    hf_aio_cancel_timer(flush->aio, &flush->slow);
    if (failed >= 0)
        failed = flush->result;
    if (failed < 0)
        hf_log(HF_LOG_ERROR, "unit '%s': cannot be flushed: %s", unit->name, strerror(-failed));
    return failed;
}

static void end(struct flush *flush)
{
    int fd = flush->told.fd;

    hf_aio_remove_watch(flush->aio, &flush->told);
    hf_fd_close(&fd);
    hf_lane_done(&flush->lane);
    hf_aio_free(flush->aio);
}

int hf_target_flush(struct hf_target *target)
{
    struct flush flush = { 0 };
    int status = 0;

    hf_crew_free(target->crew);
    target->crew = NULL;
    if (begin(&flush, target) < 0)
        return 1;
    for (unsigned i = 0; i < target->unit_count; i++)
        if (flush_unit(&flush, target->units[i]) < 0)
            status = 1;
    end(&flush);
    return status;
}
