/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying together and apart. Every loop ends at spans.count. */
#include "base/spans.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"

/* One piece of a range: `done` bytes of the range lie before it. */
struct piece {
    uint8_t *at;
    size_t size_bytes;
    size_t done;
};

/* Where in the spans a range goes on. */
struct cursor {
    struct hf_spans spans;
    size_t index;
    size_t skip; /* still to be skipped, may be longer than the present span */
    size_t left; /* of the range */
    size_t done;
};

static struct cursor cursor_of(struct hf_spans spans, size_t offset, size_t size_bytes)
{
    return (struct cursor){ .spans = spans, .skip = offset, .left = size_bytes };
}

/* The part of the present span that belongs to the range; moves on to the next span. */
static struct piece take_span(struct cursor *cursor)
{
    const struct iovec *span = &cursor->spans.at[cursor->index++];
    size_t skipped = (size_t)hf_min_u64(cursor->skip, span->iov_len);
    size_t size_bytes = (size_t)hf_min_u64(cursor->left, span->iov_len - skipped);
    struct piece piece = { .size_bytes = size_bytes, .done = cursor->done };

    if (size_bytes > 0)
        piece.at = (uint8_t *)span->iov_base + skipped;
    cursor->skip -= skipped;
    cursor->left -= size_bytes;
    cursor->done += size_bytes;
    return piece;
}

/* The next piece that is not empty; false when range or spans are at their end. */
static bool next_piece(struct cursor *cursor, struct piece *piece)
{
    while (cursor->left > 0 && cursor->index < cursor->spans.count) {
        *piece = take_span(cursor);
        if (piece->size_bytes > 0)
            return true;
    }
    return false;
}

size_t hf_spans_size(struct hf_spans spans)
{
    size_t total = 0;

    for (size_t i = 0; i < spans.count; i++)
        if (__builtin_add_overflow(total, spans.at[i].iov_len, &total))
            return SIZE_MAX;
    return total;
}

size_t hf_spans_gather(struct hf_spans spans, size_t offset, void *into, size_t size_bytes)
{
    struct cursor cursor = cursor_of(spans, offset, size_bytes);
    struct piece piece;

    while (next_piece(&cursor, &piece))
        memcpy((uint8_t *)into + piece.done, piece.at, piece.size_bytes);
    return cursor.done;
}

size_t hf_spans_scatter(struct hf_spans spans, size_t offset, const void *from, size_t size_bytes)
{
    struct cursor cursor = cursor_of(spans, offset, size_bytes);
    struct piece piece;

    while (next_piece(&cursor, &piece))
        memcpy(piece.at, (const uint8_t *)from + piece.done, piece.size_bytes);
    return cursor.done;
}

size_t hf_spans_clear(struct hf_spans spans, size_t offset, size_t size_bytes)
{
    struct cursor cursor = cursor_of(spans, offset, size_bytes);
    struct piece piece;

    while (next_piece(&cursor, &piece))
        memset(piece.at, 0, piece.size_bytes);
    return cursor.done;
}

size_t hf_spans_slice(struct hf_spans spans, size_t offset, size_t size_bytes, struct iovec *into,
                      size_t capacity)
{
    struct cursor cursor = cursor_of(spans, offset, size_bytes);
    struct piece piece;
    size_t count = 0;

    while (count < capacity && next_piece(&cursor, &piece))
        into[count++] = (struct iovec){ .iov_base = piece.at, .iov_len = piece.size_bytes };
    return count;
}
