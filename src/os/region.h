/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory shared by file descriptor: ours (a sealed memfd) and the peer's (mapped only if the file
 * is long enough now, so that a short one is an error and not a SIGBUS; a peer that truncates
 * later is another matter). Knows nothing of what lies inside.
 */
#ifndef HF_OS_REGION_H
#define HF_OS_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A new memfd of that size, all zeros, that nobody can shrink or grow (F_SEAL_SHRINK, _GROW,
 * _SEAL). Returns an fd (CLOEXEC, owned by the caller) or -errno. */
int hf_region_create(const char *name, uint64_t size_bytes);

struct hf_mapping {
    uint8_t *start;    /* the byte asked for */
    size_t size_bytes; /* as asked for */
    void *base;        /* what munmap wants: aligned down and up; NULL = not mapped */
    size_t length;
    dev_t device; /* which file it is of */
    ino_t inode;
};

static inline bool hf_mapping_same_file(const struct hf_mapping *a, const struct hf_mapping *b)
{
    return a->base && b->base && a->inode == b->inode && a->device == b->device;
}

/* Maps [offset, offset + size_bytes) of `fd` (borrowed; may be closed afterwards) for reading and
 * writing, shared. `offset` need not be aligned. 0, or -errno with a sentence: -EINVAL = empty, the
 * range overflows, not a file that has a length, or the file is shorter than the range. */
int hf_mapping_init(struct hf_mapping *mapping, int fd, uint64_t offset, uint64_t size_bytes,
                    struct hf_error *error);

/* Unmaps; accepts a zeroed one. */
void hf_mapping_done(struct hf_mapping *mapping);

/* Length of the file behind the fd, or -errno: -EINVAL if it has none (a pipe, an eventfd). */
int64_t hf_region_size(int fd);

#endif
