/* SPDX-License-Identifier: BSD-3-Clause */
/* The story so far, for the one moment in which somebody wants to know. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char story[CRASH_DEPTH][120];

void crash_at(unsigned level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(story[level], sizeof(story[level]), format, arguments);
    va_end(arguments);
    for (unsigned deeper = level + 1; deeper < CRASH_DEPTH; deeper++)
        story[deeper][0] = '\0';
}

_Noreturn void crash_fail(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("FAIL: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    for (unsigned level = 0; level < CRASH_DEPTH; level++)
        if (story[level][0] != '\0')
            fprintf(stderr, "%s%s", level == 0 ? " [" : "; ", story[level]);
    fputs(story[0][0] != '\0' ? "]\n" : "\n", stderr);
    exit(1);
}
