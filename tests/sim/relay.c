/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay's edge between its two cores: one effect after the other, one event after the other, as
 * src/relay/device.c, effects.c and backend.c do it. */
#include "world.h"

#include <errno.h>
#include <string.h>

#define SLOTS_MIN 4u

static struct hf_plan *plan_of(struct sim_world *world)
{
    return &world->front.plan;
}

/* The epoch of the plan is what the relay takes for the guest's. */
void sim_relay_follow_epoch(struct sim_world *world)
{
    const struct hf_plan *plan = plan_of(world);

    if (world->vmm.epoch != plan->epoch) {
        world->vmm.epoch = (uint32_t)plan->epoch;
        world->vmm.inflight = 0;
        world->vmm.inflight_none = false;
    }
    if (plan->inflight.generation != 0 && world->vmm.inflight == 0)
        world->vmm.inflight = sim_fd_object(&world->fds, plan->inflight.fd);
}

static void judge(struct sim_world *world)
{
    const struct sim_relay *relay = world->relay;

    if (hf_relay_is_over(&relay->core) && hf_plan_any_ran(plan_of(world)))
        sim_fail(&world->verdict, "relay: over, and rings may still be used");
}

void sim_relay_act(struct sim_world *world, const struct hf_relay_effects *effects)
{
    struct sim_relay *relay = world->relay;

    relay->feeding = true;
    sim_relay_record(world, effects);
    for (unsigned i = 0; i < effects->count && !world->verdict.red; i++) {
        if (sim_relay_dies(world))
            break;
        relay->effects.reply = effects->reply;
        sim_relay_carry_out(world, &effects->list[i]);
        sim_relay_record_acted(world);
    }
    relay->feeding = false;
    if (!relay->fed || sim_relay_dies(world))
        return;
    relay->fed = false;
    sim_relay_step(world, relay->next);
}

void sim_relay_step(struct sim_world *world, struct hf_relay_event event)
{
    struct sim_relay *relay = world->relay;
    struct hf_relay_effects now;

    if (relay->feeding) {
        if (relay->fed)
            sim_fail(&world->verdict, "relay: two events come of one step's effects");
        relay->fed = true;
        relay->next = event;
        if (event.body != NULL)
            relay->next_body = *event.body;
        relay->next.body = event.body != NULL ? &relay->next_body : NULL;
        return;
    }
    event.now_ns = world->now_ns;
    hf_relay_step(&relay->core, &event, &now);
    sim_relay_follow_epoch(world);
    judge(world);
    sim_relay_act(world, &now);
}

/* ---- the pump -------------------------------------------------------------------------------- */

void sim_relay_note(struct sim_world *world, const struct hf_effects *effects)
{
    struct sim_relay *relay = world->relay;

    relay->look = true;
    for (unsigned i = 0; i < effects->count; i++) {
        const struct hf_effect *effect = &effects->list[i];
        enum hf_report_kind kind = effect->report.kind;

        if (effect->kind == HF_EFFECT_REPORT &&
            (kind == HF_REPORT_LOST || kind == HF_REPORT_REFUSED)) {
            relay->lost = effect->report.fault;
            relay->lost_dial = world->front.session.dial;
            relay->parted = true;
        }
        if (effect->kind != HF_EFFECT_ANSWER || relay->question == 0 ||
            effect->number != relay->question)
            continue;
        relay->question = 0;
        sim_relay_answer_now(relay, effect->error);
        relay->answer = effects->answer.body;
    }
}

static void hear_parted(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    relay->parted = false;
    if (!relay->channel)
        return;
    sim_fd_close(&world->fds, hf_plan_set_channel(plan_of(world), sim_relay_channel_end(world)));
    relay->changed = true;
}

static void change(struct sim_world *world)
{
    struct sim_event event = { .front = { .kind = HF_EVENT_CHANGED } };

    world->relay->changed = false;
    sim_edge_feed(world, &event);
}

static void hear_gone(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    relay->vmm_gone = relay->answered = relay->channel = false;
    relay->question = 0;
    relay->waiting.request = 0;
    for (unsigned i = 0; i < relay->inbox_count; i++)
        sim_edge_drop_fds(world, &relay->inbox[i]);
    relay->inbox_count = 0;
    sim_relay_step(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_HANG_UP, .fd = -1 });
    relay->look = true;
}

