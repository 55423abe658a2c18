/* SPDX-License-Identifier: BSD-3-Clause */
/* What the VMM does to the plan, in the way device/ does it. */
#include "world.h"

#include <errno.h>

#define REGION_SIZE   UINT64_C(0x10000000)
#define RINGS_USED    (HF_FEATURE(VERSION_1) | HF_FEATURE(EVENT_IDX))
#define CHANGE_OF_IT  (HF_FEATURE(INDIRECT_DESC))
#define GUEST_BOOT_NS SIM_MS

static struct hf_plan *plan_of(struct sim_world *world)
{
    return &world->front.plan;
}

static void changed(struct sim_world *world)
{
    sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_CHANGED });
}

bool sim_vmm_runs(const struct sim_vmm *vmm)
{
    return vmm->ready && !vmm->paused && !vmm->halted;
}

static void update_run(struct sim_world *world)
{
    hf_plan_set_run(plan_of(world), sim_vmm_runs(&world->vmm));
    changed(world);
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct sim_vmm_region *sim_vmm_plug(struct sim_world *world, unsigned id)
{
    struct sim_vmm_region *region = &world->vmm.regions[id];
    /* What is swapped takes the other's place. */
    unsigned place = id == SIM_VMM_SWAP_REGION ? SIM_VMM_EXTRA_REGION : id;

    *region = (struct sim_vmm_region){
        .there = true,
        .object = sim_object_new(&world->memory, SIM_KIND_MEMORY, (uint16_t)id),
        .guest_address = place * REGION_SIZE,
        .size_bytes = REGION_SIZE,
        .user_address = SIM_VMM_USER_BASE + id * REGION_SIZE,
        .mmap_offset = id * 0x1000u,
    };
    world->vmm.region_count++;
    return region;
}

static void add_region(struct sim_world *world, unsigned id)
{
    struct sim_vmm_region *region = &world->vmm.regions[id];
    struct hf_region_plan wanted;

    if (region->there)
        return;
    sim_vmm_plug(world, id);
    wanted =
        (struct hf_region_plan){ .guest_address = region->guest_address,
                                 .size_bytes = region->size_bytes,
                                 .user_address = region->user_address,
                                 .mmap_offset = region->mmap_offset,
                                 .fd = sim_fd_open(&world->fds, region->object, SIM_OWNER_PLAN) };
    if (hf_plan_add_region(plan_of(world), &wanted) != 0)
        sim_fail(&world->verdict, "vmm: region %u cannot be added", id);
    changed(world);
}

static void remove_region(struct sim_world *world, unsigned id)
{
    struct sim_vmm_region *region = &world->vmm.regions[id];

    if (!region->there)
        return;
    sim_fd_close(&world->fds,
                 hf_plan_remove_region(plan_of(world), region->guest_address, region->size_bytes));
    region->there = false;
    world->vmm.region_count--;
    changed(world);
}

static void swap_region(struct sim_world *world)
{
    bool first = world->vmm.regions[SIM_VMM_EXTRA_REGION].there;

    remove_region(world, first ? SIM_VMM_EXTRA_REGION : SIM_VMM_SWAP_REGION);
    add_region(world, first ? SIM_VMM_SWAP_REGION : SIM_VMM_EXTRA_REGION);
}

/* ---- rings ----------------------------------------------------------------------------------- */

static void set_kick(struct sim_world *world, uint16_t queue)
{
    unsigned object = sim_object_new(&world->memory, SIM_KIND_KICK, queue);
    int fd = sim_fd_open(&world->fds, object, SIM_OWNER_PLAN);

    /* What the guest had signalled and nobody read goes on to the new one: the kernel's ioeventfd
     * is moved, and the VMM passes a pending kick on. */
    world->memory.objects[object].signals =
        world->memory.objects[world->vmm.rings[queue].kick].signals;
    world->vmm.rings[queue].kick = object;
    sim_fd_close(&world->fds, hf_plan_set_kick(plan_of(world), queue, fd));
}

static void set_call(struct sim_world *world, uint16_t queue)
{
    unsigned object = sim_object_new(&world->memory, SIM_KIND_CALL, queue);
    int fd = sim_fd_open(&world->fds, object, SIM_OWNER_PLAN);

    world->vmm.rings[queue].call = object;
    sim_fd_close(&world->fds, hf_plan_set_call(plan_of(world), queue, fd));
}

static void set_err(struct sim_world *world, uint16_t queue)
{
    unsigned object = sim_object_new(&world->memory, SIM_KIND_ERR, queue);
    int fd = sim_fd_open(&world->fds, object, SIM_OWNER_PLAN);

    world->vmm.rings[queue].err = object;
    sim_fd_close(&world->fds, hf_plan_set_err(plan_of(world), queue, fd));
}

static void end_epoch(struct sim_world *world)
{
    sim_fd_close(&world->fds, hf_plan_end_epoch(plan_of(world)));
    world->vmm.epoch++;
    world->vmm.inflight = 0;
    world->vmm.inflight_none = false;
}

static void set_ring(struct sim_world *world, uint16_t queue, uint16_t size)
{
    struct sim_vmm *vmm = &world->vmm;
    struct sim_vmm_ring *ring = &vmm->rings[queue];
    uint64_t at = ++vmm->set_ups * SIM_VMM_RINGS_STRIDE;

    end_epoch(world);
    sim_ring_lay_out(&world->memory, queue, size, world->situation.first_index);
    ring->size = size;
    ring->desc = size == 0 ? 0 : SIM_VMM_USER_BASE + at;
    ring->avail = size == 0 ? 0 : ring->desc + 0x1000;
    ring->used = size == 0 ? 0 : ring->desc + 0x2000;
    hf_plan_set_ring(plan_of(world), queue, size,
                     &(struct hf_ring_addresses){ .desc = ring->desc,
                                                  .avail = ring->avail,
                                                  .used = ring->used,
                                                  .used_guest = at + 0x2000 },
                     world->situation.first_index);
}

void sim_vmm_refill(struct sim_world *world, uint16_t queue)
{
    struct sim_vmm *vmm = &world->vmm;
    const struct sim_ring *ring = &world->memory.rings[queue];
    unsigned most = vmm->quota[queue] < 5 ? vmm->quota[queue] : 5;
    bool posted = false;

    while (vmm->ready && ring->outstanding_count < most && sim_guest_post(&world->memory, queue))
        posted = true;
    if (posted)
        sim_world_signal(world, vmm->rings[queue].kick);
}

static void set_up(struct sim_world *world)
{
    struct sim_vmm *vmm = &world->vmm;

    if (vmm->ready)
        return;
    vmm->features = RINGS_USED;
    hf_plan_set_features(plan_of(world), vmm->features);
    for (uint16_t i = 0; i < vmm->queue_count; i++) {
        set_ring(world, i, vmm->small && i == vmm->queue_count - 1 ? 4 : SIM_RING_SIZE);
        set_kick(world, i);
        set_call(world, i);
        set_err(world, i);
    }
    vmm->ready = true;
    update_run(world);
    for (uint16_t i = 0; i < vmm->queue_count; i++)
        sim_vmm_refill(world, i);
}

/* Host calls of the kind that is asked and answered. */
static void ask(struct sim_world *world, uint32_t request)
{
    struct hf_event event = { .kind = HF_EVENT_ASK };

    event.asked.number = ++world->vmm.last_question;
    event.asked.request = request;
    event.asked.config.size_bytes = request == HF_REQUEST_GET_CONFIG ? 52 : 0;
    world->tally.questions_asked++;
    sim_world_feed(world, 0, event);
}

static void reset(struct sim_world *world)
{
    struct sim_vmm *vmm = &world->vmm;
    const struct hf_front *front = &world->front;

    vmm->ready = false;
    hf_plan_forget_features(plan_of(world));
    for (uint16_t i = 0; i < vmm->queue_count; i++)
        set_ring(world, i, 0);
    update_run(world);
    if (hf_phase_agreed(front->phase) &&
        (front->session.protocol & HF_PROTOCOL_FEATURE(RESET_DEVICE)) != 0)
        ask(world, HF_REQUEST_RESET_DEVICE);
    sim_world_later(world, GUEST_BOOT_NS,
                    (struct sim_event){ .kind = SIM_EVENT_HOST, .index = SIM_ACTION_SET_UP });
}

/* A driver sizes its rings only after a reset (virtio 1.3 §3.1.1); this one is back at once, before
 * anybody has seen that it was gone. */
static void lay_out_anew(struct sim_world *world)
{
    struct sim_vmm *vmm = &world->vmm;

    if (!vmm->ready)
        return;
    vmm->small = !vmm->small;
    reset(world);
    set_up(world);
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* A VMM migrates only what can be logged. */
static bool can_log(const struct sim_world *world)
{
    const struct sim_persona *persona = world->situation.persona;

    return (persona->features & HF_FEATURE(LOG_ALL)) != 0 &&
           (persona->protocol & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0;
}

static void set_log(struct sim_world *world, bool on)
{
    int fd = -1;

    if (!can_log(world) || on == (world->vmm.log != 0))
        return;
    world->vmm.log = on ? sim_object_new(&world->memory, SIM_KIND_LOG, 0) : 0;
    if (on)
        fd = sim_fd_open(&world->fds, world->vmm.log, SIM_OWNER_PLAN);
    sim_fd_close(&world->fds, hf_plan_set_log(plan_of(world), on ? 0x100000 : 0, 0, fd));
    changed(world);
}

static void want(struct sim_world *world, bool wanted)
{
    world->vmm.wanted = wanted;
    sim_world_feed(world, 0, (struct hf_event){ .kind = wanted ? HF_EVENT_START : HF_EVENT_STOP });
}

static void update_hands(struct sim_world *world, enum sim_action action)
{
    struct sim_vmm *vmm = &world->vmm;

    if (action == SIM_ACTION_PAUSE || action == SIM_ACTION_RESUME)
        vmm->paused = action == SIM_ACTION_PAUSE;
    else
        vmm->halted = action == SIM_ACTION_HALT;
    update_run(world);
}

static void change_memory(struct sim_world *world, enum sim_action action)
{
    if (action == SIM_ACTION_MEMORY_ADD)
        add_region(world, SIM_VMM_ADDED_REGION);
    else if (action == SIM_ACTION_MEMORY_REMOVE)
        remove_region(world, SIM_VMM_ADDED_REGION);
    else if (action == SIM_ACTION_EXTRA_SWAP)
        swap_region(world);
    else if (action == SIM_ACTION_EXTRA_ADD && !world->vmm.regions[SIM_VMM_SWAP_REGION].there)
        add_region(world, SIM_VMM_EXTRA_REGION);
    else if (action == SIM_ACTION_EXTRA_REMOVE) {
        remove_region(world, SIM_VMM_EXTRA_REGION);
        remove_region(world, SIM_VMM_SWAP_REGION);
    }
}

static void change_descriptor(struct sim_world *world, enum sim_action action)
{
    uint16_t last = (uint16_t)(world->vmm.queue_count - 1u);

    if (action == SIM_ACTION_CALL)
        set_call(world, last);
    else
        set_kick(world, last);
    changed(world);
}

static void change_wish(struct sim_world *world, enum sim_action action)
{
    want(world, action == SIM_ACTION_START);
}

static void change_log(struct sim_world *world, enum sim_action action)
{
    set_log(world, action == SIM_ACTION_LOG_ON);
}

static void change_guest(struct sim_world *world, enum sim_action action)
{
    if (action == SIM_ACTION_RESET)
        reset(world);
    else if (action == SIM_ACTION_SET_UP)
        set_up(world);
    else
        lay_out_anew(world);
}

static void ask_config(struct sim_world *world, enum sim_action action)
{
    (void)action;
    ask(world, HF_REQUEST_GET_CONFIG);
}

static void kill_it(struct sim_world *world, enum sim_action action)
{
    (void)action;
    sim_process_kill(sim_process_present(world));
}

static const struct {
    void (*change)(struct sim_world *world, enum sim_action action);
    const char *sentence;
} actions[SIM_ACTION_COUNT] = {
    [SIM_ACTION_START] = { change_wish, "the host starts the device" },
    [SIM_ACTION_STOP] = { change_wish, "the host stops the device" },
    [SIM_ACTION_PAUSE] = { update_hands, "the VM is paused" },
    [SIM_ACTION_RESUME] = { update_hands, "the VM is resumed" },
    [SIM_ACTION_HALT] = { update_hands, "the VM is halted" },
    [SIM_ACTION_GO] = { update_hands, "the VM goes on" },
    [SIM_ACTION_RESET] = { change_guest, "the guest resets" },
    [SIM_ACTION_SET_UP] = { change_guest, "the guest sets the device up" },
    [SIM_ACTION_LAYOUT] = { change_guest, "the guest resets in no time" },
    [SIM_ACTION_MEMORY_ADD] = { change_memory, "memory is plugged in" },
    [SIM_ACTION_MEMORY_REMOVE] = { change_memory, "memory is taken out" },
    [SIM_ACTION_EXTRA_ADD] = { change_memory, "more memory is plugged in" },
    [SIM_ACTION_EXTRA_REMOVE] = { change_memory, "the additional memory is taken out" },
    [SIM_ACTION_EXTRA_SWAP] = { change_memory, "memory is swapped" },
    [SIM_ACTION_LOG_ON] = { change_log, "the dirty log is switched on" },
    [SIM_ACTION_LOG_OFF] = { change_log, "the dirty log is switched off" },
    [SIM_ACTION_CALL] = { change_descriptor, "a call descriptor is changed" },
    [SIM_ACTION_KICK] = { change_descriptor, "a kick descriptor is changed" },
    [SIM_ACTION_ASK_CONFIG] = { ask_config, "the host asks for the configuration" },
    [SIM_ACTION_KILL] = { kill_it, "the back-end is killed" },
};

const char *sim_action_sentence(enum sim_action action)
{
    return actions[action].sentence;
}

void sim_vmm_do(struct sim_world *world, enum sim_action action)
{
    if (world->relay != NULL && action != SIM_ACTION_KILL)
        sim_relay_do(world, action);
    else
        actions[action].change(world, action);
}

void sim_vmm_init(struct sim_world *world)
{
    struct hf_plan *plan = plan_of(world);

    world->vmm.queue_count = world->situation.queue_count;
    world->vmm.epoch = 1;
    plan->promise.queue_count = 1;
    plan->late_rings = SIM_LATE_RINGS;
    plan->protocol_wanted = HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |
                            HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |
                            HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |
                            HF_PROTOCOL_FEATURE(RESET_DEVICE) | HF_PROTOCOL_FEATURE(LOG_SHMFD);
    add_region(world, 0);
    add_region(world, 1);
}

void sim_vmm_give_quota(struct sim_world *world, unsigned quota)
{
    world->vmm.progress = 0;
    for (uint16_t i = 0; i < world->vmm.queue_count; i++) {
        world->vmm.quota[i] = quota;
        sim_vmm_refill(world, i);
    }
}

bool sim_vmm_quota_done(const struct sim_vmm *vmm)
{
    for (uint16_t i = 0; i < vmm->queue_count; i++)
        if (vmm->quota[i] > 0)
            return false;
    return true;
}

void sim_vmm_harvest(struct sim_world *world, uint16_t queue)
{
    unsigned count = sim_guest_harvest(&world->memory, queue);
    struct sim_vmm *vmm = &world->vmm;

    vmm->progress += count;
    vmm->quota[queue] -= count < vmm->quota[queue] ? count : vmm->quota[queue];
    sim_vmm_refill(world, queue);
}

void sim_vmm_close(struct sim_world *world)
{
    struct hf_plan *plan = plan_of(world);

    for (unsigned i = 0; i < world->vmm.queue_count; i++) {
        sim_fd_close(&world->fds, plan->rings[i].kick_fd);
        sim_fd_close(&world->fds, plan->rings[i].call_fd);
        sim_fd_close(&world->fds, plan->rings[i].err_fd);
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        sim_fd_close(&world->fds, plan->regions[i].fd);
    sim_fd_close(&world->fds, plan->inflight.fd);
    sim_fd_close(&world->fds, plan->log.fd);
    sim_fd_close(&world->fds, plan->channel_fd);
}
