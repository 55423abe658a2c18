/* SPDX-License-Identifier: BSD-3-Clause */
/* The table, to be read beside the one of the requirements. First what the cells look at, then what
 * happens, the table last. */
#include "matrix.h"

#include <errno.h>
#include <stddef.h>

/* ---- what a cell looks at -------------------------------------------------------------------- */

static struct mx_sight now(const struct mx *mx)
{
    return mx_look(mx);
}

/* It is the same session, and nothing came of it. */
static bool unmoved(const struct mx *mx)
{
    static const enum hf_device_event_kind moves[] = {
        HF_DEVICE_EVENT_CONNECTED, HF_DEVICE_EVENT_STARTED, HF_DEVICE_EVENT_STOPPED,
        HF_DEVICE_EVENT_LOST,      HF_DEVICE_EVENT_REFUSED, HF_DEVICE_EVENT_HOST_FAILED,
    };
    struct mx_sight sight = now(mx);

    for (unsigned i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (sight.told[moves[i]] != mx->before.told[moves[i]])
            return false;
    }
    return mx_state_of(mx) == 'D' || mx_state_of(mx) == 'P' ||
           sight.sessions == mx->before.sessions;
}

static bool obeyed(const struct mx *mx)
{
    return mx->result == 0 && unmoved(mx);
}

static bool told(const struct mx *mx, enum hf_device_event_kind kind, unsigned count)
{
    return mx->told[kind] == mx->before.told[kind] + count;
}

static bool lost_and_dialled_again(const struct mx *mx)
{
    return told(mx, HF_DEVICE_EVENT_LOST, 1) && now(mx).sessions > mx->before.sessions;
}

static bool lost(const struct mx *mx)
{
    return told(mx, HF_DEVICE_EVENT_LOST, 1);
}

static bool refused(const struct mx *mx)
{
    return told(mx, HF_DEVICE_EVENT_REFUSED, 1) && mx_info(mx).should_run;
}

static bool to_run(const struct mx *mx)
{
    return mx->result == 0 && mx_info(mx).should_run && told(mx, HF_DEVICE_EVENT_STARTED, 0);
}

static bool not_to_run(const struct mx *mx)
{
    return mx->result == 0 && !mx_info(mx).should_run && unmoved(mx);
}

static bool base_is_used_index(const struct mx *mx)
{
    const struct hf_ring_plan *ring = &mx->device->frontend.front.plan.rings[MX_QUEUES - 1];
    const struct hf_ring *rings = &mx->guest.drivers[MX_QUEUES - 1].ring;

    return not_to_run(mx) && ring->base == hf_ring_used_index(rings);
}

static bool started(const struct mx *mx)
{
    return mx->result == 0 && told(mx, HF_DEVICE_EVENT_STARTED, 1);
}

static bool served(const struct mx *mx)
{
    return started(mx) && mx->guest.completed > mx->before.completed;
}

static bool stopped_clean(const struct mx *mx)
{
    return told(mx, HF_DEVICE_EVENT_STOPPED, 1) && mx->stopped_clean;
}

static bool epoch_over(const struct mx *mx)
{
    return now(mx).epoch != mx->before.epoch && mx->device->frontend.front.plan.inflight.fd < 0;
}

static bool epoch_over_and_told(const struct mx *mx)
{
    return epoch_over(mx) && mx->peers.seen[HF_REQUEST_RESET_DEVICE] == mx->before.resets + 1;
}

static bool failed_in_the_host(const struct mx *mx)
{
    return mx->wish.start_failed && mx->result == -EIO && !mx_info(mx).should_run && unmoved(mx);
}

static bool lost_and_recovered(const struct mx *mx)
{
    return lost_and_dialled_again(mx) && told(mx, HF_DEVICE_EVENT_STARTED, 1);
}

static bool down_clean(const struct mx *mx)
{
    return mx->result == 0 && hf_device_at_rest(mx->device);
}

static bool down_too_soon(const struct mx *mx)
{
    return mx->result == -ETIMEDOUT;
}

static bool released(const struct mx *mx)
{
    return obeyed(mx) && hf_device_memory_released(mx->device);
}

static bool not_released(const struct mx *mx)
{
    return obeyed(mx) && !hf_device_memory_released(mx->device);
}

static bool known_to_back_end(const struct mx *mx)
{
    const struct mx_process *process = &mx->peers.list[mx->peers.count - 1];

    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        if (process->regions[i].there && process->regions[i].region.guest_address == MX_EXTRA)
            return obeyed(mx);
    }
    return false;
}