static void hear_answer(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    relay->answered = false;
    sim_relay_step(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_ANSWER,
                                                   .error = relay->answer_error,
                                                   .body = &relay->answer,
                                                   .fd = -1 });
}

static void look(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    const struct hf_relay_event event = {
        .kind = HF_RELAY_EVENT_LOOK, .lost = relay->lost, .dial = relay->lost_dial, .fd = -1
    };

    relay->look = false;
    relay->lost = HF_FAULT_NONE;
    sim_relay_ask_waiting(world);
    sim_relay_step(world, event);
}

static void hear_message(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    struct hf_message message = relay->inbox[0];

    relay->read_ns = world->now_ns;
    relay->inbox_count--;
    memmove(&relay->inbox[0], &relay->inbox[1], relay->inbox_count * sizeof(message));
    for (unsigned i = 0; i < message.fd_count; i++)
        sim_fd_give(&world->fds, message.fds[i], SIM_OWNER_PLAN);
    sim_relay_step(world, (struct hf_relay_event){
                              .kind = HF_RELAY_EVENT_MESSAGE, .message = &message, .fd = -1 });
}

/* What a VMM cannot do with. */
static bool is_enough(const struct sim_world *world, const struct hf_back_offer *offer)
{
    return offer->ring_count == world->situation.queue_count && offer->memory_slots >= SLOTS_MIN &&
           (offer->features & HF_FEATURE(VERSION_1)) != 0;
}

/* What it takes from the first back-end that comes, it promises; if that is too little, a better
 * one comes. */
static void learn(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    relay->learned = world->front.session.dial;
    relay->promise =
        hf_relay_promise_of(&world->front.session, world->situation.queue_count, false);
    if (relay->promise.offer.ring_count > world->situation.queue_count)
        relay->promise.offer.ring_count = world->situation.queue_count;
    relay->promised = is_enough(world, &relay->promise.offer);
    if (!relay->promised)
        sim_process_kill(sim_process_present(world));
    sim_relay_vmm_go_on(world);
}

static void begin(struct sim_world *world)
{
    const struct hf_relay_settings settings = {
        .reply_timeout_ns = SIM_RELAY_REPLY_NS,
        .stop_wait_ns = SIM_RELAY_STOP_NS,
        .linger_ns = 20 * SIM_MS,
    };
    struct hf_plan *plan = plan_of(world);

    hf_relay_init(&world->relay->core, &settings, &world->front);
    plan->protocol_wanted = hf_relay_protocol_wanted();
    plan->late_rings = SIM_LATE_RINGS;
    plan->promise.protocol_features =
        world->situation.persona->protocol & HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    sim_relay_record(world, &(struct hf_relay_effects){ .count = 0 });
}

static void judge_over(struct sim_world *world)
{
    for (unsigned i = 0; i < world->process_count; i++) {
        const struct sim_process *process = &world->processes[i];

        if (process->alive && process->kicked && process->peer.connected && !process->abandoned)
            sim_fail(&world->verdict, "relay: over, and process %u may still use the rings", i);
    }
}

/* A fresh front-end, as the relay makes one; dials are counted on, or an old event would be taken
 * for a new one's. */
static void over(struct sim_world *world)
{
    struct sim_event stop = { .front = { .kind = HF_EVENT_STOP } };
    uint32_t dial;

    sim_world_note(world, "the VMM is over");
    judge_over(world);
    sim_edge_feed(world, &stop);
    if (world->relay->gone)
        return;
    world->relay->served = false;
    sim_vmm_close(world);
    dial = world->front.last_dial;
    hf_front_init(&world->front, &world->situation.settings, world->situation.queue_count);
    world->front.last_dial = dial;
    world->edge.timer_serial++;
    world->relay->changed = world->relay->look = false;
    for (uint16_t i = 0; i < world->vmm.queue_count; i++)
        sim_ring_lay_out(&world->memory, i, 0, 0);
    sim_relay_follow_epoch(world);
    begin(world);
    if (!world->vmm.wanted)
        return;
    sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_START });
    sim_relay_vmm_go_on(world);
}

