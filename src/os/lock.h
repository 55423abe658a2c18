/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks that belong to an open file, not to a process (fcntl(2), "Open file description locks";
 * flock(2)). They live as long as anything holds the open file: I/O in flight in the kernel does,
 * past SIGKILL. That is the fence of CONTRACT §1.
 */
#ifndef HF_OS_LOCK_H
#define HF_OS_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum hf_lock_kind {
    HF_LOCK_WRITE, /* excludes all others; the fd must be open for writing */
    HF_LOCK_READ,  /* excludes writers; the fd must be open for reading */
    HF_LOCK_KIND_COUNT,
};

/* A place far beyond any byte of a file, that one service (one socket, say) holds beside a read
 * lock: a predecessor of the same service whose I/O is not over keeps it, others do not mind. The
 * same results as hf_lock_try, which for HF_LOCK_READ leaves these places free; released with it.
 */
int hf_lock_try_place(int fd, uint64_t service);

/* Whole file. 0 = held (again), -EAGAIN = somebody else holds it, -EBADF = not open for that,
 * another -errno = this file system has no locks. Does not block. */
int hf_lock_try(int fd, enum hf_lock_kind kind);

/* Harmless when not held. */
void hf_lock_release(int fd);

/* A write lock on a part of the regular file behind `fd` (borrowed, open for reading and writing; a
 * memfd, say), taken through an open file of its own: so it excludes those as well who have `fd`
 * itself from the same hands. Returns an fd that holds it until it is closed, or -errno: -EAGAIN =
 * somebody else holds some of it; -EOPNOTSUPP = nobody can do that here (no /proc, no right, no
 * locks); -EBADF, -EINVAL = not such an fd; another (-EMFILE, ...) = not now. Does not block. */
int hf_lock_part(int fd, uint64_t offset, uint64_t size_bytes);

/* A process that seems to hold a lock on a file. */
struct hf_lock_owner {
    pid_t pid;
    char name[32]; /* comm */
};

/* Who holds a lock on the file behind `fd`, other than through this process' own descriptors: scans
 * /proc/<pid>/fdinfo, best effort (needs the right to look; slow: once a second at most). */
bool hf_lock_find_owner(int fd, struct hf_lock_owner *owner);

/* Opens (creates, 0600) the lock file and takes flock(LOCK_EX) on it without blocking. Returns an
 * fd that holds the lock, or -errno with a sentence: -EAGAIN = somebody else holds it. */
int hf_lock_file(const char *path, struct hf_error *error);

/* Removes the lock file while the lock is held (that is what makes it safe), closes, sets -1. */
void hf_lock_file_done(const char *path, int *fd);

#endif
