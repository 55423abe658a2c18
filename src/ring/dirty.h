/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log of dirty pages (vhost-user "Migration"): page n of the guest, 4096 bytes, is bit n % 8 of
 * byte n / 8. The front-end takes bits away at any time (exchanging words for 0), several workers
 * set them. Knows neither who mapped the log nor when there is one.
 *
 * A page is marked *after* it was written: who takes the bit away copies the page next, and what is
 * written behind a mark would be in neither copy. What the guest is to believe in (the used index)
 * is published *after* the marks of what it stands for: killed in between, the request is still in
 * flight and done again; the other way round its pages would be lost.
 */
#ifndef HF_RING_DIRTY_H
#define HF_RING_DIRTY_H

#include "base/spans.h"
#include "memory/memory.h"

#define HF_DIRTY_PAGE_BYTES 4096u

/* A value. Borrows the bits. */
struct hf_dirty_log {
    uint8_t
        *bits; /* of the page at guest address 0 and of those behind it; NULL: nothing is logged */
    uint64_t size_bytes;
};

/* The least size of a log with a bit for each page of guest memory below `end`. */
uint64_t hf_dirty_bytes(uint64_t end);

/* Has a log of this size a bit for each page of the range? No range is covered that goes past the
 * end of the address space. */
bool hf_dirty_covers(uint64_t log_bytes, uint64_t guest_address, uint64_t length);

/* Marks every page that the range touches. The log covers it: who set it up saw to that. */
void hf_dirty_mark(const struct hf_dirty_log *log, uint64_t guest_address, uint64_t length);

/* The same for the first size_bytes of spans that were made by this table (or by one that it
 * extends). */
void hf_dirty_mark_spans(const struct hf_dirty_log *log, const struct hf_memory *memory,
                         struct hf_spans spans, uint64_t size_bytes);

#endif
