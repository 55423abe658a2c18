/* SPDX-License-Identifier: BSD-3-Clause */
/* Bits for pages; guest addresses for spans. */
#include "ring/dirty.h"

#include "base/check.h"
#include "base/checked.h"
#include "ring/order.h"

#define PAGES_PER_BYTE 8u

uint64_t hf_dirty_bytes(uint64_t end)
{
    const uint64_t bytes_per_byte = HF_DIRTY_PAGE_BYTES * PAGES_PER_BYTE;

    return end / bytes_per_byte + (end % bytes_per_byte != 0);
}

bool hf_dirty_covers(uint64_t log_bytes, uint64_t guest_address, uint64_t length)
{
    uint64_t end = 0;

    if (!hf_add_u64(guest_address, length, &end))
        return false;
    return length == 0 || hf_dirty_bytes(end) <= log_bytes;
}

void hf_dirty_mark(const struct hf_dirty_log *log, uint64_t guest_address, uint64_t length)
{
    HF_CHECK(hf_dirty_covers(log->size_bytes, guest_address, length));
    if (length == 0)
        return;
    uint64_t page = guest_address / HF_DIRTY_PAGE_BYTES;
    uint64_t end = (guest_address + length - 1) / HF_DIRTY_PAGE_BYTES + 1;
    while (page < end) {
        unsigned first = (unsigned)(page % PAGES_PER_BYTE);
        unsigned count = (unsigned)hf_min_u64(end - page, PAGES_PER_BYTE - first);
        uint8_t bits = (uint8_t)(((1u << count) - 1) << first);
        hf_order_or_u8(&log->bits[page / PAGES_PER_BYTE], bits);
        page += count;
    }
}

static bool is_in(const struct hf_memory_region *region, const void *host)
{
    return region != NULL && (uintptr_t)host >= (uintptr_t)region->host &&
           (uintptr_t)host - (uintptr_t)region->host < region->size_bytes;
}

/* A span lies in one region, and the next one mostly in the same. */
void hf_dirty_mark_spans(const struct hf_dirty_log *log, const struct hf_memory *memory,
                         struct hf_spans spans, uint64_t size_bytes)
{
    const struct hf_memory_region *region = NULL;

    for (size_t i = 0; i < spans.count && size_bytes > 0; i++) {
        const struct iovec *span = &spans.at[i];
        uint64_t length = hf_min_u64(span->iov_len, size_bytes);

        if (!is_in(region, span->iov_base))
            region = hf_memory_find_host(memory, span->iov_base);
        HF_CHECK(region != NULL);
        hf_dirty_mark(log,
                      region->guest_address + ((uintptr_t)span->iov_base - (uintptr_t)region->host),
                      length);
        size_bytes -= length;
    }
}
