/* SPDX-License-Identifier: BSD-3-Clause */
/* The death of a back-end, step by step: load, a random instant, the next one, first completions.
 */
#include "drill/state.h"

#include "base/checked.h"
#include "os/clock.h"

#define REAP_LIMIT_MS 30000u

uint64_t hf_drill_draw_ns(struct hf_drill *drill, const struct hf_drill_span *span)
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
    hf_load_add_to_aim(load, &drill->aim);
    return hf_backend_kill_at(&drill->backend, &aim, error);
}

int hf_drill_kill_backend(struct hf_drill *drill, struct hf_error *error)
{
    uint64_t at = hf_clock_ns() + hf_drill_draw_ns(drill, &drill->settings->runtime);
    int ret = send_killer(drill, at, error);

    while (ret == 0 && hf_backend_killed(&drill->backend) == 0) {
        ret = hf_drill_turn(drill, 1, error);
        /* It ended by itself, and another one runs: that one is to be killed now. */
        if (ret == 0 && !drill->backend.killer.runs)
            ret = send_killer(drill, at, error);
    }
    return ret == 0 ? hf_backend_reap(&drill->backend, REAP_LIMIT_MS, error) : ret;
}

int hf_drill_kill_backend_at(struct hf_drill *drill, uint64_t at_ns, struct hf_error *error)
{
    struct hf_killer_aim aim = { .at_ns = at_ns };
    int ret = hf_backend_kill_at(&drill->backend, &aim, error);

    /* One that ended by itself meanwhile has been replaced: this drill needs none now. */
    while (ret == 0 && hf_backend_killed(&drill->backend) == 0 && drill->backend.killer.runs)
        ret = hf_drill_turn(drill, 1, error);
    if (ret == 0 && hf_backend_killed(&drill->backend) == 0)
        hf_killer_kill(drill->backend.pid);
    return ret == 0 ? hf_backend_reap(&drill->backend, REAP_LIMIT_MS, error) : ret;
}

unsigned hf_drill_count_lost(struct hf_drill *drill, uint64_t killed_ns)
{
    unsigned in_flight = 0;

    /* Dead and reaped: what it published is final, what is still out was in flight. */
    HF_FOR_EACH_LOAD(load, drill)
    {
        if (load->initiator == NULL)
            continue;
        hf_initiator_poll(load->initiator);
        in_flight += hf_workload_count_before(&load->workload, killed_ns);
        hf_workload_mark(&load->workload);
    }
    drill->outcome->tally.replayed += in_flight;
    return in_flight;
}

int hf_drill_start_backend(struct hf_drill *drill, struct hf_error *error)
{
    int ret = hf_backend_spawn(&drill->backend, error);

    return ret == 0 ? hf_drill_wait_listening(drill, &drill->backend, error) : ret;
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

int hf_drill_wait_served(struct hf_drill *drill, uint64_t *served_ns, struct hf_error *error)
{
    int ret = 0;

    while (ret == 0 && !drill->hopeless && all_served_ns(drill) == 0)
        ret = hf_drill_turn(drill, 1, error);
    *served_ns = all_served_ns(drill);
    return ret;
}
