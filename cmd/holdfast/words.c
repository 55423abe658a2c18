/* SPDX-License-Identifier: BSD-3-Clause */
/* See words.h. */
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECTOR_SIZE 512u

uint64_t word_number(const char *name, const char *word, uint64_t first, uint64_t last,
                     struct argp_state *state)
{
    char *end = NULL;

    errno = 0;
    unsigned long long value = strtoull(word, &end, 10);
    if (errno != 0 || *word < '0' || *word > '9' || *end != 0 || value < first || value > last)
        argp_error(state, "--%s=%s: %llu to %llu is possible", name, word,
                   (unsigned long long)first, (unsigned long long)last);
    return value;
}

/* False if it is none. */
static bool take_suffix(const char *suffix, unsigned *shift)
{
    static const char letters[] = "kmgt";
    const char *letter = *suffix == 0 ? NULL : strchr(letters, *suffix | 0x20);

    *shift = letter == NULL ? 0 : 10u * (unsigned)(letter - letters + 1);
    return *suffix == 0 || (letter != NULL && *letter != 0 && suffix[1] == 0);
}

uint64_t word_bytes(const char *name, const char *word, uint64_t first, uint64_t last,
                    struct argp_state *state)
{
    char *end = NULL;
    unsigned shift = 0;

    errno = 0;
    unsigned long long value = strtoull(word, &end, 10);
    bool good = errno == 0 && *word >= '0' && *word <= '9' && take_suffix(end, &shift) &&
                value <= last >> shift;
    uint64_t bytes = (uint64_t)value << shift;
    if (!good || bytes < first || bytes % SECTOR_SIZE != 0)
        argp_error(state, "--%s=%s: a multiple of 512 bytes up to %lluk is possible (k, M, G)",
                   name, word, (unsigned long long)last >> 10);
    return bytes;
}

int word_check_socket(const char *path, struct hf_error *error)
{
    struct stat found;

    if (stat(path, &found) < 0)
        return hf_error_set(error, errno, "%s: %s", path,
                            errno == ENOENT ? "no such socket" : strerror(errno));
    if (!S_ISSOCK(found.st_mode))
        return hf_error_set(error, ENOTSOCK, "%s: not a socket", path);
    return 0;
}
