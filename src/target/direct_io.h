/* SPDX-License-Identifier: BSD-3-Clause */
/* What O_DIRECT demands of a file (statx(2), STATX_DIOALIGN; Linux 6.1). Knows no unit. */
#ifndef HF_TARGET_DIRECT_IO_H
#define HF_TARGET_DIRECT_IO_H

#include <stdint.h>

struct hf_direct_io {
    uint32_t memory_alignment; /* of each buffer's address */
    uint32_t offset_alignment; /* of the offset and of each buffer's length */
};

/* Where the kernel does not say, `fallback` for both. -EOPNOTSUPP: no direct I/O on this file. */
int hf_direct_io_probe(int fd, uint32_t fallback, struct hf_direct_io *direct);

#endif
