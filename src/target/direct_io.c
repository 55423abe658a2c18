/* SPDX-License-Identifier: BSD-3-Clause */
/* The raw system call: the C library's struct statx may lack the fields, the kernel's has them. */
#include "target/direct_io.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int hf_direct_io_probe(int fd, uint32_t fallback, struct hf_direct_io *direct)
{
    struct statx facts;

    memset(&facts, 0, sizeof(facts));
    direct->memory_alignment = fallback;
    direct->offset_alignment = fallback;
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) < 0)
        return 0;
    if (!(facts.stx_mask & STATX_DIOALIGN))
        return 0;
    if (facts.stx_dio_offset_align == 0)
        return -EOPNOTSUPP;
    direct->memory_alignment = facts.stx_dio_mem_align;
    direct->offset_alignment = facts.stx_dio_offset_align;
    return 0;
}
