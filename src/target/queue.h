/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One virtqueue being served: what the control thread may ask of it while a worker owns it. All
 * functions here are for the control thread, never block, and answer (where they answer) by a
 * callback out of hf_crew_dispatch. Orders to one queue are carried out in the order given. The
 * same order again before its answer (memory: either of the two; enabled: with the same flag), or
 * any but an abandon behind a stop, is our bug. Must not know vhost-user messages.
 */
#ifndef HF_TARGET_QUEUE_H
#define HF_TARGET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "memory/memory.h"
#include "os/guard.h"
#include "ring/dirty.h"
#include "ring/inflight.h"
#include "ring/split.h"

struct hf_crew;
struct hf_queue;
struct hf_unit;

#define HF_QUEUE_MAX 256 /* a vring index on the wire has 8 bits */

/*
 * The I_T nexus: one front-end connected to this target. Lives in the session of the control side
 * (zeroed, then units filled in); must outlive its queues. `queues` is kept by this file, control
 * thread only: a slot is taken from hf_queue_start until the queue is reported gone.
 */
struct hf_nexus {
    struct hf_unit *const *units; /* [target id], LUN 0 of each; borrowed; NULL = no such target */
    unsigned unit_count;
    struct hf_queue *queues[HF_QUEUE_MAX];
    /* Something to log about a queue: it broke (the err fd is signalled already), an entry of the
     * region was dropped... `text` is valid during the call. May be NULL. */
    void (*report)(void *context, unsigned queue_index, bool broken, const char *text);
    void *context;
    /* Its guest memory, region and dirty log. Once lost, nothing more is fetched or published: what
     * was read since may be zeros that the guard put there. */
    struct hf_guard_owner memory_owner;
    _Atomic(uint64_t)
        recovered[HF_QUEUE_MAX / 64]; /* workers: the replayed ones of this ring run */
};

/* Where what the queue writes to guest memory is marked (vhost-user "Migration"). A value; the bits
 * are borrowed until the queue is gone, or has answered that it has another log. It covers the
 * memory, and the used ring if that is logged; the owner of hf_nexus.memory_owner guards it too. */
struct hf_queue_log {
    struct hf_dirty_log log;    /* no bits: nothing is logged */
    bool used_ring;             /* VHOST_VRING_F_LOG: writes to the used ring too, */
    uint64_t used_ring_address; /* which for the log begins there */
};

struct hf_queue_setup {
    unsigned index;    /* vring index: 0 control, 1 event, others request */
    uint16_t base;     /* SET_VRING_BASE, split: next available index */
    uint64_t features; /* virtio features in force */
    struct hf_ring
        ring; /* host pointers, by hf_ring_init; parts translated in their whole length */
    const struct hf_memory *memory;   /* borrowed until the queue is gone or hf_queue_set_memory is
                                       * answered */
    struct hf_inflight_region region; /* of all rings of the session; base NULL = not tracked */
    struct hf_queue_log log;
    int kick_fd; /* -1 = none: the ring is polled by time. Taken, all three. */
    int call_fd; /* any fd that takes 8-byte writes, or -1 */
    int err_fd;
    bool enabled;
};

struct hf_queue_stats {
    uint64_t requests;
    uint64_t bytes_read; /* by the guest */
    uint64_t bytes_written;
    uint64_t errors; /* completed with anything but response OK and status GOOD */
    uint64_t replayed;
};

/* What an order came to. */
struct hf_queue_answer {
    int result;        /* 0 or -errno (text in `text`) */
    uint16_t base;     /* stop: the next available index, nothing in flight behind it */
    bool settled;      /* stop: drained, and nothing is marked in flight in the region */
    uint16_t replayed; /* start: requests found in flight; they run once the ring is enabled */
    struct hf_queue_stats stats;
    const char *text;
};

/* Called once, in the control thread, out of hf_crew_dispatch. NULL `call`: nobody waits. */
struct hf_queue_reply {
    void (*call)(void *context, const struct hf_queue_answer *answer);
    void *context;
};

/*
 * Starts serving: recovers what the region holds, then polls the ring once without waiting for a
 * kick. The worker is chosen here: request queues go round, control and event share the first.
 * Takes the fds on success and on failure. NULL and *error when the setup is refused (no memory, no
 * such queue). The reply comes when the region was read (answer.replayed = requests to run again);
 * result -EPROTO: the region is nonsense, text says why, the queue serves nothing: stop it.
 */
struct hf_queue *hf_queue_start(struct hf_crew *crew, struct hf_nexus *nexus,
                                const struct hf_queue_setup *setup, struct hf_queue_reply reply,
                                struct hf_error *error);
/*
 * GET_VRING_BASE: fetch no more, drain, publish, answer with the base. The queue is gone (freed)
 * when the reply has run; the reply may start a new one. A later abandon overtakes a stop
 * that is not answered yet, drained or not: the stop is then answered with -ECANCELED, and the
 * queue is gone with the abandon.
 */
void hf_queue_stop(struct hf_queue *queue, struct hf_queue_reply reply);
/*
 * The session's socket is gone. From the worker's receipt on nothing is published: queued requests
 * are dropped and stay in flight in the region; kernel I/O is let end. The reply comes when nothing
 * refers to guest memory, region or units any more; only then may they be unmapped, and only then
 * may a new session on the same guest memory start its rings.
 */
void hf_queue_abandon(struct hf_queue *queue, struct hf_queue_reply reply);
/* Takes fd (-1 = none). The new one is signalled once; the reply comes after the switch and the old
 * one is closed then. */
void hf_queue_set_call(struct hf_queue *queue, int fd, struct hf_queue_reply reply);
void hf_queue_set_err(struct hf_queue *queue, int fd, struct hf_queue_reply reply);
/* Enabling polls the ring once. After the reply of a disable no new request is fetched. */
void hf_queue_set_enabled(struct hf_queue *queue, bool enabled, struct hf_queue_reply reply);
/*
 * Another dirty log, none, or another place in it. Nothing pauses. From the reply on, everything
 * that is written is marked in the new one, also by requests that were under way at the time, and
 * nobody touches the old one any more.
 */
void hf_queue_set_log(struct hf_queue *queue, const struct hf_queue_log *log,
                      struct hf_queue_reply reply);
/*
 * Another memory table, and where the rings lie in it (the same guest addresses). New requests use
 * it at once, nothing pauses. The reply of `set` comes when no request refers to memory of the old
 * table: unmap only then. `extend` is for a table that only gained regions: the reply comes at once
 * (a request that hangs holds nothing up), and the old table itself may be freed.
 */
void hf_queue_extend_memory(struct hf_queue *queue, const struct hf_memory *memory,
                            const struct hf_ring *ring, struct hf_queue_reply reply);
void hf_queue_set_memory(struct hf_queue *queue, const struct hf_memory *memory,
                         const struct hf_ring *ring, struct hf_queue_reply reply);
/* A copy of the counters; any time, from the control thread. */
void hf_queue_get_stats(const struct hf_queue *queue, struct hf_queue_stats *stats);
unsigned hf_queue_index(const struct hf_queue *queue);

#endif
