/* SPDX-License-Identifier: BSD-3-Clause */
/* The model edge. */
#include "back_rig.h"

#include "cmocka_all.h"

#define FEATURES                                                                                   \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL))
#define PROTOCOL                                                                                   \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |                           \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                \
     HF_PROTOCOL_FEATURE(BACKEND_REQ) | HF_PROTOCOL_FEATURE(LOG_SHMFD))

void rig_init(struct rig *rig)
{
    const struct hf_back_offer offer = { .features = FEATURES,
                                         .protocol_features = PROTOCOL,
                                         .ring_count = RIG_RINGS,
                                         .ring_size_max = 1024,
                                         .memory_slots = 16,
                                         .config_bytes = 64 };

    memset(rig, 0, sizeof(*rig));
    rig->next_fd = 100;
    rig->said = hf_text_of(rig->buffer, sizeof(rig->buffer));
    hf_back_init(&rig->back, &offer);
}

void rig_negotiate(struct rig *rig, uint64_t features, uint64_t protocol_features)
{
    rig_do(rig, HF_REQUEST_SET_PROTOCOL_FEATURES, protocol_features, 0);
    rig_do(rig, HF_REQUEST_SET_FEATURES, features, 0);
}

static void word(struct rig *rig, const char *text)
{
    hf_text_add(&rig->said, "%s%s", rig->said.length > 0 ? "; " : "", text);
}

/* Which of the message's descriptors an effect takes with it. */
static void count_fds(struct rig *rig, const struct hf_back_effect *effect)
{
    if (effect->kind == HF_BACK_EFFECT_CLOSE_FDS || effect->kind == HF_BACK_EFFECT_MEMORY_REPLACE)
        rig->fds_went += rig->back.request.fd_count;
    else if (effect->fd >= 0)
        rig->fds_went++;
}

static void describe(struct rig *rig, const struct hf_back_effect *effect)
{
    const struct hf_message *reply = &rig->effects.reply;

    word(rig, hf_back_effect_name(effect->kind));
    if (effect->kind == HF_BACK_EFFECT_HANG_UP || effect->kind == HF_BACK_EFFECT_REPORT) {
        rig->fault = effect->fault;
        hf_text_add(&rig->said, " (%s)", hf_back_fault_text(effect->fault));
    } else if (effect->kind == HF_BACK_EFFECT_RING_ENABLE)
        hf_text_add(&rig->said, " %u %u", effect->ring, effect->value);
    else if (effect->kind == HF_BACK_EFFECT_LOG_SWITCH)
        hf_text_add(&rig->said, " %u", effect->value);
    else if (effect->kind == HF_BACK_EFFECT_RING_LOG)
        hf_text_add(&rig->said, " %u", effect->ring);
    else if (effect->kind >= HF_BACK_EFFECT_RING_START && effect->kind <= HF_BACK_EFFECT_RING_ERR)
        hf_text_add(&rig->said, " %u%s", effect->ring,
                    effect->fd >= 0 || effect->kind == HF_BACK_EFFECT_RING_STOP ? "" : " no fd");
    else if (effect->kind != HF_BACK_EFFECT_REPLY)
        return;
    else if (reply->kind == HF_PAYLOAD_U64)
        hf_text_add(&rig->said, " %llu", (unsigned long long)reply->body.u64);
    else if (reply->kind == HF_PAYLOAD_VRING_STATE)
        hf_text_add(&rig->said, " %u=%u", reply->body.state.index, reply->body.state.num);
    else if (reply->kind == HF_PAYLOAD_INFLIGHT)
        hf_text_add(&rig->said, " size %llu fds %u",
                    (unsigned long long)reply->body.inflight.mmap_size_bytes, reply->fd_count);
    else if (reply->kind == HF_PAYLOAD_CONFIG)
        hf_text_add(&rig->said, " %u bytes", reply->body.config.size_bytes);
    else
        hf_text_add(&rig->said, " empty");
}

/* Every reply must be one that can be put on the wire. */
static void check_reply(const struct rig *rig)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];

    assert_int_equal(rig->effects.reply.flags, HF_MESSAGE_VERSION | HF_MESSAGE_REPLY);
    assert_int_equal(rig->effects.reply.request, rig->back.request.request);
    assert_true(hf_message_encode(&rig->effects.reply, bytes, sizeof(bytes)) > 0);
}

static void step(struct rig *rig, const struct hf_back_event *event);

static void answer(struct rig *rig, uint16_t ring)
{
    union hf_wire_body body = rig->back.request.body;
    bool create = rig->back.request.request == HF_REQUEST_GET_INFLIGHT_FD;

    if (create)
        body.inflight.mmap_size_bytes = 4096;
    const struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE,
                                        .result = rig->result,
                                        .ring = ring,
                                        .base = rig->base,
                                        .body = &body,
                                        .fd = create ? 99 : -1 };
    rig->asks--;
    step(rig, &done);
}

