/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and locking a file or a block device. Everything a user can get wrong here ends in one
 * line with the remedy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/lock.h"
#include "target/lane.h"
#include "target/unit_file.h"
#include "target/unit_kinds.h"

#define BLOCK_SIZE_MAX 4096u

static int check_type(const char *path, struct hf_error *error)
{
    static const struct {
        mode_t type;
        const char *name;
    } others[] = {
        { S_IFDIR, "a directory" },
        { S_IFCHR, "a character device" },
        { S_IFIFO, "a pipe" },
        { S_IFSOCK, "a socket" },
    };
    struct stat facts;

    if (stat(path, &facts) < 0) {
        if (errno == ENOENT)
            return hf_error_set(error, ENOENT, "no such file: create it with: truncate -s 1G '%s'",
                                path);
        return hf_error_set(error, errno, "cannot look at '%s': %s", path, strerror(errno));
    }
    if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode))
        return 0;
    for (size_t i = 0; i < HF_ARRAY_COUNT(others); i++) {
        if ((facts.st_mode & S_IFMT) == others[i].type)
            return hf_error_set(error, EINVAL, "is %s: want a regular file or a block device",
                                others[i].name);
    }
    return hf_error_set(error, EINVAL, "is neither a regular file nor a block device");
}

static int explain_open(int code, const struct hf_unit_spec *spec, struct hf_error *error)
{
    if (code == EROFS || (code == EACCES && !spec->read_only))
        return hf_error_set(error, code,
                            "cannot open for writing (%s): make it writable, or serve "
                            "it read-only with ',ro'",
                            strerror(code));
    if (code == EINVAL && spec->cache == HF_CACHE_NONE)
        return hf_error_set(error, code, "the file system has no direct I/O: leave out cache=none");
    return hf_error_set(error, code, "cannot open: %s", strerror(code));
}

static int open_file(const struct hf_unit_spec *spec, struct hf_error *error)
{
    int flags = O_CLOEXEC | O_NOCTTY | (spec->read_only ? O_RDONLY : O_RDWR);
    int fd;

    if (spec->cache == HF_CACHE_NONE)
        flags |= O_DIRECT;
    fd = hf_fd_lift(open(spec->path, flags));
    if (fd < 0)
        return explain_open(-fd, spec, error);
    return fd;
}

/* Root may open anything for writing; a file without any write bit is still meant to be kept. */
static int check_writable(int fd, const struct stat *facts, const struct hf_unit_spec *spec,
                          struct hf_error *error)
{
    int locked = 0;

    if (spec->read_only)
        return 0;
    if (S_ISREG(facts->st_mode) && (facts->st_mode & 0222) == 0)
        return hf_error_set(error, EACCES,
                            "the file is read-only (mode %04o): chmod u+w it, or "
                            "serve it read-only with ',ro'",
                            facts->st_mode & 07777);
    if (S_ISBLK(facts->st_mode) && ioctl(fd, BLKROGET, &locked) == 0 && locked)
        return hf_error_set(error, EACCES, "the block device is read-only: serve it with ',ro'");
    return 0;
}

static int measure(int fd, const struct stat *facts, uint64_t *size_bytes, uint32_t *sector_bytes)
{
    int sector = 512;

    *size_bytes = (uint64_t)facts->st_size;
    if (S_ISBLK(facts->st_mode)) {
        if (ioctl(fd, BLKGETSIZE64, size_bytes) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0)
            return -errno;
    }
    *sector_bytes = (uint32_t)sector;
    return 0;
}

static int prepare_direct(struct hf_file_unit *file, uint32_t sector_bytes,
                          uint32_t block_size_bytes, struct hf_error *error)
{
    file->direct = true;
    if (hf_direct_io_probe(file->fd, sector_bytes, &file->alignment) < 0)
        return hf_error_set(error, EOPNOTSUPP,
                            "the file system has no direct I/O: leave out cache=none");
    if (file->alignment.offset_alignment > HF_BOUNCE_ALIGNMENT ||
        file->alignment.memory_alignment > HF_BOUNCE_ALIGNMENT)
        return hf_error_set(error, EOPNOTSUPP,
                            "direct I/O here needs blocks of %u bytes: leave "
                            "out cache=none",
                            file->alignment.offset_alignment);
    if (file->alignment.offset_alignment > block_size_bytes)
        return hf_error_set(error, EINVAL,
                            "direct I/O here needs blocks of %u bytes: add "
                            "block-size=%u, or leave out cache=none",
                            file->alignment.offset_alignment, file->alignment.offset_alignment);
    return 0;
}

