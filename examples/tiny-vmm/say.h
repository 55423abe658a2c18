/* SPDX-License-Identifier: BSD-3-Clause */
/* How a scene speaks: a line on standard output, and the last one. */
#ifndef TINY_SAY_H
#define TINY_SAY_H

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* The scene went wrong: one sentence, and the program ends with 1. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);
/* Milliseconds of a clock that only goes forward. */
unsigned long long now_ms(void);

#endif
