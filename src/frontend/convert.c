/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight region in the layout of another back-end. It is copied, with pread and pwrite, into
 * the region that this back-end made; the one in use is only read, so whatever fails or dies on the
 * way, it is still the truth. Nobody looks at the copy before it is complete: the back-end is told
 * of it by the SET_INFLIGHT_FD that comes after.
 *
 * A copy forgets what is written to the original later. So it is made only when that is over: the
 * process that wrote it has ended, or had stopped all rings, and nobody holds the region's lock.
 */
#include "frontend/effects.h"

#include "base/checked.h"
#include "os/fd.h"
#include "os/lock.h"
#include "os/process.h"
#include "ring/inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct copy {
    struct hf_inflight_region from;
    struct hf_inflight_region to;
    uint8_t *old_bytes;
    uint8_t *new_bytes;
};

/* Its rings stopped by GET_VRING_BASE: it has no more to write. */
void hf_frontend_writer_stopped(struct hf_frontend *frontend)
{
    hf_fd_close(&frontend->writer_pidfd);
    frontend->writer_unknown = false;
}

/* It was hung up on. A process that cannot be known cannot be waited for: the rings start unfenced
 * then, and that was said. */
void hf_frontend_writer_lost(struct hf_frontend *frontend)
{
    bool known = frontend->parting_pidfd >= 0;

    hf_fd_close(&frontend->writer_pidfd);
    if (known)
        frontend->writer_pidfd = hf_fd_dup(frontend->parting_pidfd);
    frontend->writer_unknown = known && frontend->writer_pidfd < 0;
}

static bool may_be_written(const struct hf_frontend *frontend)
{
    return frontend->writer_unknown ||
           (frontend->writer_pidfd >= 0 && !hf_process_ended(frontend->writer_pidfd));
}

/* The stride is that of all the rings it was made for; only those that we have are copied. */
static const char *describe(const struct hf_inflight_plan *plan, uint8_t *bytes,
                            uint16_t queue_count, struct hf_inflight_region *region)
{
    enum hf_inflight_fault fault =
        hf_inflight_region_init(region, bytes, plan->mmap_size, plan->queue_count);

    if (fault != HF_INFLIGHT_FAULT_NONE)
        return hf_inflight_fault_text(fault);
    region->queue_count = queue_count;
    region->size_bytes = queue_count * region->stride_bytes;
    return NULL;
}

static const char *read_old(const struct hf_inflight_plan *from, const struct copy *copy)
{
    ssize_t got = pread(from->fd, copy->old_bytes, from->mmap_size, (off_t)from->mmap_offset);

    return got == (ssize_t)from->mmap_size ? NULL : "the in-flight region is shorter than it was";
}

/* All of it: who made it may have left anything in it. */
static const char *write_new(const struct hf_inflight_plan *to, const struct copy *copy)
{
    ssize_t put = pwrite(to->fd, copy->new_bytes, to->mmap_size, (off_t)to->mmap_offset);

    return put == (ssize_t)to->mmap_size ? NULL : "the region it made cannot be written";
}

static const char *make_copy(const struct hf_plan *plan, const struct hf_inflight_plan *to,
                             struct copy *copy)
{
    const struct hf_inflight_plan *from = &plan->inflight;
    const char *why = describe(from, copy->old_bytes, hf_plan_tracked_queues(plan), &copy->from);

    if (why == NULL)
        why = describe(to, copy->new_bytes, hf_plan_tracked_queues(plan), &copy->to);
    if (why == NULL)
        why = read_old(from, copy);
    if (why != NULL)
        return why;
    enum hf_inflight_fault fault = hf_inflight_convert(&copy->from, &copy->to, to->queue_size);
    return fault != HF_INFLIGHT_FAULT_NONE ? hf_inflight_fault_text(fault) : write_new(to, copy);
}

static const char *convert(const struct hf_frontend *frontend, const struct hf_inflight_plan *to)
{
    const struct hf_plan *plan = &frontend->front.plan;
    const struct hf_inflight_plan *from = &plan->inflight;
    struct copy copy = { .old_bytes = NULL };
    HF_AUTO_FD int lock = hf_frontend_lock_region(frontend);

    if (lock < 0 && lock != -EOPNOTSUPP)
        return lock == -EAGAIN ? "a back-end still uses it" : "it cannot be locked now";
    if (hf_max_u64(from->mmap_size, to->mmap_size) > HF_FRONTEND_REGION_SIZE_MAX)
        return "too large to copy";
    copy.old_bytes = malloc(from->mmap_size);
    copy.new_bytes = calloc(1, to->mmap_size);
    const char *why = copy.old_bytes != NULL && copy.new_bytes != NULL ? make_copy(plan, to, &copy)
                                                                       : "no memory to copy it";
    free(copy.old_bytes);
    free(copy.new_bytes);
    return why;
}

void hf_frontend_convert(struct hf_frontend *frontend, const struct hf_inflight_plan *offer)
{
    struct hf_event event = { .kind = HF_EVENT_CONVERTED,
                              .dial = frontend->front.session.dial,
                              .offer = *offer };

    event.why = may_be_written(frontend) ? "the process that wrote it may still live"
                                         : convert(frontend, offer);
    hf_frontend_post(frontend, event);
}
