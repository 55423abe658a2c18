/* SPDX-License-Identifier: BSD-3-Clause */
/* The same bytes in pieces of any one size: a header may be split over any descriptors. */
#ifndef TESTS_VSCSI_SPLIT_H
#define TESTS_VSCSI_SPLIT_H

#include "base/spans.h"
#include "hex.h"

#define SPLIT_MAX 160

struct split {
    uint8_t bytes[SPLIT_MAX];
    struct iovec at[SPLIT_MAX];
};

/* The first size_bytes of split->bytes, in pieces of piece_bytes (the last one may be shorter). */
static inline struct hf_spans split_spans(struct split *split, size_t size_bytes,
                                          size_t piece_bytes)
{
    size_t count = 0;

    for (size_t done = 0; done < size_bytes; done += piece_bytes) {
        size_t left = size_bytes - done;
        split->at[count].iov_base = &split->bytes[done];
        split->at[count++].iov_len = left < piece_bytes ? left : piece_bytes;
    }
    return hf_spans_of(split->at, count);
}

#endif
