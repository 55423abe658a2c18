/* SPDX-License-Identifier: BSD-3-Clause */
/* See access.h. */
#include "bench/access.h"

#include <stddef.h>
#include <string.h>

#define HALF 50u

static const struct hf_access_kind kinds[] = {
    { "read", false, 100, false },    { "write", false, 0, false },
    { "rw", false, HALF, true },      { "readwrite", false, HALF, true },
    { "randread", true, 100, false }, { "randwrite", true, 0, false },
    { "randrw", true, HALF, true },
};

const struct hf_access_kind *hf_access_kind_find(const char *word)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, word) == 0)
            return &kinds[i];
    return NULL;
}

bool hf_access_writes(const struct hf_access_kind *kind)
{
    return kind->read_percent < 100;
}

static bool draw_write(struct hf_access *access)
{
    if (!access->kind.mixed)
        return hf_access_writes(&access->kind);
    return hf_random_below(&access->random, 100) >= access->kind.read_percent;
}

static uint64_t next_block(struct hf_access *access)
{
    if (access->kind.random)
        return hf_random_below(&access->random, access->block_count);
    uint64_t block = access->cursor;
    access->cursor = block + 1 < access->block_count ? block + 1 : 0;
    return block;
}

struct hf_access_step hf_access_next(struct hf_access *access)
{
    uint64_t block = next_block(access);

    return (struct hf_access_step){ .block = block, .write = draw_write(access) };
}
