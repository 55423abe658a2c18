/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session's rings: from the core's decisions to orders for the workers, and their answers back.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/log.h"
#include "target/session_parts.h"
#include "target/target.h"
#include "vscsi/config.h"

#define SLOW_DRAIN_NS (5 * HF_NS_PER_S)

void hf_session_rings_init(struct hf_session *session)
{
    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
        session->rings[i] = (struct hf_session_ring){
            .session = session, .index = (uint16_t)i, .kick_fd = -1, .call_fd = -1, .err_fd = -1
        };
}

void hf_session_rings_close(struct hf_session *session)
{
    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++) {
        hf_fd_close(&session->rings[i].kick_fd);
        hf_fd_close(&session->rings[i].call_fd);
        hf_fd_close(&session->rings[i].err_fd);
    }
}

/* ---- answers of workers ---- */

static void order_answered(struct hf_session *session)
{
    HF_CHECK(session->orders_awaited > 0);
    session->orders_awaited--;
}

/* An order that changed a running ring. */
static void on_changed(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session_ring *ring = context;

    order_answered(ring->session);
    hf_session_post_done(ring->session, answer->result);
    hf_session_run(ring->session);
    hf_session_settle(ring->session);
}

/* Nobody waits for that. */
static void on_enabled(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session_ring *ring = context;

    (void)answer;
    ring->enabling = false;
    order_answered(ring->session);
    hf_session_settle(ring->session);
}

static struct hf_queue_reply reply_to(struct hf_session_ring *ring,
                                      void (*call)(void *, const struct hf_queue_answer *))
{
    ring->session->orders_awaited++;
    return (struct hf_queue_reply){ .call = call, .context = ring };
}

static void on_started(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session_ring *ring = context;

    order_answered(ring->session);
    if (answer->result < 0)
        hf_session_break(ring->session, answer->text ? answer->text : strerror(-answer->result));
    else if (answer->replayed > 0)
        hf_log(HF_LOG_INFO, "front-end %u: ring %u: %u requests replayed", ring->session->number,
               ring->index, answer->replayed);
    hf_session_settle(ring->session);
}

/* The queue is gone, and with it one user of the lock. */
static void left(struct hf_session_ring *ring)
{
    ring->queue = NULL;
    ring->phase = HF_RING_PHASE_IDLE;
    ring->leaving_ns = 0;
    if (--ring->session->queue_count == 0)
        hf_session_release_inflight(ring->session);
    hf_lease_leave(&ring->session->target->lease);
}

static void on_stopped(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session_ring *ring = context;
    struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE,
                                  .result = answer->result,
                                  .ring = ring->index,
                                  .base = answer->base,
                                  .fd = -1 };

    order_answered(ring->session);
    if (answer->result != -ECANCELED) /* else an abandon has overtaken: its answer is the end */
        left(ring);
    hf_session_post(ring->session, &done);
    hf_session_run(ring->session);
    hf_session_settle(ring->session);
}

static void on_abandoned(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session_ring *ring = context;

    (void)answer;
    order_answered(ring->session);
    left(ring);
    hf_session_settle(ring->session);
}

/* ---- start ---- */

int hf_session_ring_translate(const struct hf_session *session, uint16_t index,
                              const struct hf_memory *memory, struct hf_ring *ring)
{
    const struct hf_back_ring *told = &session->back.rings[index];
    const struct hf_wire_vring_addr *at = &told->addresses;
    uint16_t size = told->size;

    if (!memory)
        return -EFAULT;
    enum hf_ring_fault fault = hf_ring_init(
        ring, size, hf_memory_translate_user(memory, at->desc, hf_ring_desc_bytes(size)),
        hf_memory_translate_user(memory, at->avail, hf_ring_avail_bytes(size)),
        hf_memory_translate_user(memory, at->used, hf_ring_used_bytes(size)));
    return fault == HF_RING_FAULT_NONE ? 0 : -EFAULT;
}

/* The queue has duplicates: after a stop the front-end need not send call and err again. */
static int duplicate(int fd, int *copy)
{
    *copy = -1;
    if (fd < 0)
        return 0;
    int made = hf_fd_dup(fd);
    if (made < 0)
        return made;
    *copy = made;
    return 0;
}

