/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a socket into a framer: one read, and what it made whole. What a fault, a hang-up or a
 * message means is for the end that reads.
 */
#ifndef HF_OS_FRAME_H
#define HF_OS_FRAME_H

#include <sys/types.h>

#include "wire/framer.h"

/*
 * Reads at most what the framer wants; never blocks. Returns the bytes read, and sets *frame as
 * hf_framer_feed does: a message's descriptors are the caller's. 0 = end of file, -errno = nothing
 * read (-EAGAIN: nothing there); *frame and *message are as before then. Not after a fault.
 */
ssize_t hf_frame_receive(int socket_fd, struct hf_framer *framer, struct hf_message *message,
                         enum hf_frame *frame);

#endif
