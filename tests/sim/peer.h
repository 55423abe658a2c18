/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference back-end: one process with one session at a time. Written from the vhost-user
 * specification, it shares nothing with src/session but the codec, and it judges what it is told:
 * order, gates, values, descriptors. It executes requests from the model of guest memory.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "memory.h"
#include "persona.h"
#include "wire/message.h"

#define SIM_PEER_REGIONS_MAX 40u
/* So many requests of one ring it executes at the same time. */
#define SIM_PEER_DEPTH 3u

struct sim_world;

struct sim_peer_ring {
    bool num_told, base_told, addr_told, call_told, enabled;
    bool started;  /* between SET_VRING_KICK and GET_VRING_BASE, as the front-end sees it */
    bool running;  /* it may be processed */
    bool live;     /* its kick has been seen */
    bool stopping; /* GET_VRING_BASE is answered when drained */
    uint32_t stop_twist;
    uint16_t size;
    uint16_t base;
    uint16_t last_avail;
    struct hf_wire_vring_addr addr;
    int kick_fd, call_fd, err_fd;
    uint32_t generation; /* of the ring in guest memory */
    uint32_t requests[SIM_RING_SIZE];
    unsigned in_flight;
    uint64_t counter;
};

struct sim_peer_region {
    bool there;
    struct hf_wire_region region;
    int fd;
};

struct sim_peer {
    bool connected;
    uint32_t session; /* number of the session in this process */
    uint32_t dial;
    bool owned, features_set, protocol_set;
    uint64_t features, protocol;
    struct sim_peer_region regions[SIM_PEER_REGIONS_MAX];
    int log_fd;
    int channel_fd;
    struct hf_wire_log log;
    int inflight_fd;
    uint32_t inflight_epoch; /* of the guest when it was asked for a region; 0: not yet */
    uint16_t inflight_size;  /* asked for then */
    bool inflight_set;       /* since the last start of rings from rest */
    struct sim_peer_ring rings[SIM_QUEUES_MAX];
};

struct sim_process {
    struct sim_world *world;
    const struct sim_persona *persona;
    unsigned id;
    bool alive;
    bool listening;       /* the socket is its own */
    bool stopped;         /* SIGSTOP: nothing happens until it is woken or killed */
    bool killed;          /* only its kernel I/O lives on */
    bool abandoned;       /* the front-end hung up on it and it does not know yet */
    bool refuses;         /* what it is asked to do, in this session */
    bool exits;           /* when its session ends */
    uint32_t heard_epoch; /* of the guest when the message at hand was sent */
    bool kicked;          /* the front-end let it start a ring in this session */
    struct sim_peer peer;
};

void sim_peer_accept(struct sim_process *process, uint32_t dial);
/* The session is over: descriptors closed, rings at rest; marks stay in the region. */
void sim_peer_close(struct sim_process *process);
/* A message has arrived; takes its descriptors. `twist` says how it misbehaves at this one. */
void sim_peer_receive(struct sim_process *process, struct hf_message *message, uint32_t twist);
/* Everything the front-end had to tell has been told: what this back-end knows is what the VMM
 * wants. */
void sim_peer_audit(struct sim_process *process);

/* peer_ring.c */
void sim_peer_fetch(struct sim_process *process, uint16_t queue);
void sim_peer_done(struct sim_process *process, uint16_t queue, uint16_t head);
/* Two answers of each ring are published and the process dies before it clears their marks. */
void sim_peer_tear(struct sim_process *process);
void sim_peer_start_ring(struct sim_process *process, uint16_t queue);
void sim_peer_stop_ring(struct sim_process *process, uint16_t queue, uint32_t twist);
struct sim_track *sim_peer_track(struct sim_process *process, uint16_t queue);
bool sim_peer_in_order(const struct sim_process *process);

/* peer.c, for the other files of the peer */
void sim_peer_fail(struct sim_process *process, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_peer_reply(struct sim_process *process, struct hf_message *reply, uint32_t twist);

/* peer_rules.c: one function a request; false: nothing to acknowledge (it answered, or will) */
bool sim_peer_obey(struct sim_process *process, struct hf_message *message, uint32_t twist);

#endif
