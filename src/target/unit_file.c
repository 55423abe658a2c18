/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O of a file or block device: straight between the guest's buffers and the file, in as many
 * steps as it takes.
 *
 *     READ             [durable: FLUSH]  MOVE...            short moves are continued
 *     WRITE            MOVE...  [durable: FLUSH]            GOOD only after both
 *     FLUSH            FLUSH                                fdatasync: all completed before it
 *
 * Direct I/O with a buffer that is not aligned goes through a bounce buffer, piece by piece.
 */
#include "target/unit_file.h"

#include <errno.h>

#include "base/checked.h"
#include "base/spans.h"
#include "target/lane.h"

#define IOV_COUNT_MAX 1024u

enum step {
    STEP_FLUSH_FIRST,
    STEP_MOVE,
    STEP_FLUSH_LAST,
    STEP_DONE,
};

static void next_step(struct hf_unit_io *io);

static struct hf_file_unit *file_of(struct hf_unit_io *io)
{
    return (struct hf_file_unit *)io->unit;
}

static struct iovec *iov_left(struct hf_unit_io *io)
{
    return io->iov + io->iov_begun;
}

/* ---- bounce ---- */

static bool aligned(const struct hf_file_unit *file, const struct hf_unit_io *io)
{
    uintptr_t addresses = 0;
    uintptr_t lengths = (uintptr_t)io->offset_bytes;

    for (unsigned i = 0; i < io->iov_count; i++) {
        addresses |= (uintptr_t)io->iov[i].iov_base;
        lengths |= io->iov[i].iov_len;
    }
    return (addresses & (file->alignment.memory_alignment - 1)) == 0 &&
           (lengths & (file->alignment.offset_alignment - 1)) == 0;
}

static size_t piece_size(const struct hf_unit_io *io)
{
    return (size_t)hf_min_u64(io->length_bytes - io->moved_bytes, HF_BOUNCE_SIZE_BYTES);
}

static void finish(struct hf_unit_io *io, int result)
{
    struct hf_lane *lane = io->lane;
    struct hf_link *waiting;

    if (!io->bounce) {
        io->done(io, result);
        return;
    }
    hf_lane_bounce_put(lane, io->bounce);
    io->bounce = NULL;
    waiting = hf_list_pop(&lane->bounce_waiting);
    if (waiting)
        next_step(HF_CONTAINER(waiting, struct hf_unit_io, link));
    io->done(io, result);
}

static struct hf_spans all_spans(const struct hf_unit_io *io)
{
    return hf_spans_of(io->iov, io->iov_count);
}

/* True if a bounce buffer is there; else the io waits for one (or is over, without memory). */
static bool bounce_ready(struct hf_unit_io *io)
{
    if (io->bounce)
        return true;
    io->bounce = hf_lane_bounce_get(io->lane);
    if (io->bounce)
        return true;
    if (io->lane->bounce_made == 0)
        finish(io, -ENOMEM);
    else
        hf_list_append(&io->lane->bounce_waiting, &io->link);
    return false;
}

/* ---- steps ---- */

static void submit_aio(struct hf_unit_io *io, enum hf_aio_op op)
{
    io->aio.op = op;
    io->aio.fd = file_of(io)->fd;
    io->aio.offset = io->offset_bytes + io->moved_bytes;
    hf_aio_submit(io->lane->aio, &io->aio);
}

static enum hf_aio_op move_op(const struct hf_unit_io *io)
{
    return io->action == HF_UNIT_ACTION_READ ? HF_AIO_READ : HF_AIO_WRITE;
}

static void move_straight(struct hf_unit_io *io)
{
    unsigned left = io->iov_count - io->iov_begun;

    io->aio.iov = iov_left(io);
    io->aio.iov_count = left < IOV_COUNT_MAX ? left : IOV_COUNT_MAX;
    submit_aio(io, move_op(io));
}

