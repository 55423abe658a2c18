/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes are written as hex with spaces; numbers in them are little endian (so is every
 * machine these tests run on). */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include "cmocka_all.h"

static inline unsigned hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);

    assert_true(c != '\0' && at != NULL);
    return (unsigned)(at - digits);
}

/* Returns how many bytes; fails the test when they do not fit. */
static inline size_t hex_bytes(const char *hex, uint8_t *into, size_t capacity)
{
    size_t count = 0;

    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_true(count < capacity);
        into[count++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex += 2;
    }
    return count;
}

#endif
