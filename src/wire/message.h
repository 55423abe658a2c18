/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One vhost-user message as a value, and its bytes. Exact lengths, no negotiation state, no system
 * call. A message is plain data: copying it copies descriptor numbers, and nothing here ever closes
 * one. Who owns them is said by whoever hands a message over.
 */
#ifndef HF_WIRE_MESSAGE_H
#define HF_WIRE_MESSAGE_H

#include "wire/fault.h"
#include "wire/request.h"

#define HF_MESSAGE_FDS_MAX  8
#define HF_MESSAGE_SIZE_MAX (HF_WIRE_HEADER_SIZE + HF_WIRE_PAYLOAD_MAX)
/* Enough for every message that hf_message_encode can write. */
#define HF_MESSAGE_ENCODED_MAX  (HF_WIRE_HEADER_SIZE + 12 + HF_WIRE_CONFIG_MAX)

#define HF_MESSAGE_VERSION_MASK 0x3u
#define HF_MESSAGE_VERSION      0x1u
#define HF_MESSAGE_REPLY        0x4u
#define HF_MESSAGE_NEED_REPLY   0x8u

struct hf_message {
    enum hf_stream stream; /* which of the four it travels on; selects the table */
    uint32_t request;      /* enum hf_request or enum hf_backend_request */
    uint32_t flags;        /* HF_MESSAGE_*; replies we make are exactly VERSION | REPLY */
    enum hf_payload kind;  /* of the body: which member of `body` is valid */
    uint32_t size_bytes;   /* of the body on the wire; set by decode, ignored by encode */
    union hf_wire_body body;
    int fds[HF_MESSAGE_FDS_MAX];
    unsigned fd_count;
};

/* A request with the body its table row names, all zeros, no descriptors, no need_reply. */
struct hf_message hf_message_request(enum hf_request request);
struct hf_message hf_message_backend_request(enum hf_backend_request request);

/* The reply with the body of its table row, zeros; flags exactly VERSION | REPLY (QEMU accepts no
 * other). */
struct hf_message hf_message_reply(enum hf_request request);
/* An acknowledgement, or any reply that is a u64. Valid for every request that may be acknowledged
 * or has a u64 reply. */
struct hf_message hf_message_reply_u64(enum hf_request request, uint64_t value);
/* A reply without a body: GET_CONFIG refused, SET_LOG_BASE done, POSTCOPY_ADVISE. */
struct hf_message hf_message_reply_empty(enum hf_request request);
struct hf_message hf_message_backend_reply_u64(enum hf_backend_request request, uint64_t value);

static inline bool hf_message_needs_reply(const struct hf_message *message)
{
    return (message->flags & HF_MESSAGE_NEED_REPLY) != 0;
}

/* "SET_VRING_KICK"; "unknown" when the table has no such number (hf_message_describe_name says
 * which). */
const char *hf_message_name(const struct hf_message *message);

/* Writes header and body; descriptors travel beside. Returns the size, or 0 if it does not fit
 * `capacity`, or the message is not one of its stream (body of another request, more regions or
 * config than a message holds, flags of the other direction, wrong number of descriptors). */
size_t hf_message_encode(const struct hf_message *message, uint8_t *buffer, size_t capacity);

/* Reads and judges the 12 bytes of a header: version, direction, of replies the known request, and
 * whether any body of this request has that size. Sets stream, request, flags, size_bytes and kind;
 * body and descriptors empty. */
enum hf_wire_fault hf_message_decode_header(enum hf_stream stream, const uint8_t *bytes,
                                            struct hf_message *message);
/* Reads the `message->size_bytes` bytes of the body. */
enum hf_wire_fault hf_message_decode_body(const uint8_t *bytes, struct hf_message *message);
/* A whole message: exactly `size_bytes` bytes, descriptors not looked at. */
enum hf_wire_fault hf_message_decode(enum hf_stream stream, const uint8_t *bytes, size_t size_bytes,
                                     struct hf_message *message);

/* Judges `message->fd_count` against what the table row and the body ask for. */
enum hf_wire_fault hf_message_judge_fds(const struct hf_message *message);

#endif
