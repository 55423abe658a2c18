/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory as a VMM has it: parts, each a file in memory (memfd) that the back-end may map too.
 * What the guest writes goes through here, so that it can be told from what the back-end writes.
 * Knows no device.
 */
#ifndef TINY_MEMORY_H
#define TINY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_PAGE_BYTES 4096u
#define MEMORY_PARTS_MAX  4u

enum memory_mark {
    MEMORY_GUEST_WROTE = 1,
    MEMORY_DEVICE_MAY_WRITE = 2, /* a buffer for the device to write, or a used ring */
    MEMORY_DEVICE_WROTE = 4,     /* the guest found its answer here */
};

struct memory_part {
    uint64_t guest_address;
    uint64_t size_bytes;
    int fd;
    uint64_t fd_offset; /* the part begins here in the file */
    uint8_t *host;
    uint8_t *shadow; /* as if nobody but the guest had written since memory_begin_shadow */
    uint8_t *marks;  /* enum memory_mark, by page */
};

struct memory {
    struct memory_part parts[MEMORY_PARTS_MAX];
    unsigned part_count;
};

/* A part of zeros, mapped. */
struct memory_part *memory_add(struct memory *memory, uint64_t guest_address, uint64_t size_bytes);
/* Unmaps and closes the last part. Nobody uses it any more; who does all the same is killed by the
 * kernel, for the file is cut to nothing first. */
void memory_remove_last(struct memory *memory);
/* Another mapping of the same files, as another process would have. */
void memory_map_again(struct memory *copy, const struct memory *original);
/* Other files of the same shape. */
void memory_make_alike(struct memory *copy, const struct memory *original);
void memory_done(struct memory *memory);

/* Where the bytes are; they must be there. */
uint8_t *memory_at(const struct memory *memory, uint64_t guest_address, uint64_t size_bytes);
/* What the guest's processor does. */
void memory_write(struct memory *memory, uint64_t guest_address, const void *bytes,
                  uint64_t size_bytes);
void memory_write16(struct memory *memory, uint64_t guest_address, uint16_t value); /* at once */
void memory_fill(struct memory *memory, uint64_t guest_address, uint8_t byte, uint64_t size_bytes);

void memory_begin_shadow(struct memory *memory);
void memory_end_shadow(struct memory *memory);
/* Whether somebody else than the guest changed this page. */
bool memory_page_changed(const struct memory_part *part, uint64_t page);
/* How many of all pages. */
unsigned memory_pages_changed(const struct memory *memory);

void memory_mark(struct memory *memory, uint64_t guest_address, uint64_t size_bytes,
                 enum memory_mark mark);
void memory_unmark_all(struct memory *memory, enum memory_mark mark);

#endif
