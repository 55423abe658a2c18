/* SPDX-License-Identifier: BSD-3-Clause */
/* What a back-end does at each request, and what it does not let pass. */
#include "peer.h"

#include "os/fd.h"
#include "vscsi/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RULE_ARGS                                                                                  \
    struct mx_process *process, struct hf_message *message,                                        \
        enum sim_twist twist __attribute__((unused))

static void keep_fd(int *place, struct hf_message *message)
{
    hf_fd_close(place);
    *place = message->fd_count > 0 ? message->fds[0] : -1;
    message->fd_count = 0;
}

static struct mx_peer_ring *ring_of(struct mx_process *process, uint64_t index)
{
    if (index >= MX_QUEUES) {
        mx_peer_fail(process, "there is no ring %llu", (unsigned long long)index);
        return &process->rings[0];
    }
    return &process->rings[index];
}

static bool any_started(const struct mx_process *process)
{
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        if (process->rings[i].started)
            return true;
    }
    return false;
}

/* False: answered here. */
static bool answer(RULE_ARGS, struct hf_message *reply)
{
    (void)message;
    if (twist == SIM_TWIST_CLOSE)
        hf_fd_close_all(reply->fds, reply->fd_count);
    else
        mx_peer_reply(process, reply, twist);
    return false;
}

static bool answer_u64(RULE_ARGS, uint64_t value)
{
    struct hf_message reply = hf_message_reply_u64((enum hf_request)message->request, value);

    return answer(process, message, twist, &reply);
}

static bool get_features(RULE_ARGS)
{
    return answer_u64(process, message, twist, process->persona.features);
}

static bool set_features(RULE_ARGS)
{
    uint64_t value = message->body.u64;

    if ((value & ~process->persona.features) != 0)
        mx_peer_fail(process, "SET_FEATURES of what was never offered");
    if (any_started(process) && ((value ^ process->features) & ~HF_FEATURE(LOG_ALL)) != 0)
        mx_peer_fail(process, "SET_FEATURES changes more than LOG_ALL while a ring runs");
    process->features = value;
    process->features_set = true;
    return true;
}

static bool get_protocol(RULE_ARGS)
{
    return answer_u64(process, message, twist, process->persona.protocol);
}

static bool set_protocol(RULE_ARGS)
{
    process->protocol = message->body.u64;
    if ((process->protocol & ~process->persona.protocol) != 0)
        mx_peer_fail(process, "SET_PROTOCOL_FEATURES of what was never offered");
    return true;
}

static bool get_queue_num(RULE_ARGS)
{
    return answer_u64(process, message, twist, process->persona.queue_count);
}

static bool get_slots(RULE_ARGS)
{
    return answer_u64(process, message, twist, process->persona.slot_count);
}

static bool set_owner(RULE_ARGS)
{
    (void)message;
    if (process->owned)
        mx_peer_fail(process, "SET_OWNER twice");
    process->owned = true;
    return true;
}

static bool get_config(RULE_ARGS)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_CONFIG);
    struct hf_vscsi_config config = hf_vscsi_config_default(1, 126);

    reply.body.config.size_bytes = message->body.config.size_bytes;
    hf_vscsi_config_encode(&config, reply.body.config.data);
    return answer(process, message, twist, &reply);
}

/* ---- memory and log -------------------------------------------------------------------------- */

static void put_region(struct mx_process *process, const struct hf_wire_region *region)
{
    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        struct mx_peer_region *place = &process->regions[i];

        if (place->there && place->region.guest_address == region->guest_address)
            mx_peer_fail(process, "memory that is there already");
        if (place->there)
            continue;
        *place = (struct mx_peer_region){ .there = true, .region = *region };
        return;
    }
}

static bool set_mem_table(RULE_ARGS)
{
    memset(process->regions, 0, sizeof(process->regions));
    for (unsigned i = 0; i < message->body.table.count; i++)
        put_region(process, &message->body.table.regions[i]);
    return true;
}

static bool add_region(RULE_ARGS)
{
    put_region(process, &message->body.region);
    return true;
}

static bool remove_region(RULE_ARGS)
{
    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        struct mx_peer_region *place = &process->regions[i];

        if (place->there && place->region.guest_address == message->body.region.guest_address) {
            place->there = false;
            return true;
        }
    }
    mx_peer_fail(process, "REM_MEM_REG of memory that it does not have");
    return true;
}

static bool set_log_base(RULE_ARGS)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_SET_LOG_BASE);

    keep_fd(&process->log_fd, message);
    return answer(process, message, twist, &reply);
}

/* ---- in-flight region ------------------------------------------------------------------------ */

static uint64_t region_size(const struct mx_process *process, const struct hf_wire_inflight *of)
{
    return hf_inflight_stride(of->queue_size, process->persona.stride_rounding) * of->queue_count;
}

static int make_region(const struct mx_process *process, uint64_t size_bytes)
{
    int fd = memfd_create("in-flight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | (process->persona.sealed_region ? F_SEAL_WRITE : 0);

    if (fd >= 0 && (ftruncate(fd, (off_t)size_bytes) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0))
        hf_fd_close(&fd);
    return fd;
}

static bool get_inflight(RULE_ARGS)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_INFLIGHT_FD);

    if (any_started(process))
        mx_peer_fail(process, "GET_INFLIGHT_FD while a ring runs");
    reply.body.inflight = message->body.inflight;
    reply.body.inflight.mmap_size_bytes = region_size(process, &message->body.inflight);
    reply.fds[0] = make_region(process, reply.body.inflight.mmap_size_bytes);
    reply.fd_count = 1;
    if (reply.fds[0] < 0) {
        reply.fd_count = 0;
        reply.body.inflight.mmap_size_bytes = 0;
    }
    return answer(process, message, twist, &reply);
}

