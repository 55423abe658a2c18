/* SPDX-License-Identifier: BSD-3-Clause */
/* Message codec: header by hand, body by its kind, the rest by the table. */
#include "wire/message.h"

#include "base/bytes.h"

#define REPLY_FLAGS (HF_MESSAGE_VERSION | HF_MESSAGE_REPLY)
#define KNOWN_FLAGS (HF_MESSAGE_VERSION_MASK | HF_MESSAGE_REPLY | HF_MESSAGE_NEED_REPLY)

static void clear_fds(struct hf_message *message)
{
    for (unsigned i = 0; i < HF_MESSAGE_FDS_MAX; i++)
        message->fds[i] = -1;
    message->fd_count = 0;
}

static struct hf_message build(enum hf_stream stream, uint32_t request)
{
    const struct hf_shape *shape = hf_stream_shape(stream, request);
    struct hf_message message = { .stream = stream, .request = request };

    message.flags = hf_stream_is_replies(stream) ? REPLY_FLAGS : HF_MESSAGE_VERSION;
    message.kind = shape->payload;
    clear_fds(&message);
    return message;
}

struct hf_message hf_message_request(enum hf_request request)
{
    return build(HF_STREAM_REQUESTS, request);
}

struct hf_message hf_message_backend_request(enum hf_backend_request request)
{
    return build(HF_STREAM_BACKEND_REQUESTS, request);
}

struct hf_message hf_message_reply(enum hf_request request)
{
    return build(HF_STREAM_REPLIES, request);
}

struct hf_message hf_message_reply_u64(enum hf_request request, uint64_t value)
{
    struct hf_message message = build(HF_STREAM_REPLIES, request);

    message.kind = HF_PAYLOAD_U64;
    message.body.u64 = value;
    return message;
}

struct hf_message hf_message_reply_empty(enum hf_request request)
{
    struct hf_message message = build(HF_STREAM_REPLIES, request);

    message.kind = HF_PAYLOAD_NONE;
    return message;
}

struct hf_message hf_message_backend_reply_u64(enum hf_backend_request request, uint64_t value)
{
    struct hf_message message = build(HF_STREAM_BACKEND_REPLIES, request);

    message.kind = HF_PAYLOAD_U64;
    message.body.u64 = value;
    return message;
}

const char *hf_message_name(const struct hf_message *message)
{
    const struct hf_request_info *info = hf_stream_info(message->stream, message->request);

    return info != NULL ? info->name : "unknown";
}

static bool shape_has(const struct hf_shape *shape, enum hf_payload kind)
{
    return kind == shape->payload || (shape->also & HF_BIT(kind)) != 0;
}

/* Replies: version 1 and the reply bit; an echoed need_reply is tolerated on receipt. */
static enum hf_wire_fault judge_flags(enum hf_stream stream, uint32_t flags)
{
    bool is_reply = (flags & HF_MESSAGE_REPLY) != 0;

    if ((flags & HF_MESSAGE_VERSION_MASK) != HF_MESSAGE_VERSION)
        return HF_WIRE_FAULT_VERSION;
    if ((flags & ~KNOWN_FLAGS) != 0)
        return HF_WIRE_FAULT_FLAGS;
    if (is_reply && !hf_stream_is_replies(stream))
        return HF_WIRE_FAULT_NOT_A_REQUEST;
    if (!is_reply && hf_stream_is_replies(stream))
        return HF_WIRE_FAULT_NOT_A_REPLY;
    return HF_WIRE_FAULT_NONE;
}

static bool encodable(const struct hf_message *message)
{
    const struct hf_shape *shape = hf_stream_shape(message->stream, message->request);

    if (!shape_has(shape, message->kind))
        return false;
    if (hf_stream_is_replies(message->stream) && message->flags != REPLY_FLAGS)
        return false;
    return judge_flags(message->stream, message->flags) == HF_WIRE_FAULT_NONE &&
           hf_message_judge_fds(message) == HF_WIRE_FAULT_NONE;
}

size_t hf_message_encode(const struct hf_message *message, uint8_t *buffer, size_t capacity)
{
    if (capacity < HF_WIRE_HEADER_SIZE || !encodable(message))
        return 0;

    size_t body_size = hf_payload_write(message->kind, &message->body, buffer + HF_WIRE_HEADER_SIZE,
                                        capacity - HF_WIRE_HEADER_SIZE);
    if (body_size == SIZE_MAX)
        return 0;

    struct hf_writer writer = hf_writer_of(buffer, HF_WIRE_HEADER_SIZE);
    hf_write_u32(&writer, message->request);
    hf_write_u32(&writer, message->flags);
    hf_write_u32(&writer, (uint32_t)body_size);
    return HF_WIRE_HEADER_SIZE + body_size;
}

