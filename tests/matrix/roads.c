/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two roads to each state, and the end of every case.
 *
 *       the first                      the second
 *   D   nobody came yet                after a loss, at rest
 *   H   the first back-end             the next one after a loss
 *   C   never ran                      ran and was stopped
 *   R   the first back-end             the next one after a loss, with what was in flight
 *   P   lost while it ran              lost while it was being stopped
 */
#include "matrix.h"

#include <stddef.h>

const char *const mx_state_names[MX_STATE_COUNT] = { "D", "H", "C", "R", "P" };

static bool is_connected(const struct mx *mx)
{
    return mx_state_of(mx) == 'C';
}

static bool is_running(const struct mx *mx)
{
    return mx_state_of(mx) == 'R';
}

static bool is_at_rest(const struct mx *mx)
{
    return hf_device_at_rest(mx->device);
}

static struct mx_process *come(struct mx *mx)
{
    return mx_process_new(&mx->peers, &mx_persona_good);
}

static void connect_first(struct mx *mx)
{
    come(mx);
    mx_host_realize(mx);
    mx_until(mx, is_connected, "the first connection");
}

/* One request is answered, and two are in flight. */
static void put_in_flight(struct mx *mx)
{
    mx->peers.hold = false;
    mx_host_post(mx, 1);
    mx_rest(mx);
    mx->peers.hold = true;
    mx_host_post(mx, 2);
    mx_rest(mx);
}

static void run_first(struct mx *mx, enum mx_guest_kind guest)
{
    connect_first(mx);
    mx_host_set_up(mx, guest == MX_GUEST_LEGACY ? MX_GUEST_LEGACY : MX_GUEST_RUNS);
    mx_host_driver_ok(mx);
    mx_until(mx, is_running, "the first start");
    put_in_flight(mx);
}

/* What is left undone of a guest of this kind, where no ring runs. */
static void become(struct mx *mx, enum mx_guest_kind guest)
{
    if (guest == MX_GUEST_WAITS || guest == MX_GUEST_LEGACY) {
        mx_host_set_up(mx, guest);
        return;
    }
    if (guest == MX_GUEST_PAUSED)
        mx_host_run_vm(mx, false);
    if (!mx->wish.driver_ok)
        mx_host_driver_ok(mx);
}

static void lose(struct mx *mx)
{
    struct mx_process *process = mx_process_present(&mx->peers);

    mx_process_stop_listening(process);
    mx_process_hang_up(process);
    mx_rest(mx);
}

static void lose_for_good(struct mx *mx)
{
    lose(mx);
    mx_process_kill(mx_process_present(&mx->peers));
    mx_until(mx, is_at_rest, "rest after a loss");
}

static void go_away(struct mx *mx, unsigned road, enum mx_guest_kind guest)
{
    if (road == 0) {
        mx_host_realize(mx);
        mx_rest(mx);
    } else {
        run_first(mx, guest);
        lose_for_good(mx);
    }
    become(mx, guest);
    mx_pass(mx, 2 * MX_MS);
}

static bool is_shaking_hands(const struct mx *mx)
{
    return mx_state_of(mx) == 'H';
}

static void shake_hands(struct mx *mx, unsigned road, enum mx_guest_kind guest)
{
    go_away(mx, road, guest);
    come(mx)->deaf = true;
    mx_until(mx, is_shaking_hands, "a handshake");
}

static void be_connected(struct mx *mx, unsigned road, enum mx_guest_kind guest)
{
    enum mx_guest_kind kind = guest == MX_GUEST_RUNS ? MX_GUEST_PAUSED : guest;

    if (road == 0) {
        connect_first(mx);
        become(mx, kind);
    } else {
        run_first(mx, guest);
        if (kind == MX_GUEST_PAUSED)
            mx_host_run_vm(mx, false);
        else
            mx_host_set_up(mx, kind);
    }
    mx_until(mx, is_connected, "a stop");
}

static void run(struct mx *mx, unsigned road, enum mx_guest_kind guest)
{
    run_first(mx, guest);
    if (road == 0)
        return;
    lose_for_good(mx);
    come(mx);
    mx_until(mx, is_running, "a recovery");
}

static void part(struct mx *mx, unsigned road, enum mx_guest_kind guest)
{
    run_first(mx, guest);
    if (road == 1) {
        mx_process_present(&mx->peers)->frozen = true;
        mx_host_run_vm(mx, false);
        mx_rest(mx);
        mx_process_present(&mx->peers)->frozen = false;
        lose(mx);
        if (guest != MX_GUEST_PAUSED)
            mx_host_run_vm(mx, true);
    } else {
        lose(mx);
    }
    become(mx, guest);
    mx_pass(mx, 2 * MX_MS);
}

