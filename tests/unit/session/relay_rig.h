/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay core between a VMM that is led by hand and a back-end that answers what it is asked, as
 * the edge of the relay drives it: one event at a time, the front core after each change. Counts
 * descriptors: whatever came is closed once. Whole lives are in tests/sim.
 */
#ifndef TESTS_RELAY_RIG_H
#define TESTS_RELAY_RIG_H

#include "session/relay.h"

#define RELAY_RIG_RINGS       3u
#define RELAY_RIG_FDS         1024u
#define RELAY_RIG_MS          UINT64_C(1000000)
#define RELAY_RIG_REPLY_NS    (1000 * RELAY_RIG_MS)
#define RELAY_RIG_STOP_NS     (3000 * RELAY_RIG_MS)
#define RELAY_RIG_REPLIES_MAX 64u
#define RELAY_RIG_BASE        7u

struct relay_rig {
    struct hf_front front;
    struct hf_relay relay;
    struct hf_effects front_effects;
    struct hf_relay_effects effects;
    uint64_t now_ns;

    /* The back-end. */
    uint32_t mute;   /* a request that is not answered; 0: none */
    uint32_t refuse; /* a request that is answered with no */
    bool dead;       /* no dial is taken */
    bool unfenced;   /* whoever was lost may still write: SETTLED does not come */
    bool settle_owed;
    bool unsent, dialling;
    struct hf_message sending;
    struct hf_message pending[RELAY_RIG_REPLIES_MAX];
    unsigned pending_count;
    unsigned told[HF_REQUEST_COUNT]; /* how often it was told each */

    /* The guest's memory, and what is marked in flight. */
    uint16_t avail[RELAY_RIG_RINGS], used[RELAY_RIG_RINGS], in_flight[RELAY_RIG_RINGS];
    bool unreadable;
    int bad_region; /* errno of LOOK_AT */
    int known_fd;   /* the region that LOOK_AT knows as one of ours */
    int no_channel; /* errno of CHANNEL */

    /* The VMM. */
    uint64_t since_ns; /* its next message has waited since then; 0: it has not */
    unsigned replies;
    struct hf_message reply; /* the last one */
    unsigned hang_ups, reports, epochs, lates, cuts, channels;
    const char *why;            /* the last new epoch's, or of what waits */
    unsigned asks, front_asked; /* questions; numbers given to the front core */
    bool answered;
    int answer_error;
    union hf_wire_body answer;
    bool changed, look;
    enum hf_fault lost;
    uint32_t lost_dial;

    int last_fd;
    uint8_t open[RELAY_RIG_FDS];
};

#define RELAY_RIG_FEATURES                                                                         \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL))

/* Nobody is connected on either side. */
void relay_rig_init(struct relay_rig *rig);
/* A back-end is there, a VMM comes and negotiates. */
void relay_rig_begin(struct relay_rig *rig);
/* The same, and all rings run. */
void relay_rig_run(struct relay_rig *rig);

/* A request of the VMM's, need_reply set, and all that follows of it. True: it was answered, with
 * rig->reply. `a` and `b` are index and number, or a u64. */
bool relay_rig_send(struct relay_rig *rig, enum hf_request request, uint64_t a, uint64_t b);
struct hf_message relay_rig_message(struct relay_rig *rig, enum hf_request request, uint64_t a,
                                    uint64_t b);
bool relay_rig_send_message(struct relay_rig *rig, const struct hf_message *message);
/* It is answered, and the answer is 0. */
void relay_rig_do(struct relay_rig *rig, enum hf_request request, uint64_t a, uint64_t b);
/* Size, base, addresses, call, kick. */
void relay_rig_set_ring(struct relay_rig *rig, uint16_t ring, uint16_t base);
void relay_rig_start_all(struct relay_rig *rig);
/* GET_VRING_BASE of each, all answered. */
void relay_rig_stop_all(struct relay_rig *rig);
/* The numbers of the memory region that lies at this place. */
struct hf_message relay_rig_region(struct relay_rig *rig, enum hf_request request, unsigned place);
struct hf_message relay_rig_inflight(struct relay_rig *rig, enum hf_request request);
void relay_rig_hang_up(struct relay_rig *rig);

/* The back-end's session ends, as the edge finds it. */
void relay_rig_lose(struct relay_rig *rig);
/* It is dialled again, and told all. */
void relay_rig_return(struct relay_rig *rig);
/* Whoever was lost is harmless from now on. */
void relay_rig_fence(struct relay_rig *rig);
/* So much later; the deadlines that have passed are told. */
void relay_rig_wait(struct relay_rig *rig, uint64_t duration_ns);
/* Everything that can happen by itself has happened. */
void relay_rig_pump(struct relay_rig *rig);
/* The device is gone: no descriptor is left, none was closed twice. */
void relay_rig_end(struct relay_rig *rig);

#endif
