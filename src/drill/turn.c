/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop's body: rings, sockets, signals, the process, the clock, the line on the terminal. */
#include "drill/state.h"

#include "base/checked.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LISTEN_LIMIT_NS (30 * HF_NS_PER_S)
#define OVERDUE_LOOK_NS (50 * HF_NS_PER_MS)
#define PROGRESS_NS     (100 * HF_NS_PER_MS)
#define OWN_ENDS_MAX    1000u

static void look_for_overdue(struct hf_drill *drill, uint64_t now_ns)
{
    if (now_ns < drill->overdue_look_ns)
        return;
    drill->overdue_look_ns = now_ns + OVERDUE_LOOK_NS;
    if (drill->backend.listening_ns == 0)
        return;
    HF_FOR_EACH_LOAD(load, drill)
    {
        if (load->workload.lanes != NULL &&
            hf_workload_count_overdue(&load->workload, now_ns, drill->backend.listening_ns,
                                      drill->settings->stuck_after_ns) > 0)
            drill->hopeless = true;
    }
}

static unsigned count_out(struct hf_drill *drill)
{
    unsigned out = 0;

    HF_FOR_EACH_LOAD(load, drill)
    out += load->workload.out;
    return out;
}

static void show_progress(struct hf_drill *drill, uint64_t now_ns)
{
    const struct hf_tally *tally = &drill->outcome->tally;

    if (!drill->settings->progress || now_ns < drill->progress_ns)
        return;
    drill->progress_ns = now_ns + PROGRESS_NS;
    fprintf(stderr, "\r\033[Kkill %u of %u, %llu requests, %u in flight, %s",
            drill->outcome->kills + drill->outcome->vmm_kills, drill->settings->kills,
            (unsigned long long)tally->requests, count_out(drill),
            hf_tally_clean(tally) ? "no harm" : "HARM");
    fflush(stderr);
}

void hf_drill_clear_line(const struct hf_drill *drill)
{
    if (drill->settings->progress)
        fputs("\r\033[K", stderr);
}

/* It was not us. A back-end that never listened will not do better; another is started again. */
static int look_at_process(struct hf_drill *drill, struct hf_error *error)
{
    bool listened = hf_backend_look(&drill->backend);

    if (drill->backend.pid == 0 || !hf_backend_ended(&drill->backend, error))
        return 0;
    if (!listened || drill->outcome->ended_by_itself++ >= OWN_ENDS_MAX) {
        hf_scene_add_log(&drill->scene, error);
        return -ECHILD;
    }
    hf_error_clear(error);
    HF_FOR_EACH_LOAD(load, drill)
    drill->outcome->tally.replayed += hf_workload_count_before(&load->workload, hf_clock_ns());
    return hf_backend_spawn(&drill->backend, error);
}

static void drive_load(const struct hf_drill_settings *settings, struct hf_load *load,
                       uint64_t now_ns)
{
    if (load->workload.lanes == NULL)
        return;
    if (settings->polls)
        hf_initiator_poll(load->initiator);
    if (settings->rate > 0)
        hf_workload_pump(&load->workload, now_ns);
}

int hf_drill_turn(struct hf_drill *drill, unsigned timeout_ms, struct hf_error *error)
{
    bool busy = drill->settings->polls && drill->loads[0].workload.lanes != NULL;

    hf_loop_dispatch(&drill->loop, busy ? 0 : (int)timeout_ms);
    uint64_t now = hf_clock_ns();
    HF_FOR_EACH_LOAD(load, drill)
    drive_load(drill->settings, load, now);
    look_for_overdue(drill, now);
    show_progress(drill, now);
    hf_drill_look_at_relay(drill);
    if (drill->interrupted)
        return hf_error_set(error, EINTR, "interrupted");
    return look_at_process(drill, error);
}

/* Short enough for the rate, long enough to sleep. */
static unsigned pause_ms(const struct hf_drill *drill, uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t limit_ms = drill->settings->rate > 0 ? 1 : 20;

    return (unsigned)hf_min_u64((deadline_ns - now_ns) / HF_NS_PER_MS + 1, limit_ms);
}

int hf_drill_wait_until(struct hf_drill *drill, uint64_t deadline_ns, struct hf_error *error)
{
    uint64_t now = hf_clock_ns();
    int ret = 0;

    while (ret == 0 && now < deadline_ns && !drill->hopeless) {
        ret = hf_drill_turn(drill, pause_ms(drill, now, deadline_ns), error);
        now = hf_clock_ns();
    }
    return ret;
}

int hf_drill_wait_listening(struct hf_drill *drill, struct hf_backend *process,
                            struct hf_error *error)
{
    uint64_t deadline = hf_clock_ns() + LISTEN_LIMIT_NS;
    int ret = 0;

    while (ret == 0 && !drill->hopeless && !hf_backend_look(process)) {
        if (hf_clock_ns() >= deadline) {
            hf_error_set(error, ETIMEDOUT, "%s does not listen", process->who);
            if (process == &drill->backend)
                hf_scene_add_log(&drill->scene, error);
            else
                hf_scene_add_relay_log(&drill->scene, error);
            return -ETIMEDOUT;
        }
        ret = hf_drill_turn(drill, 1, error);
    }
    return ret;
}

static bool all_ended(struct hf_drill *drill)
{
    HF_FOR_EACH_LOAD(load, drill)
    {
        if (!hf_workload_ended(&load->workload))
            return false;
    }
    return true;
}

int hf_drill_wait_mode(struct hf_drill *drill, enum hf_workload_mode mode, struct hf_error *error)
{
    int ret = 0;

    HF_FOR_EACH_LOAD(load, drill)
    hf_workload_set_mode(&load->workload, mode);
    while (ret == 0 && !drill->hopeless && !all_ended(drill))
        ret = hf_drill_turn(drill, 20, error);
    return ret;
}
