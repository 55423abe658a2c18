/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory of a device, and the log of pages that the back-end dirtied. Memory may be set,
 * added and removed at any time, while rings run and while no back-end is there. None of these
 * blocks; thread: the device's owner.
 */
#ifndef HOLDFAST_MEMORY_H
#define HOLDFAST_MEMORY_H

#include <holdfast/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hf_device;

/* A part of guest memory, shared with the back-end by its descriptor (vhost-user "Memory region
 * description"). */
struct hf_device_memory {
    uint64_t guest_address; /* guest-physical */
    uint64_t size_bytes;
    void *host_address; /* where the host has it mapped; the device reads ring indices there */
    int fd;             /* mmap-able, shared; duplicated by the device, stays the host's */
    uint64_t fd_offset; /* of guest_address in the descriptor's file, bytes */
};

/* Adds one part. Rings run on. A back-end whose rings run must hear of it before the guest may use
 * it: see hf_device_memory_ready. -EEXIST: overlaps another; -ENOSPC: more than the present
 * back-end takes (a back-end that takes less, and comes later, is refused by name); -EINVAL: empty,
 * beyond the end of an address space, or beyond what the dirty log covers (set a larger one first);
 * -EMFILE and the like: the descriptor cannot be kept. */
int hf_device_add_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         struct hf_error *error);

/* Removes the part with exactly this address and size. The back-end may use it until
 * hf_device_memory_released says otherwise; the mapping must stay until then. -ENOENT: no such
 * part; -EBUSY: a queue's ring lies in it (take the queue away first). */
int hf_device_remove_memory(struct hf_device *device, uint64_t guest_address, uint64_t size_bytes,
                            struct hf_error *error);

/* Makes `memory[0..count)` the whole of guest memory: adds what is new, removes what is not among
 * them, leaves the rest alone (the same address, size, host address, offset and file). All or
 * nothing. Errors as of the two above; 0 with count 0 where no queue is set up. */
int hf_device_set_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         size_t count, struct hf_error *error);

/* True when no rings run that do not know all memory that was added. Until then a ring breaks by a
 * buffer there: the guest must not be told of the memory. When it becomes true again after an
 * addition, HF_DEVICE_EVENT_MEMORY_READY says so. */
bool hf_device_memory_ready(const struct hf_device *device);

/* True when no back-end, living or dying, can touch memory that was removed. When it becomes true
 * again after a removal, HF_DEVICE_EVENT_MEMORY_RELEASED says so. */
bool hf_device_memory_released(const struct hf_device *device);

/*
 * Dirty log (vhost-user "Migration"): from now on the back-end sets bit i % 8 of byte i / 8 of the
 * log for each 4096-byte page i of guest-physical memory that it writes; a log of size_bytes bytes
 * at fd_offset covers 32768 times as much memory. The log replaces an earlier one; back-ends that
 * come later are given it too, before their rings start, and one that cannot log is refused by
 * name. `fd` is duplicated. In effect once hf_device_log_settled. -ENOTSUP: the present back-end
 * cannot, or none was there yet: the sentence says which feature is missing; -EINVAL: the log is
 * too small for the guest memory, or the descriptor no file of that length. The device itself marks
 * the used rings when they came to rest after a crash.
 */
int hf_device_set_log(struct hf_device *device, int fd, uint64_t fd_offset, uint64_t size_bytes,
                      struct hf_error *error);
/* Ends logging. The log's mapping must stay until hf_device_log_settled. No log: harmless. */
void hf_device_end_log(struct hf_device *device);
/* True when the back-end, if any, has confirmed the last change of the log. A change is told by
 * HF_DEVICE_EVENT_LOG_SETTLED. */
bool hf_device_log_settled(const struct hf_device *device);

#ifdef __cplusplus
}
#endif

#endif