/* Nobody was there yet who could be asked whether it can. */
static bool logs_if_anybody_came(const struct mx *mx)
{
    bool came = mx->told[HF_DEVICE_EVENT_REALIZED] > 0;

    return mx->result == (came ? 0 : -ENOTSUP) && unmoved(mx);
}

static bool logs(const struct mx *mx)
{
    return obeyed(mx) && hf_device_log_settled(mx->device);
}

static bool runs_and_logs(const struct mx *mx)
{
    const struct mx_process *process = &mx->peers.list[mx->peers.count - 1];

    return logs(mx) && process->log_fd >= 0 && (process->features & HF_FEATURE(LOG_ALL)) != 0;
}

static bool runs_and_logs_no_more(const struct mx *mx)
{
    const struct mx_process *process = &mx->peers.list[mx->peers.count - 1];

    return logs(mx) && (process->features & HF_FEATURE(LOG_ALL)) == 0;
}

/* What is answered now waits for the guest. */
static bool kept(const struct mx *mx)
{
    return obeyed(mx) && mx->guest.completed == mx->before.completed &&
           hf_device_call_pending(mx->device, MX_QUEUES - 1);
}

static bool interrupted(const struct mx *mx)
{
    return obeyed(mx) && mx->guest.completed > mx->before.completed;
}

static bool saved(const struct mx *mx)
{
    return mx->result > 0 && unmoved(mx);
}

static bool not_saved(const struct mx *mx)
{
    return mx->result == -EBUSY && unmoved(mx);
}

static bool loaded(const struct mx *mx)
{
    return obeyed(mx) && hf_device_get_status(mx->device) != 0;
}

