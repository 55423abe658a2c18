/* SPDX-License-Identifier: BSD-3-Clause */
/* What the relay core's effects do, on paper: one function each. */
#include "relay_world.h"

#include <errno.h>

/* No request waits longer than it may; but a stop, while pages are logged, may. */
static void check_time(const struct world *world)
{
    const struct hf_back *back = &world->relay.back;
    bool stops = back->request.request == HF_REQUEST_GET_VRING_BASE;
    uint64_t waited_ns = world->edge.now_ns - world->read_ns;

    FUZZ_CHECK(waited_ns <= (stops ? WORLD_STOP_NS : WORLD_REPLY_NS) + WORLD_MS ||
               (stops && back->log.size_bytes != 0));
}

static void reply(struct world *world, const struct hf_relay_effect *effect)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    struct hf_message *message = &world->effects.reply;

    (void)effect;
    FUZZ_CHECK(world->there && message->stream == HF_STREAM_REPLIES &&
               message->request == world->message.request);
    FUZZ_CHECK(hf_message_encode(message, bytes, sizeof(bytes)) > 0);
    check_time(world);
    for (unsigned i = 0; i < message->fd_count; i++)
        world_drop(world, message->fds[i]);
    world->reply = *message;
    world->replies++;
    world->stopped += message->request == HF_REQUEST_GET_VRING_BASE;
}

static void hang_up(struct world *world, const struct hf_relay_effect *effect)
{
    (void)effect;
    world->vmm_gone |= world->there;
    world->there = false;
}

static void close_it(struct world *world, const struct hf_relay_effect *effect)
{
    world_drop(world, effect->fd);
}

static void changed(struct world *world, const struct hf_relay_effect *effect)
{
    (void)effect;
    world->changed = true;
}

void world_answer_now(struct world *world, int error)
{
    world->answered = true;
    world->answer_error = error;
}

static bool try_to_ask(struct world *world, const struct hf_asked *asked)
{
    struct edge *edge = &world->edge;
    struct hf_event event = { .kind = HF_EVENT_ASK, .asked = *asked };

    if (edge->front.asked.number != 0 || !hf_phase_agreed(edge->front.phase))
        return false;
    event.asked.number = ++edge->last_number;
    FUZZ_CHECK(edge->asked_count < EDGE_ASKED_MAX);
    edge->asked[edge->asked_count++] = event.asked.number;
    if (asked->request != HF_REQUEST_RESET_DEVICE)
        world->question = event.asked.number;
    edge_step(edge, event);
    return true;
}

void world_ask_waiting(struct world *world)
{
    const struct hf_asked reset = { .request = HF_REQUEST_RESET_DEVICE };

    if (world->reset_waits && try_to_ask(world, &reset))
        world->reset_waits = false;
    if (world->waiting.request != 0 && !world->reset_waits && try_to_ask(world, &world->waiting))
        world->waiting.request = 0;
}

static void ask(struct world *world, const struct hf_relay_effect *effect)
{
    const struct hf_front *front = &world->edge.front;
    bool reset = effect->asked.request == HF_REQUEST_RESET_DEVICE;
    uint64_t gate = reset ? HF_PROTOCOL_FEATURE(RESET_DEVICE) : HF_PROTOCOL_FEATURE(CONFIG);
    bool there = hf_phase_agreed(front->phase);

    world->resets += reset;
    if (!reset) {
        world->question = 0;
        world->answered = false;
    }
    if (there && (front->session.protocol & gate) != 0) {
        if (reset)
            world->reset_waits = true;
        else
            world->waiting = effect->asked;
        world_ask_waiting(world);
    } else if (!reset) {
        world_answer_now(world, there ? EOPNOTSUPP : ENOTCONN);
    }
}

static void cut(struct world *world, const struct hf_relay_effect *effect)
{
    (void)effect;
    edge_step(&world->edge, (struct hf_event){ .kind = HF_EVENT_HANGUP,
                                               .dial = world->edge.dial,
                                               .fault = HF_FAULT_CUT });
    world->look = true;
}

static void read_indices(struct world *world, const struct hf_relay_effect *effect)
{
    FUZZ_CHECK(effect->ring < world->relay.back.offer.ring_count);
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_INDICES,
                                               .ring = effect->ring,
                                               .avail = world->guest.avail,
                                               .used = world->guest.used,
                                               .error = world->guest.unreadable ? EFAULT : 0,
                                               .fd = -1 });
}

static void make(struct world *world, const struct hf_relay_effect *effect)
{
    union hf_wire_body body = { .inflight = effect->inflight };
    bool fails = world->guest.bad_fd; /* no memory, say */

    body.inflight.mmap_size_bytes = body.inflight.queue_count * UINT64_C(65536);
    body.inflight.mmap_offset = 0;
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                               .body = &body,
                                               .error = fails ? ENOMEM : 0,
                                               .fd = fails ? -1 : fuzz_fd_new(&world->edge.fds) });
}

static void look_at(struct world *world, const struct hf_relay_effect *effect)
{
    FUZZ_CHECK(fuzz_fd_is_open(&world->edge.fds, effect->fd));
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                               .error = world->guest.bad_fd ? EINVAL : 0,
                                               .ours = !world->guest.other_region,
                                               .fd = -1 });
}

static void channel(struct world *world, const struct hf_relay_effect *effect)
{
    bool fails = world->guest.bad_fd;

    FUZZ_CHECK(fuzz_fd_is_open(&world->edge.fds, effect->fd));
    world->has_channel = !fails;
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                               .error = fails ? ENOTSOCK : 0,
                                               .fd = fails ? -1 : fuzz_fd_new(&world->edge.fds) });
}

static void undo_channel(struct world *world, const struct hf_relay_effect *effect)
{
    (void)effect;
    world->has_channel = false;
}

static void say(struct world *world, const struct hf_relay_effect *effect)
{
    (void)world;
    FUZZ_CHECK(effect->kind == HF_RELAY_EFFECT_REPORT || effect->why != NULL);
}

static void (*const carriers[HF_RELAY_EFFECT_COUNT])(struct world *,
                                                     const struct hf_relay_effect *) = {
    [HF_RELAY_EFFECT_REPLY] = reply,     [HF_RELAY_EFFECT_REPORT] = say,
    [HF_RELAY_EFFECT_HANG_UP] = hang_up, [HF_RELAY_EFFECT_CLOSE] = close_it,
    [HF_RELAY_EFFECT_CHANGED] = changed, [HF_RELAY_EFFECT_ASK] = ask,
    [HF_RELAY_EFFECT_CUT] = cut,         [HF_RELAY_EFFECT_INDICES] = read_indices,
    [HF_RELAY_EFFECT_MAKE] = make,       [HF_RELAY_EFFECT_LOOK_AT] = look_at,
    [HF_RELAY_EFFECT_CHANNEL] = channel, [HF_RELAY_EFFECT_UNDO_CHANNEL] = undo_channel,
    [HF_RELAY_EFFECT_NEW_EPOCH] = say,   [HF_RELAY_EFFECT_LATE] = say,
};

void world_carry_out(struct world *world, const struct hf_relay_effect *effect)
{
    FUZZ_CHECK((unsigned)effect->kind < HF_RELAY_EFFECT_COUNT);
    carriers[effect->kind](world, effect);
}
