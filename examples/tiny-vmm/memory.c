/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of guest memory, and who wrote what into them. */
#include "memory.h"

#include "say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* So that an offset that somebody forgets is found. */
#define FILE_HEAD_BYTES 0x10000u

static void map(struct memory_part *part)
{
    void *host = mmap(NULL, part->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, part->fd,
                      (off_t)part->fd_offset);

    if (host == MAP_FAILED)
        fail("cannot map guest memory: %s", strerror(errno));
    part->host = host;
    part->shadow = NULL;
    part->marks = calloc(part->size_bytes / MEMORY_PAGE_BYTES, 1);
    if (part->marks == NULL)
        fail("no memory");
}

struct memory_part *memory_add(struct memory *memory, uint64_t guest_address, uint64_t size_bytes)
{
    struct memory_part *part = &memory->parts[memory->part_count++];

    *part = (struct memory_part){ .guest_address = guest_address,
                                  .size_bytes = size_bytes,
                                  .fd = memfd_create("tiny-vmm", MFD_CLOEXEC),
                                  .fd_offset = FILE_HEAD_BYTES };
    if (part->fd < 0 || ftruncate(part->fd, (off_t)(part->fd_offset + size_bytes)) < 0)
        fail("cannot make guest memory: %s", strerror(errno));
    map(part);
    return part;
}

static void unmap(struct memory_part *part)
{
    munmap(part->host, part->size_bytes);
    close(part->fd);
    free(part->shadow);
    free(part->marks);
}

void memory_remove_last(struct memory *memory)
{
    struct memory_part *part = &memory->parts[--memory->part_count];

    if (ftruncate(part->fd, 0) < 0)
        fail("cannot cut guest memory: %s", strerror(errno));
    unmap(part);
}

void memory_map_again(struct memory *copy, const struct memory *original)
{
    *copy = *original;
    for (unsigned i = 0; i < copy->part_count; i++) {
        copy->parts[i].fd = dup(original->parts[i].fd);
        if (copy->parts[i].fd < 0)
            fail("cannot keep a descriptor: %s", strerror(errno));
        map(&copy->parts[i]);
    }
}

void memory_make_alike(struct memory *copy, const struct memory *original)
{
    *copy = (struct memory){ .part_count = 0 };
    for (unsigned i = 0; i < original->part_count; i++)
        memory_add(copy, original->parts[i].guest_address, original->parts[i].size_bytes);
}

void memory_done(struct memory *memory)
{
    for (unsigned i = 0; i < memory->part_count; i++)
        unmap(&memory->parts[i]);
    memory->part_count = 0;
}

static struct memory_part *part_of(const struct memory *memory, uint64_t guest_address,
                                   uint64_t size_bytes)
{
    for (unsigned i = 0; i < memory->part_count; i++) {
        const struct memory_part *part = &memory->parts[i];
        uint64_t offset = guest_address - part->guest_address;

        if (guest_address >= part->guest_address && offset <= part->size_bytes &&
            size_bytes <= part->size_bytes - offset)
            return (struct memory_part *)part;
    }
    fail("the guest has no memory at 0x%llx", (unsigned long long)guest_address);
}

uint8_t *memory_at(const struct memory *memory, uint64_t guest_address, uint64_t size_bytes)
{
    struct memory_part *part = part_of(memory, guest_address, size_bytes);

    return part->host + (guest_address - part->guest_address);
}

static void mark(struct memory_part *part, uint64_t offset, uint64_t size_bytes,
                 enum memory_mark kind)
{
    uint64_t last = (offset + size_bytes - 1) / MEMORY_PAGE_BYTES;

    for (uint64_t page = offset / MEMORY_PAGE_BYTES; size_bytes > 0 && page <= last; page++)
        part->marks[page] = (uint8_t)(part->marks[page] | kind);
}

void memory_mark(struct memory *memory, uint64_t guest_address, uint64_t size_bytes,
                 enum memory_mark kind)
{
    struct memory_part *part = part_of(memory, guest_address, size_bytes);

    mark(part, guest_address - part->guest_address, size_bytes, kind);
}

void memory_unmark_all(struct memory *memory, enum memory_mark kind)
{
    for (unsigned i = 0; i < memory->part_count; i++) {
        const struct memory_part *part = &memory->parts[i];

        for (uint64_t page = 0; page < part->size_bytes / MEMORY_PAGE_BYTES; page++)
            part->marks[page] = (uint8_t)(part->marks[page] & ~(unsigned)kind);
    }
}

void memory_write(struct memory *memory, uint64_t guest_address, const void *bytes,
                  uint64_t size_bytes)
{
    struct memory_part *part = part_of(memory, guest_address, size_bytes);
    uint64_t offset = guest_address - part->guest_address;

    memcpy(part->host + offset, bytes, size_bytes);
    if (part->shadow != NULL)
        memcpy(part->shadow + offset, bytes, size_bytes);
    mark(part, offset, size_bytes, MEMORY_GUEST_WROTE);
}

void memory_write16(struct memory *memory, uint64_t guest_address, uint16_t value)
{
    struct memory_part *part = part_of(memory, guest_address, sizeof(value));
    uint64_t offset = guest_address - part->guest_address;

    __atomic_store_n((uint16_t *)(void *)(part->host + offset), value, __ATOMIC_RELEASE);
    if (part->shadow != NULL)
        memcpy(part->shadow + offset, &value, sizeof(value));
    mark(part, offset, sizeof(value), MEMORY_GUEST_WROTE);
}

void memory_fill(struct memory *memory, uint64_t guest_address, uint8_t byte, uint64_t size_bytes)
{
    struct memory_part *part = part_of(memory, guest_address, size_bytes);
    uint64_t offset = guest_address - part->guest_address;

    memset(part->host + offset, byte, size_bytes);
    if (part->shadow != NULL)
        memset(part->shadow + offset, byte, size_bytes);
    mark(part, offset, size_bytes, MEMORY_GUEST_WROTE);
}

void memory_begin_shadow(struct memory *memory)
{
    memory_end_shadow(memory);
    for (unsigned i = 0; i < memory->part_count; i++) {
        struct memory_part *part = &memory->parts[i];

        part->shadow = malloc(part->size_bytes);
        if (part->shadow == NULL)
            fail("no memory");
        memcpy(part->shadow, part->host, part->size_bytes);
    }
}

void memory_end_shadow(struct memory *memory)
{
    for (unsigned i = 0; i < memory->part_count; i++) {
        free(memory->parts[i].shadow);
        memory->parts[i].shadow = NULL;
    }
}

bool memory_page_changed(const struct memory_part *part, uint64_t page)
{
    uint64_t offset = page * MEMORY_PAGE_BYTES;

    return memcmp(part->host + offset, part->shadow + offset, MEMORY_PAGE_BYTES) != 0;
}

unsigned memory_pages_changed(const struct memory *memory)
{
    unsigned count = 0;

    for (unsigned i = 0; i < memory->part_count; i++) {
        const struct memory_part *part = &memory->parts[i];

        for (uint64_t page = 0; page < part->size_bytes / MEMORY_PAGE_BYTES; page++)
            count += memory_page_changed(part, page);
    }
    return count;
}
