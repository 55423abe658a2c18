/* SPDX-License-Identifier: BSD-3-Clause */
/* Both edges of a relay core that is led by hand, and its back-end. */
#include "relay_rig_parts.h"

#include "cmocka_all.h"

#include <errno.h>

/* ---- descriptors ----------------------------------------------------------------------------- */

int relay_rig_open_fd(struct relay_rig *rig)
{
    assert_true(rig->last_fd + 1 < (int)RELAY_RIG_FDS);
    rig->open[++rig->last_fd] = 1;
    return rig->last_fd;
}

static void close_fd(struct relay_rig *rig, int fd)
{
    if (fd < 0)
        return;
    assert_in_range(fd, 1, rig->last_fd);
    assert_int_equal(rig->open[fd], 1); /* once */
    rig->open[fd] = 0;
}

static void close_fds(struct relay_rig *rig, const struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        close_fd(rig, message->fds[i]);
}

/* What is sent must be there. */
static void judge_fds(const struct relay_rig *rig, const struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];

    assert_true(hf_message_encode(message, bytes, sizeof(bytes)) > 0);
    for (unsigned i = 0; i < message->fd_count; i++)
        assert_int_equal(rig->open[message->fds[i]], 1);
}

/* ---- the back-end's side --------------------------------------------------------------------- */

static void settle(struct relay_rig *rig);

static void note_answer(struct relay_rig *rig, const struct hf_effect *effect,
                        const union hf_wire_body *body)
{
    if (effect->number != rig->front_asked)
        return;
    rig->answered = true;
    rig->answer_error = effect->error;
    rig->answer = *body;
}

static void reported(struct relay_rig *rig, const struct hf_report *report)
{
    if (report->kind != HF_REPORT_LOST && report->kind != HF_REPORT_REFUSED)
        return;
    rig->lost = report->fault;
    rig->lost_dial = rig->front.session.dial;
}

static void carry_front(struct relay_rig *rig, const struct hf_effects *effects,
                        const struct hf_effect *effect)
{
    if (effect->kind == HF_EFFECT_SEND) {
        judge_fds(rig, &effects->message);
        rig->sending = effects->message;
        rig->unsent = true;
    } else if (effect->kind == HF_EFFECT_DIAL) {
        rig->dialling = true;
    } else if (effect->kind == HF_EFFECT_HANG_UP) {
        for (unsigned i = 0; i < rig->pending_count; i++)
            close_fds(rig, &rig->pending[i]);
        rig->pending_count = 0;
        rig->unsent = rig->dialling = false;
    } else if (effect->kind == HF_EFFECT_SETTLE) {
        rig->settle_owed = true;
        if (!effect->fence)
            settle(rig);
    } else if (effect->kind == HF_EFFECT_CLOSE) {
        close_fd(rig, effect->fd);
    } else if (effect->kind == HF_EFFECT_ANSWER) {
        note_answer(rig, effect, &effects->answer.body);
    } else if (effect->kind == HF_EFFECT_REPORT) {
        reported(rig, &effect->report);
    }
}

static void step_front(struct relay_rig *rig, struct hf_event event)
{
    struct hf_effects now;

    event.now_ns = rig->now_ns;
    event.dial = rig->front.last_dial;
    hf_front_step(&rig->front, &event, &rig->front_effects);
    hf_front_check(&rig->front);
    rig->look = true;
    now = rig->front_effects;
    for (unsigned i = 0; i < now.count; i++)
        carry_front(rig, &now, &now.list[i]);
}

static void settle(struct relay_rig *rig)
{
    struct hf_event event = { .kind = HF_EVENT_SETTLED,
                              .settled = { .bases = rig->used, .in_flights = rig->in_flight } };

    if (!rig->settle_owed)
        return;
    rig->settle_owed = false;
    event.settled.clean = true;
    for (unsigned i = 0; i < RELAY_RIG_RINGS; i++)
        event.settled.in_flight += rig->in_flight[i];
    step_front(rig, event);
}

static struct hf_message give_region(struct relay_rig *rig, const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_INFLIGHT_FD);

    reply.body.inflight = message->body.inflight;
    reply.body.inflight.mmap_size_bytes = RELAY_RIG_REGION_BYTES;
    reply.fds[0] = relay_rig_open_fd(rig);
    reply.fd_count = 1;
    return reply;
}

/* Recovered requests are executed at once. */
static void run_ring(struct relay_rig *rig, uint16_t ring)
{
    if (ring >= RELAY_RIG_RINGS)
        return;
    rig->used[ring] = (uint16_t)(rig->used[ring] + rig->in_flight[ring]);
    rig->in_flight[ring] = 0;
}

