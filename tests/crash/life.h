/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One life of a device: it begins on a world somebody else left, does what the world's script says,
 * and may be killed at any instruction. What is in struct life dies with it. It knows nothing of
 * how it is watched. Built into the victims (optimised, gcc and clang) and into the testers.
 */
#ifndef TESTS_CRASH_LIFE_H
#define TESTS_CRASH_LIFE_H

#include "ring/device.h"
#include "world.h"

#define LIFE_ANSWER_BYTES 8u

struct life;

/* A way to be a device. */
struct life_ops {
    bool (*begin)(struct life *life); /* fills taken with what is to be done again */
    bool (*fetch)(struct life *life, uint16_t *head);
    void (*answer)(struct life *life, const struct hf_used_element *elements, uint16_t count);
    bool (*call_needed)(struct life *life);
    bool (*sleep)(struct life *life); /* true: there is more, do not sleep */
};

struct life_taken {
    uint16_t head;
    bool executed;
};

struct life {
    const struct life_ops *ops;
    struct world *world;
    const char *complaint; /* NULL: none */
    struct hf_ring_device device;
    struct hf_ring_device_setup setup;
    struct hf_inflight_queue queue;
    struct hf_inflight_request requests[WORLD_RING_SIZE];
    struct hf_span spans[WORLD_RING_SIZE];
    struct life_taken taken[WORLD_RING_SIZE];
    uint16_t taken_count;
    struct hf_memory memory;
    struct {
        uint16_t last_avail;
        uint16_t used_index;
        uint16_t last_io;
        uint64_t counter;
    } dpdk;
};

extern const struct life_ops life_ours;
extern const struct life_ops life_events;
extern const struct life_ops life_untracked;
extern const struct life_ops life_dpdk;

/* Before the first instruction that counts. */
void life_prepare(struct life *life, struct world *world);
/* The life itself. False: life->complaint says what cannot be. */
bool life_run(struct life *life);

/* For the ways. */
bool life_take(struct life *life, uint16_t head);
bool life_complain(struct life *life, const char *complaint);

#endif
