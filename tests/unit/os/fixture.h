/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A folder of its own for each test, and the count of open fds before it: afterwards the folder is
 * gone and the count is the same, or the test has failed.
 */
#ifndef HF_TESTS_OS_FIXTURE_H
#define HF_TESTS_OS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/types.h>

#define TIDY(test) cmocka_unit_test_setup_teardown(test, fixture_begin, fixture_end)

int fixture_begin(void **state);
int fixture_end(void **state);

/* PLACE/name; good for the next few calls. */
const char *in_place(const char *name);

unsigned count_fds(void);
void sleep_ms(unsigned ms);

/* A child that runs `body` and exits with 0; NULL = sleeps until killed. Ready when `body` has
 * written a byte to its argument (the sleeper does). */
pid_t start_child(void (*body)(int ready_fd));
/* Kills and reaps. */
void end_child(pid_t pid);

#endif
