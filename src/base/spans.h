/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes that lie in pieces: a message split over any number of buffers is copied together or apart
 * here, so that nobody assumes where one buffer ends. Borrows the iovecs and what they point to;
 * knows neither rings nor guests. `struct iovec` is used as a type only.
 */
#ifndef HF_BASE_SPANS_H
#define HF_BASE_SPANS_H

#include <stddef.h>
#include <sys/uio.h>

struct hf_spans {
    const struct iovec *at;
    size_t count;
};

static inline struct hf_spans hf_spans_of(const struct iovec *at, size_t count)
{
    return (struct hf_spans){ .at = at, .count = count };
}

/* Sum of the lengths; SIZE_MAX when it does not fit a size_t. */
size_t hf_spans_size(struct hf_spans spans);
/* Copies up to size_bytes from `offset` on, each byte read once. Returns how many there were. */
size_t hf_spans_gather(struct hf_spans spans, size_t offset, void *into, size_t size_bytes);
/* Copies up to size_bytes to `offset` and on. Returns how many there was room for. */
size_t hf_spans_scatter(struct hf_spans spans, size_t offset, const void *from, size_t size_bytes);
/* Fills up to size_bytes with zeros from `offset` on. Returns how many there was room for. */
size_t hf_spans_clear(struct hf_spans spans, size_t offset, size_t size_bytes);
/*
 * Writes the pieces of [offset, offset + size_bytes) to `into` (empty pieces are left out) and
 * returns their number. Stops early at the end of the spans or when `capacity` pieces are written:
 * spans.count pieces are always enough.
 */
size_t hf_spans_slice(struct hf_spans spans, size_t offset, size_t size_bytes, struct iovec *into,
                      size_t capacity);

#endif
