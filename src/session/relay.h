/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay core: a VMM's session on one side (the back core), a back-end's on the other (the front
 * core), and what the one asks becomes what the other is to be told (the plan). It decides when a
 * request of the VMM's is *settled*: the back-end confirmed it, or no back-end is there and it is
 * recorded. Then, and not before, it is answered. The VMM never hears of a back-end's death.
 *
 * Pure, as its two halves: the edge steps the front core, carries effects out, and calls
 * hf_relay_step again after each of the front core's steps (HF_RELAY_EVENT_LOOK).
 *
 *              VMM's message                     asked of plan or back-end
 *     IDLE ────────────────────> (back core) ──────────────────────────────> WAITING
 *       ^                                                                       |
 *       +────────── answered: DONE to the back core <── settled, or too late ───+
 *
 * Rings are held back until the first ENABLE (without bit 30: the first KICK): a VMM kicks ring 0
 * before it has sized ring 1, and the in-flight region needs all sizes.
 */
#ifndef HF_SESSION_RELAY_H
#define HF_SESSION_RELAY_H

#include "session/back.h"
#include "session/front.h"

struct hf_relay_settings {
    uint64_t reply_timeout_ns; /* no request of the VMM's waits longer, but a stop (0: no limit) */
    uint64_t stop_wait_ns;     /* GET_VRING_BASE while no back-end is there */
    uint64_t linger_ns;        /* after one ring was stopped the others wait so long for theirs */
};

/* What a request waits for. */
enum hf_relay_wait {
    HF_RELAY_WAIT_NONE,
    HF_RELAY_WAIT_INDICES, /* HF_RELAY_EVENT_INDICES of the ring that is to start */
    HF_RELAY_WAIT_SETTLED, /* the plan is told and confirmed, or nobody is there to tell */
    HF_RELAY_WAIT_REST,    /* the rings are at rest */
    HF_RELAY_WAIT_USED,    /* that took too long: INDICES say where the guest sees the ring */
    HF_RELAY_WAIT_ANSWER,  /* the back-end's answer to a question */
    HF_RELAY_WAIT_EDGE,    /* HF_RELAY_EVENT_MADE */
    HF_RELAY_WAIT_COUNT
};

/* Why rings that the VMM has started do not run. */
enum hf_relay_hold {
    HF_RELAY_HOLD_NONE,
    HF_RELAY_HOLD_DRAIN, /* one is to stop, all rest; but what a lost back-end left in flight runs
                            first, or the stop would not be clean */
    HF_RELAY_HOLD_REST,  /* that took too long */
    HF_RELAY_HOLD_COUNT
};

/* On the way to another back-end. */
enum hf_relay_switch {
    HF_RELAY_SWITCH_NONE,
    HF_RELAY_SWITCH_REST,  /* the rings rest, the VMM's requests wait */
    HF_RELAY_SWITCH_START, /* the rings start there, the VMM's requests wait */
    HF_RELAY_SWITCH_BACK,  /* the rings rest, for as long as it takes until who failed is fenced */
    HF_RELAY_SWITCH_COUNT
};

/* A ring as the VMM has it. */
struct hf_relay_ring {
    bool started;     /* KICK came, GET_VRING_BASE did not */
    bool was_stopped; /* in this epoch: then the rest says where */
    bool unsettled;   /* somebody might still answer some of what was in flight */
    uint16_t base;    /* answered */
    uint16_t used;
    uint16_t in_flight;
    uint16_t size;
    struct hf_wire_vring_addr addresses;
};

enum hf_relay_undo_kind {
    HF_RELAY_UNDO_NOTHING,
    HF_RELAY_UNDO_RING,
    HF_RELAY_UNDO_MEMORY,
    HF_RELAY_UNDO_LOG,
    HF_RELAY_UNDO_CHANNEL,
    HF_RELAY_UNDO_COUNT
};

/* How to take back what the present request changed in the plan, should the back-end refuse it. */
struct hf_relay_undo {
    enum hf_relay_undo_kind kind;
    uint16_t ring;
    bool was_started;
    struct hf_ring_plan ring_before;
    struct hf_region_plan regions_before[HF_REGION_COUNT_MAX];
    struct hf_log_plan log_before;
    struct hf_wire_log log_told;
    int channel_before;
};

struct hf_relay {
    struct hf_relay_settings settings;
    struct hf_back back;
    struct hf_front *front; /* borrowed */
    bool leaving;           /* the VMM has gone; its rings come to rest */
    enum hf_relay_switch switching;
    bool released; /* the rings are held back no longer */
    enum hf_relay_hold hold;
    enum hf_relay_wait wait;
    uint64_t deadline_ns; /* TIMER is wanted then; 0: not */
    uint32_t dial; /* session that knew all when the present request came; 0: there was none */
    uint64_t region_epoch; /* of the plan when the VMM's region was made or taken */
    bool ask_again;        /* nobody was there to be asked */
    unsigned asked_count;
    struct hf_back_effect asked[HF_BACK_EFFECTS_MAX]; /* of the back core, not yet DONE */
    struct hf_relay_ring rings[HF_BACK_RINGS_MAX];
    struct hf_relay_undo undo;
};