static bool set_inflight(RULE_ARGS)
{
    const struct hf_wire_inflight *said = &message->body.inflight;
    struct hf_error error;

    if (any_started(process))
        mx_peer_fail(process, "SET_INFLIGHT_FD while a ring runs");
    if (said->mmap_size_bytes != region_size(process, said))
        mx_peer_fail(process, "SET_INFLIGHT_FD with a region of another layout than its own");
    hf_mapping_done(&process->inflight);
    process->inflight_queues = said->queue_count;
    if (hf_mapping_init(&process->inflight, message->fds[0], said->mmap_offset,
                        said->mmap_size_bytes, &error) < 0)
        mx_peer_fail(process, "SET_INFLIGHT_FD: %s", error.text);
    return true;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static bool set_num(RULE_ARGS)
{
    struct mx_peer_ring *ring = ring_of(process, message->body.state.index);

    if (ring->started)
        mx_peer_fail(process, "SET_VRING_NUM for a started ring");
    ring->size = (uint16_t)message->body.state.num;
    ring->num_told = true;
    return true;
}

static bool set_base(RULE_ARGS)
{
    struct mx_peer_ring *ring = ring_of(process, message->body.state.index);

    if (ring->started)
        mx_peer_fail(process, "SET_VRING_BASE for a started ring");
    ring->base = (uint16_t)message->body.state.num;
    ring->base_told = true;
    return true;
}

static bool set_addr(RULE_ARGS)
{
    const struct hf_wire_vring_addr *addr = &message->body.addr;
    struct mx_peer_ring *ring = ring_of(process, addr->index);

    if (ring->started && addr->desc != ring->addr.desc)
        mx_peer_fail(process, "SET_VRING_ADDR moves a started ring");
    ring->addr = *addr;
    ring->addr_told = true;
    return true;
}

static bool set_kick(RULE_ARGS)
{
    uint16_t index = (uint16_t)(message->body.u64 & HF_WIRE_VRING_MASK);
    struct mx_peer_ring *ring = ring_of(process, index);

    if (ring->started)
        mx_peer_fail(process, "SET_VRING_KICK for a started ring");
    keep_fd(&ring->kick_fd, message);
    mx_ring_start(process, index);
    return true;
}

static bool set_call(RULE_ARGS)
{
    keep_fd(&ring_of(process, message->body.u64 & HF_WIRE_VRING_MASK)->call_fd, message);
    return true;
}

static bool set_err(RULE_ARGS)
{
    (void)process;
    (void)message;
    return true;
}

static bool set_enable(RULE_ARGS)
{
    ring_of(process, message->body.state.index)->enabled = message->body.state.num == 1;
    return true;
}

static bool get_base(RULE_ARGS)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_VRING_BASE);
    uint32_t index = message->body.state.index;

    if (!ring_of(process, index)->started)
        mx_peer_fail(process, "GET_VRING_BASE of ring %u, which is not started", index);
    reply.body.state.index = index;
    reply.body.state.num = mx_ring_stop(process, (uint16_t)(index % MX_QUEUES));
    return answer(process, message, twist, &reply);
}

/* Calls stay; the epoch is over. */
static bool reset_device(RULE_ARGS)
{
    (void)message;
    if (any_started(process))
        mx_peer_fail(process, "RESET_DEVICE while a ring is started");
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        mx_ring_stop(process, i);
    hf_mapping_done(&process->inflight);
    return true;
}

static bool (*const rules[HF_REQUEST_COUNT])(RULE_ARGS) = {
    [HF_REQUEST_GET_FEATURES] = get_features,
    [HF_REQUEST_SET_FEATURES] = set_features,
    [HF_REQUEST_SET_OWNER] = set_owner,
    [HF_REQUEST_SET_MEM_TABLE] = set_mem_table,
    [HF_REQUEST_SET_LOG_BASE] = set_log_base,
    [HF_REQUEST_SET_VRING_NUM] = set_num,
    [HF_REQUEST_SET_VRING_ADDR] = set_addr,
    [HF_REQUEST_SET_VRING_BASE] = set_base,
    [HF_REQUEST_GET_VRING_BASE] = get_base,
    [HF_REQUEST_SET_VRING_KICK] = set_kick,
    [HF_REQUEST_SET_VRING_CALL] = set_call,
    [HF_REQUEST_SET_VRING_ERR] = set_err,
    [HF_REQUEST_GET_PROTOCOL_FEATURES] = get_protocol,
    [HF_REQUEST_SET_PROTOCOL_FEATURES] = set_protocol,
    [HF_REQUEST_GET_QUEUE_NUM] = get_queue_num,
    [HF_REQUEST_SET_VRING_ENABLE] = set_enable,
    [HF_REQUEST_GET_CONFIG] = get_config,
    [HF_REQUEST_GET_INFLIGHT_FD] = get_inflight,
    [HF_REQUEST_SET_INFLIGHT_FD] = set_inflight,
    [HF_REQUEST_RESET_DEVICE] = reset_device,
    [HF_REQUEST_GET_MAX_MEM_SLOTS] = get_slots,
    [HF_REQUEST_ADD_MEM_REG] = add_region,
    [HF_REQUEST_REM_MEM_REG] = remove_region,
};

bool mx_peer_obey(RULE_ARGS)
{
    if (message->request >= HF_REQUEST_COUNT || rules[message->request] == NULL) {
        mx_peer_fail(process, "%s is not for this front-end to send", hf_message_name(message));
        return true;
    }
    return rules[message->request](process, message, twist);
}
