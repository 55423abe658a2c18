/* SPDX-License-Identifier: BSD-3-Clause */
/* The edge and the back-end of a front core that is led by hand. */
#include "front_rig.h"

#include "cmocka_all.h"

#define FEATURES (HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES))
#define PROTOCOL HF_PROTOCOL_FEATURE(REPLY_ACK)

void front_rig_init(struct front_rig *rig, uint64_t outage_limit_ns)
{
    struct hf_front_settings settings = hf_front_settings_default;
    struct hf_plan *plan = &rig->front.plan;

    settings.outage_limit_ns = outage_limit_ns;
    memset(rig, 0, sizeof(*rig));
    rig->now_ns = 1000 * RIG_MS;
    hf_front_init(&rig->front, &settings, 1);
    plan->protocol_wanted = PROTOCOL;
    hf_plan_set_features(plan, HF_FEATURE(VERSION_1));
    hf_plan_set_ring(plan, 0, 8, &(struct hf_ring_addresses){ .desc = 0x1000 }, 0);
    hf_plan_set_kick(plan, 0, 40);
    hf_plan_set_call(plan, 0, 41);
    hf_plan_set_run(plan, true);
}

static void note_answer(struct front_rig *rig, const struct hf_effect *effect)
{
    rig->answers++;
    rig->answer = *effect;
}

static void note_report(struct front_rig *rig, const struct hf_report *report)
{
    rig->reports[report->kind]++;
    rig->last[report->kind] = *report;
    memcpy(rig->detail, rig->effects.detail, sizeof(rig->detail));
}

static void step(struct front_rig *rig, struct hf_event event)
{
    event.now_ns = rig->now_ns;
    event.dial = rig->front.last_dial;
    hf_front_step(&rig->front, &event, &rig->effects);
    hf_front_check(&rig->front);
    for (unsigned i = 0; i < rig->effects.count; i++) {
        const struct hf_effect *effect = &rig->effects.list[i];

        rig->unsent |= effect->kind == HF_EFFECT_SEND;
        rig->hang_ups += effect->kind == HF_EFFECT_HANG_UP;
        rig->settles += effect->kind == HF_EFFECT_SETTLE;
        if (effect->kind == HF_EFFECT_REPORT)
            note_report(rig, &effect->report);
        if (effect->kind == HF_EFFECT_ANSWER)
            note_answer(rig, effect);
    }
}

void front_rig_feed(struct front_rig *rig, enum hf_event_kind kind)
{
    step(rig, (struct hf_event){ .kind = kind });
}

void front_rig_ask(struct front_rig *rig, enum hf_request request, uint32_t number)
{
    step(rig, (struct hf_event){ .kind = HF_EVENT_ASK,
                                 .asked = { .number = number, .request = request } });
}

void front_rig_lose(struct front_rig *rig, enum hf_fault fault, const char *why)
{
    rig->reply_count = 0;
    rig->unsent = false;
    step(rig, (struct hf_event){ .kind = HF_EVENT_HANGUP, .fault = fault, .why = why });
}

void front_rig_settle(struct front_rig *rig, const struct hf_settled *settled)
{
    step(rig, (struct hf_event){ .kind = HF_EVENT_SETTLED, .settled = *settled });
}

static struct hf_message answer_to(const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply((enum hf_request)message->request);

    if (message->request == HF_REQUEST_GET_FEATURES)
        reply.body.u64 = FEATURES;
    else if (message->request == HF_REQUEST_GET_PROTOCOL_FEATURES)
        reply.body.u64 = PROTOCOL;
    else if (message->request == HF_REQUEST_GET_VRING_BASE)
        reply.body.state = (struct hf_wire_vring_state){ .index = message->body.state.index };
    else
        reply = hf_message_reply_u64((enum hf_request)message->request, 0);
    return reply;
}

static void leave(struct front_rig *rig)
{
    const struct hf_message *message = &rig->effects.message;
    const struct hf_request_info *info = hf_request_info(message->request);

    if (message->request != rig->mute &&
        hf_request_is_answered(info, hf_message_needs_reply(message), PROTOCOL)) {
        assert_true(rig->reply_count < RIG_REPLIES_MAX);
        rig->replies[rig->reply_count++] = answer_to(message);
    }
    rig->unsent = false;
    front_rig_feed(rig, HF_EVENT_SENT);
}

static void arrive(struct front_rig *rig)
{
    struct hf_message reply = rig->replies[0];

    rig->reply_count--;
    memmove(&rig->replies[0], &rig->replies[1], rig->reply_count * sizeof(reply));
    step(rig, (struct hf_event){ .kind = HF_EVENT_MESSAGE, .message = &reply });
}

void front_rig_serve(struct front_rig *rig)
{
    for (unsigned i = 0; i < 200; i++) {
        if (rig->unsent)
            leave(rig);
        else if (rig->reply_count > 0)
            arrive(rig);
        else
            return;
    }
    fail_msg("the front core never stops sending");
}

void front_rig_run(struct front_rig *rig)
{
    front_rig_feed(rig, HF_EVENT_START);
    front_rig_feed(rig, HF_EVENT_DIALED);
    front_rig_serve(rig);
    assert_int_equal(rig->front.phase, HF_PHASE_RUNNING);
}

void front_rig_wait(struct front_rig *rig)
{
    assert_true(rig->front.armed_ns >= rig->now_ns);
    rig->now_ns = rig->front.armed_ns;
    front_rig_feed(rig, HF_EVENT_TIMER);
}
