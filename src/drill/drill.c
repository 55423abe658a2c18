/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stages:  scene -> back-end -> attach -> fill -> (load, kill, wait, start, recover) x kills ->
 * load for another second -> flush -> sweep -> stop -> the file itself -> verdict
 */
#include "drill/drill.h"

#include "base/checked.h"
#include "drill/state.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ATTACH_LIMIT_NS (10 * HF_NS_PER_S)
#define REAP_LIMIT_MS   30000u
#define STOP_LIMIT_MS   10000u
#define LAST_LOAD_NS    (1200 * HF_NS_PER_MS) /* so that the last "a second later" is reached */
#define POOL_BYTES      (UINT64_C(48) << 20)
#define POOL_COUNT_MAX  4096u
#define LEAD            5
#define DISKS_MAX       256u

const struct hf_drill_settings hf_drill_settings_default = {
    .kills = 20,
    .depth = 64,
    .queues = 1,
    .block_size_bytes = 4096,
    .mix = { .read = 30, .write = 62, .flush = 8 },
    .down = { 0, 100 },
    .runtime = { 100, 400 },
    .recovery = HF_RECOVERY_AUTO,
    .stuck_after_ns = 10 * HF_NS_PER_S,
    .size_bytes = UINT64_C(64) << 20,
};

static unsigned lane_count(const struct hf_drill_settings *settings)
{
    return (unsigned)settings->depth * settings->queues;
}

/* Every lane needs one; as many more as memory allows are there for quarantine. */
static unsigned buffer_count(const struct hf_drill_settings *settings)
{
    uint64_t fit = POOL_BYTES / hf_pool_bytes(settings->block_size_bytes, 1);
    uint64_t more = hf_min_u64(hf_max_u64(fit, 8), POOL_COUNT_MAX);

    return lane_count(settings) + (unsigned)more;
}

/* ---- getting there ---- */

static void signal_ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_drill *drill = HF_CONTAINER(watch, struct hf_drill, signal_watch);
    struct signalfd_siginfo taken;

    (void)events;
    /* Taken, or it would end the program when the mask is given back, before a word is said. */
    if (read(drill->signal_fd, &taken, sizeof(taken)) == (ssize_t)sizeof(taken))
        drill->interrupted = true;
}

static int watch_signals(struct hf_drill *drill, const sigset_t *signals, struct hf_error *error)
{
    int ret = hf_loop_init(&drill->loop);

    if (ret == 0) {
        drill->signal_fd = hf_fd_lift(signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK));
        drill->signal_watch.ready = signal_ready;
        ret = drill->signal_fd < 0
                  ? drill->signal_fd
                  : hf_loop_add(&drill->loop, &drill->signal_watch, drill->signal_fd, EPOLLIN);
    }
    return ret < 0 ? hf_error_set(error, -ret, "unable to watch signals: %s", strerror(-ret)) : 0;
}

static int start_backend(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_backend_setup setup = {
        .command = drill->scene.command,
        .socket_path = drill->scene.socket_path,
        .file_path = drill->scene.file_path[0] != 0 ? drill->scene.file_path : NULL,
        .log_path = drill->scene.log_path,
        .priority = drill->priority,
    };
    int ret = hf_backend_init(&drill->backend, &setup, error);

    if (ret == 0)
        ret = hf_backend_spawn(&drill->backend, error);
    if (ret == 0)
        ret = hf_drill_wait_listening(drill, error);
    return ret;
}

static void ring_fault(void *host, uint16_t queue, enum hf_ring_fault fault)
{
    struct hf_drill *drill = host;
    bool skipped = fault == HF_RING_FAULT_USED_ID;

    hf_tally_add(&drill->outcome->tally, skipped ? HF_FINDING_UNASKED : HF_FINDING_RING,
                 "queue %u: %s", queue, hf_ring_fault_text(fault));
    if (!skipped)
        drill->hopeless = true;
}