static bool is_new(const struct mx *mx)
{
    return hf_device_get_status(mx->device) == 0 && mx_info(mx).sessions == 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

static struct mx_process *present(struct mx *mx)
{
    return mx_process_present(&mx->peers);
}

/* Who listens there from now on reads nothing yet: the handshake is to be seen. */
static void open_socket(struct mx *mx)
{
    struct mx_process *process = mx_process_new(&mx->peers, &mx_persona_good);

    if (process != NULL)
        process->deaf = mx_state_of(mx) == 'D';
}

static void spoil_handshake(struct mx *mx)
{
    static const uint8_t garbage[HF_WIRE_HEADER_SIZE] = { 0xff };

    if (present(mx) != NULL)
        mx_process_send_bytes(present(mx), garbage, sizeof(garbage));
}

static void close_socket(struct mx *mx)
{
    if (present(mx) == NULL || !present(mx)->alive || present(mx)->connection < 0)
        return;
    mx_process_stop_listening(present(mx));
    mx_process_hang_up(present(mx));
}

static void resume(struct mx *mx)
{
    mx_host_run_vm(mx, true);
}

static void pause_vm(struct mx *mx)
{
    mx_host_run_vm(mx, false);
}

static void post_early(struct mx *mx)
{
    mx->peers.hold = false;
    mx_host_post(mx, 1);
}

static void fail_start(struct mx *mx)
{
    mx->start_to_fail = true;
    mx_host_driver_ok(mx);
}

static void unrealize(struct mx *mx)
{
    mx_host_unrealize(mx, MX_S);
}

static void unrealize_at_once(struct mx *mx)
{
    mx_host_unrealize(mx, 0);
}

static void log_on(struct mx *mx)
{
    mx_host_log(mx, true);
}

static void log_off(struct mx *mx)
{
    mx_host_log(mx, false);
}

/* What is in flight is answered from then on. */
static void mask(struct mx *mx)
{
    mx_host_mask(mx, true);
    mx->peers.hold = false;
}

static void unmask(struct mx *mx)
{
    mx_host_mask(mx, false);
}

/* ---- the matrix ------------------------------------------------------------------------------ */

#define ROW(words, kind, first, function)                                                          \
    .name = (words), .guest = MX_GUEST_##kind, .prepare = (first), .happen = (function)
#define D(...) [MX_STATE_D] = { __VA_ARGS__ }
#define H(...) [MX_STATE_H] = { __VA_ARGS__ }
#define C(...) [MX_STATE_C] = { __VA_ARGS__ }
#define R(...) [MX_STATE_R] = { __VA_ARGS__ }
#define P(...) [MX_STATE_P] = { __VA_ARGS__ }

/* clang-format off */
const struct mx_row mx_rows[MX_EVENT_COUNT] = {
    [MX_EVENT_SOCKET_OPENED] = { ROW("socket opened", RUNS, NULL, open_socket), .cells = {
        D("-> H", 'H', NULL),
        H("n/a: no-op", 'H', unmoved),
        C("no-op", 'C', unmoved),
        R("no-op", 'R', unmoved),
        P("connects; no ring starts before the old one is fenced", 'P', to_run) } },
    [MX_EVENT_HANDSHAKE_ERROR] = { ROW("handshake error", RUNS, NULL, spoil_handshake), .cells = {
        D("n/a: no-op", 'D', unmoved),
        H("-> D, retry: H", 'H', lost_and_dialled_again),
        C("as nonsense: -> D, retry: C", 'C', lost_and_dialled_again),
        R("as nonsense: -> P, recovers: R", 'R', lost_and_recovered),
        P("n/a: no-op", 'P', unmoved) } },
    [MX_EVENT_SOCKET_CLOSED] = { ROW("socket closed", RUNS, NULL, close_socket), .cells = {
        D("no-op", 'D', unmoved),
        H("-> D", 'D', lost),
        C("-> D: nothing to wait for", 'D', lost),
        R("-> P", 'P', lost),
        P("ignored", 'P', unmoved) } },
    [MX_EVENT_DRIVER_OK] = { ROW("DRIVER_OK", WAITS, NULL, mx_host_driver_ok), .cells = {
        D("remember", 'D', to_run),
        H("remember", 'H', to_run),
        C("-> R", 'R', started),
        R("no-op", 'R', obeyed),
        P("remember", 'P', to_run) } },
    [MX_EVENT_RESUME] = { ROW("resume", PAUSED, NULL, resume), .cells = {
        D("remember", 'D', to_run),
        H("remember", 'H', to_run),
        C("-> R", 'R', started),
        R("no-op", 'R', obeyed),
        P("remember", 'P', to_run) } },
    [MX_EVENT_PAUSE] = { ROW("pause", RUNS, NULL, pause_vm), .cells = {
        D("remember; base = used index", 'D', base_is_used_index),
        H("remember; base = used index", 'H', base_is_used_index),
        C("no-op", 'C', not_to_run),
        R("-> C, base from the back-end", 'C', stopped_clean),
        P("remember; no socket I/O", 'P', not_to_run) } },
    [MX_EVENT_DRIVER_GONE] = { ROW("status without DRIVER_OK", RUNS, NULL,
                                   mx_host_take_driver_away), .cells = {
        D("remember; base = used index", 'D', base_is_used_index),
        H("remember; base = used index", 'H', base_is_used_index),
        C("no-op", 'C', not_to_run),
        R("-> C, base from the back-end", 'C', stopped_clean),
        P("remember; no socket I/O", 'P', not_to_run) } },
    [MX_EVENT_EARLY_KICK] = { ROW("early kick (legacy)", LEGACY, NULL, post_early), .cells = {
        D("remember kick", 'D', to_run),
        H("remember kick", 'H', to_run),
        C("-> R + kick all", 'R', served),
        R("n/a: a kick", 'R', obeyed),
        P("remember", 'P', to_run) } },
    [MX_EVENT_MODERN_KICK] = { ROW("kick before DRIVER_OK", WAITS, NULL, post_early), .cells = {
        D("no-op", 'D', NULL),
        H("no-op", 'H', NULL),
        C("no-op", 'C', not_to_run),
        R("n/a: a kick", 'R', obeyed),
        P("no-op", 'P', not_to_run) } },
    [MX_EVENT_RESET] = { ROW("guest reset", RUNS, NULL, mx_host_reset), .cells = {
        D("drop inflight", 'D', epoch_over),
        H("drop inflight", 'H', epoch_over),
        C("drop inflight, RESET_DEVICE", 'C', epoch_over_and_told),
        R("stop, drop, RESET_DEVICE", 'C', epoch_over_and_told),
        P("drop inflight", 'P', epoch_over) } },
    [MX_EVENT_START_FAILS] = { ROW("start fails", WAITS, NULL, fail_start), .cells = {
        D("not yet: remember", 'D', to_run),
        H("not yet: remember", 'H', to_run),
        C("-> P (socket dropped)", 'P', refused),
        R("n/a: no-op", 'R', obeyed),
        P("not yet: remember", 'P', to_run) } },
    [MX_EVENT_HOST_FAILS] = { ROW("start fails in the host", WAITS, NULL, mx_host_fail_binding),
                              .cells = {
        D("told; stays", 'D', failed_in_the_host),
        H("told; stays", 'H', failed_in_the_host),
        C("told; stays", 'C', failed_in_the_host),
        R("n/a: no-op", 'R', obeyed),
        P("bound from before: remember", 'P', to_run) } },
    [MX_EVENT_UNREALIZE] = { ROW("unrealize", RUNS, NULL, unrealize), .cells = {
        D("free", '-', down_clean),
        H("abort handshake, free", '-', down_clean),
        C("free", '-', down_clean),
        R("stop, free", '-', down_clean),
        P("waits, and says so; free", '-', down_too_soon) } },
    [MX_EVENT_UNREALIZE_AT_ONCE] = { ROW("unrealize at once", RUNS, NULL, unrealize_at_once),
                                     .cells = {
        D("free", '-', down_clean),
        H("abort handshake, free", '-', down_clean),
        C("free", '-', down_clean),
        R("hang up, say so", '-', down_too_soon),
        P("cancel what waits, say so", '-', down_too_soon) } },
    [MX_EVENT_MEMORY_ADD] = { ROW("memory add", RUNS, NULL, mx_host_add_extra), .cells = {
        D("remember", 'D', obeyed),
        H("remember", 'H', obeyed),
        C("tell at the start", 'C', obeyed),
        R("tell, rings run on", 'R', known_to_back_end),
        P("remember", 'P', obeyed) } },
    [MX_EVENT_MEMORY_REMOVE] = { ROW("memory remove", RUNS, mx_host_add_extra,
                                     mx_host_remove_extra), .cells = {
        D("released", 'D', released),
        H("forget", 'H', obeyed),
        C("released", 'C', released),
        R("tell, released", 'R', released),
        P("not released before the fence", 'P', not_released) } },
    [MX_EVENT_LOG_ON] = { ROW("log on", RUNS, NULL, log_on), .cells = {
        D("remember", 'D', logs_if_anybody_came),
        H("remember", 'H', logs_if_anybody_came),
        C("tell", 'C', logs),
        R("tell, rings run on", 'R', runs_and_logs),
        P("remember", 'P', obeyed) } },
    [MX_EVENT_LOG_OFF] = { ROW("log off", RUNS, log_on, log_off), .cells = {
        D("forget", 'D', obeyed),
        H("forget", 'H', obeyed),
        C("tell", 'C', logs),
        R("tell, rings run on", 'R', runs_and_logs_no_more),
        P("forget", 'P', obeyed) } },
    [MX_EVENT_MASK] = { ROW("mask", RUNS, NULL, mask), .cells = {
        D("remember", 'D', obeyed),
        H("remember", 'H', obeyed),
        C("tell", 'C', obeyed),
        R("tell; what comes is kept", 'R', kept),
        P("remember", 'P', obeyed) } },
    [MX_EVENT_UNMASK] = { ROW("unmask", RUNS, mask, unmask), .cells = {
        D("remember", 'D', obeyed),
        H("remember", 'H', obeyed),
        C("tell", 'C', obeyed),
        R("tell; what was kept comes", 'R', interrupted),
        P("remember", 'P', obeyed) } },
    [MX_EVENT_SAVE] = { ROW("save", PAUSED, NULL, mx_host_save), .cells = {
        D("saved", 'D', saved),
        H("saved", 'H', saved),
        C("saved", 'C', saved),
        R("refused: it runs", 'R', not_saved),
        P("refused: not at rest", 'P', not_saved) } },
    [MX_EVENT_LOAD] = { ROW("load", PAUSED, mx_host_save_and_reset, mx_host_load), .cells = {
        D("loaded", 'D', loaded),
        H("loaded", 'H', loaded),
        C("loaded", 'C', loaded),
        R("refused: in use", 'R', not_saved),
        P("refused: not at rest", 'P', not_saved) } },
    [MX_EVENT_FORCE_STOP] = { ROW("force stop", RUNS, NULL, mx_host_force_stop), .cells = {
        D("no-op", 'D', obeyed),
        H("no-op: at rest", 'H', obeyed),
        C("no-op: at rest", 'C', obeyed),
        R("-> P, recovers: R", 'R', lost_and_recovered),
        P("no-op", 'P', obeyed) } },
    [MX_EVENT_REALIZE] = { ROW("realize again", RUNS, NULL, mx_host_realize), .cells = {
        D("no-op", 'D', obeyed),
        H("no-op", 'H', obeyed),
        C("no-op", 'C', obeyed),
        R("no-op", 'R', obeyed),
        P("no-op", 'P', obeyed) } },
    [MX_EVENT_FREE] = { ROW("free", RUNS, NULL, mx_host_free), .cells = {
        D("all of it goes", '-', is_new),
        H("all of it goes", '-', is_new),
        C("all of it goes", '-', is_new),
        R("all of it goes", '-', is_new),
        P("all of it goes", '-', is_new) } },
};
/* clang-format on */
