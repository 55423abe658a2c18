/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the data path's own files: what a queue and a request are made of. A queue is made by the
 * control thread, belongs to its worker from the start order to the mail that says it is gone, and
 * is freed by the control thread.
 */
#ifndef HF_TARGET_QUEUE_STATE_H
#define HF_TARGET_QUEUE_STATE_H

#include <stdatomic.h>

#include "base/bitmap.h"
#include "base/list.h"
#include "base/spans.h"
#include "os/event.h"
#include "ring/device.h"
#include "scsi/cdb.h"
#include "target/mail.h"
#include "target/queue.h"
#include "target/unit.h"
#include "vscsi/config.h"
#include "vscsi/control.h"
#include "vscsi/request.h"

struct hf_worker;

enum hf_role { HF_ROLE_CONTROL, HF_ROLE_EVENT, HF_ROLE_REQUEST, HF_ROLE_COUNT };

/* An order of the control thread: goes to the worker, comes back with the answer. Each queue has
 * one of each kind: who gives orders waits for the answer before the next of the same kind, so
 * that neither a flood of them nor a lack of memory is anything to care about. */
struct hf_order {
    struct hf_mail mail;
    bool under_way;
    void (*serve)(struct hf_mail *mail);   /* in the worker */
    void (*deliver)(struct hf_mail *mail); /* in the control thread */
    struct hf_link link;                   /* where it waits in the worker */
    struct hf_queue *queue;
    struct hf_queue_reply reply;
    struct hf_queue_answer answer;
    /* What it carries: an fd to put in (comes back: the one to close), a flag, a table. */
    struct hf_bell bell;
    bool flag; /* set_enabled: enabled; set_memory: wait for those on the old table */
    const struct hf_memory *memory;
    struct hf_ring ring;
    struct hf_queue_log log;
};

/* Task management on its way through the workers. */
struct hf_task {
    struct hf_mail mail;
    struct hf_link link;   /* hf_worker.tasks */
    unsigned worker_index; /* where it is */
    uint64_t bound;        /* victims have a smaller order */
    const struct hf_task_rule *rule;
    struct hf_unit *unit; /* NULL: of every unit */
    uint64_t tag;
    bool found;
};

struct hf_request {
    struct hf_queue *queue;
    uint16_t head;
    bool active; /* from fetch to publication */
    bool replayed;
    bool in_unit;           /* submitted, not done */
    uint8_t killed;         /* enum hf_vscsi_code to answer with, 0 = nobody wants it dead */
    uint32_t generation;    /* of the memory table its spans are in */
    uint64_t written_bytes; /* so many, from the first on, may have been written to the writable */
    uint64_t order;
    struct iovec *iov; /* hf_queue.iov_capacity: the chain's spans, then those of the data */
    struct hf_spans readable;
    struct hf_spans writable;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    uint64_t tag;
    struct hf_unit *unit;
    struct hf_cdb cdb;
    struct hf_unit_io io;
    struct hf_vscsi_control control; /* control queue only, and so is task */
    struct hf_task task;
};

/* Written by the worker alone, read by the control thread at any time. */
struct hf_queue_counters {
    _Atomic(uint64_t) requests;
    _Atomic(uint64_t) bytes_read;
    _Atomic(uint64_t) bytes_written;
    _Atomic(uint64_t) errors;
    _Atomic(uint64_t) replayed;
};

/* A line for the log, one at a time: what comes while one is under way is dropped. */
struct hf_report {
    struct hf_mail mail;
    struct hf_queue *queue;
    atomic_bool under_way;
    bool broken;
    char text[160];
};

struct hf_queue {
    struct hf_nexus *nexus;
    struct hf_crew *crew;
    struct hf_worker *worker;
    unsigned index;
    enum hf_role role;
    struct hf_queue_counters counters;
    struct hf_order start_order;
    struct hf_order stop_order;
    struct hf_order abandon_order;
    struct hf_order call_order;
    struct hf_order err_order;
    struct hf_order enabled_orders[2]; /* [enabled] */
    struct hf_order memory_order;
    struct hf_order log_order;
    struct hf_mail recovered_mail; /* to the control thread: what was found in flight runs again */
    struct hf_mail siblings_mail;  /* to the worker of the control queue, for that */
    atomic_bool siblings_posted;
    struct hf_report report;
    /* The control thread's: no order may follow the last one to the worker. */
    bool stop_sent;
    bool abandon_sent;

    /* The worker's, from here on. */
    struct hf_link link;
    struct hf_link dirty_link;
    struct hf_ring_device device;
    struct hf_ring_device_setup setup;
    struct hf_inflight_region region;
    bool enabled;
    bool kicked; /* look at the ring: a kick, a start, an enable */
    bool armed;  /* kicks are asked for, nothing was there: no need to look */
    bool broken; /* the guest's mistake: nothing is fetched any more */
    bool held;   /* task management waits for the other rings */
    bool stopping;
    bool abandoned; /* nothing is published any more */
    bool gone;      /* the worker has let go of it */
    struct hf_bell kick;
    struct hf_bell call;
    int err_fd;
    struct hf_aio_watch watch;
    struct hf_timer poll_timer;  /* of a ring without a kick fd */
    struct hf_request *requests; /* [head] */
    struct iovec *iov_memory;
    uint32_t iov_capacity;
    uint32_t generation;                /* of the memory table in force */
    const struct hf_memory *old_memory; /* of the generation before, while old_count > 0 */
    struct hf_dirty_log log;            /* no bits: nothing is logged */
    unsigned active_count;
    unsigned old_count;   /* active ones of an older generation */
    struct hf_link swaps; /* orders that wait for them */
    struct hf_inflight_request *recovered;
    uint16_t recovered_count;
    uint16_t recovered_next;
    bool recovery_told;
    struct hf_used_element *finished; /* answered, not published */
    uint16_t finished_count;
};

static inline void hf_counter_add(_Atomic(uint64_t) *counter, uint64_t value)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

#endif
