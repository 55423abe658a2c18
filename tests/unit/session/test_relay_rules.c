/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay's rule of each request, in the table, against what the relay core does with it: one VMM
 * that sends everything there is to be sent, while no back-end is there.
 */
#include "session/back_rows.h"
#include "session/relay.h"

#include "base/check.h"
#include "cmocka_all.h"

#define RINGS      4u
#define RING_SIZE  128u
#define ANY_FD     100
#define BASE       7u /* where the guest has its rings */
#define EVENTS_MAX 8u

struct world {
    struct hf_front front;
    struct hf_relay relay;
    struct hf_relay_effects effects;
    struct hf_relay_event events[EVENTS_MAX]; /* still to be fed */
    unsigned event_count;
    union hf_wire_body body;
    /* What the last request led to. */
    bool asked, replied, refused, over, took_channel;
    struct hf_message reply;
};

static struct world world;

/* ---- the edge -------------------------------------------------------------------------------- */

static void feed_later(enum hf_relay_event_kind kind)
{
    assert_true(world.event_count < EVENTS_MAX);
    world.events[world.event_count++] = (struct hf_relay_event){
        .kind = kind, .avail = BASE, .used = BASE, .body = &world.body, .fd = -1
    };
}

static void ask(const struct hf_asked *asked)
{
    world.asked |= asked->request == world.relay.back.request.request;
    if (asked->request == HF_REQUEST_RESET_DEVICE)
        return;
    world.body.config = asked->config;
    feed_later(HF_RELAY_EVENT_ANSWER);
}

static void make(const struct hf_wire_inflight *inflight)
{
    world.body.inflight = *inflight;
    world.body.inflight.mmap_size_bytes = 8448;
    feed_later(HF_RELAY_EVENT_MADE);
}

static void carry_out(const struct hf_relay_effect *effect)
{
    world.took_channel |= effect->kind == HF_RELAY_EFFECT_CHANNEL;
    world.over |= effect->kind == HF_RELAY_EFFECT_HANG_UP;
    world.refused |= effect->kind == HF_RELAY_EFFECT_REPORT;
    if (effect->kind == HF_RELAY_EFFECT_REPLY) {
        world.replied = true;
        world.reply = world.effects.reply;
    } else if (effect->kind == HF_RELAY_EFFECT_ASK)
        ask(&effect->asked);
    else if (effect->kind == HF_RELAY_EFFECT_MAKE)
        make(&effect->inflight);
    else if (effect->kind == HF_RELAY_EFFECT_LOOK_AT || effect->kind == HF_RELAY_EFFECT_CHANNEL)
        feed_later(HF_RELAY_EVENT_MADE);
    else if (effect->kind == HF_RELAY_EFFECT_INDICES)
        feed_later(HF_RELAY_EVENT_INDICES);
    else if (effect->kind == HF_RELAY_EFFECT_CHANGED)
        feed_later(HF_RELAY_EVENT_LOOK);
}

static void step(const struct hf_relay_event *event)
{
    hf_relay_step(&world.relay, event, &world.effects);
    for (unsigned i = 0; i < world.effects.count; i++)
        carry_out(&world.effects.list[i]);
}

static void feed(const struct hf_relay_event *event)
{
    step(event);
    while (world.event_count > 0) {
        struct hf_relay_event next = world.events[0];

        world.event_count--;
        memmove(world.events, world.events + 1, world.event_count * sizeof(world.events[0]));
        step(&next);
    }
}

static void send_message(const struct hf_message *message)
{
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_MESSAGE,
                                          .message = message,
                                          .fd = -1 };

    world.asked = world.replied = world.refused = world.over = world.took_channel = false;
    feed(&event);
    /* As much as follows from it by itself. */
    feed(&(struct hf_relay_event){ .kind = HF_RELAY_EVENT_LOOK, .fd = -1 });
}

/* ---- the VMM --------------------------------------------------------------------------------- */

static struct hf_message message_of(uint32_t request)
{
    struct hf_message message = hf_message_request((enum hf_request)request);
    enum hf_fds fds = hf_request_info(request)->request.fds;

    message.fd_count = fds == HF_FDS_ONE || fds == HF_FDS_UNLESS_BIT8;
    message.fds[0] = ANY_FD + (int)request;
    return message;
}

static struct hf_message with_u64(uint32_t request, uint64_t value)
{
    struct hf_message message = message_of(request);

    message.body.u64 = value;
    return message;
}

static struct hf_message with_state(uint32_t request, uint32_t num)
{
    struct hf_message message = message_of(request);

    message.body.state = (struct hf_wire_vring_state){ .index = 0, .num = num };
    return message;
}

static struct hf_message with_config(uint32_t request)
{
    struct hf_message message = message_of(request);

    message.body.config = (struct hf_wire_config){ .offset = 0, .size_bytes = 4 };
    return message;
}

static struct hf_message with_inflight(uint32_t request, uint64_t size_bytes)
{
    struct hf_message message = message_of(request);

