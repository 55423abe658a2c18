/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target as a whole: units, crew, listener, lock, and the sessions of all connected
 * front-ends, on one control thread. Everything here belongs to that thread. Knows no message.
 *
 * Rings are started only while three things hold: the lock of all units is ours; no session of this
 * process is dying (its I/O may still be in the kernel) that shares memory with theirs, or had
 * ended before theirs came; and nobody else uses their in-flight region. Until then they are held
 * back: whenever something changes, hf_target_start_rings looks again.
 */
#ifndef HF_TARGET_TARGET_H
#define HF_TARGET_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/list.h"
#include "os/listener.h"
#include "os/log.h"
#include "session/back.h"
#include "target/lease.h"
#include "target/options.h"

struct hf_crew;
struct hf_unit;

struct hf_target {
    const struct hf_target_options *options;
    struct hf_back_offer offer;
    uint8_t config[HF_WIRE_CONFIG_MAX]; /* the config space with its trailer, zeros behind */
    struct hf_unit *units[HF_TARGET_UNITS_MAX];
    unsigned unit_count;
    struct hf_lease lease;
    uint64_t busy_ns; /* when another process was last seen to have the lock; 0: never */
    int lock_fd;      /* to be told about it; -1: told */
    struct hf_crew *crew;
    int memory_lost_fd; /* eventfd: a front-end took memory away (os/guard.h) */
    struct hf_listener listener;
    sd_event *event;
    sd_event_source *accept_source;
    sd_event_source *accept_again_source; /* after the descriptor table was full */
    sd_event_source *retry_source;        /* of the lock, armed only while waiting */
    sd_event_source *reap_source;         /* armed when a session is gone */
    sd_event_source *drain_source;        /* armed when told to end */
    sd_event_source *slow_source;         /* armed while a ring drains */
    struct hf_link sessions;              /* of hf_session.link; dying ones too */
    unsigned session_count;
    unsigned dying_count;
    unsigned next_number;
    bool single;                   /* one inherited connection: the program ends with it */
    bool stopping;                 /* SIGTERM: drained, then out */
    int status;                    /* to exit with */
    struct hf_log_limit log_limit; /* of warnings about front-ends */
};

/* Opens what the options name, makes the workers, listens. 0, or -errno and one line; then only
 * hf_target_done may follow. Borrows the options. */
int hf_target_init(struct hf_target *target, const struct hf_target_options *options,
                   struct hf_error *error);
/* Serves until told to stop by SIGTERM or SIGINT. Returns the exit status. */
int hf_target_run(struct hf_target *target);
/* Flushes the units, closes everything. Accepts a zeroed or half-made one. */
void hf_target_done(struct hf_target *target);

/* For sessions. */

/* A ring has been held back, a session has gone, the lock may have come free. */
void hf_target_start_rings(struct hf_target *target);
/* A ring began to drain, which is to be told if it is not over by then. */
void hf_target_watch_drain(struct hf_target *target, uint64_t due_ns);
/* The session's last reference to guest memory and units is gone: it is freed soon, not now; or is
 * about to go: others look again. */
void hf_target_session_gone(struct hf_target *target);

#endif
