/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory shared by file descriptor. */
#include "os/region.h"

#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int hf_region_create(const char *name, uint64_t size_bytes)
{
    HF_AUTO_FD int fd = hf_fd_lift(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));

    if (fd < 0)
        return fd;
    if (size_bytes > INT64_MAX)
        return -EFBIG;
    if (ftruncate(fd, (off_t)size_bytes) < 0)
        return -errno;
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return hf_fd_steal(&fd);
}

static int64_t size_of(int fd, struct stat *status)
{
    if (fstat(fd, status) < 0)
        return -errno;
    return S_ISREG(status->st_mode) ? status->st_size : -EINVAL;
}

int64_t hf_region_size(int fd)
{
    struct stat status;

    return size_of(fd, &status);
}

/* What mmap and munmap count in: huge pages where the file has them. */
static uint64_t page_size_of(int fd)
{
    struct statfs status;

    if (fstatfs(fd, &status) == 0 && status.f_type == HUGETLBFS_MAGIC && status.f_bsize > 0)
        return (uint64_t)status.f_bsize;
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static int check_range(int64_t file_bytes, uint64_t offset, uint64_t size_bytes,
                       struct hf_error *error)
{
    if (file_bytes == -EINVAL)
        return hf_error_set(error, EINVAL, "the memory's fd is not a file that has a length");
    if (file_bytes < 0)
        return hf_error_set(error, (int)-file_bytes, "cannot look at the memory's fd: %s",
                            strerror((int)-file_bytes));
    if (size_bytes == 0)
        return hf_error_set(error, EINVAL, "the memory range is empty");
    if (!hf_range_inside(offset, size_bytes, (uint64_t)file_bytes))
        return hf_error_set(error, EINVAL,
                            "the memory's file is too short: %llu bytes at offset %llu were "
                            "promised, it has %lld",
                            (unsigned long long)size_bytes, (unsigned long long)offset,
                            (long long)file_bytes);
    return 0;
}

int hf_mapping_init(struct hf_mapping *mapping, int fd, uint64_t offset, uint64_t size_bytes,
                    struct hf_error *error)
{
    *mapping = (struct hf_mapping){ 0 };
    struct stat status;
    int failed = check_range(size_of(fd, &status), offset, size_bytes, error);
    if (failed < 0)
        return failed;
    /* Neither overflows: the range lies inside a file, whose length is an int64_t. */
    uint64_t lead = offset % page_size_of(fd);
    uint64_t length = hf_align_up(lead + size_bytes, page_size_of(fd));
    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                      (off_t)(offset - lead));
    if (base == MAP_FAILED)
        return hf_error_set(error, errno, "cannot map %llu bytes of memory: %s",
                            (unsigned long long)size_bytes, strerror(errno));
    *mapping = (struct hf_mapping){ .start = (uint8_t *)base + lead,
                                    .size_bytes = size_bytes,
                                    .base = base,
                                    .length = length,
                                    .device = status.st_dev,
                                    .inode = status.st_ino };
    return 0;
}

void hf_mapping_done(struct hf_mapping *mapping)
{
    if (mapping == NULL || mapping->base == NULL)
        return;
    munmap(mapping->base, mapping->length);
    *mapping = (struct hf_mapping){ 0 };
}
