/* SPDX-License-Identifier: BSD-3-Clause */
/* The VMM of a relay core that is led by hand: what it sends, and how. */
#include "cmocka_all.h"
#include "relay_rig_parts.h"

#define REGION_SIZE UINT64_C(0x100000)

static unsigned fds_wanted(const struct hf_message *message)
{
    const struct hf_request_info *info = hf_request_info(message->request);

    if (info->request.fds == HF_FDS_NONE)
        return 0;
    if (info->request.fds == HF_FDS_OPTIONAL)
        return message->kind == HF_PAYLOAD_LOG;
    if (info->request.fds == HF_FDS_PER_REGION)
        return message->body.table.count;
    if (info->request.fds == HF_FDS_UNLESS_BIT8)
        return (message->body.u64 & HF_WIRE_NO_FD) == 0;
    return 1;
}

static void give_fds(struct relay_rig *rig, struct hf_message *message)
{
    message->fd_count = fds_wanted(message);
    for (unsigned i = 0; i < message->fd_count; i++)
        message->fds[i] = relay_rig_open_fd(rig);
}

struct hf_message relay_rig_message(struct relay_rig *rig, enum hf_request request, uint64_t a,
                                    uint64_t b)
{
    struct hf_message message = hf_message_request(request);

    message.flags |= HF_MESSAGE_NEED_REPLY;
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
    else if (message.kind == HF_PAYLOAD_LOG)
        message.body.log = (struct hf_wire_log){ .size_bytes = 0x100000 };
    give_fds(rig, &message);
    return message;
}

struct hf_message relay_rig_region(struct relay_rig *rig, enum hf_request request, unsigned place)
{
    struct hf_message message = hf_message_request(request);
    const struct hf_wire_region region = { .guest_address = place * REGION_SIZE,
                                           .size_bytes = REGION_SIZE,
                                           .user_address = 0x40000000 + place * REGION_SIZE };

    message.flags |= HF_MESSAGE_NEED_REPLY;
    if (message.kind == HF_PAYLOAD_MEM_REGION) {
        message.body.region = region;
    } else {
        message.body.table.count = 1;
        message.body.table.regions[0] = region;
    }
    give_fds(rig, &message);
    return message;
}

struct hf_message relay_rig_inflight(struct relay_rig *rig, enum hf_request request)
{
    struct hf_message message = hf_message_request(request);

    message.body.inflight = (struct hf_wire_inflight){ .mmap_size_bytes = RELAY_RIG_REGION_BYTES,
                                                       .queue_count = RELAY_RIG_RINGS,
                                                       .queue_size = 128 };
    if (request == HF_REQUEST_SET_INFLIGHT_FD)
        message.flags |= HF_MESSAGE_NEED_REPLY;
    give_fds(rig, &message);
    return message;
}

bool relay_rig_send_message(struct relay_rig *rig, const struct hf_message *message)
{
    unsigned before = rig->replies;

    assert_true(hf_relay_settled(&rig->relay));
    relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_MESSAGE,
                                                 .message = message,
                                                 .since_ns = rig->since_ns,
                                                 .fd = -1 });
    relay_rig_pump(rig);
    assert_true(rig->replies <= before + 1);
    return rig->replies > before;
}

bool relay_rig_send(struct relay_rig *rig, enum hf_request request, uint64_t a, uint64_t b)
{
    struct hf_message message = relay_rig_message(rig, request, a, b);

    return relay_rig_send_message(rig, &message);
}

void relay_rig_do(struct relay_rig *rig, enum hf_request request, uint64_t a, uint64_t b)
{
    assert_true(relay_rig_send(rig, request, a, b));
    assert_int_equal(rig->reply.request, request);
    assert_int_equal(rig->reply.body.u64, 0);
}

void relay_rig_set_ring(struct relay_rig *rig, uint16_t ring, uint16_t base)
{
    relay_rig_do(rig, HF_REQUEST_SET_VRING_NUM, ring, 128);
    relay_rig_do(rig, HF_REQUEST_SET_VRING_BASE, ring, base);
    relay_rig_do(rig, HF_REQUEST_SET_VRING_ADDR, ring, 0x40010000 + ring * UINT64_C(0x10000));
    relay_rig_do(rig, HF_REQUEST_SET_VRING_CALL, ring, 0);
    relay_rig_do(rig, HF_REQUEST_SET_VRING_KICK, ring, 0);
}

void relay_rig_start_all(struct relay_rig *rig)
{
    for (uint16_t i = 0; i < RELAY_RIG_RINGS; i++)
        relay_rig_set_ring(rig, i, rig->used[i]);
    for (uint16_t i = 0; i < RELAY_RIG_RINGS; i++)
        relay_rig_do(rig, HF_REQUEST_SET_VRING_ENABLE, i, 1);
}

void relay_rig_stop_all(struct relay_rig *rig)
{
    for (uint16_t i = 0; i < RELAY_RIG_RINGS; i++)
        assert_true(relay_rig_send(rig, HF_REQUEST_GET_VRING_BASE, i, 0));
}

void relay_rig_hang_up(struct relay_rig *rig)
{
    relay_rig_step(rig, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_HANG_UP, .fd = -1 });
    relay_rig_pump(rig);
}
