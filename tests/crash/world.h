/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that outlives a device: one ring of a guest, the in-flight region, the guest's data, and a
 * ledger of what was executed. It holds no pointer, so it can be mapped anywhere, copied and
 * compared. It knows neither devices nor guests.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include "memory/memory.h"
#include "ring/inflight.h"
#include "ring/split.h"

#define WORLD_RING_SIZE     16u
#define WORLD_REQUESTS      48u /* numbers 1..47, in the order of posting */
#define WORLD_LOG           256u
#define WORLD_ORDERS        16u
#define WORLD_GUEST         0x40000000u /* guest address of the world's first byte */
#define WORLD_QUEUE         1u          /* ours; queue 0 is somebody else's */
#define WORLD_QUEUES        2u
#define WORLD_REGION_MAX    1024u
#define WORLD_REGION_BYTES  640u /* 2 * 320: aligned to 64, as ours, DPDK's and libvhost-user's */
#define WORLD_REGION_PACKED 544u /* 2 * 272: not rounded up, as yc's */
#define WORLD_REGION_WIDE   1024u

enum persona {
    PERSONA_OURS,
    PERSONA_DPDK,
    PERSONA_EVENTS,    /* ours, nothing is marked, answers are recorded */
    PERSONA_UNTRACKED, /* ours, as the target serves its event queue: nothing is recorded */
    PERSONA_COUNT
};

enum act {
    ACT_END,
    ACT_FETCH,   /* count heads */
    ACT_EXECUTE, /* all that was taken and not yet executed */
    ACT_ANSWER,  /* count of what was taken, with one publication */
    ACT_FINISH,  /* everything there is, count at a time */
    ACT_COUNT
};

enum pick {
    PICK_OLDEST,
    PICK_NEWEST,
    PICK_ODD, /* every second one, then from the start again */
    PICK_COUNT
};

struct world_order {
    uint8_t act;
    uint8_t count;
    uint8_t pick;
};

/* What one life of a device is to do. */
struct world_script {
    uint8_t persona;
    uint8_t event_index;
    uint16_t region_bytes;
    struct world_order orders[WORLD_ORDERS];
};

struct world_cell {
    uint64_t question; /* the driver's */
    uint64_t answer;   /* the device's */
};

struct world {
    struct world_script script;
    _Alignas(64) uint8_t ring[512];
    _Alignas(64) uint8_t before[64]; /* nobody's: must not change */
    uint8_t region[WORLD_REGION_MAX];
    uint8_t behind[64];
    struct hf_desc tables[WORLD_REQUESTS][2];
    struct world_cell cells[WORLD_REQUESTS];
    uint16_t rung; /* used->idx at the last call */
    uint16_t log_count;
    uint8_t log[WORLD_LOG]; /* numbers, in the order of execution */
};

void world_init(struct world *world, const struct world_script *script, uint16_t start_index);
/* Nothing was written where nobody may write. */
bool world_is_whole(const struct world *world);

struct hf_ring world_ring(struct world *world);
struct hf_inflight_region world_region(struct world *world);
struct hf_inflight_queue world_queue(struct world *world);
struct hf_inflight_ring world_indices(struct world *world);

uint64_t world_question(uint8_t number);
uint64_t world_answer(uint8_t number);
uint64_t world_cell_address(uint8_t number);
bool world_executed(const struct world *world, uint8_t number);

/* Of all but the script: two worlds that differ in that only have the same future. */
uint64_t world_hash(const struct world *world);

#endif
