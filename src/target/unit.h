/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A logical unit as an object: what it is (facts for the SCSI layer) and a table of operations that
 * move its data. A missing unit is an object too. Units know bytes, not SCSI commands and no
 * virtio. One unit is shared by all workers and sessions; its I/O calls come from worker threads,
 * everything else from the control thread.
 */
#ifndef HF_TARGET_UNIT_H
#define HF_TARGET_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/error.h"
#include "base/list.h"
#include "os/aio.h"
#include "scsi/facts.h"

struct hf_lane;
struct hf_unit;
struct hf_unit_io;

enum hf_unit_action {
    HF_UNIT_ACTION_READ,
    HF_UNIT_ACTION_WRITE,
    HF_UNIT_ACTION_FLUSH, /* everything completed before it becomes durable */
    HF_UNIT_ACTION_COUNT
};

/*
 * One piece of work for a unit; lies in the request. The caller fills the upper part; `done` is
 * called exactly once, in the worker's thread, perhaps inside `submit`: 0 (everything moved) or
 * -errno. -ECANCELED means it was cancelled and has no effect from now on.
 */
struct hf_unit_io {
    enum hf_unit_action action;
    bool durable;      /* a write: GOOD only when it is on stable storage (FUA, writethrough) */
    bool cancelled;    /* by hf_unit_cancel: no further step is begun */
    struct iovec *iov; /* the unit may change the array: it is the caller's own copy */
    unsigned iov_count;
    uint64_t offset_bytes;
    uint64_t length_bytes; /* sum of the iovecs */
    void (*done)(struct hf_unit_io *io, int result);

    /* The unit's own, while it works. */
    struct hf_unit *unit;
    struct hf_lane *lane;
    struct hf_aio_request aio;
    struct hf_link link;     /* where it waits for a bounce buffer */
    struct iovec bounce_iov; /* the one piece under way */
    void *bounce;
    uint64_t moved_bytes; /* done so far */
    unsigned iov_begun;   /* iovecs before this one are done */
    uint8_t step;
    bool bounced;
    /* A wrapper's own (fault:), beside those of the unit it wraps. */
    struct hf_unit *wrapper; /* which holds it at present, or NULL */
    struct hf_link wrapper_link;
    uint64_t wrapper_due_ns;
};

struct hf_unit_ops {
    const char *kind; /* "file", "block device", "mem", ... */
    /* Begins the work. Never fails: errors come through io->done. */
    void (*submit)(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io);
    /* Ends waiting work at once with -ECANCELED (done is called inside); what the kernel already
     * has goes on to its end. NULL: nothing ever waits. */
    void (*cancel)(struct hf_unit *unit, struct hf_unit_io *io);
    /* 0; -EAGAIN: another holds it (*error says who); other: broken. NULL: needs none. */
    int (*lock)(struct hf_unit *unit, struct hf_error *error);
    void (*unlock)(struct hf_unit *unit);
    /* Flushes are no worry of close: what the guest wanted durable is. */
    void (*close)(struct hf_unit *unit);
};

struct hf_unit {
    const struct hf_unit_ops *ops;
    struct hf_unit *inner; /* that a wrapper (fault:) stands before, and closes; else NULL */
    struct hf_lun_facts facts;
    bool present;       /* false: only the missing unit */
    bool volatile_data; /* mem:, null: data does not outlive the process (the drill refuses) */
    uint64_t service;   /* whose predecessor's I/O must be over, where all may read */
    char name[256];     /* as the user wrote it, for messages */
};

/* Opens what the words of a user describe ("disk.img,ro", "fault:delay=1ms,mem:1G"). `target` is
 * its number among the units (part of a default serial of mem: and null:). NULL and one clear line
 * in *error on failure. */
struct hf_unit *hf_unit_open(const char *words, unsigned target, struct hf_error *error);
/* The object for a LUN that is not there. Static; closing it does nothing. */
struct hf_unit *hf_unit_missing(void);
/* No I/O may be outstanding. Accepts NULL. */
void hf_unit_close(struct hf_unit *unit);

/* The socket at which the unit is served: its lock excludes a predecessor at the same socket even
 * where the unit is read only and shared with others. */
void hf_unit_set_service(struct hf_unit *unit, const char *socket_path);
/* CONTRACT §1. 0, -EAGAIN (somebody else has it: wait, say who) or another error. Taking what one
 * holds already is 0. Control thread. */
int hf_unit_lock_try(struct hf_unit *unit, struct hf_error *error);
void hf_unit_unlock(struct hf_unit *unit);
/* True in a build with -DHF_TEST_WITHOUT_LOCK: the program must print a warning at start. */
bool hf_unit_lock_disabled(void);

static inline void hf_unit_submit(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    unit->ops->submit(unit, lane, io);
}

static inline void hf_unit_cancel(struct hf_unit *unit, struct hf_unit_io *io)
{
    io->cancelled = true;
    if (unit->ops->cancel)
        unit->ops->cancel(unit, io);
}

#endif
