/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts, and the two ways to stop: a promise of the target's broken, or an HF_CHECK reached. */
#include "tally.h"

#include "base/check.h"

#include <stdio.h>

static struct {
    uint64_t inputs;
    uint64_t reached[FUZZ_DEPTHS_MAX];
} tally;

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

_Noreturn void hf_check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
    abort();
}

void tally_run(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy = fuzz_copy(bytes, size_bytes);
    unsigned reached = fuzz_target.run(copy, size_bytes);

    free(copy);
    tally.inputs++;
    for (unsigned i = 0; i < FUZZ_DEPTHS_MAX; i++)
        tally.reached[i] += reached >> i & 1;
}

bool tally_print(void)
{
    bool all = true;

    printf("%s: %llu inputs", fuzz_target.name, (unsigned long long)tally.inputs);
    for (unsigned i = 0; i < FUZZ_DEPTHS_MAX && fuzz_target.depths[i] != NULL; i++) {
        printf("; %s: %llu", fuzz_target.depths[i], (unsigned long long)tally.reached[i]);
        all = all && tally.reached[i] > 0;
    }
    printf("%s\n", all ? "" : " - NOT REACHED: nothing was tested there");
    fflush(stdout);
    return all;
}
