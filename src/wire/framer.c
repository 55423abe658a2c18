/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Header, then body, then again. Descriptors are held from the first byte of a message until it is
 * whole (vhost-user "Communication": ancillary data goes with the first byte of the header).
 */
#include "wire/framer.h"

#include "base/check.h"

#include <string.h>

void hf_framer_init(struct hf_framer *framer, enum hf_stream stream)
{
    memset(framer, 0, sizeof(*framer));
    framer->stream = stream;
}

static size_t wanted_bytes(const struct hf_framer *framer)
{
    size_t whole = framer->header_read ? framer->message.size_bytes : HF_WIRE_HEADER_SIZE;

    return whole - framer->have_bytes;
}

void hf_framer_want(struct hf_framer *framer, uint8_t **into, size_t *length)
{
    HF_CHECK(framer->fault == HF_WIRE_FAULT_NONE);
    *into = (framer->header_read ? framer->body : framer->header) + framer->have_bytes;
    *length = wanted_bytes(framer);
}

bool hf_framer_between_messages(const struct hf_framer *framer)
{
    return !framer->header_read && framer->have_bytes == 0;
}

static void hold_fds(struct hf_framer *framer, const struct hf_piece *piece)
{
    for (unsigned i = 0; i < piece->fd_count; i++)
        framer->fds[framer->fd_count++] = piece->fds[i];
}

static enum hf_wire_fault judge_piece(const struct hf_framer *framer, const struct hf_piece *piece)
{
    bool has_first_byte = hf_framer_between_messages(framer) && piece->size_bytes > 0;

    if (piece->truncated)
        return HF_WIRE_FAULT_FDS_TRUNCATED;
    if (piece->fd_count > 0 && !has_first_byte)
        return HF_WIRE_FAULT_FDS_MISPLACED;
    if (piece->fd_count > HF_MESSAGE_FDS_MAX)
        return HF_WIRE_FAULT_FDS_TOO_MANY;
    return HF_WIRE_FAULT_NONE;
}

static enum hf_wire_fault finish_header(struct hf_framer *framer)
{
    framer->header_read = true;
    framer->have_bytes = 0;
    return hf_message_decode_header(framer->stream, framer->header, &framer->message);
}

static enum hf_wire_fault finish_message(struct hf_framer *framer)
{
    struct hf_message *message = &framer->message;
    enum hf_wire_fault fault = hf_message_decode_body(framer->body, message);

    if (fault != HF_WIRE_FAULT_NONE)
        return fault;
    memcpy(message->fds, framer->fds, framer->fd_count * sizeof(framer->fds[0]));
    message->fd_count = framer->fd_count;
    return hf_message_judge_fds(message);
}

static enum hf_frame stop(struct hf_framer *framer, enum hf_wire_fault fault)
{
    framer->fault = fault;
    return HF_FRAME_FAULT;
}

static enum hf_frame deliver(struct hf_framer *framer, struct hf_message *message)
{
    *message = framer->message;
    framer->header_read = false;
    framer->have_bytes = 0;
    framer->fd_count = 0;
    return HF_FRAME_MESSAGE;
}

/* The bytes are in place: go on as far as they reach. */
static enum hf_frame move_on(struct hf_framer *framer, struct hf_message *message)
{
    enum hf_wire_fault fault = HF_WIRE_FAULT_NONE;

    if (wanted_bytes(framer) > 0)
        return HF_FRAME_MORE;
    if (!framer->header_read)
        fault = finish_header(framer);
    if (fault != HF_WIRE_FAULT_NONE)
        return stop(framer, fault);
    if (wanted_bytes(framer) > 0)
        return HF_FRAME_MORE;
    fault = finish_message(framer);
    if (fault != HF_WIRE_FAULT_NONE)
        return stop(framer, fault);
    return deliver(framer, message);
}

enum hf_frame hf_framer_feed(struct hf_framer *framer, const struct hf_piece *piece,
                             struct hf_message *message)
{
    HF_CHECK(framer->fault == HF_WIRE_FAULT_NONE);
    HF_CHECK(piece->fd_count <= HF_FRAMER_PIECE_FDS_MAX);
    HF_CHECK(piece->size_bytes <= wanted_bytes(framer));

    enum hf_wire_fault fault = judge_piece(framer, piece);
    hold_fds(framer, piece);
    if (fault != HF_WIRE_FAULT_NONE)
        return stop(framer, fault);
    framer->have_bytes += piece->size_bytes;
    return move_on(framer, message);
}

unsigned hf_framer_release(struct hf_framer *framer, int fds[HF_FRAMER_HELD_FDS_MAX])
{
    unsigned count = framer->fd_count;

    memcpy(fds, framer->fds, count * sizeof(fds[0]));
    framer->fd_count = 0;
    return count;
}