    message.body.inflight = (struct hf_wire_inflight){ .mmap_size_bytes = size_bytes,
                                                       .queue_count = RINGS,
                                                       .queue_size = RING_SIZE };
    return message;
}

static struct hf_message with_addresses(void)
{
    struct hf_message message = message_of(HF_REQUEST_SET_VRING_ADDR);

    message.body.addr =
        (struct hf_wire_vring_addr){ .desc = 0x1000, .avail = 0x2000, .used = 0x3000 };
    return message;
}

static struct hf_message with_table(void)
{
    struct hf_message message = message_of(HF_REQUEST_SET_MEM_TABLE);

    message.body.table.count = 1;
    message.body.table.regions[0] = (struct hf_wire_region){ .size_bytes = 0x100000 };
    message.fd_count = 1;
    return message;
}

static struct hf_message with_region(uint32_t request)
{
    struct hf_message message = message_of(request);

    message.body.region = (struct hf_wire_region){ .guest_address = 0x200000,
                                                   .user_address = 0x200000,
                                                   .size_bytes = 0x100000 };
    return message;
}

static struct hf_message with_log(void)
{
    struct hf_message message = message_of(HF_REQUEST_SET_LOG_BASE);

    message.body.log.size_bytes = 4096;
    message.fd_count = 1;
    return message;
}

static void meet_vmm(void)
{
    const struct hf_relay_settings settings = { .linger_ns = 0 };
    struct hf_session session;

    memset(&world, 0, sizeof(world));
    hf_session_init(&session, 1);
    session.offered = session.protocol = ~UINT64_C(0);
    session.queue_count = RINGS;
    session.slot_count = 16;
    hf_front_init(&world.front, &hf_front_settings_default, RINGS);
    hf_relay_init(&world.relay, &settings, &world.front);
    const struct hf_relay_promise promise = hf_relay_promise_of(&session, RINGS, false);
    hf_relay_begin(&world.relay, &promise);
}

static uint64_t features_of_vmm(void)
{
    return world.relay.back.offer.features & ~HF_FEATURE(LOG_ALL);
}

/* Everything that is offered. */
static void negotiate(void)
{
    const struct hf_message protocol =
        with_u64(HF_REQUEST_SET_PROTOCOL_FEATURES, world.relay.back.offer.protocol_features);
    const struct hf_message features = with_u64(HF_REQUEST_SET_FEATURES, features_of_vmm());

    send_message(&protocol);
    send_message(&features);
    assert_true(!world.over && !world.refused);
}

/* ---- which rule that was --------------------------------------------------------------------- */

/* What a back-end is told, or will be when its ring starts. */
struct record {
    struct hf_plan plan;
    struct hf_back_ring rings[HF_BACK_RINGS_MAX];
};

static struct record before, after;

static void take_record(struct record *record)
{
    memcpy(&record->plan, &world.front.plan, sizeof(record->plan));
    memcpy(record->rings, world.relay.back.rings, sizeof(record->rings));
}

static enum hf_relay_rule rule_seen(const struct hf_message *message)
{
    take_record(&before);
    send_message(message);
    take_record(&after);
    bool recorded = memcmp(&before, &after, sizeof(before)) != 0 || world.took_channel;

    if (world.over || world.refused) {
        assert_false(recorded || world.asked);
        return HF_RELAY_RULE_REFUSED;
    }
    assert_true(hf_relay_settled(&world.relay));
    if (world.asked)
        return HF_RELAY_RULE_FORWARDED;
    return recorded ? HF_RELAY_RULE_RECORDED : HF_RELAY_RULE_ANSWERED;
}

static void expect_rule(struct hf_message message, uint64_t *seen)
{
    const struct hf_request_info *info = hf_request_info(message.request);
    enum hf_relay_rule rule = rule_seen(&message);

    if (rule != info->relay)
        fail_msg("%s is %s, and to be %s", info->name, hf_relay_rule_text(rule),
                 hf_relay_rule_text(info->relay));
    *seen |= HF_BIT(message.request);
}

static void expect_start_and_stop(uint64_t *seen)
{
    expect_rule(with_state(HF_REQUEST_SET_VRING_NUM, RING_SIZE), seen);
    expect_rule(with_state(HF_REQUEST_SET_VRING_BASE, BASE), seen);
    expect_rule(with_addresses(), seen);
    expect_rule(with_u64(HF_REQUEST_SET_VRING_CALL, 0), seen);
    expect_rule(with_u64(HF_REQUEST_SET_VRING_ERR, 0), seen);
    expect_rule(with_u64(HF_REQUEST_SET_VRING_KICK, 0), seen);
    expect_rule(with_state(HF_REQUEST_SET_VRING_ENABLE, 1), seen);
    assert_true(world.front.plan.run);
    expect_rule(with_state(HF_REQUEST_GET_VRING_BASE, 0), seen);
    assert_int_equal(world.reply.body.state.num, BASE);
    expect_rule(message_of(HF_REQUEST_RESET_DEVICE), seen);
}

