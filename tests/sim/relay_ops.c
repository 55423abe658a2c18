/* SPDX-License-Identifier: BSD-3-Clause */
/* What the VMM does, one thing at a time: the message of it, or what it does by itself. */
#include "world.h"

#include <string.h>

#define WANTED_FEATURES (HF_FEATURE(VERSION_1) | HF_FEATURE(EVENT_IDX))
#define WANTED_PROTOCOL                                                                            \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |                           \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                \
     HF_PROTOCOL_FEATURE(LOG_SHMFD) | HF_PROTOCOL_FEATURE(BACKEND_REQ))
#define LOG_BYTES 0x100000u

#define OP_ARGS                                                                                    \
    struct sim_world *world, uint16_t index __attribute__((unused)),                               \
        struct hf_message *message __attribute__((unused))

static struct sim_relay_vmm *vmm_of(struct sim_world *world)
{
    return &world->relay->vmm;
}

static bool has(struct sim_world *world, uint64_t protocol_feature)
{
    return (vmm_of(world)->protocol & protocol_feature) != 0;
}

static void attach(struct sim_world *world, struct hf_message *message, unsigned object)
{
    message->fds[message->fd_count++] = sim_fd_open(&world->fds, object, SIM_OWNER_EDGE);
}

/* ---- the handshake --------------------------------------------------------------------------- */

static bool always(OP_ARGS)
{
    (void)world;
    return true;
}

static bool get_protocol(OP_ARGS)
{
    vmm_of(world)->protocol = 0;
    return !world->relay->habit->without_bit_30 &&
           (vmm_of(world)->offered & HF_FEATURE(PROTOCOL_FEATURES)) != 0;
}

static bool set_protocol(OP_ARGS)
{
    if (!get_protocol(world, index, message))
        return false;
    vmm_of(world)->protocol = vmm_of(world)->protocol_offered & WANTED_PROTOCOL;
    message->body.u64 = vmm_of(world)->protocol;
    return true;
}

static bool get_queues(OP_ARGS)
{
    return has(world, HF_PROTOCOL_FEATURE(MQ));
}

