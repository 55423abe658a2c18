/* SPDX-License-Identifier: BSD-3-Clause */
/* One row a fault: what happens at once, what becomes of the message, how the back-end answers it.
 */
#include "world.h"

#include <errno.h>

static void later(struct sim_world *world, uint64_t delay_ns, enum sim_action action)
{
    sim_world_later(world, delay_ns,
                    (struct sim_event){ .kind = SIM_EVENT_HOST, .index = (uint16_t)action });
}

static void close_now(struct sim_world *world)
{
    sim_process_hang_up(sim_process_present(world), HF_FAULT_HANGUP);
}

static void kill_now(struct sim_world *world)
{
    sim_process_kill(sim_process_present(world));
}

static void linger_and_kill(struct sim_world *world)
{
    world->linger_ns = 700 * SIM_MS;
    kill_now(world);
}

/* The next one dies as soon as the first messages have reached it. */
static void kill_twice(struct sim_world *world)
{
    kill_now(world);
    sim_world_later(world, 5 * SIM_MS + 400 * SIM_US,
                    (struct sim_event){ .kind = SIM_EVENT_KILL, .process = world->process_count });
}

static void stop_now(struct sim_world *world)
{
    sim_process_stop(sim_process_present(world));
}

static void stop_to_wake(struct sim_world *world)
{
    stop_now(world);
    sim_process_present(world)->exits = true;
}

static void malformed(struct sim_world *world)
{
    sim_process_hang_up(sim_process_present(world), HF_FAULT_MALFORMED);
}

static void local(struct sim_world *world)
{
    sim_process_hang_up(sim_process_present(world), HF_FAULT_LOCAL);
}

static void unsolicited(struct sim_world *world)
{
    struct hf_message reply = hf_message_reply_u64(HF_REQUEST_GET_QUEUE_NUM, 1);

    sim_edge_receive(sim_process_present(world), &reply, SIM_TWIST_NONE);
}

/* Of this process: nothing can be opened, received or duplicated. */
static void fill_fd_table(struct sim_world *world)
{
    world->edge.fds_full_until_ns = world->now_ns + 30 * SIM_MS;
}

/* ---- the next back-end offers less ----------------------------------------------------------- */

static struct sim_persona *poorer(struct sim_world *world)
{
    world->poor = *world->situation.persona;
    world->next_persona = &world->poor;
    kill_now(world);
    return &world->poor;
}

static void lack_feature(struct sim_world *world)
{
    poorer(world)->features &= ~HF_FEATURE(EVENT_IDX);
}

static void lack_protocol(struct sim_world *world)
{
    poorer(world)->features &= ~HF_FEATURE(PROTOCOL_FEATURES);
}

static void lack_log(struct sim_world *world)
{
    struct sim_persona *next = poorer(world);

    next->features &= ~HF_FEATURE(LOG_ALL);
    next->protocol &= ~HF_PROTOCOL_FEATURE(LOG_SHMFD);
}

/* Nothing relies on these two: it is served in another way. */
static void lack_acks(struct sim_world *world)
{
    poorer(world)->protocol &= ~HF_PROTOCOL_FEATURE(REPLY_ACK);
}

static void lack_slots(struct sim_world *world)
{
    poorer(world)->protocol &= ~HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS);
}

static void lack_inflight(struct sim_world *world)
{
    poorer(world)->protocol &= ~HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
}

/* Neither DPDK's nor yc's. */
static void other_stride(struct sim_world *world)
{
    poorer(world)->stride_rounding = 128;
}

static void sealed_region(struct sim_world *world)
{
    struct sim_persona *poor = poorer(world);

    poor->stride_rounding = 128;
    poor->sealed_region = true;
}

static void fewer_queues(struct sim_world *world)
{
    poorer(world)->queue_count = 0;
}

static void fewer_slots(struct sim_world *world)
{
    poorer(world)->slot_count = 1;
}

static void refuse_dials(struct sim_world *world)
{
    world->edge.dials_to_refuse = 6;
    kill_now(world);
}

static void ignore_dial(struct sim_world *world)
{
    world->edge.dials_to_ignore = 1;
    kill_now(world);
}

/* ---- events nobody asked for ----------------------------------------------------------------- */

static void stray_timer(struct sim_world *world)
{
    sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_TIMER });
    sim_world_feed(world, 7 * SIM_US, (struct hf_event){ .kind = HF_EVENT_TIMER });
}

