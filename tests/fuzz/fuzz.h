/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzz target: turns any bytes into a legal sequence of hostile inputs and holds the code to what
 * it promises. The same target is driven by libFuzzer (libfuzzer.c) and by a plain program that
 * runs the seeds (replay.c); it knows neither.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_DEPTHS_MAX 5u
#define FUZZ_DEPTH(n)   (1u << (n))

struct fuzz_target {
    const char *name;
    /* Where an input may get to, the deepest last. A run in which none got to each of them has
     * fuzzed nothing and fails. */
    const char *depths[FUZZ_DEPTHS_MAX];
    /* An input is prefix_bytes, then records of record_bytes: the mutator moves whole records. 0:
     * it has no records. */
    size_t prefix_bytes;
    size_t record_bytes;
    /* One input, from scratch; leaves nothing behind. Returns FUZZ_DEPTH() of what it reached. */
    unsigned (*run)(const uint8_t *bytes, size_t size_bytes);
    /* Calls fuzz_seed() for each valid script. */
    void (*seeds)(void);
};

extern const struct fuzz_target fuzz_target;

/* Takes one seed; `name` is a file name. */
void fuzz_seed(const char *name, const void *bytes, size_t size_bytes);

_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* A promise of the code under test. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
    } while (0)

/* ---- bytes to structures: whatever is missing reads as zero ---- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* False if there was nothing left at all. */
static inline bool fuzz_take(struct fuzz_input *input, void *into, size_t size_bytes)
{
    size_t length = input->left < size_bytes ? input->left : size_bytes;

    memset(into, 0, size_bytes);
    if (length == 0)
        return false;
    memcpy(into, input->at, length);
    input->at += length;
    input->left -= length;
    return true;
}

/* Memory of exactly that size, so that the sanitizer sees the first byte beyond; never NULL. */
static inline void *fuzz_alloc(size_t size_bytes)
{
    void *bytes = malloc(size_bytes);

    FUZZ_CHECK(bytes != NULL || size_bytes == 0);
    if (size_bytes > 0)
        memset(bytes, 0, size_bytes);
    return bytes;
}

static inline void *fuzz_copy(const void *from, size_t size_bytes)
{
    void *bytes = fuzz_alloc(size_bytes);

    if (size_bytes > 0)
        memcpy(bytes, from, size_bytes);
    return bytes;
}

#endif
