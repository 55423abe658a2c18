/* SPDX-License-Identifier: BSD-3-Clause */
/* Kill after kill: load, a random instant, the next back-end, the first completion. */
#include "drill/state.h"

#include "base/checked.h"
#include "os/clock.h"

#define REAP_LIMIT_MS 30000u
#define LAST_LOAD_NS  (1200 * HF_NS_PER_MS) /* so that the last "a second later" is reached */

static uint64_t draw_ns(struct hf_drill *drill, const struct hf_drill_span *span)
{
    /* In microseconds: a kill should not know the millisecond. */
    return HF_NS_PER_US * hf_random_between(&drill->random, span->first_ms * UINT64_C(1000),
                                            span->last_ms * UINT64_C(1000));
}

static bool hits(void *host)
{
    return hf_aim_hits(&((const struct hf_drill *)host)->aim);
}

static int send_killer(struct hf_drill *drill, uint64_t at_ns, struct hf_error *error)
{
    struct hf_killer_aim aim = {
        .at_ns = at_ns, .seed = hf_random_next(&drill->random), .hits = hits, .host = drill
    };

    /* A recovery may have moved the rings; while the killer looks at them they stay. */
    hf_aim_clear(&drill->aim);
    HF_FOR_EACH_LOAD(load, drill)
    {
        for (uint16_t i = 0; i < drill->settings->queues; i++) {
            struct hf_ring ring = hf_initiator_ring(load->initiator, i);
            hf_aim_add(&drill->aim, &ring);
        }
    }
    return hf_backend_kill_at(&drill->backend, &aim, error);
}

/* Load until the back-end is killed, at a moment that this loop does not know. */
static int wait_for_kill(struct hf_drill *drill, struct hf_error *error)
{
    uint64_t at = hf_clock_ns() + draw_ns(drill, &drill->settings->runtime);
    int ret = send_killer(drill, at, error);

    while (ret == 0 && hf_backend_killed(&drill->backend) == 0) {
        ret = hf_drill_turn(drill, 1, error);
        /* It ended by itself, and another one runs: that one is to be killed now. */
        if (ret == 0 && !drill->backend.killer.runs)
            ret = send_killer(drill, at, error);
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
    HF_FOR_EACH_LOAD(load, drill)
    {
        hf_initiator_poll(load->initiator);
        entry->in_flight += hf_workload_count_before(&load->workload, entry->killed_ns);
        hf_workload_mark(&load->workload);
    }
    drill->outcome->tally.replayed += entry->in_flight;
    drill->outcome->kills++;
    return 0;
}

/* When the last front-end had its first completion; 0: one has none yet. */
static uint64_t all_served_ns(const struct hf_drill *drill)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < drill->settings->front_ends; i++) {
        uint64_t first = drill->loads[i].workload.first_ns;
        if (first == 0)
            return 0;
        last = hf_max_u64(last, first);
    }
    return last;
}

static int wait_for_first(struct hf_drill *drill, struct hf_error *error)
{
    int ret = 0;

    while (ret == 0 && !drill->hopeless && all_served_ns(drill) == 0)
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
    entry->unlocked_ns = hf_backend_look_at_lock(&drill->backend);
    entry->first_ns = all_served_ns(drill);
    return ret;
}

int hf_drill_kill_all(struct hf_drill *drill, struct hf_error *error)
{
    int ret = hf_aim_init(&drill->aim, drill->settings->front_ends * drill->settings->queues);

    if (ret < 0)
        return hf_error_set(error, -ret, "no memory for a drill");
    HF_FOR_EACH_LOAD(load, drill)
    hf_workload_set_mode(&load->workload, HF_WORKLOAD_RUN);
    while (ret == 0 && !drill->hopeless && drill->outcome->kills < drill->settings->kills)
        ret = kill_once(drill, error);
    if (ret == 0)
        ret = hf_drill_wait_until(drill, hf_clock_ns() + LAST_LOAD_NS, error);
    return ret;
}
