/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VMM as a peer of the relay: what is to happen becomes a list of things to do.
 */
#include "world.h"

#include <string.h>

const struct sim_relay_habit sim_relay_qemu = {
    .name = "qemu", .disables = true, .resets = true, .tracks = true
};
const struct sim_relay_habit sim_relay_uml = { .name = "uml", .enables_at_once = true };
const struct sim_relay_habit sim_relay_odd = {
    .name = "odd", .asks_all = true, .keeps_place = true, .stops_one = true, .tracks = true
};
const struct sim_relay_habit sim_relay_old = { .name = "old", .without_bit_30 = true };
const struct sim_relay_habit sim_relay_late = { .name = "late", .starts_last_late = true };

const struct sim_relay_habit *const sim_relay_habits[SIM_RELAY_HABITS] = {
    &sim_relay_qemu, &sim_relay_uml, &sim_relay_odd, &sim_relay_old, &sim_relay_late
};

const struct sim_relay_habit *sim_relay_habit_named(const char *name)
{
    for (unsigned i = 0; i < SIM_RELAY_HABITS; i++)
        if (strcmp(sim_relay_habits[i]->name, name) == 0)
            return sim_relay_habits[i];
    return NULL;
}

static struct sim_relay_vmm *vmm_of(struct sim_world *world)
{
    return &world->relay->vmm;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void add(struct sim_world *world, enum sim_relay_op_kind kind, uint16_t index)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (vmm->op_count == SIM_RELAY_OPS_MAX)
        sim_fail(&world->verdict, "sim: the VMM has more than %u things to do", SIM_RELAY_OPS_MAX);
    else
        vmm->ops[vmm->op_count++] = (struct sim_relay_op){ .kind = (uint8_t)kind, .index = index };
}

static void add_all(struct sim_world *world, enum sim_relay_op_kind kind)
{
    for (uint16_t i = 0; i < world->vmm.queue_count; i++)
        add(world, kind, i);
}

static void add_ring(struct sim_world *world, uint16_t queue)
{
    add(world, SIM_RELAY_NUM, queue);
    add(world, SIM_RELAY_BASE, queue);
    add(world, SIM_RELAY_ADDR, queue);
    add(world, SIM_RELAY_CALL, queue);
    add(world, SIM_RELAY_KICK, queue);
    if (world->relay->habit->enables_at_once)
        add(world, SIM_RELAY_ENABLE, queue);
}

static void start_last(struct sim_world *world)
{
    if (world->relay->habit->starts_last_late)
        add_ring(world, (uint16_t)(world->vmm.queue_count - 1u));
}

static void start_rings(struct sim_world *world)
{
    bool all = !world->relay->habit->starts_last_late;

    vmm_of(world)->started = true;
    add(world, SIM_RELAY_GET_REGION, 0);
    add(world, SIM_RELAY_SET_REGION, 0);
    add(world, SIM_RELAY_FEATURES, 0);
    for (uint16_t i = 0; i < world->vmm.queue_count - !all; i++)
        add_ring(world, i);
    if (!world->relay->habit->enables_at_once)
        add_all(world, SIM_RELAY_ENABLE);
}

static void stop_rings(struct sim_world *world)
{
    if (!vmm_of(world)->started)
        return;
    vmm_of(world)->started = false;
    if (world->relay->habit->disables)
        add_all(world, SIM_RELAY_DISABLE);
    add_all(world, SIM_RELAY_STOP);
}

/* ---- actions --------------------------------------------------------------------------------- */

static void connect_it(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    struct sim_relay_vmm *vmm = &relay->vmm;
    uint32_t serial = vmm->serial + 1;

    vmm->there = true;
    vmm->waits = vmm->pauses = vmm->started = vmm->has_region = false;
    vmm->serial = serial;
    relay->served = true;
    relay->region = 0;
    sim_world_note(world, "a VMM comes");
    hf_relay_begin(&relay->core, &relay->promise);
    sim_relay_record(world, &(struct hf_relay_effects){ .count = 0 });
    memset(world->vmm.rings, 0, sizeof(world->vmm.rings));
    memset(world->vmm.regions, 0, sizeof(world->vmm.regions));
    world->vmm.region_count = 0;
    world->vmm.log = 0;
    world->vmm.paused = world->vmm.halted = world->vmm.ready = false;
}

