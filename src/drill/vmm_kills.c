/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The death of a VMM before a relay. Its writes in flight landed or not; what was answered is
 * there; and the next VMM is served, whether a back-end is there at that moment or not. The other
 * front-ends notice nothing.
 */
#include "drill/state.h"

#include "os/clock.h"

#define HIT_LIMIT_NS (50 * HF_NS_PER_MS)
#define TOGETHER_US  2000u /* a back-end that dies so soon after the VMM still has its requests */

static struct hf_load *draw_load(struct hf_drill *drill)
{
    return &drill->loads[hf_random_below(&drill->random, drill->settings->front_ends)];
}

static bool flip(struct hf_drill *drill)
{
    return hf_random_below(&drill->random, 2) == 0;
}

/* Load until a random moment at which this front-end has something in flight. */
static int wait_for_moment(struct hf_drill *drill, struct hf_load *load, struct hf_error *error)
{
    uint64_t at = hf_clock_ns() + hf_drill_draw_ns(drill, &drill->settings->runtime);
    int ret = hf_drill_wait_until(drill, at, error);

    hf_aim_clear(&drill->aim);
    hf_load_add_to_aim(load, &drill->aim);
    while (ret == 0 && !drill->hopeless && hf_clock_ns() < at + HIT_LIMIT_NS &&
           !hf_aim_hits(&drill->aim))
        ret = hf_drill_turn(drill, 1, error);
    return ret;
}

static struct hf_timeline_kill *kill_load(struct hf_drill *drill, struct hf_load *load)
{
    struct hf_timeline_kill *entry = hf_timeline_add(&drill->outcome->vmm_timeline);

    entry->killed_ns = hf_clock_ns();
    entry->in_flight = hf_load_kill(load);
    drill->outcome->vmm_kills++;
    return entry;
}

static int pause(struct hf_drill *drill, struct hf_error *error)
{
    /* Half of the next ones are there at once, while the relay still brings the last one to rest.
     */
    uint64_t down_ns = flip(drill) ? 0 : hf_drill_draw_ns(drill, &drill->settings->down);

    return hf_drill_wait_until(drill, hf_clock_ns() + down_ns, error);
}

int hf_drill_kill_vmm(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_load *load = draw_load(drill);
    int ret = wait_for_moment(drill, load, error);

    if (ret < 0 || drill->hopeless)
        return ret;
    struct hf_timeline_kill *entry = kill_load(drill, load);
    ret = pause(drill, error);
    if (ret == 0)
        ret = hf_load_again(load, error);
    while (ret == 0 && !drill->hopeless && load->workload.first_ns == 0)
        ret = hf_drill_turn(drill, 1, error);
    entry->first_ns = load->workload.first_ns;
    return ret;
}

/* NULL with a sentence: the drill cannot go on; without one: there is no hope. */
static struct hf_timeline_kill *vmm_first(struct hf_drill *drill, struct hf_load *load, int *ret,
                                          struct hf_error *error)
{
    *ret = wait_for_moment(drill, load, error);
    if (*ret < 0 || drill->hopeless)
        return NULL;
    struct hf_timeline_kill *entry = kill_load(drill, load);
    uint64_t later_ns = hf_random_below(&drill->random, TOGETHER_US) * HF_NS_PER_US;
    *ret = hf_drill_kill_backend_at(drill, entry->killed_ns + later_ns, error);
    return entry;
}

static struct hf_timeline_kill *backend_first(struct hf_drill *drill, struct hf_load *load,
                                              int *ret, struct hf_error *error)
{
    *ret = hf_drill_kill_backend(drill, error);
    return *ret < 0 || drill->hopeless ? NULL : kill_load(drill, load);
}

int hf_drill_kill_both(struct hf_drill *drill, struct hf_error *error)
{
    struct hf_load *load = draw_load(drill);
    struct hf_timeline_kill *entry;
    int ret;

    entry =
        flip(drill) ? vmm_first(drill, load, &ret, error) : backend_first(drill, load, &ret, error);
    if (entry == NULL)
        return ret;
    if (ret == 0) {
        hf_drill_count_lost(drill, hf_clock_ns());
        ret = pause(drill, error);
    }
    bool without_backend = flip(drill);
    if (ret == 0 && without_backend)
        ret = hf_load_again(load, error);
    if (ret == 0)
        ret = hf_drill_start_backend(drill, error);
    if (ret == 0 && !without_backend)
        ret = hf_load_again(load, error);
    return ret == 0 ? hf_drill_wait_served(drill, &entry->first_ns, error) : ret;
}
