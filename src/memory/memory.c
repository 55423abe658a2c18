/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of regions: kept sorted, searched by halving. No system calls, no ownership. */
#include "memory/memory.h"

#include <string.h>

#include "base/checked.h"

static const char *const texts[HF_MEMORY_FAULT_COUNT] = {
    [HF_MEMORY_FAULT_NONE] = "no fault",
    [HF_MEMORY_FAULT_EMPTY] = "memory region of size 0",
    [HF_MEMORY_FAULT_WRAPS] = "memory region goes past the end of an address space",
    [HF_MEMORY_FAULT_OVERLAP] = "memory region overlaps another one",
    [HF_MEMORY_FAULT_FULL] = "too many memory regions",
    [HF_MEMORY_FAULT_ABSENT] = "no such memory region",
};

const char *hf_memory_fault_text(enum hf_memory_fault fault)
{
    return (unsigned)fault < HF_MEMORY_FAULT_COUNT ? texts[fault] : "unknown memory fault";
}

void hf_memory_init(struct hf_memory *memory)
{
    memory->region_count = 0;
}

/* Where a region with this guest address belongs: how many begin at or before it. */
static uint32_t place_of(const struct hf_memory *memory, uint64_t guest_address)
{
    uint32_t low = 0;
    uint32_t high = memory->region_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memory->regions[middle].guest_address <= guest_address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool wraps(const struct hf_memory_region *region)
{
    uint64_t end = 0;

    return !hf_add_u64(region->guest_address, region->size_bytes, &end) ||
           !hf_add_u64(region->user_address, region->size_bytes, &end) ||
           !hf_add_u64(region->mmap_offset, region->size_bytes, &end) ||
           !hf_add_u64((uintptr_t)region->host, region->size_bytes, &end);
}

static bool overlaps(const struct hf_memory *memory, const struct hf_memory_region *region,
                     uint32_t place)
{
    if (place > 0) {
        const struct hf_memory_region *before = &memory->regions[place - 1];
        if (region->guest_address - before->guest_address < before->size_bytes)
            return true;
    }
    if (place == memory->region_count)
        return false;
    return memory->regions[place].guest_address - region->guest_address < region->size_bytes;
}

enum hf_memory_fault hf_memory_add(struct hf_memory *memory, const struct hf_memory_region *region)
{
    if (region->size_bytes == 0)
        return HF_MEMORY_FAULT_EMPTY;
    if (wraps(region))
        return HF_MEMORY_FAULT_WRAPS;
    uint32_t place = place_of(memory, region->guest_address);
    if (overlaps(memory, region, place))
        return HF_MEMORY_FAULT_OVERLAP;
    if (memory->region_count == HF_MEMORY_REGIONS_MAX)
        return HF_MEMORY_FAULT_FULL;
    memmove(&memory->regions[place + 1], &memory->regions[place],
            (memory->region_count - place) * sizeof(memory->regions[0]));
    memory->regions[place] = *region;
    memory->region_count++;
    return HF_MEMORY_FAULT_NONE;
}

static bool same_region(const struct hf_memory_region *a, const struct hf_memory_region *b)
{
    return a->guest_address == b->guest_address && a->user_address == b->user_address &&
           a->size_bytes == b->size_bytes;
}

enum hf_memory_fault hf_memory_remove(struct hf_memory *memory, const struct hf_memory_region *like,
                                      struct hf_memory_region *removed)
{
    uint32_t place = place_of(memory, like->guest_address);

    if (place == 0 || !same_region(&memory->regions[place - 1], like))
        return HF_MEMORY_FAULT_ABSENT;
    if (removed != NULL)
        *removed = memory->regions[place - 1];
    memmove(&memory->regions[place - 1], &memory->regions[place],
            (memory->region_count - place) * sizeof(memory->regions[0]));
    memory->region_count--;
    return HF_MEMORY_FAULT_NONE;
}

const struct hf_memory_region *hf_memory_find(const struct hf_memory *memory,
                                              uint64_t guest_address)
{
    uint32_t place = place_of(memory, guest_address);

    if (place == 0)
        return NULL;
    const struct hf_memory_region *region = &memory->regions[place - 1];
    return guest_address - region->guest_address < region->size_bytes ? region : NULL;
}

/* Only rings are looked up this way, once at start: no need to be fast. */
const struct hf_memory_region *hf_memory_find_user(const struct hf_memory *memory,
                                                   uint64_t user_address)
{
    for (uint32_t i = 0; i < memory->region_count; i++) {
        const struct hf_memory_region *region = &memory->regions[i];
        if (user_address >= region->user_address &&
            user_address - region->user_address < region->size_bytes)
            return region;
    }
    return NULL;
}

const struct hf_memory_region *hf_memory_find_host(const struct hf_memory *memory, const void *host)
{
    for (uint32_t i = 0; i < memory->region_count; i++) {
        const struct hf_memory_region *region = &memory->regions[i];
        uintptr_t offset = (uintptr_t)host - (uintptr_t)region->host;
        if (region->host != NULL && (uintptr_t)host >= (uintptr_t)region->host &&
            offset < region->size_bytes)
            return region;
    }
    return NULL;
}

static void *host_at(const struct hf_memory_region *region, uint64_t offset, uint64_t length)
{
    if (region->host == NULL || !hf_range_inside(offset, length, region->size_bytes))
        return NULL;
    return (uint8_t *)region->host + offset;
}

void *hf_memory_translate(const struct hf_memory *memory, uint64_t guest_address, uint64_t length)
{
    uint32_t place = place_of(memory, guest_address);

    if (place == 0)
        return NULL;
    const struct hf_memory_region *region = &memory->regions[place - 1];
    return host_at(region, guest_address - region->guest_address, length);
}

void *hf_memory_translate_user(const struct hf_memory *memory, uint64_t user_address,
                               uint64_t length)
{
    const struct hf_memory_region *region = hf_memory_find_user(memory, user_address);

    return region == NULL ? NULL : host_at(region, user_address - region->user_address, length);
}

struct hf_memory_cursor hf_memory_walk(const struct hf_memory *memory, uint64_t guest_address,
                                       uint64_t length)
{
    return (struct hf_memory_cursor){ .memory = memory,
                                      .guest_address = guest_address,
                                      .left_bytes = length };
}

bool hf_memory_next(struct hf_memory_cursor *cursor, struct hf_span *span)
{
    if (cursor->left_bytes == 0)
        return false;
    const struct hf_memory_region *region = hf_memory_find(cursor->memory, cursor->guest_address);
    if (region == NULL || region->host == NULL)
        return false;
    uint64_t offset = cursor->guest_address - region->guest_address;
    uint64_t length = hf_min_u64(cursor->left_bytes, region->size_bytes - offset);
    *span = (struct hf_span){ .base = (uint8_t *)region->host + offset, .length = length };
    cursor->guest_address += length; /* cannot wrap: no region reaches 2^64 */
    cursor->left_bytes -= length;
    return true;
}

bool hf_memory_copy(const struct hf_memory *memory, uint64_t guest_address, void *into,
                    size_t size_bytes)
{
    struct hf_memory_cursor cursor = hf_memory_walk(memory, guest_address, size_bytes);
    uint8_t *to = into;
    struct hf_span span;

    while (hf_memory_next(&cursor, &span)) {
        memcpy(to, span.base, span.length);
        to += span.length;
    }
    /* The compiler must not go back to the guest's memory for what it has copied. */
    __asm__ volatile("" : : : "memory");
    return cursor.left_bytes == 0;
}