static int attach(struct hf_drill *drill, struct hf_error *error)
{
    const struct hf_drill_settings *settings = drill->settings;
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_ops ops = { .host = drill, .ring_fault = ring_fault };
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + ATTACH_LIMIT_NS,
                                      .patient = true };

    config.socket_path = drill->scene.socket_path;
    config.queue_count = settings->queues;
    config.depth = settings->depth;
    config.segments_max = 2;
    config.recovery = settings->recovery;
    config.polls = settings->polls;
    config.cancel = &drill->interrupted;
    config.buffer_size = hf_pool_bytes(settings->block_size_bytes, buffer_count(settings)) +
                         HF_DISCOVERY_BUFFER_SIZE;
    int ret = hf_initiator_new(&drill->initiator, &config, &drill->loop, &ops, error);
    if (ret == 0)
        ret = hf_initiator_connect(drill->initiator, &wait, error);
    if (ret == 0)
        ret = hf_initiator_start(drill->initiator, &wait, error);
    if (ret == 0)
        drill->outcome->recovery = hf_initiator_recovery(drill->initiator);
    return ret;
}

/* The first disk that can be written; without our own file, whatever is on it is lost. */
static int choose_disk(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_disk disks[DISKS_MAX];
    struct hf_disk_list list = { .disks = disks, .capacity = DISKS_MAX };
    int ret = hf_discovery_run(drill->initiator, hf_initiator_buffer(drill->initiator),
                               hf_clock_ns() + ATTACH_LIMIT_NS, &list, error);

    for (unsigned i = 0; ret == 0 && i < list.count; i++) {
        if (disks[i].type != 0 || disks[i].read_only || disks[i].blocks == 0)
            continue;
        drill->disk = disks[i];
        return 0;
    }
    return ret < 0 ? ret : hf_error_set(error, ENODEV, "the back-end has no disk to write to");
}

static int check_disk(struct hf_drill *drill, struct hf_error *error)
{
    uint32_t lba_size = drill->disk.block_size_bytes;
    uint32_t block_size = drill->settings->block_size_bytes;

    if (lba_size < HF_CONTENT_SECTOR_SIZE || lba_size % HF_CONTENT_SECTOR_SIZE != 0)
        return hf_error_set(error, EINVAL, "the disk has blocks of %u bytes", lba_size);
    if (block_size % lba_size != 0)
        return hf_error_set(error, EINVAL, "--bs=%u is no multiple of the disk's block of %u bytes",
                            block_size, lba_size);
    return 0;
}

/* The hot set lies spread over the whole disk, so that addresses have all their bits. */
static int make_ledger(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_ledger *ledger = &drill->ledger;
    uint64_t disk_bytes = drill->disk.blocks * drill->disk.block_size_bytes;
    uint64_t disk_blocks = disk_bytes / drill->settings->block_size_bytes;

    ledger->seed = drill->settings->seed;
    ledger->block_size_bytes = drill->settings->block_size_bytes;
    ledger->count = lane_count(drill->settings) * HF_WORKLOAD_BLOCKS_PER_LANE;
    if (disk_blocks < ledger->count)
        return hf_error_set(error, ENOSPC, "the disk has %llu bytes, the drill needs %llu",
                            (unsigned long long)disk_bytes,
                            (unsigned long long)ledger->count * ledger->block_size_bytes);
    ledger->stride_bytes = disk_blocks / ledger->count * ledger->block_size_bytes;
    ledger->blocks = calloc(ledger->count, sizeof(*ledger->blocks));
    return ledger->blocks == NULL ? hf_error_set(error, ENOMEM, "no memory for the ledger") : 0;
}

static int make_workload(struct hf_drill *drill, struct hf_error *error)
{
    const struct hf_drill_settings *settings = drill->settings;
    struct hf_workload_setup setup = {
        .initiator = drill->initiator,
        .ledger = &drill->ledger,
        .pool = &drill->pool,
        .tally = &drill->outcome->tally,
        .queue_count = settings->queues,
        .depth = settings->depth,
        .target = drill->disk.target,
        .lun = drill->disk.lun,
        .lba_size_bytes = drill->disk.block_size_bytes,
        .mix = settings->mix,
        .rate = settings->rate,
        .seed = settings->seed,
    };
    int ret = hf_pool_init(&drill->pool, hf_initiator_buffer(drill->initiator),
                           hf_pool_bytes(settings->block_size_bytes, buffer_count(settings)),
                           settings->block_size_bytes, &drill->outcome->tally);

    if (ret == 0)
        ret = hf_workload_init(&drill->workload, &setup);
    return ret < 0 ? hf_error_set(error, -ret, "no memory for the workload") : 0;
}

