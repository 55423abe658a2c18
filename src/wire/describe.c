/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of printers, one for each kind of body. Knows the wire form and no state. */
#include "wire/describe.h"

#include <inttypes.h>

static void print_names(struct hf_text *text, uint64_t bits, const char *(*name_of)(unsigned bit))
{
    hf_text_add(text, " 0x%" PRIx64, bits);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((bits & HF_BIT(bit)) == 0)
            continue;
        const char *name = name_of(bit);
        if (name)
            hf_text_add(text, " %s", name);
        else
            hf_text_add(text, " bit%u", bit);
    }
}

/* An acknowledgement is a u64 too, but no set of features. */
static bool carries(const struct hf_message *message, enum hf_request get, enum hf_request set)
{
    bool reply = message->stream == HF_STREAM_REPLIES;

    return message->request == (uint32_t)(reply ? get : set);
}

static bool names_ring(const struct hf_message *message)
{
    return message->stream == HF_STREAM_REQUESTS &&
           (message->request == HF_REQUEST_SET_VRING_KICK ||
            message->request == HF_REQUEST_SET_VRING_CALL ||
            message->request == HF_REQUEST_SET_VRING_ERR);
}

static void print_u64(struct hf_text *text, const struct hf_message *message)
{
    uint64_t value = message->body.u64;

    if (carries(message, HF_REQUEST_GET_FEATURES, HF_REQUEST_SET_FEATURES))
        print_names(text, value, hf_feature_name);
    else if (carries(message, HF_REQUEST_GET_PROTOCOL_FEATURES, HF_REQUEST_SET_PROTOCOL_FEATURES))
        print_names(text, value, hf_protocol_feature_name);
    else if (names_ring(message))
        hf_text_add(text, " ring=%u%s", (unsigned)(value & HF_WIRE_VRING_MASK),
                    (value & HF_WIRE_NO_FD) ? " no-fd" : "");
    else
        hf_text_add(text, " %" PRIu64, value);
}

static void print_state(struct hf_text *text, const struct hf_message *message)
{
    hf_text_add(text, " ring=%u num=%u", message->body.state.index, message->body.state.num);
}

static void print_addr(struct hf_text *text, const struct hf_message *message)
{
    const struct hf_wire_vring_addr *addr = &message->body.addr;

    hf_text_add(text,
                " ring=%u flags=%u desc=0x%" PRIx64 " avail=0x%" PRIx64 " used=0x%" PRIx64
                " log=0x%" PRIx64,
                addr->index, addr->flags, addr->desc, addr->avail, addr->used, addr->log);
}

static void print_one_region(struct hf_text *text, const struct hf_wire_region *region)
{
    hf_text_add(
        text, " [guest=0x%" PRIx64 " size=0x%" PRIx64 " user=0x%" PRIx64 " offset=0x%" PRIx64 "]",
        region->guest_address, region->size_bytes, region->user_address, region->mmap_offset);
}

static void print_table(struct hf_text *text, const struct hf_message *message)
{
    hf_text_add(text, " regions=%u", message->body.table.count);
    for (uint32_t i = 0; i < message->body.table.count; i++)
        print_one_region(text, &message->body.table.regions[i]);
}

static void print_region(struct hf_text *text, const struct hf_message *message)
{
    print_one_region(text, &message->body.region);
}

static void print_log(struct hf_text *text, const struct hf_message *message)
{
    hf_text_add(text, " size=0x%" PRIx64 " offset=0x%" PRIx64, message->body.log.size_bytes,
                message->body.log.mmap_offset);
}

static void print_config(struct hf_text *text, const struct hf_message *message)
{
    const struct hf_wire_config *config = &message->body.config;

    hf_text_add(text, " offset=%u size=%u flags=%u", config->offset, config->size_bytes,
                config->flags);
    for (uint32_t i = 0; i < config->size_bytes && i < 64; i++)
        hf_text_add(text, "%s%02x", i % 4 == 0 ? " " : "", config->data[i]);
}

static void print_inflight(struct hf_text *text, const struct hf_message *message)
{
    const struct hf_wire_inflight *inflight = &message->body.inflight;

    hf_text_add(text, " size=%" PRIu64 " offset=%" PRIu64 " queues=%u queue-size=%u",
                inflight->mmap_size_bytes, inflight->mmap_offset, inflight->queue_count,
                inflight->queue_size);
}

static void (*const printers[HF_PAYLOAD_COUNT])(struct hf_text *, const struct hf_message *) = {
    [HF_PAYLOAD_U64] = print_u64,           [HF_PAYLOAD_VRING_STATE] = print_state,
    [HF_PAYLOAD_VRING_ADDR] = print_addr,   [HF_PAYLOAD_MEM_TABLE] = print_table,
    [HF_PAYLOAD_MEM_REGION] = print_region, [HF_PAYLOAD_LOG] = print_log,
    [HF_PAYLOAD_CONFIG] = print_config,     [HF_PAYLOAD_INFLIGHT] = print_inflight,
};

void hf_message_describe_name(const struct hf_message *message, struct hf_text *text)
{
    const struct hf_request_info *info = hf_stream_info(message->stream, message->request);

    if (info)
        hf_text_add(text, "%s", info->name);
    else
        hf_text_add(text, "request %u", message->request);
}

void hf_message_describe(const struct hf_message *message, struct hf_text *text)
{
    hf_message_describe_name(message, text);
    if (message->stream == HF_STREAM_REPLIES)
        hf_text_add(text, " reply");
    if ((unsigned)message->kind < HF_PAYLOAD_COUNT && printers[message->kind])
        printers[message->kind](text, message);
    else if (message->size_bytes > 0)
        hf_text_add(text, " (%u bytes)", message->size_bytes);
    if (message->fd_count > 0)
        hf_text_add(text, " fds=%u", message->fd_count);
    if (hf_message_needs_reply(message))
        hf_text_add(text, " need_reply");
}