static void begin(struct sim_world *world, enum sim_action action)
{
    (void)action;
    connect_it(world);
    add(world, SIM_RELAY_GET_FEATURES, 0);
    add(world, SIM_RELAY_GET_PROTOCOL, 0);
    add(world, SIM_RELAY_SET_PROTOCOL, 0);
    add(world, SIM_RELAY_GET_QUEUES, 0);
    add(world, SIM_RELAY_GET_SLOTS, 0);
    add(world, SIM_RELAY_OWNER, 0);
    add(world, SIM_RELAY_CHANNEL, 0);
    add(world, SIM_RELAY_PLUG, 0);
    add(world, SIM_RELAY_ADD, 0);
    add(world, SIM_RELAY_PLUG, 1);
    add(world, SIM_RELAY_ADD, 1);
    add(world, SIM_RELAY_TABLE, 0);
    add(world, SIM_RELAY_LAY_OUT, 0);
    add_all(world, SIM_RELAY_ERR);
    start_rings(world);
    add(world, SIM_RELAY_BOOT, 0);
    start_last(world);
}

static void update_hands(struct sim_world *world, enum sim_action action)
{
    struct sim_vmm *vmm = &world->vmm;
    bool ran = sim_vmm_runs(vmm);

    if (action == SIM_ACTION_PAUSE || action == SIM_ACTION_RESUME)
        vmm->paused = action == SIM_ACTION_PAUSE;
    else
        vmm->halted = action == SIM_ACTION_HALT;
    if (ran && !sim_vmm_runs(vmm))
        stop_rings(world);
    if (!ran && sim_vmm_runs(vmm)) {
        start_rings(world);
        start_last(world);
    }
}

/* The processor that sets the device up waits until it is: the guest goes on behind that. */
static void reset(struct sim_world *world)
{
    stop_rings(world);
    add(world, SIM_RELAY_GUEST_GOES, 0);
    add(world, SIM_RELAY_RESET, 0);
    add(world, SIM_RELAY_TAKE_AWAY, 0);
}

static void set_up(struct sim_world *world)
{
    bool runs = !world->vmm.paused && !world->vmm.halted;

    add(world, SIM_RELAY_LAY_OUT, 0);
    if (runs)
        start_rings(world);
    add(world, SIM_RELAY_BOOT, 0);
    if (runs)
        start_last(world);
}

static void change_guest(struct sim_world *world, enum sim_action action)
{
    struct sim_vmm *vmm = &world->vmm;

    if (action == SIM_ACTION_RESET) {
        reset(world);
        sim_world_later(world, SIM_MS,
                        (struct sim_event){ .kind = SIM_EVENT_HOST, .index = SIM_ACTION_SET_UP });
    } else if (action == SIM_ACTION_SET_UP && !vmm->ready) {
        set_up(world);
    } else if (action == SIM_ACTION_LAYOUT && vmm->ready) {
        vmm->small = !vmm->small;
        reset(world);
        set_up(world);
    }
}

static void plug(struct sim_world *world, unsigned id)
{
    if (world->vmm.regions[id].there)
        return;
    add(world, SIM_RELAY_PLUG, (uint16_t)id);
    add(world, SIM_RELAY_ADD, (uint16_t)id);
    add(world, SIM_RELAY_TABLE, 0);
}

static void unplug(struct sim_world *world, unsigned id)
{
    if (!world->vmm.regions[id].there)
        return;
    add(world, SIM_RELAY_REMOVE, (uint16_t)id);
    add(world, SIM_RELAY_UNPLUG, (uint16_t)id);
    add(world, SIM_RELAY_TABLE, 0);
}

static void change_memory(struct sim_world *world, enum sim_action action)
{
    bool extra = world->vmm.regions[SIM_VMM_EXTRA_REGION].there;

    if (action == SIM_ACTION_MEMORY_ADD)
        plug(world, SIM_VMM_ADDED_REGION);
    else if (action == SIM_ACTION_MEMORY_REMOVE)
        unplug(world, SIM_VMM_ADDED_REGION);
    else if (action == SIM_ACTION_EXTRA_SWAP) {
        unplug(world, extra ? SIM_VMM_EXTRA_REGION : SIM_VMM_SWAP_REGION);
        plug(world, extra ? SIM_VMM_SWAP_REGION : SIM_VMM_EXTRA_REGION);
    } else if (action == SIM_ACTION_EXTRA_ADD && !world->vmm.regions[SIM_VMM_SWAP_REGION].there)
        plug(world, SIM_VMM_EXTRA_REGION);
    else if (action == SIM_ACTION_EXTRA_REMOVE) {
        unplug(world, SIM_VMM_EXTRA_REGION);
        unplug(world, SIM_VMM_SWAP_REGION);
    }
}

