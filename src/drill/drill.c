/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stages:  scene -> back-end (-> relay) -> attach -> fill -> (load, kill, wait, start, recover)
 * x kills -> load for another second -> flush -> sweep -> stop -> the file itself -> verdict
 */
#include "drill/drill.h"

#include "drill/state.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STOP_LIMIT_MS 10000u
#define LEAD          5

const struct hf_drill_settings hf_drill_settings_default = {
    .kills = 20,
    .depth = 64,
    .queues = 1,
    .front_ends = 1,
    .block_size_bytes = 4096,
    .mix = { .read = 30, .write = 62, .flush = 8 },
    .down = { 0, 100 },
    .runtime = { 100, 400 },
    .recovery = HF_RECOVERY_AUTO,
    .stuck_after_ns = 10 * HF_NS_PER_S,
    .size_bytes = UINT64_C(64) << 20,
};

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
        ret = hf_drill_wait_listening(drill, &drill->backend, error);
    return ret;
}

static int prepare_load(struct hf_drill *drill, struct hf_error *error)
{
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < drill->settings->front_ends; i++)
        ret = hf_load_prepare(&drill->loads[i], error);
    if (ret == 0)
        ret = hf_drill_wait_mode(drill, HF_WORKLOAD_FILL, error);
    return ret;
}

static int prepare(struct hf_drill *drill, struct hf_error *error)
{
    int ret = start_backend(drill, error);

    if (ret == 0)
        ret = hf_drill_start_relay(drill, error);
    if (ret < 0)
        return ret;
    ret = prepare_load(drill, error);
    /* A back-end that listens and does not serve may have said why. */
    if (ret == -ETIMEDOUT)
        hf_scene_add_log(&drill->scene, error);
    return ret;
}

/* ---- the end ---- */

static int finish(struct hf_drill *drill, struct hf_error *error)
{
    static const enum hf_workload_mode modes[] = { HF_WORKLOAD_STOPPED, HF_WORKLOAD_FLUSH,
                                                   HF_WORKLOAD_SWEEP };
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        ret = hf_drill_wait_mode(drill, modes[i], error);
        if (ret == 0 && modes[i] == HF_WORKLOAD_STOPPED)
            ret = hf_drill_measure_idle_relay(drill, error);
    }
    if (ret < 0)
        return ret;
    HF_FOR_EACH_LOAD(load, drill)
    hf_load_detach(load);
    hf_backend_stop(&drill->relay, STOP_LIMIT_MS);
    hf_backend_stop(&drill->backend, STOP_LIMIT_MS);
    return drill->scene.file_path[0] == 0 ? 0 : hf_drill_check_file(drill, error);
}

static void judge(struct hf_drill *drill)
{
    struct hf_drill_outcome *outcome = drill->outcome;

    outcome->hits = hf_timeline_hits(&outcome->timeline) + hf_timeline_hits(&outcome->vmm_timeline);
    outcome->verdict =
        hf_verdict_of(&outcome->tally, outcome->kills + outcome->vmm_kills, outcome->hits);
}

/* What harm left behind is evidence; so is what could not go on, unless somebody told it to end. */
static bool is_worth_keeping(const struct hf_drill *drill, int ret)
{
    if (!drill->settings->keep || drill->interrupted)
        return false;
    return ret < 0 || drill->outcome->verdict == HF_VERDICT_HARMED;
}

static void clean_up(struct hf_drill *drill, int ret)
{
    hf_drill_clear_line(drill);
    hf_backend_done(&drill->backend); /* first: its killer looks at the rings of the loads */
    hf_backend_done(&drill->relay);
    HF_FOR_EACH_LOAD(load, drill)
    hf_load_done(load);
    hf_aim_done(&drill->aim);
    if (is_worth_keeping(drill, ret))
        snprintf(drill->outcome->kept, sizeof(drill->outcome->kept), "%s", drill->scene.folder);
    else
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
        ret = hf_drill_kill_all(drill, error);
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
    if (drill == NULL || hf_timeline_init(&outcome->timeline, settings->kills) < 0 ||
        hf_timeline_init(&outcome->vmm_timeline, settings->kills) < 0) {
        free(drill);
        return hf_error_set(error, ENOMEM, "no memory for a drill");
    }
    drill->settings = settings;
    drill->outcome = outcome;
    drill->signal_fd = -1;
    for (unsigned i = 0; i < HF_DRILL_FRONT_ENDS_MAX; i++)
        drill->loads[i] = (struct hf_load){ .drill = drill, .index = i };
    drill->random.state = hf_random_mix(hf_clock_ns());
    lead_the_load(drill);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    int ret = run(drill, &signals, error);
    clean_up(drill, ret);
    setpriority(PRIO_PROCESS, 0, drill->priority);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(drill);
    return ret;
}

void hf_drill_outcome_done(struct hf_drill_outcome *outcome)
{
    hf_timeline_done(&outcome->timeline);
    hf_timeline_done(&outcome->vmm_timeline);
}
