/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core: what one front-end's session has been told, and what follows from its next
 * message. hf_back_step(back, event) -> effects; no system call, no clock, no allocation. The
 * decisions are here (is it legal, what must be done, what is answered); the mechanisms (maps,
 * threads, locks, or another back-end) are the edge's, which carries the effects out in order.
 *
 * One message at a time: while hf_back_settled() is false, no further message is read.
 *
 * A ring (vhost-user "Ring states"); "enabled" is a second, independent bit, and only a started
 * and enabled ring is served:
 *
 *                 SET_VRING_KICK                   GET_VRING_BASE, RESET_DEVICE
 *     STOPPED ----------------------> STARTED ------------------------------------> STOPPING
 *        ^  (size, base, addresses                                                     |
 *        |   may change only here)                                     drained: the base |
 *        +-----------------------------------------------------------------------------+
 *
 * Descriptors are numbers. Those of a message belong to the edge; an effect that has one in `fd`
 * (or that the comment below calls "taking") hands it over for good, HF_BACK_EFFECT_CLOSE_FDS says
 * that the rest of the present message's are not wanted.
 */
#ifndef HF_SESSION_BACK_H
#define HF_SESSION_BACK_H

#include "memory/memory.h"
#include "session/back_fault.h"
#include "wire/message.h"

#define HF_BACK_RINGS_MAX 256u

/* What the front-end is offered; the relay offers another back-end's, cut to what it can do. */
struct hf_back_offer {
    uint64_t features;
    /* May be acknowledged all the same, and count as not acknowledged: a front-end has them by a
     * property of its own. */
    uint64_t features_tolerated;
    uint64_t protocol_features;
    uint16_t ring_count;    /* all rings, control and event too; <= HF_BACK_RINGS_MAX */
    uint16_t ring_size_max; /* a power of two */
    uint16_t memory_slots;  /* with CONFIGURE_MEM_SLOTS; <= HF_MEMORY_REGIONS_MAX */
    uint16_t config_bytes;  /* length of the config space; <= HF_WIRE_CONFIG_MAX */
};

struct hf_back_ring {
    uint16_t size; /* 0: not told yet */
    uint16_t base; /* next index to fetch: told, or answered at the last stop */
    bool addressed;
    bool started;
    bool enabled;
    struct hf_wire_vring_addr addresses; /* as told: front-end virtual */
};

enum hf_back_phase {
    HF_BACK_PHASE_OPEN,   /* the next message may come */
    HF_BACK_PHASE_BUSY,   /* a message waits for answers of the edge */
    HF_BACK_PHASE_CLOSED, /* over; all later events are ignored */
    HF_BACK_PHASE_COUNT
};

struct hf_back {
    struct hf_back_offer offer;
    enum hf_back_phase phase;
    uint64_t features; /* acknowledged */
    uint64_t protocol_features;
    struct hf_message request; /* the present one, valid while effects of it are carried out */
    uint16_t present_ring;     /* that it names */
    bool ack_legal;            /* REPLY_ACK was negotiated when it came */
    bool fds_taken;            /* by an effect */
    unsigned awaited;          /* answers the edge still owes for it */
    int failure;               /* first -errno among those that came */
    struct hf_wire_inflight inflight; /* the region adopted; mmap size 0: none */
    struct hf_wire_log log;           /* as told last; size 0: none */
    struct hf_memory memory;          /* as told; nothing is mapped here */
    struct hf_memory next;            /* what the present message makes of it */
    struct hf_back_ring rings[HF_BACK_RINGS_MAX];
};

enum hf_back_event_kind {
    HF_BACK_EVENT_MESSAGE, /* a whole one, of HF_STREAM_REQUESTS; only while settled */
    HF_BACK_EVENT_DONE,    /* the answer to one awaited effect */
    HF_BACK_EVENT_HANG_UP, /* the socket ended, or the edge broke the session */
    HF_BACK_EVENT_COUNT
};

struct hf_back_event {
    enum hf_back_event_kind kind;
    const struct hf_message *message; /* MESSAGE: copied */
    int result;                       /* DONE: 0 or -errno */
    uint16_t ring;                    /* DONE of RING_STOP: which */
    uint16_t base;                    /* DONE of RING_STOP: next index to fetch */
    const union hf_wire_body *body;   /* DONE of CONFIG_GET, INFLIGHT_CREATE: what to answer */
    int fd; /* DONE of INFLIGHT_CREATE: goes out with the answer and is closed after sending */
};

