/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Back-ends for the matrix. To the device each is a process of its own: who listened on the socket
 * is a child that does nothing else, and that dies when the back-end does. What it answers and what
 * it does to the rings happens here, in the test's own thread, so that the test knows when. It
 * shares the codec and the ring primitives with the device, and judges what it is told. Or it is of
 * the device's own process, whose end nobody can wait for: its rings are over with its session.
 */
#ifndef MATRIX_PEER_H
#define MATRIX_PEER_H

#include "guest.h"

#include "../sim/faults.h"
#include "ring/device.h"
#include "wire/framer.h"

#include <sys/types.h>

#define MX_PROCESSES_MAX 40
#define MX_REGIONS_MAX   12

struct mx_peers;

struct mx_persona {
    uint64_t features, protocol;
    uint16_t queue_count, slot_count;
    uint32_t stride_rounding;
    bool sealed_region;
};
extern const struct mx_persona mx_persona_good;

struct mx_peer_ring {
    bool num_told, base_told, addr_told, started, enabled;
    uint16_t size, base;
    struct hf_wire_vring_addr addr;
    int kick_fd, call_fd;
    bool live; /* its kick was seen */
    struct hf_ring_device device;
    struct hf_used_element held[MX_RING_SIZE]; /* in flight, the oldest first */
    uint16_t held_count;
};

struct mx_peer_region {
    bool there;
    struct hf_wire_region region;
};

struct mx_process {
    struct mx_peers *peers;
    struct mx_persona persona;
    pid_t pid;
    bool alive;
    bool frozen;  /* SIGSTOP: nothing happens until it is woken or killed */
    bool hidden;  /* its name is not there */
    bool deaf;    /* it accepts, and then does not read */
    bool refuses; /* in this session, whatever is asked */
    bool numb;    /* in this session, it does nothing more */
    int listener, connection;
    struct hf_framer framer;
    bool owned, features_set;
    uint64_t features, protocol;
    struct mx_peer_region regions[MX_REGIONS_MAX];
    int log_fd;
    struct hf_mapping inflight;
    uint16_t inflight_queues;
    unsigned inflight_epoch; /* of the region: how many guests had been given up */
    struct mx_peer_ring rings[MX_QUEUES];
};

struct mx_peers {
    struct mx_verdict *verdict;
    struct mx_guest *guest;
    const char *path;
    bool own;          /* back-ends of the front-end's own process: no child, and no fence */
    bool hold;         /* requests are taken, and not answered */
    unsigned messages; /* that came, in all */
    unsigned seen[HF_REQUEST_COUNT];
    struct mx_process list[MX_PROCESSES_MAX];
    unsigned count;
    /* What is done to each message before it is obeyed; twist.c */
    enum sim_twist (*judge)(void *context, struct mx_process *process,
                            const struct hf_message *message, bool *lost);
    void (*served)(void *context, struct mx_process *process);
    void *context;
};

/* Listens, where `path` names it; the newest. NULL: no descriptor left, or too many of them. */
struct mx_process *mx_process_new(struct mx_peers *peers, const struct mx_persona *persona);
/* NULL: there was none. */
struct mx_process *mx_process_present(struct mx_peers *peers);
bool mx_process_listens(const struct mx_process *process);
/* Its name is there again, or is not. */
void mx_process_listen(struct mx_process *process);
void mx_process_stop_listening(struct mx_process *process);
/* It may go on with its rings until it is dead, or accepts again. */
void mx_process_hang_up(struct mx_process *process);
/* Everything it has goes; the child too. */
void mx_process_kill(struct mx_process *process);
/* The same; what it had in flight is answered at the last moment. */
void mx_process_die_late(struct mx_process *process);
/* Bytes that are no message, or a message nobody asked for. */
void mx_process_send_bytes(struct mx_process *process, const void *bytes, size_t size_bytes);
/* Does what there is to do; whether there was anything. */
bool mx_peers_pump(struct mx_peers *peers);
void mx_peers_done(struct mx_peers *peers);
/* It had rings, and no one told it to stop them. */
bool mx_process_may_write(const struct mx_process *process);

/* peer_rules.c: true: to be acknowledged with 0 */
bool mx_peer_obey(struct mx_process *process, struct hf_message *message, enum sim_twist twist);
/* peer.c: for peer_rules.c */
void mx_peer_fail(struct mx_process *process, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void mx_peer_reply(struct mx_process *process, struct hf_message *reply, enum sim_twist twist);

/* peer_ring.c */
void mx_ring_start(struct mx_process *process, uint16_t queue);
/* Drains; returns the base. */
uint16_t mx_ring_stop(struct mx_process *process, uint16_t queue);
bool mx_rings_serve(struct mx_process *process);
/* Answers are published, and the marks stay: it dies in between. */
void mx_ring_tear(struct mx_process *process);
void mx_ring_answer(struct mx_process *process, uint16_t queue);

#endif
