/* SPDX-License-Identifier: BSD-3-Clause */
/* What the reference back-end does at each request, and what it does not let pass. */
#include "vscsi/config.h"
#include "world.h"

#include <string.h>

#define RULE_ARGS                                                                                  \
    struct sim_process *process, struct hf_message *message, uint32_t twist __attribute__((unused))

static bool any_started(const struct sim_process *process)
{
    for (uint16_t i = 0; i < SIM_QUEUES_MAX; i++)
        if (process->peer.rings[i].started)
            return true;
    return false;
}

/* The descriptor of the message becomes the peer's own, in place of an older one. */
static void keep_fd(struct sim_process *process, int *place, struct hf_message *message)
{
    sim_fd_close(&process->world->fds, *place);
    *place = message->fd_count > 0 ? message->fds[0] : -1;
    message->fd_count = 0;
}

static void answer_u64(struct sim_process *process, const struct hf_message *message,
                       uint64_t value, uint32_t twist)
{
    struct hf_message reply = hf_message_reply_u64((enum hf_request)message->request, value);

    if (twist != SIM_TWIST_CLOSE)
        sim_peer_reply(process, &reply, twist);
}

static bool get_features(RULE_ARGS)
{
    answer_u64(process, message, process->persona->features, twist);
    return false;
}