static void step(struct rig *rig, const struct hf_back_event *event)
{
    uint16_t now[HF_BACK_EFFECTS_MAX];
    unsigned now_count = 0;

    hf_back_step(&rig->back, event, &rig->effects);
    for (unsigned i = 0; i < rig->effects.count; i++) {
        const struct hf_back_effect *effect = &rig->effects.items[i];
        describe(rig, effect);
        count_fds(rig, effect);
        if (effect->kind == HF_BACK_EFFECT_REPLY)
            check_reply(rig);
        if (!hf_back_effect_awaited(effect->kind))
            continue;
        rig->asks++;
        now[now_count++] = effect->ring;
    }
    for (unsigned i = 0; i < now_count && !rig->patient; i++)
        answer(rig, now[i]);
}

static unsigned fds_wanted(const struct hf_message *message)
{
    const struct hf_request_info *info = hf_request_info(message->request);

    if (!info || info->request.fds == HF_FDS_NONE || info->request.fds == HF_FDS_OPTIONAL)
        return 0;
    if (info->request.fds == HF_FDS_PER_REGION)
        return message->body.table.count;
    if (info->request.fds == HF_FDS_UNLESS_BIT8)
        return (message->body.u64 & HF_WIRE_NO_FD) ? 0 : 1;
    return 1;
}

struct hf_message rig_message(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b)
{
    struct hf_message message = hf_message_request(request);

    if (message.kind == HF_PAYLOAD_U64)
        message.body.u64 = a;
    else if (message.kind == HF_PAYLOAD_VRING_STATE)
        message.body.state = (struct hf_wire_vring_state){ (uint32_t)a, (uint32_t)b };
    else if (message.kind == HF_PAYLOAD_VRING_ADDR)
        message.body.addr = (struct hf_wire_vring_addr){
            .index = (uint32_t)a, .desc = b, .avail = b + 0x1000, .used = b + 0x2000
        };
    else if (message.kind == HF_PAYLOAD_CONFIG)
        message.body.config =
            (struct hf_wire_config){ .offset = (uint32_t)a, .size_bytes = (uint32_t)b };
    message.fd_count = fds_wanted(&message);
    for (unsigned i = 0; i < message.fd_count; i++)
        message.fds[i] = rig->next_fd++;
    return message;
}

const char *rig_send(struct rig *rig, const struct hf_message *message)
{
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_MESSAGE,
                                         .message = message,
                                         .fd = -1 };

    rig->said = hf_text_of(rig->buffer, sizeof(rig->buffer));
    rig->fault = HF_BACK_FAULT_NONE;
    rig->fds_came += message->fd_count;
    step(rig, &event);
    return rig->buffer;
}

const char *rig_do(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b)
{
    struct hf_message message = rig_message(rig, request, a, b);

    return rig_send(rig, &message);
}

const char *rig_ask(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b)
{
    struct hf_message message = rig_message(rig, request, a, b);

    message.flags |= HF_MESSAGE_NEED_REPLY;
    return rig_send(rig, &message);
}

const char *rig_answer(struct rig *rig, uint16_t ring)
{
    rig->said = hf_text_of(rig->buffer, sizeof(rig->buffer));
    answer(rig, ring);
    return rig->buffer;
}

const char *rig_hang_up(struct rig *rig)
{
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_HANG_UP, .fd = -1 };

    rig->said = hf_text_of(rig->buffer, sizeof(rig->buffer));
    step(rig, &event);
    return rig->buffer;
}

void rig_start_ring(struct rig *rig, uint16_t ring)
{
    rig_do(rig, HF_REQUEST_SET_VRING_NUM, ring, 128);
    rig_do(rig, HF_REQUEST_SET_VRING_BASE, ring, 0);
    rig_do(rig, HF_REQUEST_SET_VRING_ADDR, ring, 0x10000);
    rig_do(rig, HF_REQUEST_SET_VRING_KICK, ring, 0);
    assert_true(rig->back.rings[ring].started || rig->patient);
}

void rig_expect_no_leak(const struct rig *rig)
{
    assert_int_equal(rig->fds_came, rig->fds_went);
}

struct hf_message rig_region(struct rig *rig, enum hf_request request, uint64_t guest,
                             uint64_t size_bytes)
{
    struct hf_message message = rig_message(rig, request, 0, 0);
    const struct hf_wire_region region = { .guest_address = guest,
                                           .size_bytes = size_bytes,
                                           .user_address = guest + 0x10000000 };

    if (message.kind == HF_PAYLOAD_MEM_REGION) {
        message.body.region = region;
        return message;
    }
    message.body.table.count = 1;
    message.body.table.regions[0] = region;
    message.fd_count = 1;
    message.fds[0] = rig->next_fd++;
    return message;
}

struct hf_message rig_inflight(struct rig *rig, enum hf_request request, uint16_t queue_count,
                               uint16_t queue_size, uint64_t size_bytes)
{
    struct hf_message message = rig_message(rig, request, 0, 0);

    message.body.inflight = (struct hf_wire_inflight){ .mmap_size_bytes = size_bytes,
                                                       .queue_count = queue_count,
                                                       .queue_size = queue_size };
    return message;
}
