/* SPDX-License-Identifier: BSD-3-Clause */
/* Durations by integers only: 0.1s is 100000000 ns. Knows no option. */
#include "base/duration.h"

#include "base/check.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    { "", UINT64_C(1000000000) }, { "s", UINT64_C(1000000000) },  { "ms", UINT64_C(1000000) },
    { "us", UINT64_C(1000) },     { "m", UINT64_C(60000000000) },
};

/* A number in units of 10^-9, so far. */
struct number {
    uint64_t whole;
    uint64_t billionths;
};

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* NULL: none there, or a number that no unit would make short enough. */
static const char *read_whole(const char *at, uint64_t *whole)
{
    if (!is_digit(*at))
        return NULL;
    for (; is_digit(*at); at++) {
        *whole = *whole * 10 + (uint64_t)(*at - '0');
        if (*whole > HF_DURATION_MAX_NS)
            return NULL;
    }
    return at;
}

static const char *read_fraction(const char *at, uint64_t *billionths)
{
    uint64_t place = 100000000;

    if (*at != '.')
        return at;
    if (!is_digit(*++at))
        return NULL;
    for (; is_digit(*at); at++) {
        *billionths += place * (uint64_t)(*at - '0');
        place /= 10;
    }
    return at;
}

static uint64_t unit_of(const char *word)
{
    size_t length = strlen(word) + 1;

    for (size_t i = 0; i < HF_ARRAY_COUNT(units); i++)
        if (strlen(units[i].name) + 1 == length && memcmp(units[i].name, word, length) == 0)
            return units[i].ns;
    return 0;
}

bool hf_duration_parse(const char *word, uint64_t *duration_ns)
{
    struct number number = { 0 };
    const char *end = read_whole(word, &number.whole);

    if (end)
        end = read_fraction(end, &number.billionths);
    uint64_t unit_ns = end ? unit_of(end) : 0;
    if (unit_ns == 0 || number.whole > HF_DURATION_MAX_NS / unit_ns)
        return false;
    /* billionths < 10^9, a unit at most 6 * 10^10: their product fits. */
    uint64_t ns = number.whole * unit_ns + number.billionths * unit_ns / 1000000000;
    if (ns > HF_DURATION_MAX_NS)
        return false;
    *duration_ns = ns;
    return true;
}
