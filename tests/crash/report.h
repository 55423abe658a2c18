/* SPDX-License-Identifier: BSD-3-Clause */
/* Where are we, and what was found there. Knows nothing of what is tested. */
#ifndef TESTS_CRASH_REPORT_H
#define TESTS_CRASH_REPORT_H

#define CRASH_DEPTH 4u

/* Says what is going on at one level of the story (scenario, first death, second death, ...). The
 * deeper levels are forgotten. */
__attribute__((format(printf, 2, 3))) void crash_at(unsigned level, const char *format, ...);

/* Prints the story and the sentence; ends the test. */
__attribute__((format(printf, 1, 2))) _Noreturn void crash_fail(const char *format, ...);

#endif
