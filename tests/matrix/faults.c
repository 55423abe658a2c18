/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every fault of the sim (tests/sim/faults.h), on real sockets: one row each. What is of the core's
 * own events there (timers, old dials) is here what a host, a kernel or a back-end could do to
 * cause it.
 */
#include "stand.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct mx_process *present(struct mx *mx)
{
    return mx_process_present(&mx->peers);
}

/* ---- a back-end ------------------------------------------------------------------------------ */

static void close_now(struct mx *mx)
{
    mx_process_hang_up(present(mx));
}

static void kill_now(struct mx *mx)
{
    mx_process_kill(present(mx));
}

static void die_late(struct mx *mx)
{
    for (unsigned i = 0; i < mx->peers.count; i++) {
        if (mx->peers.list[i].connection < 0 && mx->peers.list[i].listener < 0)
            mx_process_die_late(&mx->peers.list[i]);
    }
}

static void linger(struct mx *mx)
{
    struct mx_process *process = present(mx);

    mx_process_hang_up(process);
    close(process->listener);
    process->listener = -1;
    mx_later(mx, 700 * MX_MS, die_late);
}

static void kill_twice(struct mx *mx)
{
    kill_now(mx);
    mx_process_new(&mx->peers, &mx_persona_good);
    mx_fault_arm(mx, SIM_FAULT_CRASH, 3);
}

static void freeze(struct mx *mx)
{
    present(mx)->frozen = true;
}

static void thaw(struct mx *mx)
{
    present(mx)->frozen = false;
}

static void freeze_to_wake(struct mx *mx)
{
    freeze(mx);
    mx_later(mx, 15 * MX_S, thaw);
}

static void send_garbage(struct mx *mx)
{
    static const uint8_t garbage[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    mx_process_send_bytes(present(mx), garbage, sizeof(garbage));
}

static void send_unasked(struct mx *mx)
{
    struct hf_message reply = hf_message_reply_u64(HF_REQUEST_GET_QUEUE_NUM, 1);

    if (present(mx)->connection >= 0)
        mx_peer_reply(present(mx), &reply, SIM_TWIST_NONE);
}

/* They are there when the end of the file is seen. */
static void send_and_close(struct mx *mx)
{
    send_unasked(mx);
    close_now(mx);
}

/* ---- the next one ---------------------------------------------------------------------------- */

static void come_poorer(struct mx *mx)
{
    kill_now(mx);
    mx_process_new(&mx->peers, &mx->poor);
}

static void lack_feature(struct mx *mx)
{
    mx->poor.features &= ~HF_FEATURE(INDIRECT_DESC);
    come_poorer(mx);
}

static void lack_bit_30(struct mx *mx)
{
    mx->poor.features &= ~HF_FEATURE(PROTOCOL_FEATURES);
    come_poorer(mx);
}

static void lack_log(struct mx *mx)
{
    mx->poor.features &= ~HF_FEATURE(LOG_ALL);
    mx->poor.protocol &= ~HF_PROTOCOL_FEATURE(LOG_SHMFD);
    come_poorer(mx);
}

static void lack_acks(struct mx *mx)
{
    mx->poor.protocol &= ~HF_PROTOCOL_FEATURE(REPLY_ACK);
    come_poorer(mx);
}

static void lack_slots(struct mx *mx)
{
    mx->poor.protocol &= ~HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS);
    come_poorer(mx);
}

static void lack_inflight(struct mx *mx)
{
    mx->poor.protocol &= ~HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    come_poorer(mx);
}

static void fewer_queues(struct mx *mx)
{
    mx->poor.queue_count = 0;
    come_poorer(mx);
}

static void fewer_slots(struct mx *mx)
{
    mx->poor.slot_count = 1;
    come_poorer(mx);
}

static void other_stride(struct mx *mx)
{
    mx->poor.stride_rounding = 128;
    come_poorer(mx);
}

static void sealed_region(struct mx *mx)
{
    mx->poor.sealed_region = true;
    other_stride(mx);
}

static void silent_dial(struct mx *mx)
{
    come_poorer(mx);
    freeze(mx);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void set_table(rlim_t limit)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &files);
}

void mx_fault_empty_table(struct mx *mx)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    set_table(files.rlim_max < 1024 ? files.rlim_max : 1024);
    mx->table_full = false;
}

/* No number below the limit is free; those that are closed may be taken again. */
static void fill_table(struct mx *mx)
{
    int lowest = dup(0);

    if (lowest < 0)
        return;
    close(lowest);
    set_table((rlim_t)lowest);
    mx->table_full = true;
    mx_later(mx, 30 * MX_MS, mx_fault_empty_table);
}

/* A host that dispatches for nothing, too often, or not for long. */
static void dispatch_for_nothing(struct mx *mx)
{
    mx->extra_dispatches = 3;
}

static void freeze_and_dispatch(struct mx *mx)
{
    freeze(mx);
    mx->extra_dispatches = 1;
}