/* Something must be waited for in vain, or the timer would not matter. */
static void early_timer(struct sim_world *world)
{
    world->edge.early_timer = true;
    stop_now(world);
}

static void double_timer(struct sim_world *world)
{
    world->edge.double_timer = true;
    stop_now(world);
}

static void late_timer(struct sim_world *world)
{
    world->edge.late_ns = 30 * SIM_S;
    stop_now(world);
}

static void old_message(struct sim_world *world, uint32_t dial)
{
    struct sim_event event = { .kind = SIM_EVENT_FRONT };
    unsigned object = sim_object_new(&world->memory, SIM_KIND_MEMORY, 98);

    event.front = (struct hf_event){ .kind = HF_EVENT_MESSAGE, .dial = dial };
    event.message = hf_message_reply_u64(HF_REQUEST_GET_FEATURES, 0);
    event.message.fds[0] = sim_fd_open(&world->fds, object, SIM_OWNER_EDGE);
    event.message.fd_count = 1;
    sim_world_later(world, 3 * SIM_US, event);
}

static void old_events(struct sim_world *world)
{
    static const enum hf_event_kind kinds[] = { HF_EVENT_DIALED, HF_EVENT_DIAL_FAILED,
                                                HF_EVENT_SENT, HF_EVENT_HANGUP };
    uint32_t old = world->edge.dial - 1;

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        sim_world_feed(
            world, i * SIM_US,
            (struct hf_event){
                .kind = kinds[i], .dial = old, .error = ECONNREFUSED, .fault = HF_FAULT_HANGUP });
    old_message(world, old);
    /* And some of the present one that are over. */
    sim_world_feed(world, SIM_US,
                   (struct hf_event){ .kind = HF_EVENT_DIALED, .dial = world->edge.dial });
    sim_world_feed(world, SIM_US,
                   (struct hf_event){ .kind = HF_EVENT_DIAL_FAILED, .dial = world->edge.dial });
}

static void stray_events(struct sim_world *world)
{
    static const enum hf_event_kind kinds[] = { HF_EVENT_START, HF_EVENT_APPEARED,
                                                HF_EVENT_CHANGED };

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        sim_world_feed(world, i * SIM_US, (struct hf_event){ .kind = kinds[i] });
    if (!world->edge.settle_owed)
        sim_world_feed(world, 3 * SIM_US, (struct hf_event){ .kind = HF_EVENT_SETTLED });
}

/* ---- the host does something at this very moment --------------------------------------------- */

static void host_stops(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_STOP);
    later(world, 20 * SIM_MS, SIM_ACTION_START);
}

static void host_pauses(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_HALT);
    later(world, 3 * SIM_MS, SIM_ACTION_GO);
}

static void host_resets(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_RESET);
}

static void host_plugs_memory(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_EXTRA_ADD);
    later(world, 300 * SIM_US, SIM_ACTION_EXTRA_REMOVE);
}

static void host_swaps_memory(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_EXTRA_ADD);
    later(world, 60 * SIM_US, SIM_ACTION_EXTRA_SWAP);
    later(world, 100 * SIM_US, SIM_ACTION_EXTRA_SWAP);
    later(world, 400 * SIM_US, SIM_ACTION_EXTRA_SWAP);
    later(world, 900 * SIM_US, SIM_ACTION_EXTRA_REMOVE);
}

static void host_logs(struct sim_world *world)
{
    bool on = world->vmm.log != 0;

    later(world, 0, on ? SIM_ACTION_LOG_OFF : SIM_ACTION_LOG_ON);
    later(world, 500 * SIM_US, on ? SIM_ACTION_LOG_ON : SIM_ACTION_LOG_OFF);
}

static void host_logs_on(struct sim_world *world)
{
    later(world, 0, world->vmm.log != 0 ? SIM_ACTION_LOG_OFF : SIM_ACTION_LOG_ON);
}

static void host_changes_call(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_CALL);
}

static void host_changes_kick(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_KICK);
}

static void host_lays_out(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_LAYOUT);
}

static void host_asks(struct sim_world *world)
{
    later(world, 0, SIM_ACTION_ASK_CONFIG);
    later(world, 10 * SIM_US, SIM_ACTION_ASK_CONFIG);
}

static void kill_and_reset(struct sim_world *world)
{
    kill_now(world);
    later(world, 100 * SIM_US, SIM_ACTION_RESET);
}