/* The first kind of the shape that can have the message's size. */
static enum hf_wire_fault choose_kind(const struct hf_shape *shape, struct hf_message *message)
{
    message->kind = shape->payload;
    if (hf_payload_size_possible(shape->payload, message->size_bytes))
        return HF_WIRE_FAULT_NONE;
    for (unsigned kind = 0; kind < HF_PAYLOAD_COUNT; kind++) {
        if ((shape->also & HF_BIT(kind)) == 0)
            continue;
        message->kind = (enum hf_payload)kind;
        if (hf_payload_size_possible(message->kind, message->size_bytes))
            return HF_WIRE_FAULT_NONE;
    }
    return HF_WIRE_FAULT_LENGTH;
}

enum hf_wire_fault hf_message_decode_header(enum hf_stream stream, const uint8_t *bytes,
                                            struct hf_message *message)
{
    struct hf_reader reader = hf_reader_of(bytes, HF_WIRE_HEADER_SIZE);

    *message = (struct hf_message){ .stream = stream };
    clear_fds(message);
    message->request = hf_read_u32(&reader);
    message->flags = hf_read_u32(&reader);
    message->size_bytes = hf_read_u32(&reader);

    enum hf_wire_fault fault = judge_flags(stream, message->flags);
    if (fault != HF_WIRE_FAULT_NONE)
        return fault;
    if (hf_stream_is_replies(stream) && hf_stream_info(stream, message->request) == NULL)
        return HF_WIRE_FAULT_UNKNOWN_REQUEST;
    if (message->size_bytes > HF_WIRE_PAYLOAD_MAX)
        return HF_WIRE_FAULT_TOO_LONG;
    return choose_kind(hf_stream_shape(stream, message->request), message);
}

enum hf_wire_fault hf_message_decode_body(const uint8_t *bytes, struct hf_message *message)
{
    if (!hf_payload_read(message->kind, bytes, message->size_bytes, &message->body))
        return HF_WIRE_FAULT_CONTENT;
    return HF_WIRE_FAULT_NONE;
}

enum hf_wire_fault hf_message_decode(enum hf_stream stream, const uint8_t *bytes, size_t size_bytes,
                                     struct hf_message *message)
{
    *message = (struct hf_message){ .stream = stream };
    clear_fds(message);
    if (size_bytes < HF_WIRE_HEADER_SIZE)
        return HF_WIRE_FAULT_LENGTH;
    enum hf_wire_fault fault = hf_message_decode_header(stream, bytes, message);
    if (fault != HF_WIRE_FAULT_NONE)
        return fault;
    if (size_bytes - HF_WIRE_HEADER_SIZE != message->size_bytes)
        return HF_WIRE_FAULT_LENGTH;
    return hf_message_decode_body(bytes + HF_WIRE_HEADER_SIZE, message);
}

/* The first u64 of the body: a ring's number with HF_WIRE_NO_FD, or a result. */
static uint64_t first_word(const struct hf_message *message)
{
    return message->kind == HF_PAYLOAD_VRING_AREA ? message->body.area.index : message->body.u64;
}

struct range {
    unsigned least;
    unsigned most;
};

static struct range fds_wanted(enum hf_fds rule, const struct hf_message *message)
{
    unsigned count = 0;

    switch (rule) {
    case HF_FDS_OPTIONAL:
        return (struct range){ 0, 1 };
    case HF_FDS_ANY:
        return (struct range){ 0, HF_MESSAGE_FDS_MAX };
    case HF_FDS_ONE:
        count = 1;
        break;
    case HF_FDS_UNLESS_BIT8:
        count = (first_word(message) & HF_WIRE_NO_FD) == 0;
        break;
    case HF_FDS_PER_REGION:
        count = message->body.table.count;
        break;
    case HF_FDS_IF_SIZED:
        count = message->body.inflight.mmap_size_bytes != 0;
        break;
    case HF_FDS_IF_SUCCESS:
        count = first_word(message) == 0;
        break;
    case HF_FDS_NONE:
    case HF_FDS_COUNT:
        break;
    }
    return (struct range){ count, count };
}

enum hf_wire_fault hf_message_judge_fds(const struct hf_message *message)
{
    const struct hf_shape *shape = hf_stream_shape(message->stream, message->request);
    struct range wanted = fds_wanted(shape->fds, message);
    if (message->fd_count < wanted.least)
        return HF_WIRE_FAULT_FDS_TOO_FEW;
    if (message->fd_count > wanted.most)
        return HF_WIRE_FAULT_FDS_TOO_MANY;
    return HF_WIRE_FAULT_NONE;
}