static bool get_slots(OP_ARGS)
{
    return has(world, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
}

static bool set_features(OP_ARGS)
{
    world->vmm.features = vmm_of(world)->offered & WANTED_FEATURES;
    message->body.u64 = world->vmm.features;
    if (!world->relay->habit->without_bit_30)
        message->body.u64 |= vmm_of(world)->offered & HF_FEATURE(PROTOCOL_FEATURES);
    if (world->vmm.log != 0)
        message->body.u64 |= HF_FEATURE(LOG_ALL);
    return true;
}

static bool channel(OP_ARGS)
{
    if (!has(world, HF_PROTOCOL_FEATURE(BACKEND_REQ)))
        return false;
    attach(world, message, sim_object_new(&world->memory, SIM_KIND_CHANNEL, 0));
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static struct hf_wire_region wire_of(const struct sim_vmm_region *region)
{
    return (struct hf_wire_region){ .guest_address = region->guest_address,
                                    .size_bytes = region->size_bytes,
                                    .user_address = region->user_address,
                                    .mmap_offset = region->mmap_offset };
}

static bool table(OP_ARGS)
{
    struct hf_wire_mem_table *table = &message->body.table;

    if (get_slots(world, 0, message))
        return false;
    for (unsigned i = 0; i < SIM_VMM_REGIONS_MAX && table->count < HF_WIRE_REGIONS_MAX; i++) {
        const struct sim_vmm_region *region = &world->vmm.regions[i];

        if (!region->there)
            continue;
        table->regions[table->count++] = wire_of(region);
        attach(world, message, region->object);
    }
    return true;
}

static bool add(OP_ARGS)
{
    if (!get_slots(world, 0, message))
        return false;
    message->body.region = wire_of(&world->vmm.regions[index]);
    attach(world, message, world->vmm.regions[index].object);
    return true;
}

static bool remove_it(OP_ARGS)
{
    message->body.region = wire_of(&world->vmm.regions[index]);
    return get_slots(world, 0, message);
}

static bool plug(OP_ARGS)
{
    sim_vmm_plug(world, index);
    return false;
}

static bool unplug(OP_ARGS)
{
    world->vmm.regions[index].there = false;
    world->vmm.region_count--;
    return false;
}

/* ---- in-flight region and log ---------------------------------------------------------------- */

static bool get_region(OP_ARGS)
{
    message->body.inflight = (struct hf_wire_inflight){ .queue_count = world->vmm.queue_count,
                                                        .queue_size = SIM_RING_SIZE };
    return world->relay->habit->tracks && !vmm_of(world)->has_region &&
           has(world, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD));
}

static bool set_region(OP_ARGS)
{
    if (!vmm_of(world)->has_region)
        return false;
    message->body.inflight = vmm_of(world)->region_told;
    attach(world, message, vmm_of(world)->region);
    return true;
}

static bool log_it(OP_ARGS)
{
    if (world->vmm.log == 0)
        return false;
    message->body.log.size_bytes = LOG_BYTES;
    attach(world, message, world->vmm.log);
    return true;
}

static bool log_on(OP_ARGS)
{
    world->vmm.log = sim_object_new(&world->memory, SIM_KIND_LOG, 0);
    return false;
}

static bool log_off(OP_ARGS)
{
    world->vmm.log = 0;
    return false;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static struct sim_vmm_ring *ring_of(struct sim_world *world, uint16_t index)
{
    return &world->vmm.rings[index];
}

static bool num(OP_ARGS)
{
    message->body.state =
        (struct hf_wire_vring_state){ .index = index, .num = ring_of(world, index)->size };
    return true;
}

static bool base(OP_ARGS)
{
    message->body.state =
        (struct hf_wire_vring_state){ .index = index, .num = vmm_of(world)->bases[index] };
    return true;
}

static bool addr(OP_ARGS)
{
    const struct sim_vmm_ring *ring = ring_of(world, index);

    message->body.addr =
        (struct hf_wire_vring_addr){ .index = index,
                                     .flags = world->vmm.log != 0 ? HF_WIRE_VRING_F_LOG : 0,
                                     .desc = ring->desc,
                                     .avail = ring->avail,
                                     .used = ring->used,
                                     .log = ring->used - SIM_VMM_USER_BASE };
    return true;
}

static bool call(OP_ARGS)
{
    message->body.u64 = index;
    attach(world, message, ring_of(world, index)->call);
    return true;
}

static bool err(OP_ARGS)
{
    message->body.u64 = index;
    attach(world, message, ring_of(world, index)->err);
    return true;
}

static bool kick(OP_ARGS)
{
    message->body.u64 = index;
    attach(world, message, ring_of(world, index)->kick);
    return true;
}

static bool enable(OP_ARGS)
{
    message->body.state = (struct hf_wire_vring_state){ .index = index, .num = 1 };
    return !world->relay->habit->without_bit_30;
}

static bool disable(OP_ARGS)
{
    message->body.state = (struct hf_wire_vring_state){ .index = index };
    return !world->relay->habit->without_bit_30;
}

static bool stop(OP_ARGS)
{
    (void)world;
    message->body.state = (struct hf_wire_vring_state){ .index = index };
    return true;
}

static bool new_call(OP_ARGS)
{
    ring_of(world, index)->call = sim_object_new(&world->memory, SIM_KIND_CALL, index);
    return false;
}

/* What the guest had signalled and nobody read goes on to the new one: the kernel's ioeventfd is
 * moved, and the VMM passes a pending kick on. */
static bool new_kick(OP_ARGS)
{
    unsigned object = sim_object_new(&world->memory, SIM_KIND_KICK, index);

    world->memory.objects[object].signals =
        world->memory.objects[ring_of(world, index)->kick].signals;
    ring_of(world, index)->kick = object;
    return false;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static uint16_t size_of(const struct sim_world *world, uint16_t queue)
{
    if (world->relay->habit->enables_at_once && queue == 0)
        return 4;
    if (world->relay->habit->starts_last_late && queue < world->vmm.queue_count - 1)
        return 4;
    return world->vmm.small && queue == world->vmm.queue_count - 1 ? 4 : SIM_RING_SIZE;
}

static void give_objects(struct sim_world *world, uint16_t queue)
{
    struct sim_vmm_ring *ring = ring_of(world, queue);

    if (ring->kick != 0)
        return;
    ring->err = sim_object_new(&world->memory, SIM_KIND_ERR, queue);
    new_call(world, queue, NULL);
    new_kick(world, queue, NULL);
}

static void place(struct sim_world *world, uint16_t queue)
{
    struct sim_vmm_ring *ring = ring_of(world, queue);

    if (ring->desc != 0 && world->relay->habit->keeps_place)
        return;
    ring->desc = SIM_VMM_USER_BASE + ++world->vmm.set_ups * SIM_VMM_RINGS_STRIDE;
    ring->avail = ring->desc + 0x1000;
    ring->used = ring->desc + 0x2000;
}

static bool lay_out(OP_ARGS)
{
    for (uint16_t i = 0; i < world->vmm.queue_count; i++) {
        sim_ring_lay_out(&world->memory, i, size_of(world, i), world->situation.first_index);
        ring_of(world, i)->size = size_of(world, i);
        vmm_of(world)->bases[i] = world->situation.first_index;
        place(world, i);
        give_objects(world, i);
    }
    return false;
}

static bool take_away(OP_ARGS)
{
    for (uint16_t i = 0; i < world->vmm.queue_count; i++) {
        sim_ring_lay_out(&world->memory, i, 0, 0);
        ring_of(world, i)->size = 0;
    }
    return false;
}

static bool guest_goes(OP_ARGS)
{
    world->vmm.ready = false;
    return false;
}

static bool boot(OP_ARGS)
{
    world->vmm.ready = true;
    for (uint16_t i = 0; i < world->vmm.queue_count; i++)
        sim_vmm_refill(world, i);
    return false;
}

static bool reset(OP_ARGS)
{
    return world->relay->habit->resets && has(world, HF_PROTOCOL_FEATURE(RESET_DEVICE));
}

static bool config(OP_ARGS)
{
    message->body.config.size_bytes = 36;
    return has(world, HF_PROTOCOL_FEATURE(CONFIG));
}

static const struct {
    bool (*make)(OP_ARGS);
    enum hf_request request; /* 0: something of its own */
} ops[SIM_RELAY_OP_COUNT] = {
    [SIM_RELAY_GET_FEATURES] = { always, HF_REQUEST_GET_FEATURES },
    [SIM_RELAY_GET_PROTOCOL] = { get_protocol, HF_REQUEST_GET_PROTOCOL_FEATURES },
    [SIM_RELAY_SET_PROTOCOL] = { set_protocol, HF_REQUEST_SET_PROTOCOL_FEATURES },
    [SIM_RELAY_GET_QUEUES] = { get_queues, HF_REQUEST_GET_QUEUE_NUM },
    [SIM_RELAY_GET_SLOTS] = { get_slots, HF_REQUEST_GET_MAX_MEM_SLOTS },
    [SIM_RELAY_OWNER] = { always, HF_REQUEST_SET_OWNER },
    [SIM_RELAY_CHANNEL] = { channel, HF_REQUEST_SET_BACKEND_REQ_FD },
    [SIM_RELAY_FEATURES] = { set_features, HF_REQUEST_SET_FEATURES },
    [SIM_RELAY_TABLE] = { table, HF_REQUEST_SET_MEM_TABLE },
    [SIM_RELAY_ADD] = { add, HF_REQUEST_ADD_MEM_REG },
    [SIM_RELAY_REMOVE] = { remove_it, HF_REQUEST_REM_MEM_REG },
    [SIM_RELAY_GET_REGION] = { get_region, HF_REQUEST_GET_INFLIGHT_FD },
    [SIM_RELAY_SET_REGION] = { set_region, HF_REQUEST_SET_INFLIGHT_FD },
    [SIM_RELAY_NUM] = { num, HF_REQUEST_SET_VRING_NUM },
    [SIM_RELAY_BASE] = { base, HF_REQUEST_SET_VRING_BASE },
    [SIM_RELAY_ADDR] = { addr, HF_REQUEST_SET_VRING_ADDR },
    [SIM_RELAY_CALL] = { call, HF_REQUEST_SET_VRING_CALL },
    [SIM_RELAY_ERR] = { err, HF_REQUEST_SET_VRING_ERR },
    [SIM_RELAY_KICK] = { kick, HF_REQUEST_SET_VRING_KICK },
    [SIM_RELAY_ENABLE] = { enable, HF_REQUEST_SET_VRING_ENABLE },
    [SIM_RELAY_DISABLE] = { disable, HF_REQUEST_SET_VRING_ENABLE },
    [SIM_RELAY_STOP] = { stop, HF_REQUEST_GET_VRING_BASE },
    [SIM_RELAY_RESET] = { reset, HF_REQUEST_RESET_DEVICE },
    [SIM_RELAY_LOG] = { log_it, HF_REQUEST_SET_LOG_BASE },
    [SIM_RELAY_CONFIG] = { config, HF_REQUEST_GET_CONFIG },
    [SIM_RELAY_PLUG] = { plug, 0 },
    [SIM_RELAY_UNPLUG] = { unplug, 0 },
    [SIM_RELAY_LAY_OUT] = { lay_out, 0 },
    [SIM_RELAY_TAKE_AWAY] = { take_away, 0 },
    [SIM_RELAY_NEW_CALL] = { new_call, 0 },
    [SIM_RELAY_NEW_KICK] = { new_kick, 0 },
    [SIM_RELAY_LOG_ON] = { log_on, 0 },
    [SIM_RELAY_LOG_OFF] = { log_off, 0 },
    [SIM_RELAY_GUEST_GOES] = { guest_goes, 0 },
    [SIM_RELAY_BOOT] = { boot, 0 },
};

bool sim_relay_make(struct sim_world *world, const struct sim_relay_op *op,
                    struct hf_message *message)
{
    if (ops[op->kind].request != 0)
        *message = hf_message_request(ops[op->kind].request);
    return ops[op->kind].make(world, op->index, message);
}
