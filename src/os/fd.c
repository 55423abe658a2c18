/* SPDX-License-Identifier: BSD-3-Clause */
/* Ownership of file descriptors. */
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void hf_fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int kept = errno;
    /* Linux frees the number also on EINTR and EIO (close(2)): never again. */
    close(*fd);
    *fd = -1;
    errno = kept;
}

void hf_fd_close_all(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hf_fd_close(&fds[i]);
}

int hf_fd_dup(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, HF_FD_FIRST);

    return copy < 0 ? -errno : copy;
}

int hf_fd_lift(int fd)
{
    if (fd < 0)
        return -errno;
    if (fd >= HF_FD_FIRST)
        return fd;
    int lifted = hf_fd_dup(fd);
    hf_fd_close(&fd);
    return lifted;
}

bool hf_stat_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool hf_fd_is_same_file(int a, int b)
{
    struct stat of_a;
    struct stat of_b;

    return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && hf_stat_is_same(&of_a, &of_b);
}

bool hf_fd_is_writable_file(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    int seals = fcntl(fd, F_GET_SEALS); /* -1: has none */

    return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) == O_RDWR &&
           fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           (seals < 0 || (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0);
}
