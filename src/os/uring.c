/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The io_uring engine (io_uring(7), liburing 2.3, Linux 6.1). Everything prepared goes with one
 * io_uring_enter, which also waits. Bells are one-shot polls, armed again after the callback:
 * that is level-triggered, and costs no system call of its own.
 *
 * user_data: a request, or a slot with SLOT_MARK, or 0 (the answer to a poll removal: of no use).
 */
#include "os/aio_engine.h"

#include "base/checked.h"
#include "os/clock.h"

#include <errno.h>
#include <limits.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOT_MARK       UINT64_C(1)
#define SQ_MIN          64u
#define SQ_MAX          4096u
#define NEEDED_FEATURES (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE)
/* The kernel was short of something; look again soon. */
#define RETRY_NS HF_NS_PER_MS

struct uring {
    struct hf_aio aio;
    struct io_uring ring;
    bool enabled;
};

/* Best first. All begin disabled: SINGLE_ISSUER ties the ring to the thread that enables it, and
 * that shall be the owner, not the maker. */
static const unsigned flag_sets[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};

static struct uring *uring_of(struct hf_aio *aio)
{
    return HF_CONTAINER(aio, struct uring, aio);
}

static int enable(struct uring *uring)
{
    if (uring->enabled)
        return 0;
    /* Not io_uring_enable_rings: liburing 2.3 declares it and leaves it out of the shared library.
     */
    long failed =
        syscall(SYS_io_uring_register, uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    uring->enabled = failed == 0;
    return failed < 0 ? -errno : 0;
}

/* NULL if the queue is full and the kernel takes nothing just now. */
static struct io_uring_sqe *next_sqe(struct uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    if (sqe != NULL)
        return sqe;
    if (enable(uring) < 0 || io_uring_submit(&uring->ring) < 0)
        return NULL;
    return io_uring_get_sqe(&uring->ring);
}

static void prepare_read(struct io_uring_sqe *sqe, const struct hf_aio_request *request)
{
    /* One piece costs the kernel less as a plain read. */
    if (request->iov_count == 1 && request->iov[0].iov_len <= INT_MAX)
        io_uring_prep_read(sqe, request->fd, request->iov[0].iov_base,
                           (unsigned)request->iov[0].iov_len, request->offset);
    else
        io_uring_prep_readv(sqe, request->fd, request->iov, request->iov_count, request->offset);
}

static void prepare_write(struct io_uring_sqe *sqe, const struct hf_aio_request *request)
{
    if (request->iov_count == 1 && request->iov[0].iov_len <= INT_MAX)
        io_uring_prep_write(sqe, request->fd, request->iov[0].iov_base,
                            (unsigned)request->iov[0].iov_len, request->offset);
    else
        io_uring_prep_writev(sqe, request->fd, request->iov, request->iov_count, request->offset);
}

static void prepare_flush(struct io_uring_sqe *sqe, const struct hf_aio_request *request)
{
    io_uring_prep_fsync(sqe, request->fd, IORING_FSYNC_DATASYNC);
}

static void (*const preparers[HF_AIO_OP_COUNT])(struct io_uring_sqe *sqe,
                                                const struct hf_aio_request *request) = {
    [HF_AIO_READ] = prepare_read,
    [HF_AIO_WRITE] = prepare_write,
    [HF_AIO_FLUSH] = prepare_flush,
};

/* Returns false if there was no room: the slot stays unarmed. */
static bool prepare_poll(struct uring *uring, struct hf_aio_slot *slot)
{
    struct io_uring_sqe *sqe = next_sqe(uring);

    if (sqe == NULL)
        return false;
    io_uring_prep_poll_add(sqe, slot->fd, POLLIN);
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)slot | SLOT_MARK);
    slot->armed = true;
    return true;
}

static void prepare_queued(struct uring *uring)
{
    while (!hf_list_empty(&uring->aio.queued)) {
        struct io_uring_sqe *sqe = next_sqe(uring);
        if (sqe == NULL)
            return;
        struct hf_link *link = hf_list_pop(&uring->aio.queued);
        struct hf_aio_request *request = HF_CONTAINER(link, struct hf_aio_request, link);
        preparers[request->op](sqe, request);
        io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)request);
    }
}

static void uring_push(struct hf_aio *aio)
{
    struct uring *uring = uring_of(aio);

    prepare_queued(uring);
    /* What the kernel does not take now stays in the ring for the next time. */
    if (io_uring_sq_ready(&uring->ring) > 0 && enable(uring) == 0)
        io_uring_submit(&uring->ring);
}

static int uring_add(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    return prepare_poll(uring_of(aio), slot) ? 0 : -EAGAIN;
}

static bool uring_rearm(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    return slot->armed || slot->broken || prepare_poll(uring_of(aio), slot);
}

static void forget(struct hf_aio_slot *slot)
{
    hf_list_remove(&slot->ready_link);
    hf_list_remove(&slot->link);
    free(slot);
}

/* Goes with the next submission; the slot is freed when the poll's own completion comes. Should the
 * poll itself go only then, and the fd be another file's by now, nobody hears what it says. */
static void uring_remove(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    struct uring *uring = uring_of(aio);

    if (!slot->armed) {
        forget(slot);
        return;
    }
    struct io_uring_sqe *sqe = next_sqe(uring);
    /* No room now: the poll stays until it fires. */
    if (sqe == NULL)
        return;
    io_uring_prep_poll_remove(sqe, (uint64_t)(uintptr_t)slot | SLOT_MARK);
    io_uring_sqe_set_data64(sqe, 0);
}

