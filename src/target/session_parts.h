/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of a session; only session*.c include this. */
#ifndef HF_TARGET_SESSION_PARTS_H
#define HF_TARGET_SESSION_PARTS_H

#include <systemd/sd-event.h>

#include "base/list.h"
#include "os/region.h"
#include "ring/inflight.h"
#include "ring/split.h"
#include "session/back.h"
#include "target/queue.h"
#include "target/session.h"
#include "target/unmap.h"
#include "wire/framer.h"

/* Downwards only. */
enum hf_session_phase {
    HF_SESSION_PHASE_OPEN,
    HF_SESSION_PHASE_DYING,     /* gone for its front-end; its rings let go, its I/O ends */
    HF_SESSION_PHASE_UNMAPPING, /* nothing runs any more; a thread unmaps its memory */
    HF_SESSION_PHASE_GONE,      /* to be freed */
    HF_SESSION_PHASE_COUNT
};

/*
 *     IDLE --RING_START--> HELD --lock is ours--> SERVED --RING_STOP, end--> LEAVING --> IDLE
 *                           |                                                             ^
 *                           +-------------------RING_STOP, end----------------------------+
 */
enum hf_ring_phase {
    HF_RING_PHASE_IDLE,
    HF_RING_PHASE_HELD,    /* told to start, waiting for the lock, the region or a dying session */
    HF_RING_PHASE_SERVED,  /* a worker has it */
    HF_RING_PHASE_LEAVING, /* drains, or was abandoned */
    HF_RING_PHASE_COUNT
};

struct hf_session_ring {
    struct hf_session *session;
    uint16_t index;
    enum hf_ring_phase phase;
    bool enabling;       /* a worker is being told: a second time says nothing new */
    uint64_t held_ns;    /* when it was held back */
    uint64_t leaving_ns; /* when it began to leave; 0: not, or told in the log already */
    struct hf_queue *queue;
    int kick_fd; /* only while HELD */
    int call_fd; /* as told last; the queue has a duplicate */
    int err_fd;
};

/* Old and new mappings live side by side for a while. */
#define HF_SESSION_MAPPINGS_MAX (HF_MEMORY_REGIONS_MAX + HF_WIRE_REGIONS_MAX)

/* Which part of which file. */
struct hf_session_part {
    const char *what;
    uint64_t offset;
    uint64_t size_bytes;
};

/* The step from one memory table to the next; the old one goes when no request refers to it. */
struct hf_memory_change {
    struct hf_memory *old;
    unsigned awaited; /* queues that may still use it */
    unsigned dropped_count;
    uint32_t dropped[HF_MEMORY_REGIONS_MAX]; /* slots of mappings that go with it */
};

struct hf_session {
    struct hf_target *target;
    struct hf_link link;
    unsigned number;
    unsigned last_before_end; /* number of the newest session when this one ended */
    int peer_pid;
    enum hf_session_phase phase;
    bool graceful; /* drain instead of abandon */
    bool running;  /* inside hf_session_run */
    bool breaking; /* its end is among the events: once is enough */

    int socket_fd;
    sd_event_source *source;
    struct hf_framer framer;
    uint8_t out[HF_MESSAGE_ENCODED_MAX];
    size_t out_length;
    size_t out_sent;
    int out_fds[HF_MESSAGE_FDS_MAX];
    unsigned out_fd_count;
    int channel_fd; /* for requests of ours; -1: none. Closing it tells the front-end we are gone */

    struct hf_back back;
    struct hf_back_effects effects;                   /* of the present event */
    struct hf_back_event events[HF_BACK_EFFECTS_MAX]; /* to be fed to the core, in order */
    unsigned event_first;
    unsigned event_count;
    struct hf_message message; /* of the MESSAGE event in there */
    union hf_wire_body answer; /* of the DONE event with a body */

    struct hf_memory *memory;
    struct hf_mapping mappings[HF_SESSION_MAPPINGS_MAX]; /* by hf_memory_region.slot */
    struct hf_memory_change change;
    struct hf_unmap *unmap; /* on its way; NULL: none */

    bool logs;                 /* LOG_ALL is in force */
    struct hf_mapping log;     /* base NULL: none */
    struct hf_mapping old_log; /* until no worker marks in it any more */
    unsigned log_awaited;      /* queues that may */