static int fill_setup(struct hf_session_ring *ring, struct hf_queue_setup *setup)
{
    const struct hf_session *session = ring->session;
    const struct hf_back_ring *told = &session->back.rings[ring->index];

    *setup = (struct hf_queue_setup){ .index = ring->index,
                                      .base = told->base,
                                      .features = session->back.features,
                                      .memory = session->memory,
                                      .region = session->region,
                                      .log = hf_session_queue_log(session, ring->index),
                                      .kick_fd = -1,
                                      .call_fd = -1,
                                      .err_fd = -1,
                                      .enabled = told->enabled };
    int failed = hf_session_ring_translate(session, ring->index, session->memory, &setup->ring);
    if (failed < 0)
        return failed;
    failed = duplicate(ring->call_fd, &setup->call_fd);
    if (failed == 0)
        failed = duplicate(ring->err_fd, &setup->err_fd);
    if (failed < 0)
        hf_fd_close(&setup->call_fd);
    else
        setup->kick_fd = hf_fd_steal(&ring->kick_fd);
    return failed;
}

static void launch(struct hf_session_ring *ring)
{
    struct hf_session *session = ring->session;
    struct hf_queue_setup setup;
    struct hf_error error = { 0 };

    int failed = fill_setup(ring, &setup);
    if (failed < 0) {
        hf_session_break(session, failed == -EFAULT
                                      ? "a ring's addresses are not in its memory any more"
                                      : strerror(-failed));
        return;
    }
    ring->queue = hf_queue_start(session->target->crew, &session->nexus, &setup,
                                 reply_to(ring, on_started), &error);
    if (!ring->queue) {
        session->orders_awaited--;
        hf_session_break(session, error.text);
        return;
    }
    ring->phase = HF_RING_PHASE_SERVED;
    session->queue_count++;
}

/*
 * A session that is gone for its front-end may have I/O in the kernel. What it reads lands in its
 * memory, whoever uses that by then; what it writes, on the disk. Who came after its end may be the
 * same machine, started anew, and its new data must not be overwritten; who was there before is
 * not, and goes on.
 */
static bool may_inherit(const struct hf_session *session, const struct hf_session *other)
{
    return session->number > other->last_before_end || hf_session_shares_memory(session, other);
}

static bool must_wait(const struct hf_session *session)
{
    HF_LIST_FOR_EACH (link, &session->target->sessions) {
        const struct hf_session *other = hf_session_of_link(link);
        if (hf_session_dying(other) && may_inherit(session, other))
            return true;
    }
    return false;
}

static const char *why_held(struct hf_session *session)
{
    if (session->target->dying_count > 0 && must_wait(session))
        return "an earlier session still has I/O in the kernel";
    if (!hf_session_hold_inflight(session))
        return "its in-flight region is still in use, or cannot be locked now";
    return NULL;
}

const char *hf_session_held_why(const struct hf_session *session)
{
    return session->held_why;
}

/* The control and event rings last: a task management request finds the requests that waited as
 * long as it did. */
bool hf_session_start_rings(struct hf_session *session)
{
    const unsigned count = session->back.offer.ring_count;

    if (hf_session_waiting_ns(session) == 0)
        return true;
    session->held_why = why_held(session);
    if (session->held_why)
        return false;
    for (unsigned place = 0; place < count; place++) {
        struct hf_session_ring *ring = &session->rings[(place + HF_VSCSI_QUEUE_REQUEST) % count];

        if (session->phase == HF_SESSION_PHASE_OPEN && ring->phase == HF_RING_PHASE_HELD)
            launch(ring);
    }
    return true;
}

uint64_t hf_session_waiting_ns(const struct hf_session *session)
{
    uint64_t since_ns = 0;

    for (unsigned i = 0; i < session->back.offer.ring_count; i++) {
        const struct hf_session_ring *ring = &session->rings[i];
        if (ring->phase == HF_RING_PHASE_HELD && (since_ns == 0 || ring->held_ns < since_ns))
            since_ns = ring->held_ns;
    }
    return since_ns;
}

/* Answered at once, whether or not the ring may start already: the front-end goes on, and its
 * requests wait in the ring. */
void hf_session_ring_start(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_session_ring *ring = &session->rings[effect->ring];
    struct hf_ring unused;

    HF_CHECK(ring->phase == HF_RING_PHASE_IDLE);
    ring->kick_fd = effect->fd;
    int failed = hf_session_ring_translate(session, ring->index, session->memory, &unused);
    hf_session_post_done(session, failed);
    if (failed < 0) {
        hf_fd_close(&ring->kick_fd);
        return;
    }
    ring->phase = HF_RING_PHASE_HELD;
    ring->held_ns = hf_clock_ns();
    hf_lease_join(&session->target->lease);
    hf_target_start_rings(session->target);
}

/* ---- stop ---- */