static void kill_and_pause(struct sim_world *world)
{
    kill_now(world);
    later(world, 100 * SIM_US, SIM_ACTION_HALT);
    later(world, 30 * SIM_MS, SIM_ACTION_GO);
}

static void kill_and_stop(struct sim_world *world)
{
    kill_now(world);
    later(world, 100 * SIM_US, SIM_ACTION_STOP);
    later(world, SIM_MS, SIM_ACTION_START);
}

static void kill_and_change(struct sim_world *world)
{
    kill_now(world);
    later(world, 100 * SIM_US, SIM_ACTION_CALL);
    later(world, 100 * SIM_US, SIM_ACTION_KICK);
    later(world, 200 * SIM_US, SIM_ACTION_EXTRA_ADD);
    later(world, SIM_MS, SIM_ACTION_EXTRA_SWAP);
    later(world, 10 * SIM_MS, SIM_ACTION_EXTRA_REMOVE);
}

#define FAULT(id, text, ...) [SIM_FAULT_##id] = { .name = (text), __VA_ARGS__ }

static const struct {
    const char *name;
    void (*at_once)(struct sim_world *world);
    bool lost;
    bool unsent;
    enum sim_twist twist;
} rows[SIM_FAULT_COUNT] = {
    FAULT(NONE, "none", .lost = false),
    FAULT(CLOSE_BEFORE, "hang-up before", .at_once = close_now, .unsent = true),
    FAULT(CLOSE_DURING, "hang-up during", .at_once = close_now, .lost = true),
    FAULT(CLOSE, "hang-up instead of an answer", .twist = SIM_TWIST_CLOSE),
    FAULT(CLOSE_AFTER, "hang-up after the answer", .twist = SIM_TWIST_CLOSE_AFTER),
    FAULT(CRASH_BEFORE, "crash before", .at_once = kill_now, .unsent = true),
    FAULT(CRASH_DURING, "crash during", .at_once = kill_now, .lost = true),
    FAULT(CRASH, "crash instead of an answer", .twist = SIM_TWIST_CRASH),
    FAULT(CRASH_AFTER, "crash after the answer", .twist = SIM_TWIST_CRASH_AFTER),
    FAULT(CRASH_TORN, "crash before marks are cleared", .twist = SIM_TWIST_CRASH_TORN),
    FAULT(CRASH_LINGERS, "crash, and long in dying", .at_once = linger_and_kill, .lost = true),
    FAULT(CRASH_TWICE, "crash, and the next one too", .at_once = kill_twice, .lost = true),
    FAULT(SILENT_BEFORE, "silence before", .at_once = stop_now),
    FAULT(SILENT, "silence instead of an answer", .twist = SIM_TWIST_STOP),
    FAULT(SILENT_WAKES, "silence, and a late awakening", .at_once = stop_to_wake),
    FAULT(NEVER_SENT, "the message never leaves", .unsent = true),
    FAULT(MALFORMED, "malformed bytes", .at_once = malformed, .lost = true),
    FAULT(LOCAL, "no descriptor left", .at_once = local, .unsent = true),
    FAULT(FD_TABLE_FULL, "descriptor table full", .at_once = fill_fd_table),
    FAULT(WRONG_NUMBER, "answer to another request", .twist = SIM_TWIST_WRONG_NUMBER),
    FAULT(TOO_SHORT, "answer too short", .twist = SIM_TWIST_SHORT),
    FAULT(TOO_LONG, "answer too long", .twist = SIM_TWIST_LONG),
    FAULT(EXTRA_FD, "descriptor too many", .twist = SIM_TWIST_EXTRA_FD),
    FAULT(EXTRA_FD_RAW, "descriptor too many, unnoticed", .twist = SIM_TWIST_EXTRA_FD_RAW),
    FAULT(NO_FD, "descriptor missing", .twist = SIM_TWIST_NO_FD),
    FAULT(OTHER_KIND_OF_FD, "descriptor of another kind", .twist = SIM_TWIST_OTHER_KIND),
    FAULT(TWICE, "an answer too many", .twist = SIM_TWIST_TWICE),
    FAULT(UNSOLICITED, "unsolicited message", .at_once = unsolicited),
    FAULT(NAK, "refusal", .twist = SIM_TWIST_NAK),
    FAULT(WRONG_RING, "base of another ring", .twist = SIM_TWIST_WRONG_RING),
    FAULT(WRONG_BASE, "base beside the used index", .twist = SIM_TWIST_WRONG_BASE),
    FAULT(BAD_REGION, "impossible in-flight region", .twist = SIM_TWIST_BAD_REGION),
    FAULT(NO_REGION, "no in-flight region", .twist = SIM_TWIST_NO_REGION),
    FAULT(NEXT_LACKS_FEATURE, "next lacks a feature", .at_once = lack_feature),
    FAULT(NEXT_LACKS_PROTOCOL, "next lacks bit 30", .at_once = lack_protocol),
    FAULT(NEXT_LACKS_LOG, "next cannot log", .at_once = lack_log),
    FAULT(NEXT_LACKS_ACKS, "next lacks REPLY_ACK", .at_once = lack_acks),
    FAULT(NEXT_LACKS_SLOTS, "next lacks CONFIGURE_MEM_SLOTS", .at_once = lack_slots),
    FAULT(NEXT_LACKS_INFLIGHT, "next lacks INFLIGHT_SHMFD", .at_once = lack_inflight),
    FAULT(NEXT_FEWER_QUEUES, "next has fewer queues", .at_once = fewer_queues),
    FAULT(NEXT_FEWER_SLOTS, "next has fewer slots", .at_once = fewer_slots),
    FAULT(NEXT_OTHER_STRIDE, "next lays the region out differently", .at_once = other_stride),
    FAULT(NEXT_SEALED_REGION, "next lets nobody write its region", .at_once = sealed_region),
    FAULT(NEXT_REFUSES, "next refuses to be dialled", .at_once = refuse_dials),
    FAULT(NEXT_SILENT_DIAL, "next does not accept", .at_once = ignore_dial),
    FAULT(TIMER_STRAY, "stray timer", .at_once = stray_timer),
    FAULT(TIMER_EARLY, "early timer", .at_once = early_timer),
    FAULT(TIMER_LATE, "late timer", .at_once = late_timer),
    FAULT(TIMER_TWICE, "duplicate timer", .at_once = double_timer),
    FAULT(OLD_EVENTS, "events of an old dial", .at_once = old_events),
    FAULT(STRAY_EVENTS, "stray events", .at_once = stray_events),
    FAULT(HOST_STOP, "host hangs up and starts", .at_once = host_stops),
    FAULT(HOST_PAUSE, "host pauses", .at_once = host_pauses),
    FAULT(HOST_RESET, "guest resets", .at_once = host_resets),
    FAULT(HOST_MEMORY, "memory comes and goes", .at_once = host_plugs_memory),
    FAULT(HOST_MEMORY_SWAP, "memory is swapped", .at_once = host_swaps_memory),
    FAULT(HOST_LOG, "dirty log is switched", .at_once = host_logs),
    FAULT(HOST_LOG_STAYS, "dirty log is switched for good", .at_once = host_logs_on),
    FAULT(HOST_CALL, "call changes", .at_once = host_changes_call),
    FAULT(HOST_KICK, "kick changes", .at_once = host_changes_kick),
    FAULT(HOST_LAYOUT, "a reset in no time", .at_once = host_lays_out),
    FAULT(HOST_ASKS, "host asks twice", .at_once = host_asks),
    FAULT(CRASH_AND_RESET, "crash, and the guest resets", .at_once = kill_and_reset, .lost = true),
    FAULT(CRASH_AND_PAUSE, "crash, and the host pauses", .at_once = kill_and_pause, .lost = true),
    FAULT(CRASH_AND_STOP, "crash, and the host starts anew", .at_once = kill_and_stop,
          .lost = true),
    FAULT(CRASH_AND_CHANGE, "crash, and all changes", .at_once = kill_and_change, .lost = true),
};

const char *sim_fault_name(enum sim_fault fault)
{
    return rows[fault].name;
}

bool sim_fault_is_at_once(enum sim_fault fault)
{
    static void (*const need_one[])(struct sim_world *) = { stop_now, stop_to_wake, early_timer,
                                                            late_timer, double_timer };

    for (unsigned i = 0; i < sizeof(need_one) / sizeof(need_one[0]); i++)
        if (rows[fault].at_once == need_one[i])
            return false;
    return rows[fault].at_once != NULL;
}

struct sim_injection sim_fault_inject(struct sim_world *world, enum sim_fault fault)
{
    if (rows[fault].at_once != NULL)
        rows[fault].at_once(world);
    return (struct sim_injection){ .lost = rows[fault].lost,
                                   .unsent = rows[fault].unsent,
                                   .twist = rows[fault].twist };
}