static bool set_features(RULE_ARGS)
{
    struct sim_peer *peer = &process->peer;
    uint64_t value = message->body.u64;

    if ((value & ~process->persona->features) != 0)
        sim_peer_fail(process, "SET_FEATURES 0x%llx was never offered",
                      (unsigned long long)(value & ~process->persona->features));
    if (any_started(process) && ((value ^ peer->features) & ~HF_FEATURE(LOG_ALL)) != 0)
        sim_peer_fail(process, "SET_FEATURES changes more than LOG_ALL while a ring runs");
    if ((value & HF_FEATURE(LOG_ALL)) != 0 && peer->log_fd < 0)
        sim_peer_fail(process, "LOG_ALL before SET_LOG_BASE");
    if (peer->protocol_set && (value & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
        sim_peer_fail(process, "SET_FEATURES without bit 30");
    peer->features = value;
    peer->features_set = true;
    for (unsigned i = 0; i < SIM_QUEUES_MAX; i++)
        if ((value & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
            peer->rings[i].enabled = true;
    return true;
}

static bool set_owner(RULE_ARGS)
{
    (void)message;
    if (process->peer.owned)
        sim_peer_fail(process, "SET_OWNER twice");
    process->peer.owned = true;
    return true;
}

static bool get_protocol(RULE_ARGS)
{
    if ((process->persona->features & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
        sim_peer_fail(process, "GET_PROTOCOL_FEATURES, but bit 30 was not offered");
    answer_u64(process, message, process->persona->protocol, twist);
    return false;
}

static bool set_protocol(RULE_ARGS)
{
    if ((message->body.u64 & ~process->persona->protocol) != 0)
        sim_peer_fail(process, "SET_PROTOCOL_FEATURES of what was never offered");
    if (process->peer.protocol_set)
        sim_peer_fail(process, "SET_PROTOCOL_FEATURES twice");
    process->peer.protocol = message->body.u64;
    process->peer.protocol_set = true;
    return true;
}

static bool get_queue_num(RULE_ARGS)
{
    answer_u64(process, message, process->persona->queue_count, twist);
    return false;
}

static bool get_slots(RULE_ARGS)
{
    answer_u64(process, message, process->persona->slot_count, twist);
    return false;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool overlaps(const struct hf_wire_region *a, const struct hf_wire_region *b)
{
    return a->guest_address < b->guest_address + b->size_bytes &&
           b->guest_address < a->guest_address + a->size_bytes;
}

static void put_region(struct sim_process *process, const struct hf_wire_region *region, int fd)
{
    struct sim_peer *peer = &process->peer;
    struct sim_peer_region *free_place = NULL;

    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++) {
        if (peer->regions[i].there && overlaps(&peer->regions[i].region, region))
            sim_peer_fail(process, "memory at 0x%llx is there already",
                          (unsigned long long)region->guest_address);
        if (!peer->regions[i].there && free_place == NULL)
            free_place = &peer->regions[i];
    }
    if (free_place == NULL) {
        sim_peer_fail(process, "no place for another region");
        return;
    }
    *free_place = (struct sim_peer_region){ .there = true, .region = *region, .fd = fd };
}

static void take_region(struct sim_process *process, struct sim_peer_region *region)
{
    sim_fd_close(&process->world->fds, region->fd);
    *region = (struct sim_peer_region){ .fd = -1 };
}

static bool set_mem_table(RULE_ARGS)
{
    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        take_region(process, &process->peer.regions[i]);
    for (unsigned i = 0; i < message->body.table.count; i++)
        put_region(process, &message->body.table.regions[i], message->fds[i]);
    message->fd_count = 0;
    return true;
}

static bool add_mem_reg(RULE_ARGS)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        count += process->peer.regions[i].there;
    if (count >= process->persona->slot_count)
        sim_peer_fail(process, "more regions than slots");
    put_region(process, &message->body.region, message->fds[0]);
    message->fd_count = 0;
    return true;
}

/* A region is known by guest address, user address and size (vhost-user "REM_MEM_REG"). */
static bool rem_mem_reg(RULE_ARGS)
{
    const struct hf_wire_region *gone = &message->body.region;

    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++) {
        struct sim_peer_region *region = &process->peer.regions[i];

        if (!region->there || region->region.guest_address != gone->guest_address ||
            region->region.size_bytes != gone->size_bytes ||
            region->region.user_address != gone->user_address)
            continue;
        take_region(process, region);
        return true;
    }
    sim_peer_fail(process, "REM_MEM_REG of a region it does not have");
    return true;
}

/* ---- log and in-flight region ---------------------------------------------------------------- */

static bool set_log_base(RULE_ARGS)
{
    struct sim_peer *peer = &process->peer;
    struct hf_message reply = hf_message_reply(HF_REQUEST_SET_LOG_BASE);

    if ((peer->protocol & HF_PROTOCOL_FEATURE(LOG_SHMFD)) == 0)
        sim_peer_fail(process, "SET_LOG_BASE without LOG_SHMFD");
    if (!sim_object_is(&process->world->memory,
                       sim_fd_object(&process->world->fds, message->fds[0]), SIM_KIND_LOG))
        sim_peer_fail(process, "SET_LOG_BASE with a descriptor that is no log");
    peer->log = message->body.log;
    keep_fd(process, &peer->log_fd, message);
    if (process->persona->empty_log_reply)
        reply = hf_message_reply_empty(HF_REQUEST_SET_LOG_BASE);
    if (twist != SIM_TWIST_CLOSE)
        sim_peer_reply(process, &reply, twist);
    return false;
}

static uint64_t region_size(const struct sim_process *process, const struct hf_wire_inflight *of)
{
    uint64_t rounding = process->persona->stride_rounding;
    uint64_t stride = 16u + 16u * (uint64_t)of->queue_size;

    return (stride + rounding - 1) / rounding * rounding * of->queue_count;
}

static bool get_inflight(RULE_ARGS)
{
    struct sim_world *world = process->world;
    struct hf_wire_inflight *asked = &message->body.inflight;
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_INFLIGHT_FD);

    if (!process->peer.features_set)
        sim_peer_fail(process, "GET_INFLIGHT_FD before SET_FEATURES");
    if (process->peer.inflight_epoch == process->heard_epoch &&
        asked->queue_size <= process->peer.inflight_size)
        sim_peer_fail(process, "GET_INFLIGHT_FD twice in an epoch, on one connection");
    if (any_started(process))
        sim_peer_fail(process, "GET_INFLIGHT_FD while a ring runs");
    process->peer.inflight_epoch = process->heard_epoch;
    process->peer.inflight_size = asked->queue_size;
    /* A second call drops the first region, even if it comes to nothing (DPDK frees it first). */
    sim_fd_close(&world->fds, process->peer.inflight_fd);
    process->peer.inflight_fd = -1;
    process->peer.inflight_set = false;
    if (asked->queue_count != world->vmm.queue_count || asked->queue_size > SIM_RING_SIZE)
        sim_peer_fail(process, "GET_INFLIGHT_FD for %u rings of %u", asked->queue_count,
                      asked->queue_size);
    if (twist == SIM_TWIST_CLOSE)
        return false;
    reply.body.inflight = *asked;
    reply.body.inflight.mmap_size_bytes = region_size(process, asked);
    unsigned object = sim_inflight_new(
        &world->memory, &(struct sim_inflight){ .epoch = world->vmm.epoch,
                                                .read_only = process->persona->sealed_region,
                                                .size_bytes = region_size(process, asked),
                                                .queue_count = asked->queue_count,
                                                .queue_size = asked->queue_size });
    reply.fds[0] = sim_fd_open(&world->fds, object, SIM_OWNER_EDGE);
    reply.fd_count = 1;
    sim_peer_reply(process, &reply, twist);
    return false;
}

static bool set_inflight(RULE_ARGS)
{
    struct sim_world *world = process->world;
    unsigned object = sim_fd_object(&world->fds, message->fds[0]);
    const struct sim_inflight *inflight = sim_inflight_of(&world->memory, object);
    const struct hf_wire_inflight *said = &message->body.inflight;

    if (!process->peer.features_set)
        sim_peer_fail(process, "SET_INFLIGHT_FD before SET_FEATURES");
    if (any_started(process))
        sim_peer_fail(process, "SET_INFLIGHT_FD while a ring runs");
    if (inflight == NULL)
        sim_peer_fail(process, "SET_INFLIGHT_FD with a descriptor that is no region");
    else if (said->mmap_size_bytes != inflight->size_bytes ||
             said->queue_count != inflight->queue_count || said->mmap_offset != 0)
        sim_peer_fail(process, "SET_INFLIGHT_FD with other numbers than GET_INFLIGHT_FD had");
    if (said->mmap_size_bytes != region_size(process, said))
        sim_peer_fail(process, "SET_INFLIGHT_FD with a region of another layout than its own");
    keep_fd(process, &process->peer.inflight_fd, message);
    process->peer.inflight_set = true;
    return true;
}

static bool set_channel(RULE_ARGS)
{
    struct sim_world *world = process->world;
    unsigned object = sim_fd_object(&world->fds, message->fds[0]);

    if (!sim_object_is(&world->memory, object, SIM_KIND_CHANNEL))
        sim_peer_fail(process, "SET_BACKEND_REQ_FD with a descriptor that is no channel");
    else if (world->memory.objects[object].signals++ > 0)
        sim_peer_fail(process, "SET_BACKEND_REQ_FD with the channel of another session");
    keep_fd(process, &process->peer.channel_fd, message);
    return true;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static struct sim_peer_ring *ring_of(struct sim_process *process, uint64_t index)
{
    if (index >= process->world->vmm.queue_count) {
        sim_peer_fail(process, "there is no ring %llu", (unsigned long long)index);
        return &process->peer.rings[SIM_QUEUES_MAX - 1];
    }
    return &process->peer.rings[index];
}

static bool set_num(RULE_ARGS)
{
    struct sim_peer_ring *ring = ring_of(process, message->body.state.index);

    if (ring->started)
        sim_peer_fail(process, "SET_VRING_NUM for a started ring");
    ring->size = (uint16_t)message->body.state.num;
    ring->num_told = true;
    return true;
}

static bool set_base(RULE_ARGS)
{
    struct sim_peer_ring *ring = ring_of(process, message->body.state.index);

    if (ring->started)
        sim_peer_fail(process, "SET_VRING_BASE for a started ring");
    ring->base = (uint16_t)message->body.state.num;
    ring->base_told = true;
    return true;
}

static bool set_addr(RULE_ARGS)
{
    const struct hf_wire_vring_addr *addr = &message->body.addr;
    struct sim_peer_ring *ring = ring_of(process, addr->index);

    if (ring->started && (addr->desc != ring->addr.desc || addr->avail != ring->addr.avail ||
                          addr->used != ring->addr.used))
        sim_peer_fail(process, "SET_VRING_ADDR moves a started ring");
    if ((addr->flags & HF_WIRE_VRING_F_LOG) != 0 &&
        (process->peer.features & HF_FEATURE(LOG_ALL)) == 0)
        sim_peer_fail(process, "SET_VRING_ADDR asks for a log before LOG_ALL");
    ring->addr = *addr;
    ring->addr_told = true;
    return true;
}

static void keep_ring_fd(struct sim_process *process, int *place, struct hf_message *message)
{
    if (((message->body.u64 & HF_WIRE_NO_FD) != 0) != (message->fd_count == 0))
        sim_peer_fail(process, "%s: bit 8 and descriptors disagree", hf_message_name(message));
    keep_fd(process, place, message);
}

/* It would write behind its end. */
static void judge_region(struct sim_process *process, const struct sim_peer_ring *ring)
{
    struct sim_world *world = process->world;
    const struct sim_inflight *inflight =
        sim_inflight_of(&world->memory, sim_fd_object(&world->fds, process->peer.inflight_fd));

    if (process->peer.inflight_set && inflight != NULL && ring->size > inflight->queue_size)
        sim_peer_fail(process, "a ring of %u, but the in-flight region is for rings of %u",
                      ring->size, inflight->queue_size);
}

static bool set_kick(RULE_ARGS)
{
    uint16_t index = (uint16_t)(message->body.u64 & HF_WIRE_VRING_MASK);
    struct sim_peer_ring *ring = ring_of(process, index);

    if (ring->started)
        sim_peer_fail(process, "SET_VRING_KICK for a started ring");
    judge_region(process, ring);
    keep_ring_fd(process, &ring->kick_fd, message);
    sim_peer_start_ring(process, index);
    return true;
}

static bool set_call(RULE_ARGS)
{
    uint64_t index = message->body.u64 & HF_WIRE_VRING_MASK;

    keep_ring_fd(process, &ring_of(process, index)->call_fd, message);
    ring_of(process, index)->call_told = true;
    return true;
}

static bool set_err(RULE_ARGS)
{
    keep_ring_fd(process, &ring_of(process, message->body.u64 & HF_WIRE_VRING_MASK)->err_fd,
                 message);
    return true;
}

static bool set_enable(RULE_ARGS)
{
    if ((process->peer.features & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
        sim_peer_fail(process, "SET_VRING_ENABLE, but bit 30 is not acknowledged");
    ring_of(process, message->body.state.index)->enabled = message->body.state.num == 1;
    if (message->body.state.num == 1)
        sim_peer_fetch(process, (uint16_t)message->body.state.index);
    return true;
}

static bool get_base(RULE_ARGS)
{
    uint16_t index = (uint16_t)message->body.state.index;

    if (!ring_of(process, index)->started)
        sim_peer_fail(process, "GET_VRING_BASE of ring %u, which is not started", index);
    for (uint16_t i = 0; i < SIM_QUEUES_MAX && process->persona->stops_all; i++)
        process->peer.rings[i].running = false;
    sim_peer_stop_ring(process, index, twist);
    return false;
}

/* ---- device ---------------------------------------------------------------------------------- */

static bool reset_device(RULE_ARGS)
{
    struct sim_peer *peer = &process->peer;

    (void)message;
    if (any_started(process))
        sim_peer_fail(process, "RESET_DEVICE while a ring is started");
    peer->inflight_set = false;
    for (unsigned i = 0; i < SIM_QUEUES_MAX; i++) {
        struct sim_peer_ring *ring = &peer->rings[i];

        *ring = (struct sim_peer_ring){ .kick_fd = ring->kick_fd,
                                        .call_fd = ring->call_fd,
                                        .err_fd = ring->err_fd };
    }
    return true;
}

static bool get_config(RULE_ARGS)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_CONFIG);
    struct hf_vscsi_config config = hf_vscsi_config_default(1, 126);

    if (message->body.config.size_bytes > HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES)
        sim_peer_fail(process, "GET_CONFIG beyond the end");
    reply.body.config.size_bytes = message->body.config.size_bytes;
    hf_vscsi_config_encode(&config, reply.body.config.data);
    if (process->persona->trailer)
        hf_vscsi_trailer_encode(HF_VSCSI_TRAILER_FENCED,
                                reply.body.config.data + HF_VSCSI_CONFIG_SIZE_BYTES);
    if (twist != SIM_TWIST_CLOSE)
        sim_peer_reply(process, &reply, twist);
    return false;
}

/* gate: protocol feature bit plus one; 0: none. */
#define GATE(name) (1 + HF_PROTOCOL_FEATURE_##name)

static const struct {
    bool (*obey)(RULE_ARGS);
    int gate;
} rules[HF_REQUEST_COUNT] = {
    [HF_REQUEST_GET_FEATURES] = { get_features, 0 },
    [HF_REQUEST_SET_FEATURES] = { set_features, 0 },
    [HF_REQUEST_SET_OWNER] = { set_owner, 0 },
    [HF_REQUEST_SET_MEM_TABLE] = { set_mem_table, 0 },
    [HF_REQUEST_SET_LOG_BASE] = { set_log_base, 0 },
    [HF_REQUEST_SET_VRING_NUM] = { set_num, 0 },
    [HF_REQUEST_SET_VRING_ADDR] = { set_addr, 0 },
    [HF_REQUEST_SET_VRING_BASE] = { set_base, 0 },
    [HF_REQUEST_GET_VRING_BASE] = { get_base, 0 },
    [HF_REQUEST_SET_VRING_KICK] = { set_kick, 0 },
    [HF_REQUEST_SET_VRING_CALL] = { set_call, 0 },
    [HF_REQUEST_SET_VRING_ERR] = { set_err, 0 },
    [HF_REQUEST_GET_PROTOCOL_FEATURES] = { get_protocol, 0 },
    [HF_REQUEST_SET_PROTOCOL_FEATURES] = { set_protocol, 0 },
    [HF_REQUEST_GET_QUEUE_NUM] = { get_queue_num, GATE(MQ) },
    [HF_REQUEST_SET_VRING_ENABLE] = { set_enable, 0 },
    [HF_REQUEST_GET_CONFIG] = { get_config, GATE(CONFIG) },
    [HF_REQUEST_SET_BACKEND_REQ_FD] = { set_channel, GATE(BACKEND_REQ) },
    [HF_REQUEST_GET_INFLIGHT_FD] = { get_inflight, GATE(INFLIGHT_SHMFD) },
    [HF_REQUEST_SET_INFLIGHT_FD] = { set_inflight, GATE(INFLIGHT_SHMFD) },
    [HF_REQUEST_RESET_DEVICE] = { reset_device, GATE(RESET_DEVICE) },
    [HF_REQUEST_GET_MAX_MEM_SLOTS] = { get_slots, GATE(CONFIGURE_MEM_SLOTS) },
    [HF_REQUEST_ADD_MEM_REG] = { add_mem_reg, GATE(CONFIGURE_MEM_SLOTS) },
    [HF_REQUEST_REM_MEM_REG] = { rem_mem_reg, GATE(CONFIGURE_MEM_SLOTS) },
};

static bool may_come_before_owner(uint32_t request)
{
    return request == HF_REQUEST_GET_FEATURES || request == HF_REQUEST_GET_PROTOCOL_FEATURES ||
           request == HF_REQUEST_SET_PROTOCOL_FEATURES || request == HF_REQUEST_GET_QUEUE_NUM ||
           request == HF_REQUEST_GET_MAX_MEM_SLOTS || request == HF_REQUEST_SET_OWNER;
}

bool sim_peer_obey(struct sim_process *process, struct hf_message *message, uint32_t twist)
{
    const struct sim_peer *peer = &process->peer;
    const char *name = hf_message_name(message);
    bool acknowledges = true;

    if (message->request >= HF_REQUEST_COUNT || rules[message->request].obey == NULL) {
        sim_peer_fail(process, "%s is not for this front-end to send", name);
        return false;
    }
    int gate = rules[message->request].gate;
    if (gate != 0 && (peer->protocol & HF_BIT((unsigned)gate - 1)) == 0)
        sim_peer_fail(process, "%s without its protocol feature", name);
    if (hf_message_needs_reply(message) && (peer->protocol & HF_PROTOCOL_FEATURE(REPLY_ACK)) == 0)
        sim_peer_fail(process, "%s asks for a reply without REPLY_ACK", name);
    if (!peer->owned && !may_come_before_owner(message->request))
        sim_peer_fail(process, "%s before SET_OWNER", name);
    acknowledges = rules[message->request].obey(process, message, twist);
    for (unsigned i = 0; i < message->fd_count; i++)
        sim_fd_close(&process->world->fds, message->fds[i]);
    return acknowledges;
}