    struct hf_mapping inflight;
    struct hf_inflight_region region; /* the same, as rings see it; base NULL: none */
    struct hf_wire_inflight inflight_told;
    int inflight_fd;      /* -1: none */
    int inflight_lock_fd; /* says that rings run on the region; -1: none does */

    struct hf_nexus nexus;
    const char *held_why;    /* what kept its rings from starting at the last try */
    unsigned queue_count;    /* alive, LEAVING too */
    unsigned orders_awaited; /* replies that workers owe us */
    struct hf_session_ring rings[HF_BACK_RINGS_MAX];
};

/* session.c: events for the core. */
void hf_session_post(struct hf_session *session, const struct hf_back_event *event);
/* An awaited effect is over. */
void hf_session_post_done(struct hf_session *session, int result);
void hf_session_run(struct hf_session *session);
void hf_session_warn(const struct hf_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Looks whether a dying session has let go of everything. */
void hf_session_settle(struct hf_session *session);
/* Its memory is unmapped. */
void hf_session_now_gone(struct hf_session *session);

/* session_socket.c */
int hf_session_watch(struct hf_session *session);
void hf_session_unwatch(struct hf_session *session);
/* Takes the descriptors of the message; closed after sending. */
void hf_session_send(struct hf_session *session, const struct hf_message *message);
void hf_session_update_watch(struct hf_session *session);

/* What carries out an effect. Awaited ones are answered with a DONE, now or later; descriptors are
 * taken. The message that asked for it is session->back.request. */
typedef void hf_session_effect(struct hf_session *session, const struct hf_back_effect *effect);

/* session_ring.c */
hf_session_effect hf_session_ring_start;
hf_session_effect hf_session_ring_stop;
hf_session_effect hf_session_ring_enable;
hf_session_effect hf_session_ring_call;
hf_session_effect hf_session_ring_err;
void hf_session_rings_init(struct hf_session *session);
/* End of the session: every ring lets go, drained or abandoned. */
void hf_session_rings_leave(struct hf_session *session);
void hf_session_rings_close(struct hf_session *session);
/* Host pointers of a ring as the core knows it, in `memory`. 0 or -EFAULT. */
int hf_session_ring_translate(const struct hf_session *session, uint16_t index,
                              const struct hf_memory *memory, struct hf_ring *ring);

/* session_log.c */
hf_session_effect hf_session_ring_log;
hf_session_effect hf_session_log_map;
hf_session_effect hf_session_log_switch;
/* Where a ring's queue is to mark what it writes, as things are. */
struct hf_queue_log hf_session_queue_log(const struct hf_session *session, uint16_t index);

/* session_memory.c */
hf_session_effect hf_session_memory_replace;
hf_session_effect hf_session_memory_add;
hf_session_effect hf_session_memory_remove;
/* At the end: unmaps, perhaps later, then says hf_session_now_gone. */
void hf_session_memory_leave(struct hf_session *session);
/* Unmaps what is still there. */
void hf_session_memory_done(struct hf_session *session);
/* A mapping of the session's, guarded (os/guard.h). 0 or -errno, said in the log as about `what`.
 */
int hf_session_map(struct hf_session *session, struct hf_mapping *mapping, int fd,
                   const struct hf_session_part *part);
void hf_session_unmap(struct hf_mapping *mapping);
/* Unmaps what an effect has put out of use. True: not at once; it posts the DONE when it is over.
 */
bool hf_session_unmap_lot(struct hf_session *session, struct hf_unmap *lot);

/* session_device.c */
hf_session_effect hf_session_inflight_create;
hf_session_effect hf_session_inflight_adopt;
hf_session_effect hf_session_features;
hf_session_effect hf_session_config_get;
hf_session_effect hf_session_config_set;
hf_session_effect hf_session_channel;
hf_session_effect hf_session_reset;
/* Says to all who know the region that rings run on it. False: somebody else still uses it, or it
 * cannot be said now. */
bool hf_session_hold_inflight(struct hf_session *session);
/* The last ring of the session has stopped. */
void hf_session_release_inflight(struct hf_session *session);
void hf_session_forget_inflight(struct hf_session *session);

#endif
