/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay between a VMM and back-ends, as far as a fuzzer needs it: the relay core, stepped in turn
 * with the front core of front_edge.h as src/relay/device.c does it, its effects carried out on
 * paper. What is checked here is said in session/relay.h.
 */
#ifndef TESTS_FUZZ_RELAY_WORLD_H
#define TESTS_FUZZ_RELAY_WORLD_H

#include "front_edge.h"

#include "session/relay.h"

#define WORLD_RINGS    4u
#define WORLD_MS       UINT64_C(1000000)

#define WORLD_REPLY_NS (10000 * WORLD_MS)
#define WORLD_STOP_NS  (10000 * WORLD_MS)

/* How the guest and its memory are just now. */
struct world_guest {
    uint16_t avail, used;
    bool unreadable;   /* the indices are not in its memory */
    bool other_region; /* what it hands over is not what was made for it */
    bool bad_fd;       /* a descriptor of its is not what it should be */
};

struct world {
    struct hf_relay relay;
    struct hf_relay_effects effects;
    struct hf_relay_promise promise;
    struct edge edge;
    struct world_guest guest;
    bool lossy; /* back-ends that do not track are taken */

    /* Noted by effects, done by the pump. */
    bool changed, look, answered, vmm_gone, reset_waits;
    int answer_error;
    union hf_wire_body answer;
    uint32_t question;
    struct hf_asked waiting;
    bool feeding, fed;
    struct hf_relay_event next;
    union hf_wire_body next_body;

    /* The VMM. */
    bool there; /* its socket is open */
    bool has_channel;
    bool answer_due; /* the present message has not been judged */
    unsigned replies;
    struct hf_message reply; /* the last one */
    struct hf_message message;
    uint64_t protocol_before;
    uint64_t read_ns;

    unsigned vmms, stopped, resets;
};

/* The first back-end is there, and a VMM has come. */
void world_init(struct world *world, bool lossy);
/* A message of the VMM's: its descriptors are new ones. Whatever was before is settled first. */
void world_receive(struct world *world, const struct hf_message *message);
/* The VMM's socket has ended. */
void world_lose_vmm(struct world *world);
/* After something was done to the edge. */
void world_pump(struct world *world);
/* The next thing, if all goes well; false: there is none. */
bool world_go_on(struct world *world);
/* So much time passes, and what is due then comes. */
void world_wait(struct world *world, uint64_t duration_ns);
/* All goes well from here on, until the relay is settled: then the VMM's next may come. */
void world_settle(struct world *world);
/* Back-ends are good ones from here on. */
void world_be_good(struct world *world);
/* The VMM goes, and all it had: nothing is left open. */
void world_end(struct world *world);

/* ---- between relay_world.c and relay_effects.c */
void world_feed(struct world *world, struct hf_relay_event event);
void world_drop(struct world *world, int fd);
void world_carry_out(struct world *world, const struct hf_relay_effect *effect);
void world_ask_waiting(struct world *world);
void world_answer_now(struct world *world, int error);

#endif
