/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads tests/golden/NAME.hex: "offset: bytes # what they are", offsets in hex and without gaps. */
#ifndef TESTS_UNIT_RING_GOLDEN_H
#define TESTS_UNIT_RING_GOLDEN_H

#include <stddef.h>

/* Returns the number of bytes; any fault in the file fails the test. */
size_t golden_read(const char *name, void *into, size_t capacity);

#endif
