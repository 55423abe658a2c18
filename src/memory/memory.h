/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory as arithmetic: a sorted table of regions, and the way from an address and a length
 * to bytes in this process. It maps nothing and owns nothing: somebody else mapped each region
 * before it came here, and unmaps it after it left and after the last I/O on it ended.
 *
 * The table may be read by many threads at once; it changes only while all of them are paused.
 * vhost-user "Memory region description".
 */
#ifndef HF_MEMORY_MEMORY_H
#define HF_MEMORY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libvhost-user can take, the largest number in the wild. */
#define HF_MEMORY_REGIONS_MAX 509

struct hf_memory_region {
    uint64_t guest_address;
    uint64_t user_address; /* in the front-end's address space: ring addresses are of this kind */
    uint64_t size_bytes;
    uint64_t mmap_offset;
    void *host;    /* where guest_address is in this process; NULL: known, but not mapped here */
    uint32_t slot; /* the owner's tag (which fd, which mapping); means nothing here */
};

struct hf_memory {
    uint32_t region_count;
    struct hf_memory_region regions[HF_MEMORY_REGIONS_MAX]; /* by guest address, disjoint */
};

enum hf_memory_fault {
    HF_MEMORY_FAULT_NONE,
    HF_MEMORY_FAULT_EMPTY,   /* size 0 */
    HF_MEMORY_FAULT_WRAPS,   /* guest or user address, mmap offset or host pointer + size: > 2^64 */
    HF_MEMORY_FAULT_OVERLAP, /* shares a guest address with a region of the table */
    HF_MEMORY_FAULT_FULL,
    HF_MEMORY_FAULT_ABSENT, /* no such region to remove */
    HF_MEMORY_FAULT_COUNT
};

/* Bytes of this process; laid out as struct iovec, so that an array can be handed to readv. */
struct hf_span {
    void *base;
    size_t length;
};

/* A walk over guest memory. A walk that ended with left_bytes != 0 met an address that is nowhere.
 */
struct hf_memory_cursor {
    const struct hf_memory *memory;
    uint64_t guest_address;
    uint64_t left_bytes;
};

/* A sentence without full stop; never NULL. */
const char *hf_memory_fault_text(enum hf_memory_fault fault);

/* Empties the table. A zeroed object is an empty table too. */
void hf_memory_init(struct hf_memory *memory);

/*
 * Copies *region into the table. On a fault the table is unchanged. User addresses may overlap (one
 * memory seen at two guest addresses); guest addresses may not.
 */
enum hf_memory_fault hf_memory_add(struct hf_memory *memory, const struct hf_memory_region *region);

/*
 * Removes the region with the same guest address, user address and size (vhost-user REM_MEM_REG:
 * the offset is not compared) and copies it to *removed (NULL: not wanted), so that its owner can
 * unmap.
 */
enum hf_memory_fault hf_memory_remove(struct hf_memory *memory, const struct hf_memory_region *like,
                                      struct hf_memory_region *removed);

/* The region that holds this address, or NULL. Valid until the table changes. */
const struct hf_memory_region *hf_memory_find(const struct hf_memory *memory,
                                              uint64_t guest_address);
const struct hf_memory_region *hf_memory_find_user(const struct hf_memory *memory,
                                                   uint64_t user_address);
/* The way back: the region that this byte of our process is in, or NULL. Not fast. */
const struct hf_memory_region *hf_memory_find_host(const struct hf_memory *memory,
                                                   const void *host);

/*
 * Host pointer to [address, address + length), all of it in one region, or NULL. Length 0 gives a
 * pointer that must not be dereferenced if the address is in a region or at its very end.
 */
void *hf_memory_translate(const struct hf_memory *memory, uint64_t guest_address, uint64_t length);
void *hf_memory_translate_user(const struct hf_memory *memory, uint64_t user_address,
                               uint64_t length);

/*
 * Spans over adjacent regions: a buffer may begin in one region and end in the next, and the two
 * need not be neighbours in this process. Length 0 has no spans and is never a failure.
 *
 *     struct hf_memory_cursor cursor = hf_memory_walk(memory, address, length);
 *     while (hf_memory_next(&cursor, &span))
 *         use(span);
 *     if (cursor.left_bytes != 0)
 *         the rest is not guest memory
 */
struct hf_memory_cursor hf_memory_walk(const struct hf_memory *memory, uint64_t guest_address,
                                       uint64_t length);
bool hf_memory_next(struct hf_memory_cursor *cursor, struct hf_span *span);

/*
 * Copies guest memory into `into`, across regions. False if any byte is not guest memory (what is
 * in `into` then has no meaning). The copy is private: judge it, not the guest's memory.
 */
bool hf_memory_copy(const struct hf_memory *memory, uint64_t guest_address, void *into,
                    size_t size_bytes);

#endif