/* Nothing of it has begun: what it was told is the answer. */
static void let_go(struct hf_session_ring *ring)
{
    ring->phase = HF_RING_PHASE_IDLE;
    hf_fd_close(&ring->kick_fd);
    hf_lease_leave(&ring->session->target->lease);
}

static void begin_to_leave(struct hf_session_ring *ring)
{
    ring->phase = HF_RING_PHASE_LEAVING;
    ring->leaving_ns = hf_clock_ns();
    hf_target_watch_drain(ring->session->target, ring->leaving_ns + SLOW_DRAIN_NS);
}

static void stop(struct hf_session_ring *ring)
{
    begin_to_leave(ring);
    hf_queue_stop(ring->queue, reply_to(ring, on_stopped));
}

void hf_session_ring_stop(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_session_ring *ring = &session->rings[effect->ring];
    struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE,
                                  .ring = ring->index,
                                  .base = session->back.rings[ring->index].base,
                                  .fd = -1 };

    if (ring->phase == HF_RING_PHASE_SERVED) {
        stop(ring);
        return;
    }
    if (ring->phase == HF_RING_PHASE_HELD)
        let_go(ring);
    hf_session_post(session, &done);
}

static void leave(struct hf_session_ring *ring)
{
    bool graceful = ring->session->graceful;

    if (ring->phase == HF_RING_PHASE_HELD) {
        let_go(ring);
    } else if (graceful && ring->phase == HF_RING_PHASE_SERVED) {
        stop(ring);
    } else if (!graceful && ring->queue) {
        begin_to_leave(ring);
        hf_queue_abandon(ring->queue, reply_to(ring, on_abandoned));
    }
}

void hf_session_rings_leave(struct hf_session *session)
{
    for (unsigned i = 0; i < session->back.offer.ring_count; i++)
        leave(&session->rings[i]);
}

uint64_t hf_session_tell_slow_drains(struct hf_session *session, uint64_t now_ns)
{
    uint64_t next_ns = HF_CLOCK_NEVER;

    for (unsigned i = 0; i < session->back.offer.ring_count; i++) {
        struct hf_session_ring *ring = &session->rings[i];
        uint64_t due_ns = ring->leaving_ns + SLOW_DRAIN_NS;
        if (ring->leaving_ns == 0)
            continue;
        if (now_ns < due_ns) {
            next_ns = hf_min_u64(next_ns, due_ns);
            continue;
        }
        ring->leaving_ns = 0;
        hf_session_warn(session,
                        "ring %u: still drains, %u s after it was to stop; its memory "
                        "stays mapped until that is over",
                        i, (unsigned)(SLOW_DRAIN_NS / HF_NS_PER_S));
    }
    return next_ns;
}

/* ---- changes ---- */

static void enable(struct hf_session_ring *ring)
{
    if (ring->enabling)
        return;
    ring->enabling = true;
    hf_queue_set_enabled(ring->queue, true, reply_to(ring, on_enabled));
}

/* Enabling is answered at once: the worker looks at the ring when it comes to it, so no kick in
 * between is lost, and a front-end that starts many rings need not wait for each. Disabling is
 * answered when nothing is fetched any more. */
void hf_session_ring_enable(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_session_ring *ring = &session->rings[effect->ring];
    bool served = ring->phase == HF_RING_PHASE_SERVED;

    if (served && effect->value == 0) {
        hf_queue_set_enabled(ring->queue, false, reply_to(ring, on_changed));
        return;
    }
    if (served)
        enable(ring);
    hf_session_post_done(session, 0);
}

/* Replaces what is kept, and hands a worker that has the ring a duplicate. */
static void replace(struct hf_session_ring *ring, int *kept, int fd,
                    void (*order)(struct hf_queue *, int, struct hf_queue_reply))
{
    int copy = -1;
    int failed = 0;

    hf_fd_close(kept);
    *kept = fd;
    if (ring->phase == HF_RING_PHASE_SERVED)
        failed = duplicate(fd, &copy);
    if (ring->phase == HF_RING_PHASE_SERVED && failed == 0)
        order(ring->queue, copy, reply_to(ring, on_changed));
    else
        hf_session_post_done(ring->session, failed);
}

void hf_session_ring_call(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_session_ring *ring = &session->rings[effect->ring];

    replace(ring, &ring->call_fd, effect->fd, hf_queue_set_call);
}

void hf_session_ring_err(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_session_ring *ring = &session->rings[effect->ring];

    replace(ring, &ring->err_fd, effect->fd, hf_queue_set_err);
}
