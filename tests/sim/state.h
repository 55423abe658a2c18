/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A number for what a world will do. Two worlds of the same situation (persona, tale, number of
 * rings) with the same number go on in the same way but for names: what the one does at its next
 * message the other does at its own, at times that differ by a constant, with other descriptors,
 * generations, dials, processes, epochs and request numbers that are to each other as those of the
 * first. Neither the core nor the simulation compares more than that, so one of them need not run.
 *
 * The whole world goes in but for what nothing reads again:
 *  - places of arrays that are not in use, closed sessions, dead processes nobody refers to,
 * regions of an older guest;
 *  - deadlines of phases the core is not in, the age of a session beyond the one that makes it a
 *    long one, and when and with how much the device was lost (figures of reports);
 *  - how long the story still waits before it calls itself stuck, and what is only counted.
 * Only differences, ranks or names go in of times (to now), generations (rank), ring indices
 * (modulo the ring), addresses of rings, and of descriptors, objects and processes (the order in
 * which they are met). Counters of the in-flight region are taken as they are.
 *
 * What is not known here goes in byte by byte: at worst, numbers differ that need not. But a new
 * field that is compared with one of those just named must be written in the same way, and a new
 * member of struct sim_world stands between `next_persona` and `front`. A descriptor that is open
 * and that nobody known here holds makes the number that of no other world.
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "world.h"

#define SIM_GENERATIONS_MAX 400u

/* What lies between the members of a struct may be anything; clang 14 cannot say where that is, and
 * then equal worlds may have numbers that differ. */
#if __has_builtin(__builtin_clear_padding)
#define SIM_STATE_IS_EXACT         true
#define SIM_CLEAR_PADDING(pointer) __builtin_clear_padding(pointer)
#else
#define SIM_STATE_IS_EXACT         false
#define SIM_CLEAR_PADDING(pointer) (void)(pointer)
#endif

struct sim_reading {
    const struct sim_world *world;
    uint64_t number;
    bool is_strange;
    uint16_t index_base[SIM_QUEUES_MAX];
    uint16_t names[SIM_OBJECTS_MAX]; /* of objects; 0: not met */
    uint16_t objects[SIM_OBJECTS_MAX];
    unsigned object_count;
    uint64_t held[SIM_FDS_MAX / 64]; /* descriptors that were met */
    unsigned held_count;
    uint8_t process_names[SIM_PROCESSES_MAX];
    uint8_t processes[SIM_PROCESSES_MAX];
    unsigned process_count;
    uint64_t generations[SIM_GENERATIONS_MAX];
    unsigned generation_count;
    struct hf_front front; /* parts of it, to be changed */
};

/* `reading` is working memory. */
uint64_t sim_state_number(const struct sim_world *world, struct sim_reading *reading);

/* state_names.c: for the others */
void sim_state_mix(struct sim_reading *reading, uint64_t word);
void sim_state_mix_bytes(struct sim_reading *reading, const void *bytes, size_t size);
/* The name of it, or of what it refers to; then it is 0. */
void sim_state_mix_object(struct sim_reading *reading, unsigned *object);
void sim_state_mix_fd(struct sim_reading *reading, int *fd);
/* Of a ring: relative to the latest layout. */
void sim_state_shift(const struct sim_reading *reading, uint64_t *address);
uint16_t sim_state_index(const struct sim_reading *reading, unsigned queue, uint16_t index);
/* 0 (none) stays 0. */
uint64_t sim_state_from_now(const struct sim_reading *reading, uint64_t at_ns);
uint32_t sim_state_dial(const struct sim_reading *reading, uint32_t dial);
unsigned sim_state_name_process(struct sim_reading *reading, unsigned id);
/* Sessions of a process are told apart, and from its present one. */
uint32_t sim_state_session(const struct sim_reading *reading, unsigned process, uint32_t session);

/* state_front.c: the core under test */
void sim_state_read_front(struct sim_reading *reading);

#endif