static void move_bounced(struct hf_unit_io *io)
{
    if (!bounce_ready(io))
        return;
    io->bounce_iov = (struct iovec){ .iov_base = io->bounce, .iov_len = piece_size(io) };
    if (io->action == HF_UNIT_ACTION_WRITE)
        hf_spans_gather(all_spans(io), io->moved_bytes, io->bounce, io->bounce_iov.iov_len);
    io->aio.iov = &io->bounce_iov;
    io->aio.iov_count = 1;
    submit_aio(io, move_op(io));
}

static void next_step(struct hf_unit_io *io)
{
    if (io->cancelled)
        finish(io, -ECANCELED);
    else if (io->step == STEP_DONE)
        finish(io, 0);
    else if (io->step != STEP_MOVE)
        submit_aio(io, HF_AIO_FLUSH);
    else if (io->bounced)
        move_bounced(io);
    else
        move_straight(io);
}

/* Drops what was moved from the front of the array. */
static void advance_iov(struct hf_unit_io *io, size_t moved)
{
    while (moved > 0 && io->iov_begun < io->iov_count) {
        struct iovec *first = iov_left(io);

        if (moved < first->iov_len) {
            first->iov_base = (char *)first->iov_base + moved;
            first->iov_len -= moved;
            return;
        }
        moved -= first->iov_len;
        io->iov_begun++;
    }
}

/* A short direct transfer goes on at an aligned place, or not at all. */
static size_t usable(const struct hf_unit_io *io, size_t moved)
{
    const struct hf_file_unit *file = (const struct hf_file_unit *)io->unit;

    if (!file->direct)
        return moved;
    return moved & ~(size_t)(file->alignment.offset_alignment - 1);
}

static void count_moved(struct hf_unit_io *io, size_t moved)
{
    if (io->bounced && io->action == HF_UNIT_ACTION_READ)
        hf_spans_scatter(all_spans(io), io->moved_bytes, io->bounce, moved);
    if (!io->bounced)
        advance_iov(io, moved);
    io->moved_bytes += moved;
    if (io->moved_bytes >= io->length_bytes)
        io->step = io->action == HF_UNIT_ACTION_WRITE && io->durable ? STEP_FLUSH_LAST : STEP_DONE;
}

/* 0 bytes: the file ends before the unit does; somebody truncated it. */
static void moved(struct hf_unit_io *io, int32_t result)
{
    size_t count = usable(io, (size_t)result);

    if (count == 0) {
        finish(io, -EIO);
        return;
    }
    count_moved(io, count);
    next_step(io);
}

static void aio_done(struct hf_aio_request *request, int32_t result)
{
    struct hf_unit_io *io = HF_CONTAINER(request, struct hf_unit_io, aio);

    if (result == -EINTR) {
        next_step(io);
    } else if (result < 0) {
        finish(io, result);
    } else if (io->step == STEP_MOVE) {
        moved(io, result);
    } else {
        io->step = io->step == STEP_FLUSH_FIRST ? STEP_MOVE : STEP_DONE;
        next_step(io);
    }
}

static enum step first_step(const struct hf_unit_io *io)
{
    if (io->action == HF_UNIT_ACTION_FLUSH)
        return STEP_FLUSH_LAST;
    if (io->length_bytes == 0)
        return STEP_DONE;
    if (io->action == HF_UNIT_ACTION_READ && io->durable)
        return STEP_FLUSH_FIRST;
    return STEP_MOVE;
}

void hf_file_unit_submit(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    const struct hf_file_unit *file = (const struct hf_file_unit *)unit;

    io->unit = unit;
    io->lane = lane;
    io->moved_bytes = 0;
    io->iov_begun = 0;
    io->bounce = NULL;
    io->bounced = file->direct && !aligned(file, io);
    io->aio.done = aio_done;
    hf_list_init(&io->link);
    io->step = (uint8_t)first_step(io);
    next_step(io);
}

void hf_file_unit_cancel(struct hf_unit *unit, struct hf_unit_io *io)
{
    (void)unit;
    if (hf_list_empty(&io->link))
        return; /* the kernel has it: aio_done sees `cancelled` before the next step */
    hf_list_remove(&io->link);
    io->done(io, -ECANCELED);
}