static void freeze_and_sleep(struct mx *mx)
{
    freeze(mx);
    mx->asleep_until_ns = mx_now_ns() + 40 * MX_S;
}

/* The name goes and comes back. */
static void touch_path(struct mx *mx)
{
    if (mx_process_listens(present(mx))) {
        mx_process_stop_listening(present(mx));
        mx_process_listen(present(mx));
    }
    if (mx->wish.realized)
        mx_host_realize(mx);
}

/* ---- the host at this very moment ------------------------------------------------------------ */

static void resume(struct mx *mx)
{
    mx_host_run_vm(mx, true);
}

static void pause_vm(struct mx *mx)
{
    mx_host_run_vm(mx, false);
}

static void set_up_and_go(struct mx *mx)
{
    mx_host_set_up(mx, MX_GUEST_RUNS);
    mx_host_driver_ok(mx);
}

static void log_off(struct mx *mx)
{
    mx_host_log(mx, false);
}

static void host_stops(struct mx *mx)
{
    mx_host_unrealize(mx, 0);
    mx_later(mx, 20 * MX_MS, mx_host_realize);
}

static void host_pauses(struct mx *mx)
{
    pause_vm(mx);
    mx_later(mx, 3 * MX_MS, resume);
}

static void host_plugs(struct mx *mx)
{
    mx_host_add_extra(mx);
    mx_later(mx, 300 * MX_US, mx_host_remove_extra);
}

static void host_swaps(struct mx *mx)
{
    mx_host_add_extra(mx);
    mx_host_remove_extra(mx);
    mx_host_add_extra(mx);
    mx_later(mx, 300 * MX_US, mx_host_remove_extra);
}

static void host_logs_on(struct mx *mx)
{
    mx_host_log(mx, !mx->wish.log);
}

static void host_logs(struct mx *mx)
{
    host_logs_on(mx);
    mx_later(mx, 500 * MX_US, log_off);
}

static void host_changes_call(struct mx *mx)
{
    uint16_t queue = MX_QUEUES - 1;

    if (!mx->table_full && hf_device_set_call(mx->device, queue, mx->guest.calls[queue]) < 0)
        mx_fail(&mx->verdict, "set_call fails");
}

static void host_changes_kick(struct mx *mx)
{
    if (!mx->table_full && hf_device_set_kick(mx->device, MX_QUEUES - 1, -1) < 0)
        mx_fail(&mx->verdict, "set_kick fails");
}

static void host_asks(struct mx *mx)
{
    mx_host_reset(mx);
    mx_host_reset(mx);
}

static void crash_and_reset(struct mx *mx)
{
    kill_now(mx);
    mx_later(mx, 100 * MX_US, mx_host_reset);
}

static void crash_and_pause(struct mx *mx)
{
    kill_now(mx);
    mx_later(mx, 100 * MX_US, pause_vm);
    mx_later(mx, 30 * MX_MS, resume);
}

static void crash_and_stop(struct mx *mx)
{
    kill_now(mx);
    mx_later(mx, 100 * MX_US, host_stops);
}