static int prepare_load(struct hf_drill *drill, struct hf_error *error)
{
    int (*const stages[])(struct hf_drill *, struct hf_error *) = {
        attach, choose_disk, check_disk, make_ledger, make_workload,
    };
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < sizeof(stages) / sizeof(stages[0]); i++)
        ret = stages[i](drill, error);
    if (ret == 0)
        ret = hf_drill_wait_mode(drill, HF_WORKLOAD_FILL, error);
    return ret;
}

static int prepare(struct hf_drill *drill, struct hf_error *error)
{
    int ret = start_backend(drill, error);

    if (ret < 0)
        return ret;
    ret = prepare_load(drill, error);
    /* A back-end that listens and does not serve may have said why. */
    if (ret == -ETIMEDOUT)
        hf_scene_add_log(&drill->scene, error);
    return ret;
}

/* ---- kills ---- */

static uint64_t draw_ns(struct hf_drill *drill, const struct hf_drill_span *span)
{
    /* In microseconds: a kill should not know the millisecond. */
    return HF_NS_PER_US * hf_random_between(&drill->random, span->first_ms * UINT64_C(1000),
                                            span->last_ms * UINT64_C(1000));
}

/* Load until the back-end is killed, at a moment that this loop does not know. */
static int wait_for_kill(struct hf_drill *drill, struct hf_error *error)
{
    uint64_t at = hf_clock_ns() + draw_ns(drill, &drill->settings->runtime);
    int ret = hf_backend_kill_at(&drill->backend, at, error);

    while (ret == 0 && hf_backend_killed(&drill->backend) == 0) {
        ret = hf_drill_turn(drill, 1, error);
        /* It ended by itself, and another one runs: that one is to be killed now. */
        if (ret == 0 && !drill->backend.killer_runs)
            ret = hf_backend_kill_at(&drill->backend, at, error);
    }
    return ret;
}

/* Dead and reaped: what it published is final, what is still out was in flight. */
static int count_kill(struct hf_drill *drill, struct hf_timeline_kill *entry,
                      struct hf_error *error)
{
    entry->killed_ns = hf_backend_killed(&drill->backend);
    int ret = hf_backend_reap(&drill->backend, REAP_LIMIT_MS, error);
    if (ret < 0)
        return ret;
    hf_initiator_poll(drill->initiator);
    entry->in_flight = hf_workload_count_before(&drill->workload, entry->killed_ns);
    drill->outcome->tally.replayed += entry->in_flight;
    drill->outcome->kills++;
    hf_workload_mark(&drill->workload);
    return 0;
}

static int wait_for_first(struct hf_drill *drill, struct hf_error *error)
{
    int ret = 0;

    while (ret == 0 && !drill->hopeless && drill->workload.first_ns == 0)
        ret = hf_drill_turn(drill, 1, error);
    return ret;
}

static int kill_once(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_timeline_kill *entry = hf_timeline_add(&drill->outcome->timeline);
    int ret = wait_for_kill(drill, error);

    if (ret == 0)
        ret = count_kill(drill, entry, error);
    if (ret == 0)
        ret = hf_drill_wait_until(drill, hf_clock_ns() + draw_ns(drill, &drill->settings->down),
                                  error);
    if (ret == 0)
        ret = hf_backend_spawn(&drill->backend, error);
    if (ret == 0)
        ret = hf_drill_wait_listening(drill, error);
    if (ret == 0)
        ret = wait_for_first(drill, error);
    entry->listening_ns = drill->backend.listening_ns;
    entry->first_ns = drill->workload.first_ns;
    return ret;
}

