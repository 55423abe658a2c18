/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What outlives back-ends: the rings in guest memory, the in-flight regions, and what descriptors
 * refer to. And the ledger of requests: each one the guest posted completes once. A simple model,
 * written from the specification; it shares nothing with src/ring.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "verdict.h"

#include <stdint.h>

#define SIM_QUEUES_MAX  16
#define SIM_RING_SIZE   8
#define SIM_OBJECTS_MAX 1024
#define SIM_REGIONS_MAX 64

enum sim_kind {
    SIM_KIND_NONE,
    SIM_KIND_KICK,
    SIM_KIND_CALL,
    SIM_KIND_ERR,
    SIM_KIND_MEMORY,
    SIM_KIND_LOG,
    SIM_KIND_INFLIGHT,
    SIM_KIND_CHANNEL,
    SIM_KIND_COUNT
};

struct sim_object {
    enum sim_kind kind;
    uint16_t index; /* queue, memory region or in-flight region */
    uint32_t signals;
};

struct sim_ring {
    uint16_t size; /* 0: not set up */
    uint32_t generation;
    uint16_t avail_index;
    uint16_t used_index;
    uint16_t harvested;
    uint16_t avail[SIM_RING_SIZE];
    uint16_t used[SIM_RING_SIZE];
    uint32_t outstanding[SIM_RING_SIZE]; /* number of the request that head carries; 0: free */
    unsigned outstanding_count;
};

struct sim_entry {
    bool inflight;
    uint16_t next;
    uint64_t counter;
};

struct sim_track {
    uint16_t version;
    uint16_t desc_num;
    uint16_t last_batch_head;
    uint16_t used_index;
    struct sim_entry entries[SIM_RING_SIZE];
};

struct sim_inflight {
    uint32_t epoch; /* of the guest when a back-end made it */
    bool read_only;
    uint64_t size_bytes;
    uint16_t queue_count;
    uint16_t queue_size;
    struct sim_track queues[SIM_QUEUES_MAX];
};

struct sim_memory {
    struct sim_verdict *verdict;
    struct sim_object objects[SIM_OBJECTS_MAX]; /* 0 is nothing */
    unsigned object_count;
    struct sim_ring rings[SIM_QUEUES_MAX];
    struct sim_inflight inflight[SIM_REGIONS_MAX];
    unsigned inflight_count;
    uint32_t last_request;
    uint64_t posted;
    uint64_t completed;
    uint64_t abandoned; /* by a guest reset */
};

unsigned sim_object_new(struct sim_memory *memory, enum sim_kind kind, uint16_t index);
bool sim_object_is(const struct sim_memory *memory, unsigned object, enum sim_kind kind);

/* New rings; what was outstanding is forgotten with the guest that posted it. size 0 takes it
 * away. */
void sim_ring_lay_out(struct sim_memory *memory, uint16_t queue, uint16_t size, uint16_t index);
/* The guest makes one request available; false: no free head. */
bool sim_guest_post(struct sim_memory *memory, uint16_t queue);
/* The guest takes what was answered; the number of requests. */
unsigned sim_guest_harvest(struct sim_memory *memory, uint16_t queue);

/* A back-end's zero-filled region; returns the object. */
unsigned sim_inflight_new(struct sim_memory *memory, const struct sim_inflight *inflight);
struct sim_inflight *sim_inflight_of(struct sim_memory *memory, unsigned object);
/* The front-end's part, while no back-end lives: the last batch is walked, fresh headers are
 * initialised. Returns how many are in flight. */
unsigned sim_track_settle(struct sim_memory *memory, struct sim_track *track, uint16_t queue);

#endif
