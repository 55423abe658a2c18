/* SPDX-License-Identifier: BSD-3-Clause */
/* The framer's piece is what the stream's input is, but for its size: the kernel passes more
 * descriptors at once than any message has. Those go no further. */
#include "os/frame.h"

#include "os/stream.h"

static enum hf_frame feed(struct hf_framer *framer, struct hf_stream_input *input,
                          struct hf_message *message)
{
    const struct hf_piece piece = { .size_bytes = input->size_bytes,
                                    .fds = input->fds,
                                    .fd_count = (unsigned)input->fd_count,
                                    .truncated = input->fds_truncated };

    if (input->fd_count <= HF_FRAMER_PIECE_FDS_MAX)
        return hf_framer_feed(framer, &piece, message);
    hf_stream_input_close(input);
    framer->fault = HF_WIRE_FAULT_FDS_TOO_MANY;
    return HF_FRAME_FAULT;
}

ssize_t hf_frame_receive(int socket_fd, struct hf_framer *framer, struct hf_message *message,
                         enum hf_frame *frame)
{
    struct hf_stream_input input;
    uint8_t *into;
    size_t length;

    hf_framer_want(framer, &into, &length);
    ssize_t got = hf_stream_receive(socket_fd, into, length, &input);
    if (got > 0)
        *frame = feed(framer, &input, message);
    else
        hf_stream_input_close(&input);
    return got;
}