static struct hf_message give_config(const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_CONFIG);

    reply.body.config = message->body.config;
    return reply;
}

static struct hf_message give_base(struct relay_rig *rig, uint32_t ring)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_VRING_BASE);

    assert_true(ring < RELAY_RIG_RINGS);
    reply.body.state = (struct hf_wire_vring_state){ .index = ring, .num = rig->used[ring] };
    return reply;
}

static struct hf_message answer_to(struct relay_rig *rig, const struct hf_message *message)
{
    enum hf_request request = (enum hf_request)message->request;
    struct hf_message reply = hf_message_reply_u64(request, request == rig->refuse);

    if (request == HF_REQUEST_SET_VRING_ENABLE)
        run_ring(rig, (uint16_t)message->body.state.index);
    if (request == HF_REQUEST_GET_FEATURES)
        reply.body.u64 = RELAY_RIG_FEATURES;
    else if (request == HF_REQUEST_GET_PROTOCOL_FEATURES)
        reply.body.u64 = RELAY_RIG_PROTOCOL;
    else if (request == HF_REQUEST_GET_QUEUE_NUM)
        reply.body.u64 = RELAY_RIG_RINGS;
    else if (request == HF_REQUEST_GET_MAX_MEM_SLOTS)
        reply.body.u64 = 32;
    else if (request == HF_REQUEST_GET_INFLIGHT_FD)
        return give_region(rig, message);
    else if (request == HF_REQUEST_SET_LOG_BASE)
        return hf_message_reply(request);
    else if (request == HF_REQUEST_GET_CONFIG)
        return give_config(message);
    else if (request == HF_REQUEST_GET_VRING_BASE)
        return give_base(rig, message->body.state.index);
    return reply;
}

static void leave(struct relay_rig *rig)
{
    const struct hf_message *message = &rig->sending;
    const struct hf_request_info *info = hf_request_info(message->request);

    rig->told[message->request]++;
    if (message->request != rig->mute &&
        hf_request_is_answered(info, hf_message_needs_reply(message), RELAY_RIG_PROTOCOL)) {
        assert_true(rig->pending_count < RELAY_RIG_REPLIES_MAX);
        rig->pending[rig->pending_count++] = answer_to(rig, message);
    }
    rig->unsent = false;
    step_front(rig, (struct hf_event){ .kind = HF_EVENT_SENT });
}

static void arrive(struct relay_rig *rig)
{
    struct hf_message reply = rig->pending[0];

    rig->pending_count--;
    memmove(&rig->pending[0], &rig->pending[1], rig->pending_count * sizeof(reply));
    step_front(rig, (struct hf_event){ .kind = HF_EVENT_MESSAGE, .message = &reply });
}

static void take_dial(struct relay_rig *rig)
{
    rig->dialling = false;
    step_front(rig, rig->dead
                        ? (struct hf_event){ .kind = HF_EVENT_DIAL_FAILED, .error = ECONNREFUSED }
                        : (struct hf_event){ .kind = HF_EVENT_DIALED });
}

/* ---- the VMM's side -------------------------------------------------------------------------- */

static void reply(struct relay_rig *rig)
{
    rig->reply = rig->effects.reply;
    judge_fds(rig, &rig->reply);
    close_fds(rig, &rig->reply);
    rig->replies++;
}

static void ask(struct relay_rig *rig, const struct hf_relay_effect *effect)
{
    struct hf_event event = { .kind = HF_EVENT_ASK, .asked = effect->asked };

    rig->asks++;
    event.asked.number = ++rig->front_asked;
    step_front(rig, event);
}

static void read_indices(struct relay_rig *rig, uint16_t ring)
{
    relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_INDICES,
                                                 .ring = ring,
                                                 .avail = rig->avail[ring],
                                                 .used = rig->used[ring],
                                                 .error = rig->unreadable ? EFAULT : 0,
                                                 .fd = -1 });
}

static void make(struct relay_rig *rig, const struct hf_relay_effect *effect)
{
    union hf_wire_body body = { .inflight = effect->inflight };

    body.inflight.mmap_size_bytes = RELAY_RIG_REGION_BYTES;
    rig->known_fd = relay_rig_open_fd(rig);
    relay_rig_step(rig, (struct hf_relay_event){
                            .kind = HF_RELAY_EVENT_MADE, .body = &body, .fd = rig->known_fd });
}

static void look_at(struct relay_rig *rig)
{
    relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                                 .error = rig->bad_region,
                                                 .ours = rig->known_fd > 0,
                                                 .fd = -1 });
}