/* Awaited effects are answered with exactly one DONE each, at once or later. Arguments that are not
 * in the effect are in back->request and back->rings. */
enum hf_back_effect_kind {
    HF_BACK_EFFECT_REPLY,     /* send effects->reply, then close its descriptors */
    HF_BACK_EFFECT_REPORT,    /* tell the log that a request was refused: fault, result */
    HF_BACK_EFFECT_CLOSE_FDS, /* close the descriptors of back->request */
    HF_BACK_EFFECT_HANG_UP,   /* the session is over: fault (NONE: the peer ended it) */
    HF_BACK_EFFECT_RESET,     /* forget the in-flight region; all rings are stopped */
    /* Awaited, all of them: */
    HF_BACK_EFFECT_RING_START,      /* taking fd, the kick; the ring is as back->rings says */
    HF_BACK_EFFECT_RING_STOP,       /* drain; DONE tells ring and base */
    HF_BACK_EFFECT_RING_ENABLE,     /* value 0 or 1; only started rings */
    HF_BACK_EFFECT_RING_CALL,       /* taking fd; -1 = the front-end polls; started or not */
    HF_BACK_EFFECT_RING_ERR,        /* taking fd; -1 = none; started or not */
    HF_BACK_EFFECT_RING_LOG,        /* a started one: where its used ring is logged has changed, see
                                       back->rings; only while LOG_ALL is in force */
    HF_BACK_EFFECT_LOG_MAP,         /* taking fd, request.body.log: the dirty log instead of any
                                       before it; done when nobody marks in that one any more */
    HF_BACK_EFFECT_LOG_SWITCH,      /* value 1: from the DONE on everything written to guest memory
                                       is marked, what has begun before too; 0: nothing is */
    HF_BACK_EFFECT_MEMORY_REPLACE,  /* by request.body.table, taking all its fds; started rings are
                                       translated anew and go on */
    HF_BACK_EFFECT_MEMORY_ADD,      /* request.body.region, taking its fd; pauses nobody */
    HF_BACK_EFFECT_MEMORY_REMOVE,   /* request.body.region; done when nothing refers to it */
    HF_BACK_EFFECT_INFLIGHT_CREATE, /* fresh, for request.body.inflight; DONE brings body and fd */
    HF_BACK_EFFECT_INFLIGHT_ADOPT,  /* request.body.inflight, taking its fd */
    HF_BACK_EFFECT_FEATURES,        /* request.body.u64 are acknowledged: may they be used? */
    HF_BACK_EFFECT_CONFIG_GET,      /* request.body.config; DONE brings the body */
    HF_BACK_EFFECT_CONFIG_SET,      /* request.body.config */
    HF_BACK_EFFECT_CHANNEL,         /* taking fd: the back-end channel, instead of any before it */
    HF_BACK_EFFECT_COUNT
};

struct hf_back_effect {
    enum hf_back_effect_kind kind;
    uint16_t ring;
    int fd;
    uint32_t value;
    enum hf_back_fault fault;
    int result; /* with HF_BACK_FAULT_EDGE: -errno */
};

/* Every ring stopped, and a few more. */
#define HF_BACK_EFFECTS_MAX (HF_BACK_RINGS_MAX + 8u)

struct hf_back_effects {
    unsigned count;
    struct hf_back_effect items[HF_BACK_EFFECTS_MAX];
    struct hf_message reply;
};

/* `offer` is copied; limits out of range are our own mistake. */
void hf_back_init(struct hf_back *back, const struct hf_back_offer *offer);

/* `effects` is written from scratch. */
void hf_back_step(struct hf_back *back, const struct hf_back_event *event,
                  struct hf_back_effects *effects);

/* True if the next message may be read. */
bool hf_back_settled(const struct hf_back *back);

/* True if the ring is to be served: started and enabled. */
bool hf_back_ring_active(const struct hf_back *back, uint16_t ring);

const char *hf_back_effect_name(enum hf_back_effect_kind kind);
bool hf_back_effect_awaited(enum hf_back_effect_kind kind);

#endif