static int kill_all(struct hf_drill *drill, struct hf_error *error)
{
    int ret = 0;

    hf_workload_set_mode(&drill->workload, HF_WORKLOAD_RUN);
    while (ret == 0 && !drill->hopeless && drill->outcome->kills < drill->settings->kills)
        ret = kill_once(drill, error);
    if (ret == 0)
        ret = hf_drill_wait_until(drill, hf_clock_ns() + LAST_LOAD_NS, error);
    return ret;
}

/* ---- the end ---- */

static int finish(struct hf_drill *drill, struct hf_error *error)
{
    static const enum hf_workload_mode modes[] = { HF_WORKLOAD_STOPPED, HF_WORKLOAD_FLUSH,
                                                   HF_WORKLOAD_SWEEP };
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < sizeof(modes) / sizeof(modes[0]); i++)
        ret = hf_drill_wait_mode(drill, modes[i], error);
    if (ret < 0)
        return ret;
    hf_pool_check(&drill->pool);
    hf_initiator_free(drill->initiator);
    drill->initiator = NULL;
    hf_backend_stop(&drill->backend, STOP_LIMIT_MS);
    return drill->scene.file_path[0] == 0 ? 0 : hf_drill_check_file(drill, error);
}

static void judge(struct hf_drill *drill)
{
    struct hf_drill_outcome *outcome = drill->outcome;

    outcome->hits = hf_timeline_hits(&outcome->timeline);
    outcome->verdict = hf_verdict_of(&outcome->tally, outcome->kills, outcome->hits);
}

static void clean_up(struct hf_drill *drill)
{
    hf_drill_clear_line(drill);
    hf_initiator_free(drill->initiator);
    hf_workload_done(&drill->workload);
    hf_pool_done(&drill->pool);
    free(drill->ledger.blocks);
    hf_backend_done(&drill->backend);
    hf_scene_remove(&drill->scene);
    hf_loop_remove(&drill->signal_watch);
    hf_fd_close(&drill->signal_fd);
    hf_loop_done(&drill->loop);
}

static int run(struct hf_drill *drill, const sigset_t *signals, struct hf_error *error)
{
    int ret = watch_signals(drill, signals, error);

    if (ret == 0)
        ret = hf_scene_make(&drill->scene, drill->settings, error);
    if (ret == 0)
        ret = prepare(drill, error);
    if (ret == 0)
        ret = kill_all(drill, error);
    if (ret == 0)
        ret = finish(drill, error);
    if (ret == 0)
        judge(drill);
    return ret;
}

/* A load that waits for a processor, while the back-end answers all it has, shows nothing. Not
 * allowed to everybody; back-ends run as this program was started. */
static void lead_the_load(struct hf_drill *drill)
{
    drill->priority = getpriority(PRIO_PROCESS, 0);
    setpriority(PRIO_PROCESS, 0, drill->priority - LEAD);
}

int hf_drill_run(const struct hf_drill_settings *settings, struct hf_drill_outcome *outcome,
                 struct hf_error *error)
{
    struct hf_drill *drill = calloc(1, sizeof(*drill));
    sigset_t signals;
    sigset_t before;

    *outcome = (struct hf_drill_outcome){ .recovery = settings->recovery };
    if (drill == NULL || hf_timeline_init(&outcome->timeline, settings->kills) < 0) {
        free(drill);
        return hf_error_set(error, ENOMEM, "no memory for a drill");
    }
    drill->settings = settings;
    drill->outcome = outcome;
    drill->signal_fd = -1;
    drill->backend.pidfd = drill->backend.ready_fd = drill->backend.killer_stop_fd = -1;
    drill->random.state = hf_random_mix(hf_clock_ns());
    lead_the_load(drill);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    int ret = run(drill, &signals, error);
    clean_up(drill);
    setpriority(PRIO_PROCESS, 0, drill->priority);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(drill);
    return ret;
}

void hf_drill_outcome_done(struct hf_drill_outcome *outcome)
{
    hf_timeline_done(&outcome->timeline);
}
