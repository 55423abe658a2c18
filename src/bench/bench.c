/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages: signals -> attach -> disk -> range -> lanes -> load until the end -> what is out. */
#include "bench/bench.h"
#include "bench/state.h"

#include "base/checked.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ATTACH_LIMIT_NS (5 * HF_NS_PER_S)
#define DRAIN_LIMIT_NS  (10 * HF_NS_PER_S)
#define DISKS_MAX       256u
#define SPINS           64u /* looks at the rings before one at signals, timer and socket */

const struct hf_bench_settings hf_bench_settings_default = {
    .block_size_bytes = 4096,
    .depth = 32,
    .queues = 1,
    .runtime_ns = 5 * HF_NS_PER_S,
    .seed = 1,
};

/* ---- signals: the first ends the load, the second the wait for what is out ---- */

static void signal_ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_bench *bench = HF_CONTAINER(watch, struct hf_bench, signal_watch);
    struct signalfd_siginfo taken;

    (void)events;
    if (read(bench->signal_fd, &taken, sizeof(taken)) != (ssize_t)sizeof(taken))
        return;
    bench->gave_up = bench->interrupted;
    bench->outcome->interrupted = bench->outcome->interrupted || !bench->stopping;
    bench->interrupted = bench->stopping = true;
}

static int watch_signals(struct hf_bench *bench, const sigset_t *signals, struct hf_error *error)
{
    int ret = hf_loop_init(&bench->loop);

    if (ret == 0) {
        bench->signal_fd = hf_fd_lift(signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK));
        bench->signal_watch.ready = signal_ready;
        ret = bench->signal_fd < 0
                  ? bench->signal_fd
                  : hf_loop_add(&bench->loop, &bench->signal_watch, bench->signal_fd, EPOLLIN);
    }
    return ret < 0 ? hf_error_set(error, -ret, "unable to watch signals: %s", strerror(-ret)) : 0;
}

/* ---- the back-end ---- */

static void device_event(void *host, const struct hf_device_event *event)
{
    struct hf_bench *bench = host;

    bench->outcome->losses += event->kind == HF_DEVICE_EVENT_LOST;
}

/* What was not asked for was skipped; after the others nothing more comes from that ring. */
static void ring_fault(void *host, uint16_t queue, enum hf_ring_fault fault)
{
    struct hf_bench *bench = host;

    (void)queue;
    bench->outcome->ring_faults++;
    if (fault != HF_RING_FAULT_USED_ID)
        bench->stopping = bench->gave_up = true;
}

static int attach(struct hf_bench *bench, struct hf_error *error)
{
    const struct hf_bench_settings *settings = bench->settings;
    uint64_t memory = (uint64_t)hf_bench_lane_count(settings) * hf_bench_lane_bytes(settings);
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_ops ops = { .host = bench,
                                    .device_event = device_event,
                                    .ring_fault = ring_fault };
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + ATTACH_LIMIT_NS };

    config.socket_path = settings->socket_path;
    config.queue_count = settings->queues;
    config.depth = settings->depth;
    config.segments_max = 1;
    config.polls = settings->polls;
    config.cancel = &bench->interrupted;
    config.buffer_size = hf_max_u64(memory, HF_DISCOVERY_BUFFER_SIZE);
    if (memory > HF_BENCH_MEMORY_MAX)
        return hf_error_set(error, EINVAL,
                            "%u requests of %u bytes are more than %llu MiB in flight: lower "
                            "--bs, --iodepth or --queues",
                            hf_bench_lane_count(settings), settings->block_size_bytes,
                            (unsigned long long)(HF_BENCH_MEMORY_MAX >> 20));
    int ret = hf_initiator_new(&bench->initiator, &config, &bench->loop, &ops, error);
    if (ret == 0)
        ret = hf_initiator_connect(bench->initiator, &wait, error);
    if (ret == 0)
        ret = hf_initiator_start(bench->initiator, &wait, error);
    return ret;
}

/* ---- the disk ---- */