static void expect_memory_and_log(uint64_t *seen)
{
    expect_rule(with_table(), seen);
    expect_rule(with_region(HF_REQUEST_ADD_MEM_REG), seen);
    expect_rule(with_region(HF_REQUEST_REM_MEM_REG), seen);
    expect_rule(with_log(), seen);
    expect_rule(message_of(HF_REQUEST_SET_LOG_FD), seen);
}

/* A whole life of a VMM. */
static uint64_t expect_life(void)
{
    uint64_t seen = 0;
    const uint64_t protocol = world.relay.back.offer.protocol_features;

    expect_rule(with_u64(HF_REQUEST_SET_FEATURES, features_of_vmm()), &seen);
    expect_rule(message_of(HF_REQUEST_GET_FEATURES), &seen);
    expect_rule(message_of(HF_REQUEST_GET_PROTOCOL_FEATURES), &seen);
    expect_rule(with_u64(HF_REQUEST_SET_PROTOCOL_FEATURES, protocol), &seen);
    expect_rule(message_of(HF_REQUEST_GET_QUEUE_NUM), &seen);
    expect_rule(message_of(HF_REQUEST_GET_MAX_MEM_SLOTS), &seen);
    expect_rule(message_of(HF_REQUEST_SET_BACKEND_REQ_FD), &seen);
    expect_rule(message_of(HF_REQUEST_SET_OWNER), &seen);
    expect_rule(message_of(HF_REQUEST_RESET_OWNER), &seen);
    expect_rule(with_config(HF_REQUEST_GET_CONFIG), &seen);
    expect_rule(with_config(HF_REQUEST_SET_CONFIG), &seen);
    expect_rule(with_inflight(HF_REQUEST_GET_INFLIGHT_FD, 0), &seen);
    expect_rule(with_inflight(HF_REQUEST_SET_INFLIGHT_FD, 8448), &seen);
    expect_memory_and_log(&seen);
    expect_start_and_stop(&seen);
    return seen;
}

static void each_request_that_is_served_follows_its_rule(void **state)
{
    (void)state;
    meet_vmm();
    uint64_t seen = expect_life();
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
        bool served = hf_request_info(request)->relay != HF_RELAY_RULE_REFUSED;

        assert_int_equal((seen & HF_BIT(request)) != 0, served);
    }
}

/* What has no answer that could say no ends the session. */
static void expect_refusal(uint32_t request, uint32_t flags)
{
    struct hf_message message = message_of(request);

    meet_vmm();
    negotiate();
    message.flags |= flags;
    if (rule_seen(&message) != HF_RELAY_RULE_REFUSED)
        fail_msg("%s is not refused", hf_request_name(request));
    bool can_say_no = flags != 0 && hf_request_info(request)->reply == HF_REPLY_ACK;
    assert_int_equal(world.over, !can_say_no);
    assert_int_equal(world.replied, can_say_no);
    if (can_say_no)
        assert_int_not_equal(world.reply.body.u64, 0);
}

static void each_request_to_be_refused_is_so_whether_it_asks_or_not(void **state)
{
    unsigned count = 0;

    (void)state;
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
        if (hf_request_info(request)->relay != HF_RELAY_RULE_REFUSED)
            continue;
        expect_refusal(request, HF_MESSAGE_NEED_REPLY);
        expect_refusal(request, 0);
        count++;
    }
    assert_int_equal(count, 17);
}

/* ---- offers ---------------------------------------------------------------------------------- */

/* A bit that allows requests which are refused would be a lie, and one that is not offered makes a
 * promise of the table worth nothing. */
static void expect_offered_if_served(const struct hf_request_info *info)
{
    const uint64_t protocol = hf_relay_protocol_wanted();
    const uint64_t features = hf_features_for(HF_USE_PASSED | HF_USE_RELAY);
    bool served = info->relay != HF_RELAY_RULE_REFUSED;

    if (info->gate != HF_GATE_NONE)
        assert_int_equal((protocol & HF_BIT(info->gate)) != 0, served);
    if (info->feature_gate != HF_GATE_NONE)
        assert_int_equal((features & HF_BIT(info->feature_gate)) != 0, served);
}

static void a_feature_is_offered_if_what_it_allows_is_served(void **state)
{
    (void)state;
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++)
        expect_offered_if_served(hf_request_info(request));
    for (uint32_t request = 1; request < HF_BACKEND_REQUEST_COUNT; request++)
        expect_offered_if_served(hf_backend_request_info(request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_that_is_served_follows_its_rule),
        cmocka_unit_test(each_request_to_be_refused_is_so_whether_it_asks_or_not),
        cmocka_unit_test(a_feature_is_offered_if_what_it_allows_is_served),
    };

    return cmocka_run_group_tests_name("session/relay_rules", tests, NULL, NULL);
}
