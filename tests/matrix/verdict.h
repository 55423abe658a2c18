/* SPDX-License-Identifier: BSD-3-Clause */
/* What went wrong first in a case. */
#ifndef MATRIX_VERDICT_H
#define MATRIX_VERDICT_H

#include <stdbool.h>

struct mx_verdict {
    bool red;
    char text[300];
};

void mx_fail(struct mx_verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
