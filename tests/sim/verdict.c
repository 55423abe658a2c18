/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the first failure. */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

void sim_fail(struct sim_verdict *verdict, const char *format, ...)
{
    va_list arguments;

    if (verdict->red)
        return;
    verdict->red = true;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
    va_end(arguments);
}
