/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who owns a file descriptor. An fd is valid or -1; acquire with HF_AUTO_FD, hand out by stealing.
 * What the os layer hands out is above fd 2 (others read "fd > 0" as "has an fd", and a daemon
 * started with closed standard streams would otherwise log into a disk) and closes on exec.
 */
#ifndef HF_OS_FD_H
#define HF_OS_FD_H

#include <stdbool.h>

/* Closes the fd when the variable goes out of scope: HF_AUTO_FD int fd = open(...); */
#define HF_AUTO_FD __attribute__((cleanup(hf_fd_close)))

/* The lowest fd that the os layer hands out. */
#define HF_FD_FIRST 3

/* Closes *fd unless negative, sets it to -1. Keeps errno. */
void hf_fd_close(int *fd);

/* Closes the first `count` of `fds` and sets each to -1. */
void hf_fd_close_all(int *fds, unsigned count);

/* Duplicates with CLOEXEC, never below HF_FD_FIRST. Returns the new fd (owned by the caller) or
 * -errno. */
int hf_fd_dup(int fd);

/* Takes `fd` and returns the same file as an fd not below HF_FD_FIRST, or -errno (then the file is
 * closed). A negative `fd` is returned as -errno of the call that failed to make it: wrap open,
 * socket, ... in this. */
int hf_fd_lift(int fd);

struct stat;
/* What was found is one and the same file. */
bool hf_stat_is_same(const struct stat *a, const struct stat *b);
/* Both are open, on one and the same file. */
bool hf_fd_is_same_file(int a, int b);

/* A regular file, open for reading and writing, not merely as a name (O_PATH), nor sealed against
 * writing. */
bool hf_fd_is_writable_file(int fd);

/* Gives the fd away: returns it and leaves -1. */
static inline int hf_fd_steal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#endif