static bool serves(const struct hf_bench *bench, const struct hf_disk *disk)
{
    const struct hf_bench_settings *settings = bench->settings;

    if (settings->chosen)
        return disk->target == settings->target && disk->lun == settings->lun;
    return disk->type == 0 && disk->blocks > 0 &&
           !(disk->read_only && hf_access_writes(&settings->kind));
}

static int find_none(const struct hf_bench *bench, struct hf_error *error)
{
    const struct hf_bench_settings *settings = bench->settings;

    if (settings->chosen)
        return hf_error_set(error, ENODEV,
                            "--lun=%u:%u: there is none (\"holdfast info\" shows those there are)",
                            settings->target, settings->lun);
    return hf_error_set(error, ENODEV, "the back-end has no disk to %s",
                        hf_access_writes(&settings->kind) ? "write to" : "read from");
}

static int check_disk(const struct hf_bench *bench, struct hf_error *error)
{
    const struct hf_disk *disk = &bench->outcome->disk;
    uint32_t block_size = bench->settings->block_size_bytes;

    if (disk->type != 0 || disk->blocks == 0 || disk->block_size_bytes == 0)
        return hf_error_set(error, ENODEV, "target %u LUN %u is no disk, or has no medium",
                            disk->target, disk->lun);
    if (disk->read_only && hf_access_writes(&bench->settings->kind))
        return hf_error_set(error, EROFS, "target %u LUN %u is read-only: use --rw=randread",
                            disk->target, disk->lun);
    if (block_size % disk->block_size_bytes != 0)
        return hf_error_set(error, EINVAL, "--bs=%u is no multiple of the disk's block of %u bytes",
                            block_size, disk->block_size_bytes);
    return 0;
}

static int choose_disk(struct hf_bench *bench, struct hf_error *error)
{
    struct hf_disk disks[DISKS_MAX];
    struct hf_disk_list list = { .disks = disks, .capacity = DISKS_MAX };
    int ret = hf_discovery_run(bench->initiator, hf_initiator_buffer(bench->initiator),
                               hf_clock_ns() + ATTACH_LIMIT_NS, &list, error);

    for (unsigned i = 0; ret == 0 && i < list.count; i++) {
        if (!serves(bench, &disks[i]))
            continue;
        bench->outcome->disk = disks[i];
        return check_disk(bench, error);
    }
    return ret < 0 ? ret : find_none(bench, error);
}

static int choose_range(struct hf_bench *bench, struct hf_error *error)
{
    const struct hf_bench_settings *settings = bench->settings;
    const struct hf_disk *disk = &bench->outcome->disk;
    uint64_t disk_bytes = 0;

    if (!hf_mul_u64(disk->blocks, disk->block_size_bytes, &disk_bytes))
        return hf_error_set(error, EOVERFLOW, "the disk says that it has 2^64 bytes or more");
    uint64_t left = disk_bytes - hf_min_u64(settings->offset_bytes, disk_bytes);
    uint64_t size = settings->size_bytes == 0 ? left : settings->size_bytes;
    if (size > left || size < settings->block_size_bytes)
        return hf_error_set(error, ENOSPC,
                            "a range of %llu bytes at --offset=%llu: it must be at least --bs=%u, "
                            "and within the disk's %llu bytes",
                            (unsigned long long)size, (unsigned long long)settings->offset_bytes,
                            settings->block_size_bytes, (unsigned long long)disk_bytes);
    if (settings->offset_bytes % disk->block_size_bytes != 0)
        return hf_error_set(error, EINVAL,
                            "--offset=%llu is no multiple of the disk's block of %u bytes",
                            (unsigned long long)settings->offset_bytes, disk->block_size_bytes);
    bench->first_lba = settings->offset_bytes / disk->block_size_bytes;
    bench->lbas_per_block = settings->block_size_bytes / disk->block_size_bytes;
    bench->access = (struct hf_access){ .kind = settings->kind,
                                        .block_count = size / settings->block_size_bytes,
                                        .random = { .state = hf_random_mix(settings->seed) } };
    return 0;
}

/* ---- the load ---- */

