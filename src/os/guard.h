/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Survives a peer that takes shared memory away under us: a file truncated while it is mapped, a
 * full tmpfs, no huge page left. Touching such a page raises SIGBUS; the handler here puts zeroed
 * anonymous memory in the place of the mapping, so that the access goes on harmlessly, and says so
 * to the owner. A fault anywhere else ends the process as if this file were not there.
 *
 * Process-wide, so for programs only; a library must not take a signal from its host. Threads that
 * touch guarded memory must not block SIGBUS: the kernel kills those that do.
 */
#ifndef HF_OS_GUARD_H
#define HF_OS_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "os/region.h"

/* Whose memory it is. Zeroed, then wake_fd set. */
struct hf_guard_owner {
    atomic_bool lost; /* some of its memory is gone: nothing read since is worth anything */
    int wake_fd;      /* an eventfd, signalled when that happens; borrowed; 0 or -1: none */
};

/* Takes SIGBUS, also back from who took it since. 0 or -errno. Any thread. */
int hf_guard_install(void);

/* From here on to hf_guard_remove. Borrows both. 0 or -ENOMEM. Any thread; does not block. */
int hf_guard_add(const struct hf_mapping *mapping, struct hf_guard_owner *owner);
/* No thread touches the mapping any more; unmap it afterwards. One that was never added is fine. */
void hf_guard_remove(const struct hf_mapping *mapping);

/* The same news from another source: a system call was refused the memory (EFAULT). Any thread. */
void hf_guard_lose(struct hf_guard_owner *owner);

static inline bool hf_guard_lost(const struct hf_guard_owner *owner)
{
    return atomic_load_explicit(&owner->lost, memory_order_relaxed);
}

#endif
