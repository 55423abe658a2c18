/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world of one simulated case: virtual time, the front core under test, a model of its edge,
 * the back-end processes, the VMM with its guest, and what is to go wrong. Everything is decided by
 * the case: the same case runs the same way.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "events.h"
#include "faults.h"
#include "fds.h"
#include "memory.h"
#include "peer.h"
#include "relay.h"
#include "session/front.h"
#include "story.h"
#include "vmm.h"

#include <stdio.h>

#define SIM_US            UINT64_C(1000)
#define SIM_MS            UINT64_C(1000000)
#define SIM_S             UINT64_C(1000000000)
#define SIM_PROCESSES_MAX 64u
#define SIM_FAULTS_MAX    2u

/* What is to be simulated. */
struct sim_case {
    const struct sim_persona *persona;
    uint16_t queue_count;
    struct sim_planned {
        unsigned step; /* at the n-th message sent */
        enum sim_fault fault;
    } faults[SIM_FAULTS_MAX];
    unsigned fault_count;
    struct hf_front_settings settings;
    uint16_t first_index; /* of each ring: near the wrap */
    const struct sim_tale *tale;
    /* Not NULL: there is a relay, which lives there, and a VMM of this habit. */
    struct sim_relay *relay;
    const struct sim_relay_habit *habit;
    unsigned
        replaced_at;  /* so many instants of the relay's later another takes its place; 0: none */
    FILE *transcript; /* NULL: none is written */
};

struct sim_edge {
    bool connected;
    uint32_t dial;
    unsigned process;
    bool sending;
    unsigned in_transit; /* messages of this session the back-end has not read */
    uint32_t started;    /* rings, by bit: KICK was sent, no base was answered */
    uint32_t timer_serial;
    uint64_t late_ns;  /* what the next timer comes late */
    bool early_timer;  /* the next one comes at half its time, */
    bool double_timer; /* or twice */
    uint64_t fds_full_until_ns;
    bool settle_owed;
    bool settle_fenced;
    unsigned settle_process;
    uint32_t settle_session;
    unsigned writer; /* process and session that rings were started in last */
    uint32_t writer_session;
    uint16_t bases[SIM_QUEUES_MAX]; /* where rings came to rest, with so many in flight */
    uint16_t in_flights[SIM_QUEUES_MAX];
    uint64_t prepared;                    /* generation of the in-flight region that was */
    uint32_t generations[SIM_QUEUES_MAX]; /* of the rings in memory when they were started */
    unsigned dials_to_refuse;
    unsigned dials_to_ignore;
};

struct sim_tally {
    unsigned reports[HF_REPORT_COUNT];
    unsigned sessions;
    unsigned started;
    unsigned questions_asked;
    unsigned questions_answered;
    unsigned faults_injected;
};

struct sim_world {
    struct sim_verdict verdict;
    struct sim_case situation;
    uint64_t now_ns;
    unsigned step; /* messages sent so far */
    bool idle;     /* nothing on its way between front and back-end */
    struct sim_events events;
    struct sim_fds fds;
    struct sim_memory memory;
    struct sim_vmm vmm;
    struct sim_relay *relay; /* NULL: the VMM changes the plan itself */
    struct sim_story story;
    struct sim_edge edge;
    struct sim_process processes[SIM_PROCESSES_MAX];
    unsigned process_count;
    const struct sim_persona *next_persona; /* of the next process; NULL: the situation's */
    struct sim_persona poor;
    uint64_t linger_ns; /* from SIGKILL to the end of the process */
    bool no_restart;    /* the supervisor is away */
    uint32_t poison;    /* the request that kills who executes it; 0: none */
    struct hf_front front;
    struct hf_effects effects;
    struct sim_tally tally;
};

struct sim_case sim_case_of(const struct sim_persona *persona);
/* With a relay, of which there is one in the program. */
struct sim_case sim_case_with_relay(const struct sim_persona *persona,
                                    const struct sim_relay_habit *habit);
/* The first process listens; nothing is dialled. */
void sim_world_init(struct sim_world *world, const struct sim_case *situation);
/* One event; false: nothing will ever happen, or the case is red. */
bool sim_world_step(struct sim_world *world);
/* Runs until `reached`; red if that takes longer than `limit_ns`. */
bool sim_world_run(struct sim_world *world, bool (*reached)(const struct sim_world *world),
                   uint64_t limit_ns);
/* Red: what is waited for does not come. */
void sim_world_fail_stuck(struct sim_world *world);
void sim_world_pass(struct sim_world *world, uint64_t duration_ns);
/* The device is gone, and all processes; then the ledgers must balance. */
void sim_world_end(struct sim_world *world);

/* Everything is told, nothing is on its way. */
bool sim_world_is_idle(const struct sim_world *world);

/* Into the queue, `delay_ns` from now. */
void sim_world_later(struct sim_world *world, uint64_t delay_ns, struct sim_event event);
void sim_world_feed(struct sim_world *world, uint64_t delay_ns, struct hf_event event);
/* Again, once the stopped process it is for wakes up or is killed. */
void sim_world_park(struct sim_world *world, struct sim_event event);
void sim_world_signal(struct sim_world *world, unsigned object);
/* transcript.c */
void sim_world_note(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_world_note_message(struct sim_world *world, const char *arrow,
                            const struct hf_message *message);

/* processes.c: the supervisor */
struct sim_process *sim_process_new(struct sim_world *world, const struct sim_persona *persona);
struct sim_process *sim_process_present(struct sim_world *world);
/* The one that listens, or NULL. */
struct sim_process *sim_process_listening(struct sim_world *world);
void sim_process_hang_up(struct sim_process *process, enum hf_fault fault);
void sim_process_kill(struct sim_process *process);
void sim_process_stop(struct sim_process *process);
void sim_process_handle(struct sim_world *world, const struct sim_event *event);

/* edge.c */
void sim_edge_feed(struct sim_world *world, struct sim_event *event);
void sim_edge_settle(struct sim_world *world);
/* The socket is closed, whoever does it. */
void sim_edge_hang_up(struct sim_world *world);

/* edge_socket.c */
bool sim_edge_is_full(const struct sim_world *world);
/* The edge finds the socket unusable; the back-end does not know. */
void sim_edge_break_off(struct sim_world *world, enum hf_fault fault);
/* Through the codec, as on a real socket; false: it is none of this stream's (red). */
bool sim_edge_copy(struct sim_world *world, enum hf_stream stream, struct hf_message *message);
void sim_edge_drop_fds(struct sim_world *world, struct hf_message *message);
/* A reply on its way to the front-end; takes the descriptors. Some twists are of its bytes. */
void sim_edge_receive(struct sim_process *process, const struct hf_message *reply,
                      enum sim_twist twist);

#endif
