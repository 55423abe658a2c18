/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target under libFuzzer: coverage decides which inputs are kept. Half of the mutations move
 * whole records (messages, steps), the other half are libFuzzer's own.
 */
#include "tally.h"

#include <unistd.h>

/* libFuzzer's side of the contract has no header. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void finish(void)
{
    if (!tally_print())
        _exit(1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return atexit(finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tally_run(data, size);
    return 0;
}

/* Seeds come from files, which replay-NAME --write made. */
void fuzz_seed(const char *name, const void *bytes, size_t size_bytes)
{
    (void)name;
    tally_run(bytes, size_bytes);
}

/* What a mutation of records sees. */
struct records {
    uint8_t *at;
    size_t count;
    size_t room; /* records that fit */
    uint32_t random;
};

static size_t some(struct records *records, size_t below)
{
    records->random = records->random * 1664525u + 1013904223u;
    return (records->random >> 8) % below;
}

static uint8_t *record(const struct records *records, size_t index)
{
    return records->at + index * fuzz_target.record_bytes;
}

static void take_out(struct records *records)
{
    size_t index = some(records, records->count);
    size_t behind = records->count - index - 1;

    memmove(record(records, index), record(records, index + 1), behind * fuzz_target.record_bytes);
    records->count--;
}

/* A record again somewhere else. */
static void put_in(struct records *records)
{
    uint8_t copy[64];
    size_t from = some(records, records->count);
    size_t to = some(records, records->count + 1);

    if (records->count == records->room || fuzz_target.record_bytes > sizeof(copy))
        return;
    memcpy(copy, record(records, from), fuzz_target.record_bytes);
    memmove(record(records, to + 1), record(records, to),
            (records->count - to) * fuzz_target.record_bytes);
    memcpy(record(records, to), copy, fuzz_target.record_bytes);
    records->count++;
}

static void change_one(struct records *records)
{
    uint8_t *one = record(records, some(records, records->count));

    LLVMFuzzerMutate(one, fuzz_target.record_bytes, fuzz_target.record_bytes);
}

static void cut_short(struct records *records)
{
    records->count = 1 + some(records, records->count);
}

static void (*const moves[])(struct records *records) = { take_out,   put_in,     put_in,   put_in,
                                                          change_one, change_one, cut_short };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t prefix = fuzz_target.prefix_bytes;
    size_t each = fuzz_target.record_bytes;

    if (each == 0 || size < prefix + 2 * each || seed % 2 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    struct records records = { .at = data + prefix,
                               .count = (size - prefix) / each,
                               .room = (max_size - prefix) / each,
                               .random = seed };
    size_t times = 1 + some(&records, 4);
    while (times-- > 0 && records.count > 1)
        moves[some(&records, sizeof(moves) / sizeof(moves[0]))](&records);
    return prefix + records.count * each;
}