static uint64_t cpu_ns(void)
{
    struct rusage usage = { 0 };

    getrusage(RUSAGE_SELF, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * HF_NS_PER_S +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * HF_NS_PER_US;
}

/* The end of the load, then that of the wait for what is out. */
static void time_over(struct hf_timer *timer)
{
    struct hf_bench *bench = HF_CONTAINER(timer, struct hf_bench, timer);

    bench->gave_up = bench->gave_up || bench->draining;
    bench->stopping = true;
}

static void turn(struct hf_bench *bench)
{
    if (!bench->settings->polls) {
        hf_loop_dispatch(&bench->loop, -1);
        return;
    }
    hf_loop_dispatch(&bench->loop, 0);
    for (unsigned i = 0; i < SPINS; i++)
        hf_initiator_poll(bench->initiator);
}

static bool is_over(const struct hf_bench *bench)
{
    return bench->gave_up || hf_initiator_outstanding(bench->initiator) == 0;
}

/* Until it is stopped all lanes are out, so that nothing out is the end. */
static void run_load(struct hf_bench *bench, uint64_t start_ns)
{
    hf_loop_set_timer(&bench->loop, &bench->timer, start_ns + bench->settings->runtime_ns);
    while (!is_over(bench)) {
        turn(bench);
        if (!bench->stopping || bench->draining)
            continue;
        bench->draining = true;
        hf_loop_set_timer(&bench->loop, &bench->timer, hf_clock_ns() + DRAIN_LIMIT_NS);
    }
    hf_loop_cancel_timer(&bench->loop, &bench->timer);
}

static int measure(struct hf_bench *bench, struct hf_error *error)
{
    struct hf_bench_outcome *outcome = bench->outcome;

    if (hf_bench_lanes_init(bench) < 0)
        return hf_error_set(error, ENOMEM, "no memory for %u requests",
                            hf_bench_lane_count(bench->settings));
    outcome->losses = outcome->ring_faults = 0;
    uint64_t cpu_before_ns = cpu_ns();
    uint64_t start_ns = hf_clock_ns();
    bench->last_ns = start_ns;
    int ret = hf_bench_lanes_start(bench, start_ns);
    if (ret < 0)
        return hf_error_set(error, -ret, "unable to send a request: %s", strerror(-ret));
    run_load(bench, start_ns);
    outcome->elapsed_ns = bench->last_ns - start_ns;
    outcome->cpu_ns = cpu_ns() - cpu_before_ns;
    outcome->unanswered = hf_initiator_outstanding(bench->initiator);
    return 0;
}

static int run(struct hf_bench *bench, const sigset_t *signals, struct hf_error *error)
{
    int (*const stages[])(struct hf_bench *, struct hf_error *) = { attach, choose_disk,
                                                                    choose_range, measure };
    int ret = watch_signals(bench, signals, error);

    for (unsigned i = 0; ret == 0 && i < sizeof(stages) / sizeof(stages[0]); i++)
        ret = bench->interrupted ? hf_error_set(error, ECANCELED, "interrupted")
                                 : stages[i](bench, error);
    return ret;
}

static void clean_up(struct hf_bench *bench)
{
    hf_initiator_free(bench->initiator);
    free(bench->lanes);
    hf_loop_remove(&bench->signal_watch);
    hf_fd_close(&bench->signal_fd);
    hf_loop_done(&bench->loop);
}

int hf_bench_run(const struct hf_bench_settings *settings, struct hf_bench_outcome *outcome,
                 struct hf_error *error)
{
    struct hf_bench bench = {
        .settings = settings, .outcome = outcome, .timer = { .expired = time_over }, .signal_fd = -1
    };
    sigset_t signals;
    sigset_t before;

    *outcome = (struct hf_bench_outcome){ .elapsed_ns = 0 };
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    int ret = run(&bench, &signals, error);
    clean_up(&bench);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ret;
}

bool hf_bench_good(const struct hf_bench_outcome *outcome)
{
    return outcome->failed == 0 && outcome->unanswered == 0 && outcome->ring_faults == 0 &&
           outcome->latency_ns.count > 0;
}
