/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks that say themselves what they are: every 512 bytes carry seed, address, generation and a
 * checksum, so that whatever is found anywhere can be named. Knows no requests.
 */
#ifndef HF_DRILL_CONTENT_H
#define HF_DRILL_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_CONTENT_SECTOR_SIZE 512u

struct hf_content_id {
    uint64_t seed;
    uint64_t address; /* of the block's first byte on the disk */
    uint64_t generation;
};

/* What a block holds. Without faults: intact, in_place, oldest == newest. */
struct hf_sight {
    bool intact;     /* all checksums are right */
    bool in_place;   /* seed and address of all intact sectors are those asked for */
    bool unfilled;   /* some sector is still as hf_content_poison left it */
    bool blank;      /* all zeros: never written */
    uint64_t oldest; /* generations of the sectors that are intact and in place */
    uint64_t newest;
    uint64_t stray_address; /* of the first intact sector that is not in place */
};

/* `size_bytes` is a multiple of HF_CONTENT_SECTOR_SIZE; `block` is aligned to 8. */
void hf_content_fill(void *block, size_t size_bytes, const struct hf_content_id *id);
/* id->generation is not looked at. */
struct hf_sight hf_content_look(const void *block, size_t size_bytes,
                                const struct hf_content_id *id);
/* Is this exactly what hf_content_fill would write? */
bool hf_content_equals(const void *block, size_t size_bytes, const struct hf_content_id *id);

/* Bytes no device writes by itself: before a read, and in memory that nobody may touch. */
void hf_content_poison(void *block, size_t size_bytes);
void hf_content_guard(void *memory, size_t size_bytes);
bool hf_content_guarded(const void *memory, size_t size_bytes);

#endif
