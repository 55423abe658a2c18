/* SPDX-License-Identifier: BSD-3-Clause */
/* A log of the pages that the back-end dirtied, as holdfast/memory.h describes it. */
#ifndef TINY_LOG_H
#define TINY_LOG_H

#include "memory.h"
#include "vmm.h"

#include <stdbool.h>
#include <stdint.h>

struct log {
    int fd;
    uint64_t size_bytes;
    uint8_t *bits;
};

/* A log of nothing, large enough for this memory. */
void log_init(struct log *log, const struct memory *memory);
void log_done(struct log *log);
/* The back-end logs from here on; no more. */
void log_begin(struct log *log, struct vmm *vmm);
void log_end(struct vmm *vmm);

bool log_has(const struct log *log, uint64_t page);
/* The same, and it is forgotten. */
bool log_take(struct log *log, uint64_t page);
uint64_t log_count(const struct log *log);

#endif