static void make_channel(struct relay_rig *rig)
{
    rig->channels++;
    relay_rig_step(
        rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MADE,
                                      .error = rig->no_channel,
                                      .fd = rig->no_channel != 0 ? -1 : relay_rig_open_fd(rig) });
}

static void carry_relay(struct relay_rig *rig, const struct hf_relay_effect *effect)
{
    rig->hang_ups += effect->kind == HF_RELAY_EFFECT_HANG_UP;
    rig->reports += effect->kind == HF_RELAY_EFFECT_REPORT;
    rig->epochs += effect->kind == HF_RELAY_EFFECT_NEW_EPOCH;
    rig->lates += effect->kind == HF_RELAY_EFFECT_LATE;
    rig->cuts += effect->kind == HF_RELAY_EFFECT_CUT;
    rig->channels -= effect->kind == HF_RELAY_EFFECT_UNDO_CHANNEL;
    rig->changed |= effect->kind == HF_RELAY_EFFECT_CHANGED;
    if (effect->why != NULL)
        rig->why = effect->why;
    if (effect->kind == HF_RELAY_EFFECT_REPLY)
        reply(rig);
    else if (effect->kind == HF_RELAY_EFFECT_CLOSE)
        close_fd(rig, effect->fd);
    else if (effect->kind == HF_RELAY_EFFECT_ASK)
        ask(rig, effect);
    else if (effect->kind == HF_RELAY_EFFECT_CUT)
        step_front(rig, (struct hf_event){ .kind = HF_EVENT_HANGUP, .fault = HF_FAULT_CUT });
    else if (effect->kind == HF_RELAY_EFFECT_INDICES)
        read_indices(rig, effect->ring);
    else if (effect->kind == HF_RELAY_EFFECT_MAKE)
        make(rig, effect);
    else if (effect->kind == HF_RELAY_EFFECT_LOOK_AT)
        look_at(rig);
    else if (effect->kind == HF_RELAY_EFFECT_CHANNEL)
        make_channel(rig);
}

/* While no request waits, the plan is what the VMM has been told: nothing is left for the
 * next step. */
static void check_plan(const struct relay_rig *rig)
{
    const struct hf_back *back = &rig->relay.back;
    const struct hf_plan *plan = &rig->front.plan;

    if (rig->relay.wait != HF_RELAY_WAIT_NONE)
        return;
    assert_true(plan->features ==
                (back->features & ~(HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL))));
    for (unsigned i = 0; i < back->offer.ring_count; i++)
        assert_int_equal(plan->rings[i].disabled, !back->rings[i].enabled);
}

void relay_rig_step(struct relay_rig *rig, struct hf_relay_event event)
{
    struct hf_relay_effects now;

    event.now_ns = rig->now_ns;
    hf_relay_step(&rig->relay, &event, &rig->effects);
    check_plan(rig);
    now = rig->effects;
    for (unsigned i = 0; i < now.count; i++) {
        rig->effects.reply = now.reply;
        carry_relay(rig, &now.list[i]);
    }
}

static void look(struct relay_rig *rig)
{
    struct hf_relay_event event = {
        .kind = HF_RELAY_EVENT_LOOK, .lost = rig->lost, .dial = rig->lost_dial, .fd = -1
    };

    rig->look = false;
    rig->lost = HF_FAULT_NONE;
    relay_rig_step(rig, event);
}

static void hear_answer(struct relay_rig *rig)
{
    rig->answered = false;
    relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_ANSWER,
                                                 .error = rig->answer_error,
                                                 .body = &rig->answer,
                                                 .fd = -1 });
}

static bool pump_once(struct relay_rig *rig)
{
    if (rig->changed) {
        rig->changed = false;
        step_front(rig, (struct hf_event){ .kind = HF_EVENT_CHANGED });
    } else if (rig->answered) {
        hear_answer(rig);
    } else if (rig->look) {
        look(rig);
    } else if (rig->dialling) {
        take_dial(rig);
    } else if (rig->settle_owed && !rig->unfenced) {
        settle(rig);
    } else if (rig->unsent) {
        leave(rig);
    } else if (rig->pending_count > 0) {
        arrive(rig);
    } else {
        return false;
    }
    return true;
}

void relay_rig_pump(struct relay_rig *rig)
{
    for (unsigned i = 0; i < 4000; i++) {
        if (!pump_once(rig))
            return;
    }
    fail_msg("it never comes to rest");
}