enum hf_relay_event_kind {
    HF_RELAY_EVENT_MESSAGE, /* of the VMM's; only while hf_relay_settled() */
    HF_RELAY_EVENT_HANG_UP, /* of the VMM's */
    HF_RELAY_EVENT_LOOK,    /* the front core made a step; .lost: fault of a session that ended */
    HF_RELAY_EVENT_ANSWER,  /* .error, .body: to ASK; ENOTCONN: ask again when somebody is there */
    HF_RELAY_EVENT_INDICES, /* .ring, .avail, .used, .error */
    HF_RELAY_EVENT_MADE,    /* .error, .body, .fd: an in-flight region was made or looked at, or a
                               channel was made, whose end for the back-end is .fd */
    HF_RELAY_EVENT_TIMER,
    HF_RELAY_EVENT_COUNT
};

struct hf_relay_event {
    enum hf_relay_event_kind kind;
    uint64_t now_ns;
    uint64_t since_ns; /* MESSAGE: it has waited since then; 0: it has not */
    const struct hf_message *message;
    enum hf_fault lost;
    uint32_t dial; /* LOOK: of the session that was lost */
    int error;     /* 0 or a positive errno */
    uint16_t ring, avail, used;
    const union hf_wire_body *body;
    int fd;
    bool ours; /* MADE of LOOK_AT: the region is the last one that was made for this VMM, or looked
                  at */
};

enum hf_relay_effect_kind {
    HF_RELAY_EFFECT_REPLY,   /* to the VMM: effects->reply, then close its descriptors */
    HF_RELAY_EFFECT_REPORT,  /* a request of the VMM's was refused: .fault, .result */
    HF_RELAY_EFFECT_HANG_UP, /* the VMM's session is over: .fault (NONE: it ended it) */
    HF_RELAY_EFFECT_CLOSE,   /* .fd */
    HF_RELAY_EFFECT_CHANGED, /* the plan was changed: step the front core with CHANGED */
    HF_RELAY_EFFECT_ASK,     /* .asked: step the front core with ASK; then ANSWER, always, but to
                                RESET_DEVICE, for which nobody waits */
    HF_RELAY_EFFECT_CUT,     /* the back-end does not stop: end its session, so that it is fenced */
    HF_RELAY_EFFECT_INDICES, /* read .ring's indices from guest memory, then INDICES, always */
    HF_RELAY_EFFECT_MAKE,    /* a fresh in-flight region for .inflight, then MADE */
    HF_RELAY_EFFECT_LOOK_AT, /* .fd, borrowed: is it the region we know? Then MADE */
    HF_RELAY_EFFECT_CHANNEL, /* .fd, borrowed: the VMM's back-end channel, instead of any before;
                                then MADE */
    HF_RELAY_EFFECT_UNDO_CHANNEL, /* the back-end does not take it: there is none */
    HF_RELAY_EFFECT_NEW_EPOCH,    /* for the log: what was in flight is forgotten; .why */
    HF_RELAY_EFFECT_LATE,         /* for the log: a stop waits; .why */
    HF_RELAY_EFFECT_COUNT
};

struct hf_relay_effect {
    enum hf_relay_effect_kind kind;
    enum hf_back_fault fault;
    int result;
    int fd;
    uint16_t ring;
    struct hf_asked asked;
    struct hf_wire_inflight inflight;
    const char *why;
};

#define HF_RELAY_EFFECTS_MAX (2u * HF_BACK_RINGS_MAX + 64u)
struct hf_relay_effects {
    unsigned count;
    struct hf_relay_effect list[HF_RELAY_EFFECTS_MAX];
    struct hf_message reply;
};

/* What a VMM was told, and relies on. */
struct hf_relay_promise {
    struct hf_back_offer offer;
    uint64_t protocol_features; /* of the offered ones: those that a back-end must have */
};

/* What a VMM may be offered of what a back-end offers. `ring_count` is the device type's own if
 * the back-end has no MQ; `answers_config`: GET_CONFIG can be answered without the back-end. */
struct hf_relay_promise hf_relay_promise_of(const struct hf_session *session, uint16_t ring_count,
                                            bool answers_config);
/* Protocol features to use with a back-end. */
uint64_t hf_relay_protocol_wanted(void);

/* `front` is borrowed, its plan empty. */
void hf_relay_init(struct hf_relay *relay, const struct hf_relay_settings *settings,
                   struct hf_front *front);
/* A VMM came. What it is offered is promised from here on. */
void hf_relay_begin(struct hf_relay *relay, const struct hf_relay_promise *promise);
/* `effects` is written from scratch. */
void hf_relay_step(struct hf_relay *relay, const struct hf_relay_event *event,
                   struct hf_relay_effects *effects);
/* True if the VMM's next message may be read. */
bool hf_relay_settled(const struct hf_relay *relay);
/* The next step (LOOK) acts on it. */
void hf_relay_set_switching(struct hf_relay *relay, enum hf_relay_switch switching);
/* What the VMM sends now is not read before the switch is further. */
bool hf_relay_waits_for_switch(const struct hf_relay *relay);
/* No ring runs, and none will: where each stands is known. */
bool hf_relay_is_at_rest(const struct hf_relay *relay);
/* The VMM has gone, and nothing of it is left but what the plan holds. */
bool hf_relay_is_over(const struct hf_relay *relay);

#endif