static void hand_in_slot(struct hf_aio *aio, struct hf_aio_slot *slot, int32_t result)
{
    slot->armed = false;
    if (slot->watch == NULL) {
        forget(slot);
        return;
    }
    slot->broken = result < 0;
    hf_aio_hand_in_ready(aio, slot);
}

static void hand_in(struct hf_aio *aio, const struct io_uring_cqe *cqe)
{
    uint64_t data = cqe->user_data;

    if (data == 0)
        return;
    if ((data & SLOT_MARK) != 0)
        hand_in_slot(aio, (struct hf_aio_slot *)(uintptr_t)(data & ~SLOT_MARK), cqe->res);
    else
        hf_aio_hand_in(aio, (struct hf_aio_request *)(uintptr_t)data, cqe->res);
}

static unsigned reap(struct uring *uring)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;

    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (count == HF_AIO_BATCH)
            break;
        hand_in(&uring->aio, cqe);
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
    return count;
}

/* Completions that the kernel holds back until we come: deferred work, and what overflowed. */
static bool kernel_has_more(const struct uring *uring)
{
    unsigned flags = __atomic_load_n(uring->ring.sq.kflags, __ATOMIC_RELAXED);

    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int enter(struct uring *uring, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = { .tv_sec = (int64_t)(timeout_ns / HF_NS_PER_S),
                                         .tv_nsec = (int64_t)(timeout_ns % HF_NS_PER_S) };
    struct io_uring_cqe *cqe;

    if (timeout_ns == HF_CLOCK_NEVER)
        return io_uring_submit_and_wait(&uring->ring, 1);
    if (timeout_ns > 0)
        return io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &timeout, NULL);
    if (kernel_has_more(uring))
        return io_uring_submit_and_get_events(&uring->ring);
    return io_uring_sq_ready(&uring->ring) > 0 ? io_uring_submit(&uring->ring) : 0;
}

/* Nothing wrong, or nothing that a later try would not mend. */
static bool is_passing(int code)
{
    return code >= 0 || code == -ETIME || code == -EINTR || code == -EAGAIN || code == -EBUSY ||
           code == -ENOMEM;
}

static int uring_collect(struct hf_aio *aio, uint64_t timeout_ns)
{
    struct uring *uring = uring_of(aio);

    int failed = enable(uring);
    if (failed < 0)
        return failed;
    prepare_queued(uring);
    if (!hf_list_empty(&aio->queued))
        timeout_ns = hf_min_u64(timeout_ns, RETRY_NS);
    if (io_uring_cq_ready(&uring->ring) > 0)
        timeout_ns = 0;
    int result = enter(uring, timeout_ns);
    reap(uring);
    return is_passing(result) ? 0 : result;
}

static void uring_free(struct hf_aio *aio)
{
    struct uring *uring = uring_of(aio);

    io_uring_queue_exit(&uring->ring);
    free(uring);
}

static const struct hf_aio_engine_ops uring_ops = {
    .name = "io_uring",
    .add = uring_add,
    .remove = uring_remove,
    .rearm = uring_rearm,
    .push = uring_push,
    .collect = uring_collect,
    .free = uring_free,
};

/* A filter (seccomp(2)) may let a ring be made and then not used. The kernel itself says EBADFD:
 * the ring is not enabled yet. */
static int probe(struct io_uring *ring)
{
    if (syscall(SYS_io_uring_enter, ring->ring_fd, 0, 0, 0, NULL, 0) < 0 && errno != EBADFD)
        return -errno;
    struct io_uring_probe *operations = calloc(1, sizeof(*operations));
    if (operations == NULL)
        return -ENOMEM;
    long failed =
        syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_PROBE, operations, 0);
    int code = failed < 0 ? -errno : 0;
    free(operations);
    return code;
}

static unsigned ring_size(unsigned depth)
{
    unsigned size = SQ_MIN;

    while (size < depth && size < SQ_MAX)
        size *= 2;
    return size;
}

/* Twice the completions: bells come beside the I/O. More than fit are kept by the kernel (NODROP).
 */
static int open_ring(struct io_uring *ring, unsigned depth, unsigned *features)
{
    int failed = -EINVAL;

    for (size_t i = 0; i < sizeof(flag_sets) / sizeof(flag_sets[0]) && failed == -EINVAL; i++) {
        struct io_uring_params parameters = {
            .flags = flag_sets[i] | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
            .cq_entries = 2 * ring_size(depth),
        };
        failed = io_uring_queue_init_params(ring_size(depth), ring, &parameters);
        *features = parameters.features;
    }
    return failed;
}

int hf_aio_uring_new(struct hf_aio **aio, const struct hf_aio_options *options,
                     struct hf_error *error)
{
    unsigned depth = options->depth == 0 ? HF_AIO_DEFAULT_DEPTH : options->depth;
    unsigned features = 0;

    struct uring *uring = calloc(1, sizeof(*uring));
    if (uring == NULL)
        return hf_error_set(error, ENOMEM, "no memory for an io_uring");
    int failed = open_ring(&uring->ring, depth, &features);
    if (failed == 0) {
        failed = probe(&uring->ring);
        if (failed < 0)
            io_uring_queue_exit(&uring->ring);
    }
    if (failed < 0) {
        free(uring);
        return hf_error_set(error, -failed, "io_uring is refused: %s", strerror(-failed));
    }
    if ((features & NEEDED_FEATURES) != NEEDED_FEATURES) {
        io_uring_queue_exit(&uring->ring);
        free(uring);
        return hf_error_set(error, ENOSYS, "this kernel's io_uring is too old");
    }
    uring->aio.ops = &uring_ops;
    *aio = &uring->aio;
    return 0;
}