/* The same name gives the same serial over restarts, and over reboots of the host. */
static void default_serial(struct hf_file_unit *file, const char *path)
{
    char *real;

    if (file->unit.facts.serial[0] != '\0')
        return;
    real = realpath(path, NULL);
    hf_unit_hash_serial(&file->unit.facts, real ? real : path, strlen(real ? real : path));
    free(real);
}

static int examine(struct hf_file_unit *file, const struct hf_unit_spec *spec,
                   struct hf_error *error)
{
    uint32_t sector_bytes = 0;
    uint32_t block_size_bytes;
    uint64_t size_bytes = 0;
    struct stat facts;
    int ret;

    if (fstat(file->fd, &facts) < 0 || measure(file->fd, &facts, &size_bytes, &sector_bytes) < 0)
        return hf_error_set(error, errno, "cannot tell its size: %s", strerror(errno));
    ret = check_writable(file->fd, &facts, spec, error);
    if (ret < 0)
        return ret;
    block_size_bytes = spec->block_size_bytes ? spec->block_size_bytes : sector_bytes;
    if (block_size_bytes > BLOCK_SIZE_MAX)
        return hf_error_set(error, EINVAL,
                            "its sectors of %u bytes are not supported: want 512 or "
                            "4096",
                            block_size_bytes);
    ret = hf_unit_fill_facts(&file->unit, spec, size_bytes, block_size_bytes, error);
    if (ret == 0 && spec->cache == HF_CACHE_NONE)
        ret = prepare_direct(file, sector_bytes, block_size_bytes, error);
    if (ret == 0)
        default_serial(file, spec->path);
    return ret;
}

/* ---- the lock of CONTRACT §1 ---- */

static void find_owner(struct hf_file_unit *file)
{
    struct hf_lock_owner owner;
    uint64_t now_ns = hf_clock_ns();

    if (file->owner_asked_ns != 0 && now_ns - file->owner_asked_ns < HF_NS_PER_S)
        return;
    file->owner_asked_ns = now_ns;
    if (hf_lock_find_owner(file->fd, &owner))
        snprintf(file->owner, sizeof(file->owner), "%s, process %d", owner.name, (int)owner.pid);
    else
        snprintf(file->owner, sizeof(file->owner), "a process that has ended, or one out of sight");
}

/* Readers share a unit, but not with one that served this socket before: what it reads in flight
 * would land in memory that its front-end uses again. */
static int try_lock(const struct hf_file_unit *file)
{
    int ret;

    if (!file->unit.facts.read_only)
        return hf_lock_try(file->fd, HF_LOCK_WRITE);
    ret = hf_lock_try(file->fd, HF_LOCK_READ);
    if (ret < 0)
        return ret;
    ret = hf_lock_try_place(file->fd, file->unit.service);
    if (ret < 0)
        hf_lock_release(file->fd);
    return ret;
}

static int lock(struct hf_unit *unit, struct hf_error *error)
{
    struct hf_file_unit *file = (struct hf_file_unit *)unit;
    int ret = try_lock(file);

    if (ret == 0)
        return 0;
    if (ret != -EAGAIN)
        return hf_error_set(error, -ret, "cannot be locked, and is not served without: %s",
                            strerror(-ret));
    if (!error)
        return ret; /* looking for the owner takes long: only when somebody wants to know */
    find_owner(file);
    return hf_error_set(error, EAGAIN, "is locked by %s", file->owner);
}

static void unlock(struct hf_unit *unit)
{
    hf_lock_release(((struct hf_file_unit *)unit)->fd);
}

static void close_file(struct hf_unit *unit)
{
    struct hf_file_unit *file = (struct hf_file_unit *)unit;

    hf_fd_close(&file->fd);
    free(file);
}

static const struct hf_unit_ops file_ops = {
    .kind = "file",
    .submit = hf_file_unit_submit,
    .cancel = hf_file_unit_cancel,
    .lock = lock,
    .unlock = unlock,
    .close = close_file,
};

struct hf_unit *hf_unit_open_path(const struct hf_unit_spec *spec, struct hf_error *error)
{
    struct hf_file_unit *file;

    if (check_type(spec->path, error) < 0)
        return NULL;
    file = calloc(1, sizeof(*file));
    if (!file) {
        hf_error_set(error, ENOMEM, "no memory");
        return NULL;
    }
    file->unit.ops = &file_ops;
    file->fd = open_file(spec, error);
    if (file->fd < 0 || examine(file, spec, error) < 0) {
        close_file(&file->unit);
        return NULL;
    }
    return &file->unit;
}
