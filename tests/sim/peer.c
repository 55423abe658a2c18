/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference back-end's session: accept, receive, reply, close, audit. */
#include "world.h"

#include <stdarg.h>
#include <string.h>

void sim_peer_fail(struct sim_process *process, const char *format, ...)
{
    char text[220];
    va_list arguments;

    /* What it still reads of a socket the front-end has closed binds nobody. */
    if (process->abandoned)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    sim_fail(&process->world->verdict, "peer (%s): %s", process->persona->name, text);
}

void sim_peer_accept(struct sim_process *process, uint32_t dial)
{
    struct sim_peer *peer = &process->peer;
    uint32_t session = peer->session + 1;

    sim_peer_close(process);
    process->abandoned = false;
    process->kicked = false;
    process->refuses = false;
    memset(peer, 0, sizeof(*peer));
    peer->session = session;
    peer->dial = dial;
    peer->connected = true;
    peer->log_fd = -1;
    peer->channel_fd = -1;
    peer->inflight_fd = -1;
    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        peer->regions[i].fd = -1;
    for (unsigned i = 0; i < SIM_QUEUES_MAX; i++)
        peer->rings[i].kick_fd = peer->rings[i].call_fd = peer->rings[i].err_fd = -1;
}

void sim_peer_close(struct sim_process *process)
{
    struct sim_peer *peer = &process->peer;
    struct sim_fds *fds = &process->world->fds;

    if (!peer->connected)
        return;
    peer->connected = false;
    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        sim_fd_close(fds, peer->regions[i].fd);
    for (unsigned i = 0; i < SIM_QUEUES_MAX; i++) {
        struct sim_peer_ring *ring = &peer->rings[i];

        sim_fd_close(fds, ring->kick_fd);
        sim_fd_close(fds, ring->call_fd);
        sim_fd_close(fds, ring->err_fd);
        ring->running = ring->started = false;
    }
    sim_fd_close(fds, peer->log_fd);
    sim_fd_close(fds, peer->channel_fd);
    sim_fd_close(fds, peer->inflight_fd);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void add_fd(struct sim_process *process, struct hf_message *reply)
{
    struct sim_world *world = process->world;
    unsigned object = sim_object_new(&world->memory, SIM_KIND_MEMORY, 99);

    reply->fds[reply->fd_count++] = sim_fd_open(&world->fds, object, SIM_OWNER_EDGE);
}

static void drop_fds(struct sim_process *process, struct hf_message *reply)
{
    for (unsigned i = 0; i < reply->fd_count; i++)
        sim_fd_close(&process->world->fds, reply->fds[i]);
    reply->fd_count = 0;
}

static void make_wrong(struct sim_process *process, struct hf_message *reply, uint32_t twist)
{
    bool is_region = reply->request == HF_REQUEST_GET_INFLIGHT_FD;

    if (twist == SIM_TWIST_WRONG_NUMBER)
        *reply = hf_message_reply_u64(
            reply->request == HF_REQUEST_SET_OWNER ? HF_REQUEST_GET_FEATURES : HF_REQUEST_SET_OWNER,
            0);
    if (twist == SIM_TWIST_EXTRA_FD || twist == SIM_TWIST_EXTRA_FD_RAW)
        add_fd(process, reply);
    if (twist == SIM_TWIST_NO_FD)
        drop_fds(process, reply);
    if (twist == SIM_TWIST_NAK && reply->kind == HF_PAYLOAD_U64)
        reply->body.u64 = 1;
    if (twist == SIM_TWIST_NAK && reply->kind == HF_PAYLOAD_CONFIG)
        *reply = hf_message_reply_empty(HF_REQUEST_GET_CONFIG);
    if (twist == SIM_TWIST_WRONG_RING && reply->kind == HF_PAYLOAD_VRING_STATE)
        reply->body.state.index++;
    if (twist == SIM_TWIST_WRONG_BASE && reply->kind == HF_PAYLOAD_VRING_STATE)
        reply->body.state.num = (reply->body.state.num + 3u) & UINT16_MAX;
    if (twist == SIM_TWIST_OTHER_KIND && is_region) {
        drop_fds(process, reply);
        add_fd(process, reply);
    }
    if (twist == SIM_TWIST_BAD_REGION && is_region)
        reply->body.inflight.mmap_size_bytes = 64;
    if (twist == SIM_TWIST_NO_REGION && is_region) {
        drop_fds(process, reply);
        reply->body.inflight.mmap_size_bytes = 0;
    }
}

void sim_peer_reply(struct sim_process *process, struct hf_message *reply, uint32_t twist)
{
    /* A wrong number with the descriptors of the right one would be two faults. */
    if (twist == SIM_TWIST_WRONG_NUMBER)
        drop_fds(process, reply);
    make_wrong(process, reply, twist);
    sim_edge_receive(process, reply, (enum sim_twist)twist);
}

static void twice(struct sim_process *process)
{
    struct hf_message again = hf_message_reply_u64(HF_REQUEST_GET_QUEUE_NUM, 1);

    sim_edge_receive(process, &again, SIM_TWIST_NONE);
}

/* What follows once the message has been carried out and answered, or has not. */
static void misbehave(struct sim_process *process, uint32_t twist)
{
    switch (twist) {
    case SIM_TWIST_CLOSE:
    case SIM_TWIST_CLOSE_AFTER:
        sim_process_hang_up(process, HF_FAULT_HANGUP);
        break;
    case SIM_TWIST_CRASH_TORN:
        sim_peer_tear(process);
        sim_process_kill(process);
        break;
    case SIM_TWIST_CRASH:
    case SIM_TWIST_CRASH_AFTER:
        sim_process_kill(process);
        break;
    case SIM_TWIST_STOP:
        sim_process_stop(process);
        break;
    case SIM_TWIST_TWICE:
        twice(process);
        break;
    default:
        break;
    }
}

static bool stays_silent(uint32_t twist)
{
    return twist == SIM_TWIST_CLOSE || twist == SIM_TWIST_CRASH || twist == SIM_TWIST_STOP ||
           twist == SIM_TWIST_CRASH_TORN;
}

/* What is refused is not carried out, and neither is what comes after it. */
static bool refuse(struct sim_process *process, struct hf_message *message, struct hf_message *ack)
{
    drop_fds(process, message);
    ack->body.u64 = 1;
    return true;
}

void sim_peer_receive(struct sim_process *process, struct hf_message *message, uint32_t twist)
{
    struct hf_message ack = hf_message_reply_u64((enum hf_request)message->request, 0);
    uint32_t reply_twist = stays_silent(twist) ? SIM_TWIST_CLOSE : twist;
    bool acknowledges;

    for (unsigned i = 0; i < message->fd_count; i++)
        sim_fd_give(&process->world->fds, message->fds[i], SIM_OWNER_PEER);
    if (twist == SIM_TWIST_NAK && hf_message_needs_reply(message))
        process->refuses = true;
    if (process->refuses)
        acknowledges = refuse(process, message, &ack);
    else
        acknowledges = sim_peer_obey(process, message, reply_twist);
    if (acknowledges && hf_message_needs_reply(message) && !stays_silent(twist))
        sim_peer_reply(process, &ack, twist);
    misbehave(process, twist);
}

/* ---- audit ----------------------------------------------------------------------------------- */

static const struct sim_peer_region *region_at(const struct sim_peer *peer, uint64_t guest)
{
    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        if (peer->regions[i].there && peer->regions[i].region.guest_address == guest)
            return &peer->regions[i];
    return NULL;
}

static bool region_is(struct sim_process *process, const struct sim_vmm_region *wanted)
{
    const struct sim_peer_region *told = region_at(&process->peer, wanted->guest_address);

    return told != NULL && told->region.size_bytes == wanted->size_bytes &&
           told->region.user_address == wanted->user_address &&
           told->region.mmap_offset == wanted->mmap_offset &&
           sim_fd_object(&process->world->fds, told->fd) == wanted->object;
}

static void audit_memory(struct sim_process *process)
{
    const struct sim_vmm *vmm = &process->world->vmm;
    unsigned told = 0, wanted = 0;

    for (unsigned i = 0; i < SIM_PEER_REGIONS_MAX; i++)
        told += process->peer.regions[i].there;
    for (unsigned i = 0; i < SIM_VMM_REGIONS_MAX; i++) {
        if (!vmm->regions[i].there)
            continue;
        wanted++;
        if (!region_is(process, &vmm->regions[i]))
            sim_peer_fail(process, "does not have the memory at 0x%llx as it is",
                          (unsigned long long)vmm->regions[i].guest_address);
    }
    if (told != wanted)
        sim_peer_fail(process, "has %u memory regions, there are %u", told, wanted);
}

static void audit_ring(struct sim_process *process, uint16_t queue)
{
    struct sim_world *world = process->world;
    const struct sim_vmm_ring *wanted = &world->vmm.rings[queue];
    const struct sim_peer_ring *ring = &process->peer.rings[queue];
    bool should_run = sim_vmm_runs(&world->vmm) && wanted->size != 0;

    if (ring->started != should_run)
        sim_peer_fail(process, "ring %u is %sstarted", queue, ring->started ? "" : "not ");
    if (sim_fd_object(&world->fds, ring->call_fd) != wanted->call)
        sim_peer_fail(process, "ring %u calls another descriptor than the VMM listens to", queue);
    if (sim_fd_object(&world->fds, ring->err_fd) != wanted->err)
        sim_peer_fail(process, "ring %u has another err descriptor", queue);
    if (!should_run || process->world->verdict.red)
        return;
    if (!ring->enabled)
        sim_peer_fail(process, "ring %u is not enabled", queue);
    if (sim_fd_object(&world->fds, ring->kick_fd) != wanted->kick)
        sim_peer_fail(process, "ring %u waits for another kick than the VMM writes", queue);
    if (((ring->addr.flags & HF_WIRE_VRING_F_LOG) != 0) != (world->vmm.log != 0))
        sim_peer_fail(process, "ring %u logs %s", queue, world->vmm.log ? "nothing" : "for ever");
}

static void audit_log(struct sim_process *process)
{
    const struct sim_vmm *vmm = &process->world->vmm;
    const struct sim_peer *peer = &process->peer;

    if (!peer->features_set)
        return;
    if (((peer->features & HF_FEATURE(LOG_ALL)) != 0) != (vmm->log != 0))
        sim_peer_fail(process, "LOG_ALL is %s", vmm->log != 0 ? "missing" : "still on");
    if (vmm->log != 0 && sim_fd_object(&process->world->fds, peer->log_fd) != vmm->log)
        sim_peer_fail(process, "logs into another log than the VMM reads");
}

void sim_peer_audit(struct sim_process *process)
{
    const struct sim_vmm *vmm = &process->world->vmm;
    const struct sim_peer *peer = &process->peer;
    uint64_t known = HF_FEATURE(LOG_ALL) | HF_FEATURE(PROTOCOL_FEATURES);

    if (!peer->connected || !peer->owned)
        sim_peer_fail(process, "the front-end has told all, but set no owner");
    if (vmm->ready && (!peer->features_set || (peer->features & ~known) != vmm->features))
        sim_peer_fail(process, "has features 0x%llx, the guest acknowledged 0x%llx",
                      (unsigned long long)peer->features, (unsigned long long)vmm->features);
    audit_memory(process);
    audit_log(process);
    for (uint16_t i = 0; i < vmm->queue_count; i++)
        audit_ring(process, i);
}
