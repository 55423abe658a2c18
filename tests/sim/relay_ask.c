/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay's questions to the back-end: one at a time, as src/relay/backend.c has it. */
#include "world.h"

#include <errno.h>

void sim_relay_answer_now(struct sim_relay *relay, int error)
{
    relay->answered = true;
    relay->answer_error = error;
}

static bool try_to_ask(struct sim_world *world, const struct hf_asked *asked)
{
    struct sim_relay *relay = world->relay;
    struct sim_event event = { .front = { .kind = HF_EVENT_ASK, .asked = *asked } };

    if (world->front.asked.number != 0)
        return false;
    event.front.asked.number = ++relay->last_question;
    if (asked->request != HF_REQUEST_RESET_DEVICE)
        relay->question = relay->last_question;
    world->tally.questions_asked++;
    sim_edge_feed(world, &event);
    return true;
}

void sim_relay_ask(struct sim_world *world, const struct hf_asked *asked)
{
    struct sim_relay *relay = world->relay;
    bool reset = asked->request == HF_REQUEST_RESET_DEVICE;
    uint64_t gate = reset ? HF_PROTOCOL_FEATURE(RESET_DEVICE) : HF_PROTOCOL_FEATURE(CONFIG);
    bool there = hf_phase_agreed(world->front.phase);

    if (there && (world->front.session.protocol & gate) != 0) {
        if (!try_to_ask(world, asked))
            relay->waiting = *asked;
    } else if (!reset) {
        sim_relay_answer_now(relay, there ? EOPNOTSUPP : ENOTCONN);
    }
}

void sim_relay_ask_waiting(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;
    struct hf_asked asked = relay->waiting;

    if (asked.request == 0 || !hf_phase_agreed(world->front.phase))
        return;
    relay->waiting.request = 0;
    if (!try_to_ask(world, &asked))
        relay->waiting = asked;
}