static bool can_log(const struct sim_relay_vmm *vmm)
{
    return (vmm->offered & HF_FEATURE(LOG_ALL)) != 0 &&
           (vmm->protocol & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0;
}

static void change_log(struct sim_world *world, enum sim_action action)
{
    bool on = action == SIM_ACTION_LOG_ON;

    if (!can_log(vmm_of(world)) || on == (world->vmm.log != 0))
        return;
    add(world, on ? SIM_RELAY_LOG_ON : SIM_RELAY_LOG_OFF, 0);
    add(world, SIM_RELAY_LOG, 0);
    add(world, SIM_RELAY_FEATURES, 0);
    if (vmm_of(world)->started)
        add_all(world, SIM_RELAY_ADDR);
}

static void change_call(struct sim_world *world, enum sim_action action)
{
    uint16_t last = (uint16_t)(world->vmm.queue_count - 1u);

    (void)action;
    add(world, SIM_RELAY_NEW_CALL, last);
    add(world, SIM_RELAY_CALL, last);
}

/* Only a stopped ring gets another one. */
static void change_kick(struct sim_world *world, enum sim_action action)
{
    uint16_t last = (uint16_t)(world->vmm.queue_count - 1u);
    bool started = vmm_of(world)->started;

    (void)action;
    if (!started || !world->relay->habit->stops_one) {
        stop_rings(world);
        add(world, SIM_RELAY_NEW_KICK, last);
        if (started) {
            start_rings(world);
            start_last(world);
        }
        return;
    }
    add(world, SIM_RELAY_STOP, last);
    add(world, SIM_RELAY_NEW_KICK, last);
    add_ring(world, last);
}

static void ask_config(struct sim_world *world, enum sim_action action)
{
    (void)action;
    add(world, SIM_RELAY_CONFIG, 0);
}

static void (*const changes[SIM_ACTION_COUNT])(struct sim_world *, enum sim_action) = {
    [SIM_ACTION_START] = begin,
    [SIM_ACTION_PAUSE] = update_hands,
    [SIM_ACTION_RESUME] = update_hands,
    [SIM_ACTION_HALT] = update_hands,
    [SIM_ACTION_GO] = update_hands,
    [SIM_ACTION_RESET] = change_guest,
    [SIM_ACTION_SET_UP] = change_guest,
    [SIM_ACTION_LAYOUT] = change_guest,
    [SIM_ACTION_MEMORY_ADD] = change_memory,
    [SIM_ACTION_MEMORY_REMOVE] = change_memory,
    [SIM_ACTION_EXTRA_ADD] = change_memory,
    [SIM_ACTION_EXTRA_REMOVE] = change_memory,
    [SIM_ACTION_EXTRA_SWAP] = change_memory,
    [SIM_ACTION_LOG_ON] = change_log,
    [SIM_ACTION_LOG_OFF] = change_log,
    [SIM_ACTION_CALL] = change_call,
    [SIM_ACTION_KICK] = change_kick,
    [SIM_ACTION_ASK_CONFIG] = ask_config,
};

void sim_relay_vmm_act(struct sim_world *world, enum sim_action action)
{
    if (changes[action] != NULL)
        changes[action](world, action);
}

static void hang_up(struct sim_world *world)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    sim_world_note(world, "the VMM is gone");
    vmm->there = vmm->waits = vmm->pauses = false;
    vmm->op_count = vmm->action_count = 0;
    world->vmm.ready = false;
    sim_relay_hear_hang_up(world);
}

void sim_relay_do(struct sim_world *world, enum sim_action action)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (action == SIM_ACTION_STOP) {
        bool needs_end = !world->relay->served;

        world->vmm.wanted = false;
        vmm->action_count = 0;
        if (vmm->there)
            hang_up(world);
        else if (needs_end)
            sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_STOP });
        return;
    }
    if (action == SIM_ACTION_START) {
        if (world->vmm.wanted)
            return;
        world->vmm.wanted = true;
        if (!world->relay->served)
            sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_START });
    } else if (!vmm->there) {
        return; /* nobody is there to do it */
    }
    if (vmm->action_count == SIM_RELAY_ACTIONS_MAX)
        sim_fail(&world->verdict, "sim: more than %u actions wait", SIM_RELAY_ACTIONS_MAX);
    else
        vmm->actions[vmm->action_count++] = action;
    sim_relay_vmm_go_on(world);
}

void sim_relay_vmm_drop(struct sim_world *world)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (!sim_relay_may_refuse(world))
        sim_fail(&world->verdict, "vmm: the relay has hung up after %s",
                 hf_message_name(&vmm->sent));
    hang_up(world);
    /* It is started again. */
    vmm->actions[vmm->action_count++] = SIM_ACTION_START;
    sim_relay_vmm_go_on(world);
}
