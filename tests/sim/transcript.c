/* SPDX-License-Identifier: BSD-3-Clause */
/* The case as a text for people: time in milliseconds, messages in as few words as will do. */
#include "world.h"

#include "base/text.h"

#include <stdarg.h>

#define ULL(value) ((unsigned long long)(value))

void sim_world_note(struct sim_world *world, const char *format, ...)
{
    FILE *out = world->situation.transcript;
    uint64_t now_us = (world->now_ns - SIM_S) / SIM_US;
    va_list arguments;

    if (out == NULL)
        return;
    fprintf(out, "%6llu.%03llu  ", ULL(now_us / 1000), ULL(now_us % 1000));
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
}

static bool names_a_ring(uint32_t request)
{
    return request == HF_REQUEST_SET_VRING_KICK || request == HF_REQUEST_SET_VRING_CALL ||
           request == HF_REQUEST_SET_VRING_ERR;
}

static void describe_body(const struct hf_message *message, struct hf_text *text)
{
    const union hf_wire_body *body = &message->body;

    if (names_a_ring(message->request))
        hf_text_add(text, " ring %u", (unsigned)(body->u64 & HF_WIRE_VRING_MASK));
    else if (message->kind == HF_PAYLOAD_U64)
        hf_text_add(text, " 0x%llx", ULL(body->u64));
    else if (message->request == HF_REQUEST_GET_VRING_BASE && body->state.num == 0)
        hf_text_add(text, " ring %u", body->state.index);
    else if (message->kind == HF_PAYLOAD_VRING_STATE)
        hf_text_add(text, " ring %u: %u", body->state.index, body->state.num);
    else if (message->kind == HF_PAYLOAD_VRING_ADDR)
        hf_text_add(text, " ring %u%s", body->addr.index, body->addr.flags != 0 ? ", logged" : "");
    else if (message->kind == HF_PAYLOAD_MEM_TABLE)
        hf_text_add(text, " of %u regions", body->table.count);
    else if (message->kind == HF_PAYLOAD_MEM_REGION)
        hf_text_add(text, " at 0x%llx", ULL(body->region.guest_address));
    else if (message->kind == HF_PAYLOAD_INFLIGHT && body->inflight.mmap_size_bytes != 0)
        hf_text_add(text, " %llu bytes", ULL(body->inflight.mmap_size_bytes));
}

void sim_world_note_message(struct sim_world *world, const char *arrow,
                            const struct hf_message *message)
{
    char line[200];
    struct hf_text text = hf_text_of(line, sizeof(line));
    bool is_reply = (message->flags & HF_MESSAGE_REPLY) != 0;
    const struct hf_request_info *info = hf_request_info(message->request);

    if (world->situation.transcript == NULL)
        return;
    if (is_reply && info->reply != HF_REPLY_OWN && message->kind == HF_PAYLOAD_U64) {
        sim_world_note(world, "%s ack %llu", arrow, ULL(message->body.u64));
        return;
    }
    hf_text_add(&text, "%s", hf_message_name(message));
    describe_body(message, &text);
    sim_world_note(world, "%s %s", arrow, line);
}
