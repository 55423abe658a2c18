/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay between front-ends and back-end, as a process: it is never killed, and must not end. */
#include "drill/state.h"

#include "os/clock.h"

#define EARLY_KILLS    10u
#define QUIET_NS       (20 * HF_NS_PER_MS) /* what a recovery still had to do is done */
#define FALL_ASLEEP_NS (200 * HF_NS_PER_MS)
#define IDLE_NS        HF_NS_PER_S

int hf_drill_start_relay(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_backend_setup setup = {
        .who = "the relay",
        .command = drill->scene.relay_command,
        .socket_path = drill->scene.relay_control_path,
        .log_path = drill->scene.relay_log_path,
        .priority = drill->priority,
    };

    if (!drill->settings->via_relay)
        return 0;
    int ret = hf_backend_init(&drill->relay, &setup, error);
    if (ret == 0)
        ret = hf_backend_spawn(&drill->relay, error);
    if (ret == 0)
        ret = hf_drill_wait_listening(drill, &drill->relay, error);
    drill->outcome->relay_pid = drill->relay.pid;
    return ret;
}

void hf_drill_look_at_relay(struct hf_drill *drill)
{
    struct hf_error how = { 0 };

    if (drill->relay.pid == 0 || !hf_backend_ended(&drill->relay, &how))
        return;
    hf_scene_add_relay_log(&drill->scene, &how);
    hf_tally_add(&drill->outcome->tally, HF_FINDING_HANG_UP, "%s", how.text);
    drill->hopeless = true;
}

static unsigned early_kills(const struct hf_drill *drill)
{
    unsigned half = drill->settings->kills / 2;

    return half < EARLY_KILLS ? half : EARLY_KILLS;
}

int hf_drill_measure_relay(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_drill_outcome *outcome = drill->outcome;
    unsigned kills = outcome->kills + outcome->vmm_kills;

    if (drill->relay.pid == 0 || (kills != early_kills(drill) && kills != drill->settings->kills))
        return 0;
    int ret = hf_drill_wait_until(drill, hf_clock_ns() + QUIET_NS, error);
    struct hf_relay_use use = hf_relay_use_of(drill->relay.pid);
    if (kills == early_kills(drill))
        outcome->relay_early = use;
    outcome->relay_late = use;
    return ret;
}

int hf_drill_measure_idle_relay(struct hf_drill *drill, struct hf_error *error)
{
    if (drill->relay.pid == 0)
        return 0;
    int ret = hf_drill_wait_until(drill, hf_clock_ns() + FALL_ASLEEP_NS, error);
    uint64_t before = hf_relay_use_of(drill->relay.pid).cpu_ns;
    if (ret == 0)
        ret = hf_drill_wait_until(drill, hf_clock_ns() + IDLE_NS, error);
    if (drill->relay.pid != 0)
        drill->outcome->relay_idle_ns = hf_relay_use_of(drill->relay.pid).cpu_ns - before;
    return ret;
}
