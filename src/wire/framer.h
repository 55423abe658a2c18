/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts one direction of a socket into messages, whatever pieces it arrives in. The edge asks what
 * is wanted, reads at most that much straight into the framer, and tells it what came: so a piece
 * never reaches into the next message, and descriptors stay with theirs. Makes no system call and
 * never closes a descriptor.
 *
 *     hf_framer_want(&framer, &into, &length);
 *     piece.size_bytes = recvmsg(... into, length, control: HF_FRAMER_PIECE_FDS_MAX ints ...);
 *     switch (hf_framer_feed(&framer, &piece, &message)) ...
 */
#ifndef HF_WIRE_FRAMER_H
#define HF_WIRE_FRAMER_H

#include "wire/message.h"

/* Most descriptors of one recvmsg: the room the edge gives its control buffer. More than a message
 * may have, so that "too many" is told from "truncated". */
#define HF_FRAMER_PIECE_FDS_MAX 16
#define HF_FRAMER_HELD_FDS_MAX  (2 * HF_FRAMER_PIECE_FDS_MAX)

struct hf_framer {
    enum hf_stream stream;
    enum hf_wire_fault fault; /* sticky: after one, the stream is over */
    bool header_read;
    size_t have_bytes; /* of the present header, then of the present body */
    struct hf_message message;
    int fds[HF_FRAMER_HELD_FDS_MAX];
    unsigned fd_count;
    uint8_t header[HF_WIRE_HEADER_SIZE];
    uint8_t body[HF_WIRE_PAYLOAD_MAX];
};

/* What one recvmsg brought. `fds` is read only. */
struct hf_piece {
    size_t size_bytes; /* written to where hf_framer_want said; at most the length it gave */
    const int *fds;
    unsigned fd_count; /* at most HF_FRAMER_PIECE_FDS_MAX */
    bool truncated;    /* MSG_CTRUNC */
};

enum hf_frame {
    HF_FRAME_MORE,    /* not whole yet */
    HF_FRAME_MESSAGE, /* *message is whole, its descriptors now belong to the caller */
    HF_FRAME_FAULT,   /* framer->fault says what; see hf_framer_release */
    HF_FRAME_COUNT
};

void hf_framer_init(struct hf_framer *framer, enum hf_stream stream);

/* Where to read to and how much at most; the length is never 0. Not after a fault. */
void hf_framer_want(struct hf_framer *framer, uint8_t **into, size_t *length);

/* Always takes the descriptors of the piece. `*message` is written only on HF_FRAME_MESSAGE. After
 * a fault the stream is over: feeding on is a mistake of the caller (HF_CHECK). */
enum hf_frame hf_framer_feed(struct hf_framer *framer, const struct hf_piece *piece,
                             struct hf_message *message);

/* Hands all descriptors held back to the caller, who closes them: after a fault, and when the
 * socket ends. Returns how many of `fds` were filled. */
unsigned hf_framer_release(struct hf_framer *framer, int fds[HF_FRAMER_HELD_FDS_MAX]);

/* True at the border of two messages: an end of file here is a hang-up, elsewhere a message is cut
 * short. */
bool hf_framer_between_messages(const struct hf_framer *framer);

#endif
