/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden files. HF_GOLDEN_DIR comes from meson. */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t read_line(const char *line, size_t offset, uint8_t *into, size_t capacity)
{
    char *at = NULL;
    size_t count = 0;

    if (line[0] == '#' || line[0] == '\n')
        return 0;
    assert_int_equal(strtoul(line, &at, 16), offset);
    assert_int_equal(*at++, ':');
    for (;;) {
        char *end = NULL;
        unsigned long byte = strtoul(at, &end, 16);
        if (end == at)
            break;
        assert_true(byte <= 255 && count < capacity);
        into[count++] = (uint8_t)byte;
        at = end;
    }
    while (*at == ' ')
        at++;
    assert_int_equal(*at, '#'); /* every field says what it is */
    return count;
}

size_t golden_read(const char *name, void *into, size_t capacity)
{
    char path[512];
    char line[256];
    size_t size_bytes = 0;

    snprintf(path, sizeof(path), "%s/%s.hex", HF_GOLDEN_DIR, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        size_bytes +=
            read_line(line, size_bytes, (uint8_t *)into + size_bytes, capacity - size_bytes);
    fclose(file);
    return size_bytes;
}
