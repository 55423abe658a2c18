/* SPDX-License-Identifier: BSD-3-Clause */
/* Kill after kill, of whom the settings say. */
#include "drill/state.h"

#include "os/clock.h"

#include <string.h>

#define LAST_LOAD_NS (1200 * HF_NS_PER_MS) /* so that the last "a second later" is reached */

bool hf_drill_victim_parse(const char *word, enum hf_drill_victim *victim)
{
    static const char *const names[HF_DRILL_VICTIM_COUNT] = { "back-end", "vmm", "any" };

    for (unsigned i = 0; i < HF_DRILL_VICTIM_COUNT; i++) {
        if (strcmp(word, names[i]) == 0) {
            *victim = (enum hf_drill_victim)i;
            return true;
        }
    }
    return false;
}

static int kill_backend(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_timeline_kill *entry = hf_timeline_add(&drill->outcome->timeline);
    int ret = hf_drill_kill_backend(drill, error);

    if (ret < 0)
        return ret;
    entry->killed_ns = hf_backend_killed(&drill->backend);
    entry->in_flight = hf_drill_count_lost(drill, entry->killed_ns);
    drill->outcome->kills++;
    ret = hf_drill_wait_until(
        drill, hf_clock_ns() + hf_drill_draw_ns(drill, &drill->settings->down), error);
    if (ret == 0)
        ret = hf_drill_start_backend(drill, error);
    if (ret == 0)
        ret = hf_drill_wait_served(drill, &entry->first_ns, error);
    entry->listening_ns = drill->backend.listening_ns;
    entry->unlocked_ns = hf_backend_look_at_lock(&drill->backend);
    return ret;
}

static int kill_once(struct hf_drill *drill, struct hf_error *error)
{
    static int (*const ways[])(struct hf_drill *, struct hf_error *) = {
        kill_backend,
        hf_drill_kill_vmm,
        hf_drill_kill_both,
    };
    unsigned way = drill->settings->victim;

    if (drill->settings->victim == HF_DRILL_VICTIM_ANY)
        way = (unsigned)hf_random_below(&drill->random, sizeof(ways) / sizeof(ways[0]));
    int ret = ways[way](drill, error);
    return ret == 0 ? hf_drill_measure_relay(drill, error) : ret;
}

static bool has_more(const struct hf_drill *drill)
{
    return drill->outcome->kills + drill->outcome->vmm_kills < drill->settings->kills;
}

int hf_drill_kill_all(struct hf_drill *drill, struct hf_error *error)
{
    int ret = hf_aim_init(&drill->aim, drill->settings->front_ends * drill->settings->queues);

    if (ret < 0)
        return hf_error_set(error, -ret, "no memory for a drill");
    HF_FOR_EACH_LOAD(load, drill)
    hf_workload_set_mode(&load->workload, HF_WORKLOAD_RUN);
    while (ret == 0 && !drill->hopeless && has_more(drill))
        ret = kill_once(drill, error);
    if (ret == 0)
        ret = hf_drill_wait_until(drill, hf_clock_ns() + LAST_LOAD_NS, error);
    return ret;
}
