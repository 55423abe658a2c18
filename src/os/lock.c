/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks of open files: taking them. Who holds one is lock_owner.c. */
#include "os/lock.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A holder that ends takes its file along; then the next try finds a new one. */
#define LOCK_FILE_TRIES 16

static const short lock_types[HF_LOCK_KIND_COUNT] = {
    [HF_LOCK_WRITE] = F_WRLCK,
    [HF_LOCK_READ] = F_RDLCK,
};

/* From here on there are no bytes, only places. */
#define PLACES_START (INT64_C(1) << 62)

/* Length 0 = to the end, wherever that will be. */
static int set_lock(int fd, short type, int64_t length)
{
    struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_len = length };

    return fcntl(fd, F_OFD_SETLK, &range) < 0 ? -errno : 0;
}

int hf_lock_try(int fd, enum hf_lock_kind kind)
{
    int result = set_lock(fd, lock_types[kind], kind == HF_LOCK_READ ? PLACES_START : 0);

    return result == -EACCES ? -EAGAIN : result; /* POSIX allows either for "held" */
}

/* A write lock cannot be set on a file that is open for reading, but asked about; and nobody else
 * of this service is starting: it has one socket. */
int hf_lock_try_place(int fd, uint64_t service)
{
    struct flock place = { .l_type = F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_start = PLACES_START + (int64_t)(service % PLACES_START),
                           .l_len = 1 };

    if (fcntl(fd, F_OFD_GETLK, &place) < 0)
        return -errno;
    if (place.l_type != F_UNLCK)
        return -EAGAIN;
    place.l_type = F_RDLCK;
    place.l_len = 1;
    return fcntl(fd, F_OFD_SETLK, &place) < 0 ? -errno : 0;
}

/* An open file of our own. Only of what could be written anyway: to open it again gives no right
 * that its giver did not have, and has no effect of its own. */
static int open_again(int fd)
{
    char path[32];

    if (!hf_fd_is_writable_file(fd))
        return fcntl(fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return hf_fd_lift(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
}

/* Not for want of something that may be there later. */
static bool is_for_ever(int error)
{
    static const int errors[] = { -ENOENT, -EACCES, -EPERM, -EROFS, -ENOSYS, -ENOTTY, -ELOOP };

    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i] == error)
            return true;
    }
    return false;
}

int hf_lock_part(int fd, uint64_t offset, uint64_t size_bytes)
{
    struct flock part = { .l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)offset,
                          .l_len = (off_t)size_bytes };
    HF_AUTO_FD int own = open_again(fd);

    if (own < 0)
        return is_for_ever(own) ? -EOPNOTSUPP : own;
    if (fcntl(own, F_OFD_SETLK, &part) == 0)
        return hf_fd_steal(&own);
    if (errno == EACCES) /* POSIX allows either for "held" */
        return -EAGAIN;
    return is_for_ever(-errno) ? -EOPNOTSUPP : -errno;
}

void hf_lock_release(int fd)
{
    set_lock(fd, F_UNLCK, 0);
}

/* The file we locked may have been unlinked by the holder before us: then it locks nothing. */
static bool is_still_named(int fd, const char *path)
{
    struct stat ours;
    struct stat named;

    return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && hf_stat_is_same(&ours, &named);
}

static int try_lock_file(const char *path, struct hf_error *error)
{
    HF_AUTO_FD int fd = hf_fd_lift(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));

    if (fd < 0)
        return hf_error_set(error, -fd, "cannot make the lock file %s: %s", path,
                            fd == -ENOENT ? "there is no such folder" : strerror(-fd));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return hf_fd_steal(&fd);
    int code = errno;
    struct hf_lock_owner owner;
    /* Finding the owner is slow: only for somebody who listens. */
    if (code == EWOULDBLOCK && error != NULL && hf_lock_find_owner(fd, &owner))
        return hf_error_set(error, EAGAIN, "%s is locked by process %d (%s)", path, owner.pid,
                            owner.name);
    return hf_error_set(error, code, "cannot lock %s: %s", path, strerror(code));
}

int hf_lock_file(const char *path, struct hf_error *error)
{
    for (int i = 0; i < LOCK_FILE_TRIES; i++) {
        HF_AUTO_FD int fd = try_lock_file(path, error);
        if (fd < 0)
            return fd;
        if (is_still_named(fd, path))
            return hf_fd_steal(&fd);
    }
    return hf_error_set(error, EAGAIN, "the lock file %s is replaced again and again", path);
}

void hf_lock_file_done(const char *path, int *fd)
{
    if (*fd < 0)
        return;
    if (is_still_named(*fd, path))
        unlink(path);
    hf_fd_close(fd);
}