void relay_rig_wait(struct relay_rig *rig, uint64_t duration_ns)
{
    uint64_t end_ns = rig->now_ns + duration_ns;

    while (rig->now_ns < end_ns) {
        uint64_t step_ns =
            end_ns - rig->now_ns < RELAY_RIG_MS ? end_ns - rig->now_ns : RELAY_RIG_MS;

        rig->now_ns += step_ns;
        if (rig->front.armed_ns != 0 && rig->front.armed_ns <= rig->now_ns)
            step_front(rig, (struct hf_event){ .kind = HF_EVENT_TIMER });
        if (rig->relay.deadline_ns != 0 && rig->relay.deadline_ns <= rig->now_ns)
            relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_TIMER, .fd = -1 });
        relay_rig_pump(rig);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void relay_rig_init(struct relay_rig *rig)
{
    struct hf_front_settings settings = hf_front_settings_default;
    const struct hf_relay_settings relay = { .reply_timeout_ns = RELAY_RIG_REPLY_NS,
                                             .stop_wait_ns = RELAY_RIG_STOP_NS,
                                             .linger_ns = 20 * RELAY_RIG_MS };

    memset(rig, 0, sizeof(*rig));
    settings.reply_timeout_ns = RELAY_RIG_REPLY_NS;
    settings.stop_timeout_ns = RELAY_RIG_STOP_NS;
    rig->now_ns = 1000 * RELAY_RIG_MS;
    for (unsigned i = 0; i < RELAY_RIG_RINGS; i++)
        rig->avail[i] = rig->used[i] = RELAY_RIG_BASE;
    hf_front_init(&rig->front, &settings, HF_BACK_RINGS_MAX);
    rig->front.plan.protocol_wanted = hf_relay_protocol_wanted();
    hf_relay_init(&rig->relay, &relay, &rig->front);
    step_front(rig, (struct hf_event){ .kind = HF_EVENT_START });
}

void relay_rig_begin(struct relay_rig *rig)
{
    struct hf_relay_promise promise;

    relay_rig_init(rig);
    while (pump_once(rig))
        continue;
    assert_int_equal(rig->front.phase, HF_PHASE_READY);
    promise = hf_relay_promise_of(&rig->front.session, 1, false);
    hf_relay_begin(&rig->relay, &promise);
    relay_rig_do(rig, HF_REQUEST_SET_PROTOCOL_FEATURES, RELAY_RIG_PROTOCOL, 0);
    relay_rig_do(rig, HF_REQUEST_SET_OWNER, 0, 0);
    relay_rig_do(rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES & ~HF_FEATURE(LOG_ALL), 0);
    struct hf_message memory = relay_rig_region(rig, HF_REQUEST_ADD_MEM_REG, 0);
    assert_true(relay_rig_send_message(rig, &memory));
}

void relay_rig_run(struct relay_rig *rig)
{
    relay_rig_begin(rig);
    relay_rig_start_all(rig);
    assert_int_equal(rig->front.phase, HF_PHASE_RUNNING);
}

void relay_rig_lose(struct relay_rig *rig)
{
    step_front(rig, (struct hf_event){ .kind = HF_EVENT_HANGUP, .fault = HF_FAULT_HANGUP });
    relay_rig_pump(rig);
}

void relay_rig_return(struct relay_rig *rig)
{
    rig->dead = false;
    if (rig->front.phase == HF_PHASE_BACKOFF)
        step_front(rig, (struct hf_event){ .kind = HF_EVENT_APPEARED });
    relay_rig_pump(rig);
}

void relay_rig_fence(struct relay_rig *rig)
{
    rig->unfenced = false;
    relay_rig_pump(rig);
}

static void close_plan(struct relay_rig *rig)
{
    struct hf_plan *plan = &rig->front.plan;

    for (unsigned i = 0; i < HF_QUEUE_COUNT_MAX; i++) {
        close_fd(rig, plan->rings[i].kick_fd);
        close_fd(rig, plan->rings[i].call_fd);
        close_fd(rig, plan->rings[i].err_fd);
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        close_fd(rig, plan->regions[i].fd);
    close_fd(rig, plan->inflight.fd);
    close_fd(rig, plan->log.fd);
    close_fd(rig, plan->channel_fd);
}

void relay_rig_end(struct relay_rig *rig)
{
    relay_rig_hang_up(rig);
    for (unsigned i = 0; i < rig->pending_count; i++)
        close_fds(rig, &rig->pending[i]);
    close_plan(rig);
    for (int fd = 1; fd <= rig->last_fd; fd++)
        assert_int_equal(rig->open[fd], 0); /* a descriptor leaks */
}
