/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The third kind of wrong: ours. HF_CHECK stops the program with the place and the sentence; it is
 * always on. Nothing that a peer, a guest, a disk or a user does may reach it.
 */
#ifndef HF_BASE_CHECK_H
#define HF_BASE_CHECK_H

/* The assert hook: the one function the pure layers need from outside. os/check.c prints and
 * aborts. */
_Noreturn void hf_check_failed(const char *file, int line, const char *what);

#define HF_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            hf_check_failed(__FILE__, __LINE__, #condition);                                       \
    } while (0)

#define HF_ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