static bool pump_once(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    if (relay->changed)
        change(world);
    else if (relay->vmm_gone)
        hear_gone(world);
    else if (relay->parted)
        hear_parted(world);
    else if (relay->answered)
        hear_answer(world);
    else if (relay->look && relay->core.front != NULL)
        look(world);
    else if (relay->inbox_count > 0 && hf_relay_settled(&relay->core))
        hear_message(world);
    else if (!relay->promised && world->front.phase == HF_PHASE_READY &&
             relay->learned != world->front.session.dial)
        learn(world);
    else if (relay->served && hf_relay_is_over(&relay->core))
        over(world);
    else
        return false;
    return true;
}

static void arm(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    uint64_t at_ns = relay->core.deadline_ns;

    if (at_ns == relay->armed_ns)
        return;
    relay->armed_ns = at_ns;
    relay->timer_serial++;
    if (at_ns != 0)
        sim_world_later(
            world, at_ns > world->now_ns ? at_ns - world->now_ns : 0,
            (struct sim_event){ .kind = SIM_EVENT_RELAY_TIMER, .serial = relay->timer_serial });
}

void sim_relay_pump(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    unsigned rounds = 0;

    if (relay->pumping || relay->feeding)
        return;
    relay->pumping = true;
    while (!world->verdict.red && (relay->gone || pump_once(world))) {
        if (relay->gone)
            sim_relay_replace(world);
        if (++rounds == 10000)
            sim_fail(&world->verdict, "relay: never comes to rest");
    }
    relay->pumping = false;
    arm(world);
}

void sim_relay_timer(struct sim_world *world, uint32_t serial)
{
    struct sim_relay *relay = world->relay;

    if (serial != relay->timer_serial)
        return;
    relay->armed_ns = 0;
    sim_relay_step(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_TIMER, .fd = -1 });
    sim_relay_pump(world);
}

void sim_relay_receive(struct sim_world *world, const struct hf_message *message)
{
    struct sim_relay *relay = world->relay;

    if (relay->inbox_count == SIM_RELAY_INBOX_MAX)
        sim_fail(&world->verdict, "sim: more than %u messages of the VMM wait",
                 SIM_RELAY_INBOX_MAX);
    else
        relay->inbox[relay->inbox_count++] = *message;
    sim_relay_pump(world);
}

void sim_relay_hear_hang_up(struct sim_world *world)
{
    world->relay->vmm_gone = true;
    sim_relay_pump(world);
}

bool sim_relay_is_idle(const struct sim_world *world)
{
    const struct sim_relay *relay = world->relay;
    const struct sim_relay_vmm *vmm = &relay->vmm;

    return vmm->there && !vmm->waits && vmm->op_count == 0 && vmm->action_count == 0 &&
           relay->inbox_count == 0 && relay->core.deadline_ns == 0 &&
           hf_relay_settled(&relay->core) && relay->core.hold == HF_RELAY_HOLD_NONE;
}

/* As src/relay/backend.c has it: who hangs is given up in half of the time that the VMM waits; what
 * is left is for his end. */
struct sim_case sim_case_with_relay(const struct sim_persona *persona,
                                    const struct sim_relay_habit *habit)
{
    static struct sim_relay the_relay;
    struct sim_case situation = sim_case_of(persona);

    situation.relay = &the_relay;
    situation.habit = habit;
    situation.settings.reply_timeout_ns = SIM_RELAY_REPLY_NS / 2;
    situation.settings.stop_timeout_ns = SIM_RELAY_STOP_NS / 2;
    return situation;
}

void sim_relay_init(struct sim_world *world)
{
    struct sim_relay *relay = world->situation.relay;

    memset(relay, 0, sizeof(*relay));
    relay->habit = world->situation.habit;
    world->relay = relay;
    world->vmm.queue_count = world->situation.queue_count;
    world->vmm.epoch = 1;
    begin(world);
}

void sim_relay_close(struct sim_world *world)
{
    sim_relay_vmm_close(world);
    for (unsigned i = 0; i < world->relay->inbox_count; i++)
        sim_edge_drop_fds(world, &world->relay->inbox[i]);
}
