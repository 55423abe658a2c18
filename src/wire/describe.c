/* SPDX-License-Identifier: BSD-3-Clause */
/* One writer a body. Knows the wire form and no state. */
#include "wire/describe.h"

#define ULL(value) ((unsigned long long)(value))

static void describe_u64(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " 0x%llx", ULL(body->u64));
}

static void describe_state(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " index %u num %u", body->state.index, body->state.num);
}

static void describe_addr(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " index %u flags 0x%x desc 0x%llx avail 0x%llx used 0x%llx log 0x%llx",
                body->addr.index, body->addr.flags, ULL(body->addr.desc), ULL(body->addr.avail),
                ULL(body->addr.used), ULL(body->addr.log));
}

static void describe_one_region(const struct hf_wire_region *region, struct hf_text *text)
{
    hf_text_add(text, " [guest 0x%llx size 0x%llx user 0x%llx offset 0x%llx]",
                ULL(region->guest_address), ULL(region->size_bytes), ULL(region->user_address),
                ULL(region->mmap_offset));
}

static void describe_table(const union hf_wire_body *body, struct hf_text *text)
{
    for (uint32_t i = 0; i < body->table.count; i++)
        describe_one_region(&body->table.regions[i], text);
}

static void describe_region(const union hf_wire_body *body, struct hf_text *text)
{
    describe_one_region(&body->region, text);
}

static void describe_log(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " size 0x%llx offset 0x%llx", ULL(body->log.size_bytes),
                ULL(body->log.mmap_offset));
}

static void describe_config(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " offset %u size %u flags 0x%x", body->config.offset, body->config.size_bytes,
                body->config.flags);
}

static void describe_inflight(const union hf_wire_body *body, struct hf_text *text)
{
    hf_text_add(text, " size %llu offset %llu queues %u of %u", ULL(body->inflight.mmap_size_bytes),
                ULL(body->inflight.mmap_offset), body->inflight.queue_count,
                body->inflight.queue_size);
}

static void (*const writers[HF_PAYLOAD_COUNT])(const union hf_wire_body *, struct hf_text *) = {
    [HF_PAYLOAD_U64] = describe_u64,           [HF_PAYLOAD_VRING_STATE] = describe_state,
    [HF_PAYLOAD_VRING_ADDR] = describe_addr,   [HF_PAYLOAD_MEM_TABLE] = describe_table,
    [HF_PAYLOAD_MEM_REGION] = describe_region, [HF_PAYLOAD_LOG] = describe_log,
    [HF_PAYLOAD_CONFIG] = describe_config,     [HF_PAYLOAD_INFLIGHT] = describe_inflight,
};

void hf_message_describe(const struct hf_message *message, struct hf_text *text)
{
    hf_text_add(text, "%s", hf_message_name(message));
    if ((message->flags & HF_MESSAGE_REPLY) != 0)
        hf_text_add(text, " reply");
    if ((unsigned)message->kind < HF_PAYLOAD_COUNT && writers[message->kind] != NULL)
        writers[message->kind](&message->body, text);
    if (message->fd_count > 0)
        hf_text_add(text, " fds %u", message->fd_count);
    if (hf_message_needs_reply(message))
        hf_text_add(text, ", need_reply");
}