void mx_reach(struct mx *mx, enum mx_state state, unsigned road, enum mx_guest_kind guest)
{
    static void (*const roads[MX_STATE_COUNT])(struct mx *, unsigned, enum mx_guest_kind) = {
        [MX_STATE_D] = go_away, [MX_STATE_H] = shake_hands, [MX_STATE_C] = be_connected,
        [MX_STATE_R] = run,     [MX_STATE_P] = part,
    };

    roads[state](mx, road, guest);
    if (!mx->verdict.red && mx_state_of(mx) != *mx_state_names[state])
        mx_fail(&mx->verdict, "state %s was not reached, but %c", mx_state_names[state],
                mx_state_of(mx));
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool is_good(const struct mx_process *process)
{
    return process != NULL && process->alive && !process->frozen && process->listener >= 0 &&
           process->persona.slot_count == mx_persona_good.slot_count &&
           process->persona.features == mx_persona_good.features &&
           process->persona.protocol == mx_persona_good.protocol &&
           process->persona.queue_count == mx_persona_good.queue_count &&
           process->persona.stride_rounding == mx_persona_good.stride_rounding;
}

/* Those that are in the way die, the last of them with what they still answer. */
static void clear_away(struct mx *mx, const struct mx_process *but)
{
    for (unsigned i = 0; i < mx->peers.count; i++) {
        if (&mx->peers.list[i] != but)
            mx_process_die_late(&mx->peers.list[i]);
    }
}

/* It may be one that the device knows: it listens again, or still. */
static void let_a_good_one_come(struct mx *mx, bool same_process)
{
    struct mx_process *process = mx_process_present(&mx->peers);
    bool stays = is_good(process) && (same_process || process->connection >= 0);

    clear_away(mx, stays ? process : NULL);
    if (!stays)
        come(mx);
    else if (process->connection < 0)
        mx_process_listen(process);
    mx_process_present(&mx->peers)->deaf = false;
    mx->peers.hold = false;
}

static bool is_as_wanted(const struct mx *mx)
{
    char state = mx_state_of(mx);

    if (!mx->wish.realized)
        return state == '-';
    if (mx->later_count > 0 || mx->told[HF_DEVICE_EVENT_REALIZED] == 0)
        return false;
    if (!mx_should_run(mx))
        return state == 'C' && hf_device_memory_released(mx->device) &&
               hf_device_log_settled(mx->device);
    return mx_info(mx).phase == HF_DEVICE_RUNNING &&
           (mx->wish.masked || mx_guest_outstanding(&mx->guest) == 0) &&
           hf_device_memory_released(mx->device) && hf_device_log_settled(mx->device);
}

static bool has_extra(const struct mx_process *process)
{
    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        if (process->regions[i].there && process->regions[i].region.guest_address == MX_EXTRA)
            return true;
    }
    return false;
}

/* What the back-end was told is what the host wants. */
static void audit(struct mx *mx)
{
    const struct mx_process *process = mx_process_present(&mx->peers);
    bool logs = (process->features & HF_FEATURE(LOG_ALL)) != 0;

    if (mx->verdict.red || !mx->wish.realized || !mx_should_run(mx))
        return;
    if (has_extra(process) != mx->wish.extra)
        mx_fail(&mx->verdict, "the back-end %s the memory that came or went",
                mx->wish.extra ? "lacks" : "still has");
    if (logs != mx->wish.log)
        mx_fail(&mx->verdict, "the back-end %s", logs ? "still logs" : "does not log");
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        if (!process->rings[i].started || !process->rings[i].enabled)
            mx_fail(&mx->verdict, "ring %u is not started", i);
    }
}

static void settle(struct mx *mx, const char *what)
{
    if (mx->wish.start_failed)
        mx_host_run_vm(mx, mx->wish.vm_running);
    mx_until(mx, is_as_wanted, what);
    mx_pass(mx, MX_S);
    mx_until(mx, is_as_wanted, what);
    audit(mx);
}

/* Whatever came before: requests are served, and a stop is clean. */
static void live_on(struct mx *mx)
{
    unsigned completed = mx->guest.completed;

    if (mx->wish.masked)
        mx_host_mask(mx, false);
    if (!mx->wish.realized)
        mx_host_realize(mx);
    settle(mx, "what the host wanted, again");
    mx_host_run_vm(mx, true);
    if (!mx_should_run(mx))
        mx_host_driver_ok(mx);
    settle(mx, "a start at the end");
    completed = mx->guest.completed;
    mx_host_post(mx, 3);
    settle(mx, "the last requests");
    if (mx->guest.completed != completed + 3)
        mx_fail(&mx->verdict, "%u of the last 3 requests completed",
                mx->guest.completed - completed);
}

static void stop(struct mx *mx)
{
    mx_host_run_vm(mx, false);
    settle(mx, "the last stop");
    if (!mx->stopped_clean)
        mx_fail(&mx->verdict, "the last stop was not clean");
    mx_host_save(mx);
    if (mx->result <= 0)
        mx_fail(&mx->verdict, "the stopped device cannot be saved: %lld", (long long)mx->result);
    mx_host_unrealize(mx, MX_S);
    mx_rest(mx);
    if (mx->result != 0 || mx_state_of(mx) != '-')
        mx_fail(&mx->verdict, "unrealize at the end: %lld, state %c", (long long)mx->result,
                mx_state_of(mx));
}

void mx_conclude(struct mx *mx, bool same_process)
{
    static void (*const chapters[])(struct mx *) = { live_on, stop };

    /* The fault may not have met a message yet: it is this one's. */
    let_a_good_one_come(mx, same_process);
    mx_pass(mx, 20 * MX_S);
    mx_fault_lift(mx);
    let_a_good_one_come(mx, same_process);
    settle(mx, "what the host wants");
    for (unsigned i = 0; i < sizeof(chapters) / sizeof(chapters[0]) && !mx->verdict.red; i++)
        chapters[i](mx);
}