static void crash_and_change(struct mx *mx)
{
    kill_now(mx);
    mx_later(mx, 100 * MX_US, host_changes_call);
    mx_later(mx, 100 * MX_US, host_changes_kick);
    mx_later(mx, 200 * MX_US, host_swaps);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* BEFORE: not at a message but before it comes. AT: it is lost; WITH: it is not. TWIST: in its
 * answer. */
#define BEFORE(function)                                                                           \
    {                                                                                              \
        .act = (function), .before = true                                                          \
    }
#define AT(function)                                                                               \
    {                                                                                              \
        .act = (function), .lost = true                                                            \
    }
#define WITH(function)                                                                             \
    {                                                                                              \
        .act = (function)                                                                          \
    }
#define TWIST(name)                                                                                \
    {                                                                                              \
        .twist = SIM_TWIST_##name                                                                  \
    }

const struct mx_fault mx_faults[SIM_FAULT_COUNT] = {
    [SIM_FAULT_CLOSE_BEFORE] = BEFORE(close_now),
    [SIM_FAULT_CLOSE_DURING] = AT(close_now),
    [SIM_FAULT_CLOSE] = TWIST(CLOSE),
    [SIM_FAULT_CLOSE_AFTER] = TWIST(CLOSE_AFTER),
    [SIM_FAULT_CRASH_BEFORE] = BEFORE(kill_now),
    [SIM_FAULT_CRASH_DURING] = AT(kill_now),
    [SIM_FAULT_CRASH] = TWIST(CRASH),
    [SIM_FAULT_CRASH_AFTER] = TWIST(CRASH_AFTER),
    [SIM_FAULT_CRASH_TORN] = TWIST(CRASH_TORN),
    [SIM_FAULT_CRASH_LINGERS] = AT(linger),
    [SIM_FAULT_CRASH_TWICE] = AT(kill_twice),
    [SIM_FAULT_SILENT_BEFORE] = BEFORE(freeze),
    [SIM_FAULT_SILENT] = TWIST(STOP),
    [SIM_FAULT_SILENT_WAKES] = BEFORE(freeze_to_wake),
    [SIM_FAULT_NEVER_SENT] = AT(freeze), /* to the device: silence, from there on */
    [SIM_FAULT_MALFORMED] = AT(send_garbage),
    [SIM_FAULT_LOCAL] = BEFORE(fill_table), /* what is to be sent cannot be duplicated */
    [SIM_FAULT_FD_TABLE_FULL] = WITH(fill_table),
    [SIM_FAULT_WRONG_NUMBER] = TWIST(WRONG_NUMBER),
    [SIM_FAULT_TOO_SHORT] = TWIST(SHORT),
    [SIM_FAULT_TOO_LONG] = TWIST(LONG),
    [SIM_FAULT_EXTRA_FD] = TWIST(EXTRA_FD),
    [SIM_FAULT_EXTRA_FD_RAW] = TWIST(EXTRA_FD_RAW), /* here the framer is not to be passed by */
    [SIM_FAULT_NO_FD] = TWIST(NO_FD),
    [SIM_FAULT_OTHER_KIND_OF_FD] = TWIST(OTHER_KIND),
    [SIM_FAULT_TWICE] = TWIST(TWICE),
    [SIM_FAULT_UNSOLICITED] = BEFORE(send_unasked),
    [SIM_FAULT_NAK] = TWIST(NAK),
    [SIM_FAULT_WRONG_RING] = TWIST(WRONG_RING),
    [SIM_FAULT_WRONG_BASE] = TWIST(WRONG_BASE),
    [SIM_FAULT_BAD_REGION] = TWIST(BAD_REGION),
    [SIM_FAULT_NO_REGION] = TWIST(NO_REGION),
    [SIM_FAULT_NEXT_LACKS_FEATURE] = AT(lack_feature),
    [SIM_FAULT_NEXT_LACKS_PROTOCOL] = AT(lack_bit_30),
    [SIM_FAULT_NEXT_LACKS_LOG] = AT(lack_log),
    [SIM_FAULT_NEXT_LACKS_ACKS] = AT(lack_acks),
    [SIM_FAULT_NEXT_LACKS_SLOTS] = AT(lack_slots),
    [SIM_FAULT_NEXT_LACKS_INFLIGHT] = AT(lack_inflight),
    [SIM_FAULT_NEXT_FEWER_QUEUES] = AT(fewer_queues),
    [SIM_FAULT_NEXT_FEWER_SLOTS] = AT(fewer_slots),
    [SIM_FAULT_NEXT_OTHER_STRIDE] = AT(other_stride),
    [SIM_FAULT_NEXT_SEALED_REGION] = AT(sealed_region),
    [SIM_FAULT_NEXT_REFUSES] = AT(kill_now), /* its name stays, and nobody listens */
    [SIM_FAULT_NEXT_SILENT_DIAL] = AT(silent_dial),
    [SIM_FAULT_TIMER_STRAY] = BEFORE(dispatch_for_nothing),
    [SIM_FAULT_TIMER_EARLY] = BEFORE(freeze_and_dispatch),
    [SIM_FAULT_TIMER_LATE] = BEFORE(freeze_and_sleep),
    [SIM_FAULT_TIMER_TWICE] = BEFORE(freeze_and_dispatch),
    [SIM_FAULT_OLD_EVENTS] = BEFORE(send_and_close),
    [SIM_FAULT_STRAY_EVENTS] = BEFORE(touch_path),
    [SIM_FAULT_HOST_STOP] = BEFORE(host_stops),
    [SIM_FAULT_HOST_PAUSE] = BEFORE(host_pauses),
    [SIM_FAULT_HOST_RESET] = BEFORE(mx_host_reset),
    [SIM_FAULT_HOST_MEMORY] = BEFORE(host_plugs),
    [SIM_FAULT_HOST_MEMORY_SWAP] = BEFORE(host_swaps),
    [SIM_FAULT_HOST_LOG] = BEFORE(host_logs),
    [SIM_FAULT_HOST_LOG_STAYS] = BEFORE(host_logs_on),
    [SIM_FAULT_HOST_CALL] = BEFORE(host_changes_call),
    [SIM_FAULT_HOST_KICK] = BEFORE(host_changes_kick),
    [SIM_FAULT_HOST_LAYOUT] = BEFORE(set_up_and_go),
    [SIM_FAULT_HOST_ASKS] = BEFORE(host_asks),
    [SIM_FAULT_CRASH_AND_RESET] = AT(crash_and_reset),
    [SIM_FAULT_CRASH_AND_PAUSE] = AT(crash_and_pause),
    [SIM_FAULT_CRASH_AND_STOP] = AT(crash_and_stop),
    [SIM_FAULT_CRASH_AND_CHANGE] = AT(crash_and_change),
};
