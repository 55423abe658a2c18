/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines for whoever looks on, a person or a test. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__attribute__((format(printf, 2, 0))) static void put(const char *before, const char *format,
                                                      va_list arguments)
{
    fputs(before, stdout);
    vprintf(format, arguments);
    fputc('\n', stdout);
    fflush(stdout);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put("", format, arguments);
    va_end(arguments);
}

void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put("FAILED: ", format, arguments);
    va_end(arguments);
    exit(1);
}

unsigned long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
}
