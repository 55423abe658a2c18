/* SPDX-License-Identifier: BSD-3-Clause */
/* A sector: magic, seed, address, generation, 59 words that depend on them, checksum. */
#include "drill/content.h"

#include "base/random.h"

#include <string.h>

#define WORDS       (HF_CONTENT_SECTOR_SIZE / sizeof(uint64_t))
#define MAGIC       UINT64_C(0x746c697264486653) /* "SfHdrilt" */
#define POISON_BYTE 0xdb
#define GUARD_WORD  UINT64_C(0xca11ab1eca11ab1e)

enum sector_word {
    WORD_MAGIC,
    WORD_SEED,
    WORD_ADDRESS,
    WORD_GENERATION,
    WORD_FILL,
    WORD_CHECKSUM = WORDS - 1,
};

static uint64_t checksum_of(const uint64_t *words)
{
    uint64_t sum = MAGIC;

    for (size_t i = 0; i < WORD_CHECKSUM; i++) {
        sum = (sum ^ words[i]) * UINT64_C(0x9fb21c651e98df25);
        sum ^= sum >> 32;
    }
    return sum;
}

static void fill_sector(uint64_t *words, const struct hf_content_id *id)
{
    uint64_t fill = hf_random_mix(id->seed ^ hf_random_mix(id->address ^ (id->generation << 40)));

    words[WORD_MAGIC] = MAGIC;
    words[WORD_SEED] = id->seed;
    words[WORD_ADDRESS] = id->address;
    words[WORD_GENERATION] = id->generation;
    for (size_t i = WORD_FILL; i < WORD_CHECKSUM; i++) {
        fill = fill * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        words[i] = fill;
    }
    words[WORD_CHECKSUM] = checksum_of(words);
}

void hf_content_fill(void *block, size_t size_bytes, const struct hf_content_id *id)
{
    struct hf_content_id sector = *id;

    for (size_t at = 0; at < size_bytes; at += HF_CONTENT_SECTOR_SIZE) {
        sector.address = id->address + at;
        fill_sector((uint64_t *)(void *)((uint8_t *)block + at), &sector);
    }
}

static bool all_bytes(const uint8_t *bytes, uint8_t value)
{
    return bytes[0] == value && memcmp(bytes, bytes + 1, HF_CONTENT_SECTOR_SIZE - 1) == 0;
}

static void look_at_damaged(struct hf_sight *sight, const uint8_t *bytes)
{
    sight->intact = false;
    if (all_bytes(bytes, POISON_BYTE))
        sight->unfilled = true;
    if (!all_bytes(bytes, 0))
        sight->blank = false;
}

static void look_at_sector(struct hf_sight *sight, const uint64_t *words,
                           const struct hf_content_id *id)
{
    if (words[WORD_MAGIC] != MAGIC || words[WORD_CHECKSUM] != checksum_of(words)) {
        look_at_damaged(sight, (const uint8_t *)words);
        return;
    }
    sight->blank = false;
    if (words[WORD_SEED] != id->seed || words[WORD_ADDRESS] != id->address) {
        if (sight->in_place)
            sight->stray_address = words[WORD_ADDRESS];
        sight->in_place = false;
        return;
    }
    if (words[WORD_GENERATION] < sight->oldest)
        sight->oldest = words[WORD_GENERATION];
    if (words[WORD_GENERATION] > sight->newest)
        sight->newest = words[WORD_GENERATION];
}

struct hf_sight hf_content_look(const void *block, size_t size_bytes,
                                const struct hf_content_id *id)
{
    struct hf_sight sight = { .intact = true, .in_place = true, .blank = true };
    struct hf_content_id sector = *id;

    sight.oldest = UINT64_MAX;
    for (size_t at = 0; at < size_bytes; at += HF_CONTENT_SECTOR_SIZE) {
        sector.address = id->address + at;
        look_at_sector(&sight, (const uint64_t *)(const void *)((const uint8_t *)block + at),
                       &sector);
    }
    if (sight.oldest > sight.newest)
        sight.oldest = sight.newest;
    return sight;
}

bool hf_content_equals(const void *block, size_t size_bytes, const struct hf_content_id *id)
{
    struct hf_sight sight = hf_content_look(block, size_bytes, id);

    return sight.intact && sight.in_place && sight.oldest == id->generation &&
           sight.newest == id->generation;
}

void hf_content_poison(void *block, size_t size_bytes)
{
    memset(block, POISON_BYTE, size_bytes);
}

void hf_content_guard(void *memory, size_t size_bytes)
{
    uint64_t *words = memory;

    for (size_t i = 0; i < size_bytes / sizeof(*words); i++)
        words[i] = GUARD_WORD + i;
}

bool hf_content_guarded(const void *memory, size_t size_bytes)
{
    const uint64_t *words = memory;
    uint64_t difference = 0;

    for (size_t i = 0; i < size_bytes / sizeof(*words); i++)
        difference |= words[i] ^ (GUARD_WORD + i);
    return difference == 0;
}
