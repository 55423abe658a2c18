/* SPDX-License-Identifier: BSD-3-Clause */
/* A test's own folder: in TMPDIR, so that whoever runs the tests can clear up after one that was
 * killed. */
#ifndef TESTS_TEMPORARY_H
#define TESTS_TEMPORARY_H

#include "cmocka_all.h"

#include <stdlib.h>

/* Makes the folder and writes its path; fails the test when it cannot. */
static inline void make_temporary_folder(char *path, size_t capacity)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(path, capacity, "%s/holdfast-test-XXXXXX", parent ? parent : "/tmp");

    assert_in_range(length, 1, capacity - 1);
    assert_non_null(mkdtemp(path));
}

#endif
