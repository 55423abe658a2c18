/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ledger of descriptors that are numbers only: each is made once, and ended once by whoever owns
 * it then. The cores never close one; the target that plays their edge does, here.
 */
#ifndef TESTS_FUZZ_FDS_H
#define TESTS_FUZZ_FDS_H

#include "fuzz.h"

#define FUZZ_FD_FIRST  100
#define FUZZ_FDS_COUNT 8192

struct fuzz_fds {
    bool open[FUZZ_FDS_COUNT];
    int made;
    int open_count;
};

static inline bool fuzz_fds_left(const struct fuzz_fds *fds, int count)
{
    return fds->made + count <= FUZZ_FDS_COUNT;
}

static inline int fuzz_fd_new(struct fuzz_fds *fds)
{
    FUZZ_CHECK(fuzz_fds_left(fds, 1));
    fds->open[fds->made] = true;
    fds->open_count++;
    return FUZZ_FD_FIRST + fds->made++;
}

static inline bool fuzz_fd_is_open(const struct fuzz_fds *fds, int fd)
{
    return fd >= FUZZ_FD_FIRST && fd < FUZZ_FD_FIRST + fds->made && fds->open[fd - FUZZ_FD_FIRST];
}

static inline void fuzz_fd_close(struct fuzz_fds *fds, int fd)
{
    FUZZ_CHECK(fuzz_fd_is_open(fds, fd));
    fds->open[fd - FUZZ_FD_FIRST] = false;
    fds->open_count--;
}

#endif
