/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fault unit: stands before another unit and makes trouble on purpose. It ships: it is how
 * users and we see what a front-end does when a disk is slow, wrong, dead, or when its server is
 * killed. Requests are counted over all workers, from the opening of the unit on; each worker has
 * its own waiting room.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/clock.h"
#include "target/lane.h"
#include "target/unit_kinds.h"
#include "target/worker.h"

#define REORDER_WAIT_NS HF_NS_PER_MS

struct room {
    struct hf_timer timer;
    struct hf_link waiting; /* of hf_unit_io.wrapper_link, by the time they came */
    struct hf_link hung;    /* nothing but a cancel gets one out */
    struct hf_lane *lane;
    struct fault_unit *fault;
    uint32_t count; /* waiting */
    uint32_t random;
};

struct fault_unit {
    struct hf_unit unit;
    struct hf_fault_spec spec;
    _Atomic(uint64_t) requests;
    struct room rooms[HF_WORKER_MAX]; /* [lane->index] */
};

/* Takes the io out of the room; whoever calls lets it go on. */
static void leave(struct room *room, struct hf_unit_io *io)
{
    hf_list_remove(&io->wrapper_link);
    io->wrapper = NULL;
    if (io->wrapper_due_ns != HF_CLOCK_NEVER)
        room->count--;
}

static void let_go(struct room *room, struct hf_unit_io *io)
{
    leave(room, io);
    hf_unit_submit(room->fault->unit.inner, room->lane, io);
}

static struct hf_unit_io *nth(struct room *room, uint32_t n)
{
    struct hf_link *link = room->waiting.next;

    while (n-- > 0)
        link = link->next;
    return HF_CONTAINER(link, struct hf_unit_io, wrapper_link);
}

static uint32_t draw(struct room *room)
{
    room->random = room->random * 1664525u + 1013904223u;
    return room->random >> 8;
}

static void release_shuffled(struct room *room)
{
    while (room->count > 0)
        let_go(room, nth(room, draw(room) % room->count));
}

static void release_due(struct room *room, uint64_t now_ns)
{
    while (room->count > 0) {
        struct hf_unit_io *first = nth(room, 0);

        if (first->wrapper_due_ns > now_ns)
            break;
        let_go(room, first);
    }
}

static void arm(struct room *room)
{
    if (room->count > 0)
        hf_aio_set_timer(room->lane->aio, &room->timer, nth(room, 0)->wrapper_due_ns);
    else
        hf_aio_cancel_timer(room->lane->aio, &room->timer);
}

static void time_is_up(struct hf_timer *timer)
{
    struct room *room = HF_CONTAINER(timer, struct room, timer);
    uint64_t now_ns = hf_clock_ns();

    if (room->count > 0 && nth(room, 0)->wrapper_due_ns <= now_ns) {
        if (room->fault->spec.reorder)
            release_shuffled(room);
        else
            release_due(room, now_ns);
    }
    arm(room);
}

static void enter(struct room *room, struct hf_unit_io *io, uint64_t due_ns)
{
    bool hangs = due_ns == HF_CLOCK_NEVER;

    io->wrapper = &room->fault->unit;
    io->wrapper_due_ns = due_ns;
    hf_list_append(hangs ? &room->hung : &room->waiting, &io->wrapper_link);
    if (!hangs)
        room->count++;
}

static void hold(struct room *room, struct hf_unit_io *io)
{
    const struct hf_fault_spec *spec = &room->fault->spec;
    uint64_t wait_ns = spec->delay_ns + (spec->reorder ? REORDER_WAIT_NS : 0);

    enter(room, io, hf_clock_ns() + wait_ns);
    if (spec->reorder && spec->delay_ns == 0 && room->count >= spec->reorder)
        release_shuffled(room);
    arm(room);
}

static bool reached(uint64_t limit, uint64_t count)
{
    return limit != 0 && count >= limit;
}

static void submit(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    struct fault_unit *fault = (struct fault_unit *)unit;
    struct room *room = &fault->rooms[lane->index];
    uint64_t count = atomic_fetch_add_explicit(&fault->requests, 1, memory_order_relaxed) + 1;

    io->lane = lane;
    room->lane = lane;
    io->wrapper = NULL;
    if (reached(fault->spec.crash_after, count))
        kill(getpid(), SIGKILL);
    if (reached(fault->spec.error_after, count))
        io->done(io, -EIO);
    else if (reached(fault->spec.hang_after, count))
        enter(room, io, HF_CLOCK_NEVER);
    else if (fault->spec.delay_ns || fault->spec.reorder)
        hold(room, io);
    else
        hf_unit_submit(unit->inner, lane, io);
}

static void cancel(struct hf_unit *unit, struct hf_unit_io *io)
{
    struct fault_unit *fault = (struct fault_unit *)unit;
    struct room *room = &fault->rooms[io->lane->index];

    if (io->wrapper != unit) {
        hf_unit_cancel(unit->inner, io);
        return;
    }
    leave(room, io);
    arm(room);
    io->done(io, -ECANCELED);
}

static int lock(struct hf_unit *unit, struct hf_error *error)
{
    struct hf_unit *inner = unit->inner;

    return inner->ops->lock ? inner->ops->lock(inner, error) : 0;
}

static void unlock(struct hf_unit *unit)
{
    struct hf_unit *inner = unit->inner;

    if (inner->ops->unlock)
        inner->ops->unlock(inner);
}

static void close_fault(struct hf_unit *unit)
{
    hf_unit_close(unit->inner);
    free((struct fault_unit *)unit);
}

static const struct hf_unit_ops fault_ops = {
    .kind = "fault",
    .submit = submit,
    .cancel = cancel,
    .lock = lock,
    .unlock = unlock,
    .close = close_fault,
};

struct hf_unit *hf_unit_wrap_fault(struct hf_unit *inner, const struct hf_fault_spec *spec,
                                   struct hf_error *error)
{
    struct fault_unit *fault = calloc(1, sizeof(*fault));

    if (!fault) {
        hf_error_set(error, ENOMEM, "no memory");
        return NULL;
    }
    fault->unit = *inner;
    fault->unit.ops = &fault_ops;
    fault->unit.inner = inner;
    fault->spec = *spec;
    for (unsigned i = 0; i < HF_WORKER_MAX; i++) {
        fault->rooms[i].fault = fault;
        fault->rooms[i].random = (uint32_t)hf_clock_ns() + i;
        fault->rooms[i].timer.expired = time_is_up;
        hf_list_init(&fault->rooms[i].waiting);
        hf_list_init(&fault->rooms[i].hung);
    }
    return &fault->unit;
}
