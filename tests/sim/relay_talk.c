/* SPDX-License-Identifier: BSD-3-Clause */
/* What the VMM has to do is done one after the other; where an answer must come it waits, and it
 * judges what it hears. */
#include "world.h"

#include <string.h>

static struct sim_relay_vmm *vmm_of(struct sim_world *world)
{
    return &world->relay->vmm;
}

static bool next_action(struct sim_world *world)
{
    struct sim_relay_vmm *vmm = vmm_of(world);
    enum sim_action action = vmm->actions[0];

    if (vmm->action_count == 0)
        return false;
    if (action == SIM_ACTION_START && (world->relay->served || !world->relay->promised))
        return false;
    vmm->action_count--;
    memmove(&vmm->actions[0], &vmm->actions[1], vmm->action_count * sizeof(action));
    sim_relay_vmm_act(world, action);
    return true;
}

static bool next_op(struct sim_world *world, struct sim_relay_op *op)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    while (vmm->op_count == 0)
        if (!next_action(world))
            return false;
    *op = vmm->ops[0];
    vmm->op_count--;
    memmove(&vmm->ops[0], &vmm->ops[1], vmm->op_count * sizeof(*op));
    vmm->present = *op;
    return true;
}

static void inject(struct sim_world *world)
{
    unsigned step = SIM_RELAY_STEPS + world->relay->step++;

    for (unsigned i = 0; i < world->situation.fault_count; i++) {
        if (world->situation.faults[i].step != step)
            continue;
        world->tally.faults_injected++;
        sim_world_note(world, "fault: %s", sim_fault_name(world->situation.faults[i].fault));
        sim_fault_inject(world, world->situation.faults[i].fault);
    }
}

static void pause(struct sim_world *world, uint64_t duration_ns)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (vmm->pauses)
        return;
    vmm->pauses = true;
    sim_world_later(world, duration_ns,
                    (struct sim_event){ .kind = SIM_EVENT_VMM_ACTS, .session = vmm->serial });
}

static void send(struct sim_world *world, struct hf_message *message)
{
    struct sim_relay_vmm *vmm = vmm_of(world);
    const struct hf_request_info *info = hf_request_info(message->request);
    struct sim_event event = { .kind = SIM_EVENT_VMM_SENDS, .session = vmm->serial };
    bool acks = (vmm->protocol & HF_PROTOCOL_FEATURE(REPLY_ACK)) != 0;

    if (acks && (world->relay->habit->asks_all || message->kind == HF_PAYLOAD_MEM_TABLE ||
                 message->kind == HF_PAYLOAD_MEM_REGION))
        message->flags |= HF_MESSAGE_NEED_REPLY;
    sim_world_note_message(world, "vmm ->", message);
    if (!sim_edge_copy(world, HF_STREAM_REQUESTS, message))
        return;
    vmm->sent = *message;
    vmm->waits = hf_request_is_answered(info, hf_message_needs_reply(message), vmm->protocol);
    event.message = *message;
    sim_world_later(world, 10 * SIM_US, event);
    if (!vmm->waits)
        sim_world_later(world, 15 * SIM_US,
                        (struct sim_event){ .kind = SIM_EVENT_VMM_ACTS, .session = vmm->serial });
    vmm->pauses = !vmm->waits;
    inject(world);
}

void sim_relay_vmm_go_on(struct sim_world *world)
{
    struct sim_relay_vmm *vmm = vmm_of(world);
    struct hf_message message;
    struct sim_relay_op op;

    if (vmm->there && world->relay->inbox_count >= SIM_RELAY_INBOX_MAX / 2) {
        pause(world, SIM_MS); /* the socket is full */
        return;
    }
    while (!vmm->waits && !vmm->pauses && !world->verdict.red && next_op(world, &op)) {
        if (!sim_relay_make(world, &op, &message))
            continue;
        send(world, &message);
    }
}

/* ---- what it hears --------------------------------------------------------------------------- */

bool sim_relay_may_refuse(const struct sim_world *world)
{
    for (unsigned i = 0; i < world->situation.fault_count; i++)
        if (world->situation.faults[i].fault == SIM_FAULT_NAK)
            return true;
    return sim_relay_has_waited(world);
}

static bool is_refused(const struct sim_relay_vmm *vmm, const struct hf_message *reply)
{
    const struct hf_request_info *info = hf_request_info(vmm->sent.request);

    return info->reply != HF_REPLY_OWN && vmm->sent.request != HF_REQUEST_SET_LOG_BASE &&
           reply->kind == HF_PAYLOAD_U64 && reply->body.u64 != 0;
}

static void hear_base(struct sim_world *world, const struct hf_message *reply)
{
    const struct hf_wire_vring_state *state = &reply->body.state;
    const struct sim_ring *ring = &world->memory.rings[vmm_of(world)->present.index];

    if (state->index != vmm_of(world)->present.index)
        sim_fail(&world->verdict, "vmm: the base of ring %u is not of it", state->index);
    else if (state->num != ring->used_index)
        sim_fail(&world->verdict, "vmm: ring %u stopped at %u, its used index is %u", state->index,
                 state->num, ring->used_index);
    else
        vmm_of(world)->bases[state->index] = (uint16_t)state->num;
}

static void hear_region(struct sim_world *world, const struct hf_message *reply)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    vmm->has_region = reply->fd_count == 1;
    if (!vmm->has_region)
        return;
    vmm->region = sim_fd_object(&world->fds, reply->fds[0]);
    vmm->region_told = reply->body.inflight;
}

static void take(struct sim_world *world, const struct hf_message *reply)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (reply->request == HF_REQUEST_GET_FEATURES)
        vmm->offered = reply->body.u64;
    else if (reply->request == HF_REQUEST_GET_PROTOCOL_FEATURES)
        vmm->protocol_offered = reply->body.u64;
    else if (reply->request == HF_REQUEST_GET_VRING_BASE)
        hear_base(world, reply);
    else if (reply->request == HF_REQUEST_GET_INFLIGHT_FD)
        hear_region(world, reply);
    else if (reply->request == HF_REQUEST_GET_CONFIG && reply->kind == HF_PAYLOAD_NONE &&
             !sim_relay_may_refuse(world))
        sim_fail(&world->verdict, "vmm: GET_CONFIG was refused");
}

/* It asks again in a while. */
static void ask_again(struct sim_world *world)
{
    struct sim_relay_vmm *vmm = vmm_of(world);

    if (!sim_relay_may_refuse(world) || ++vmm->refusals > 20)
        sim_fail(&world->verdict, "vmm: %s was refused", hf_message_name(&vmm->sent));
    memmove(&vmm->ops[1], &vmm->ops[0], vmm->op_count * sizeof(vmm->ops[0]));
    vmm->ops[0] = vmm->present;
    vmm->op_count++;
    pause(world, 30 * SIM_MS);
}

void sim_relay_vmm_hear(struct sim_world *world, const struct hf_message *reply)
{
    struct sim_relay_vmm *vmm = vmm_of(world);
    struct hf_message copy = *reply;

    sim_world_note_message(world, "vmm <-", reply);
    if (!vmm->waits || reply->request != vmm->sent.request)
        sim_fail(&world->verdict, "vmm: an answer to %s, which was not asked",
                 hf_message_name(reply));
    vmm->waits = false;
    if (is_refused(vmm, reply))
        ask_again(world);
    else
        take(world, reply);
    sim_edge_drop_fds(world, &copy);
    sim_relay_vmm_go_on(world);
}

void sim_relay_vmm_close(struct sim_world *world)
{
    vmm_of(world)->there = false;
}
