/* SPDX-License-Identifier: BSD-3-Clause */
/* The edge's sockets: messages as bytes, descriptors beside them, and what is wrong with answers.
 */
#include "world.h"

#include <string.h>

bool sim_edge_is_full(const struct sim_world *world)
{
    return world->now_ns < world->edge.fds_full_until_ns;
}

/* The edge itself finds the socket unusable; the back-end does not know. */
void sim_edge_break_off(struct sim_world *world, enum hf_fault fault)
{
    sim_world_feed(
        world, 20 * SIM_US,
        (struct hf_event){ .kind = HF_EVENT_HANGUP, .dial = world->edge.dial, .fault = fault });
}

/* Through the codec, as on a real socket. */
bool sim_edge_copy(struct sim_world *world, enum hf_stream stream, struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    struct hf_message copy;
    size_t length = hf_message_encode(message, bytes, sizeof(bytes));

    if (length == 0 || hf_message_decode(stream, bytes, length, &copy) != HF_WIRE_FAULT_NONE) {
        sim_fail(&world->verdict, "edge: %s cannot be encoded", hf_message_name(message));
        return false;
    }
    message->body = copy.body;
    message->kind = copy.kind;
    message->size_bytes = copy.size_bytes;
    return true;
}

void sim_edge_drop_fds(struct sim_world *world, struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        sim_fd_close(&world->fds, message->fds[i]);
    message->fd_count = 0;
}

/* Some byte of the answer is missing, or is too many: no answer has that size. */
static void judge_size(struct sim_world *world, const struct hf_message *reply, bool too_long)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX + 1];
    struct hf_message copy;
    size_t length = hf_message_encode(reply, bytes, sizeof(bytes) - 1);
    uint32_t size = (uint32_t)(length - HF_WIRE_HEADER_SIZE) + (too_long ? 1u : UINT32_MAX);

    bytes[length] = 0;
    memcpy(bytes + HF_WIRE_HEADER_SIZE - sizeof(size), &size, sizeof(size));
    if (length == 0 || hf_message_decode(HF_STREAM_REPLIES, bytes, HF_WIRE_HEADER_SIZE + size,
                                         &copy) == HF_WIRE_FAULT_NONE)
        sim_fail(&world->verdict, "edge: %s of %u bytes is taken for an answer",
                 hf_message_name(reply), size);
}

static bool has_wrong_size(struct sim_world *world, const struct hf_message *reply,
                           enum sim_twist twist)
{
    bool too_long = twist == SIM_TWIST_LONG;

    /* Nothing is shorter than an empty one (DPDK's SET_LOG_BASE). */
    if (!too_long && (twist != SIM_TWIST_SHORT || reply->kind == HF_PAYLOAD_NONE))
        return false;
    judge_size(world, reply, too_long);
    return true;
}

/* What the edge finds at an answer before the core sees it. */
static enum hf_fault judge_reply(struct sim_world *world, const struct hf_message *reply,
                                 enum sim_twist twist)
{
    bool is_region = reply->request == HF_REQUEST_GET_INFLIGHT_FD && reply->fd_count > 0;

    if (has_wrong_size(world, reply, twist))
        return HF_FAULT_MALFORMED;
    /* MSG_CTRUNC */
    if (reply->fd_count > 0 && sim_edge_is_full(world))
        return HF_FAULT_MALFORMED;
    if (twist == SIM_TWIST_EXTRA_FD_RAW)
        return HF_FAULT_NONE;
    if (hf_message_judge_fds(reply) != HF_WIRE_FAULT_NONE)
        return HF_FAULT_MALFORMED;
    if (is_region && !sim_object_is(&world->memory, sim_fd_object(&world->fds, reply->fds[0]),
                                    SIM_KIND_INFLIGHT))
        return HF_FAULT_INFLIGHT_INVALID;
    return HF_FAULT_NONE;
}

void sim_edge_receive(struct sim_process *process, const struct hf_message *reply,
                      enum sim_twist twist)
{
    struct sim_world *world = process->world;
    struct hf_message message = *reply;
    struct hf_event event = { .kind = HF_EVENT_MESSAGE, .dial = process->peer.dial };

    if (!world->edge.connected || world->edge.dial != process->peer.dial) {
        sim_edge_drop_fds(world, &message);
        return;
    }
    enum hf_fault fault = judge_reply(world, reply, twist);
    if (fault != HF_FAULT_NONE) {
        sim_edge_drop_fds(world, &message);
        sim_edge_break_off(world, fault);
        return;
    }
    if (twist != SIM_TWIST_EXTRA_FD_RAW && !sim_edge_copy(world, HF_STREAM_REPLIES, &message))
        return;
    sim_world_later(
        world, 20 * SIM_US,
        (struct sim_event){ .kind = SIM_EVENT_FRONT, .front = event, .message = message });
}
