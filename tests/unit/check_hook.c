/* SPDX-License-Identifier: BSD-3-Clause */
/* The assert hook for tests that link only pure layers. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void hf_check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
    abort();
}
