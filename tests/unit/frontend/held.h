/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process holds: to see that nothing is left behind. */
#ifndef TESTS_FRONTEND_HELD_H
#define TESTS_FRONTEND_HELD_H

struct held {
    unsigned fds;
    unsigned mappings;
    long anonymous_kib;
};

struct held held_now(void);
/* Fails the test if more is held now. A sanitizer keeps freed memory to look at it later: there the
 * memory is not compared. */
void held_expect(const struct held *before);

#endif
