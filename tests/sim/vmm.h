/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VMM and its guest: what they want of the device, kept apart from the plan, so that the
 * back-end can be compared with it; and the changes they make, as device/ makes them. The guest
 * keeps requests outstanding while it has a quota.
 */
#ifndef SIM_VMM_H
#define SIM_VMM_H

#include "memory.h"

#define SIM_VMM_REGIONS_MAX 40u
/* From the addresses of a ring to those of the one laid out next. */
#define SIM_VMM_RINGS_STRIDE UINT64_C(0x10000)
/* As virtio-scsi has it: control and event, whose requests are about those of the others. */
#define SIM_LATE_RINGS 2u
/* Regions beside 0 and 1. */
#define SIM_VMM_ADDED_REGION 10u
#define SIM_VMM_EXTRA_REGION 20u
#define SIM_VMM_SWAP_REGION  21u
#define SIM_VMM_USER_BASE    UINT64_C(0x7f0000000000)

struct sim_world;

/* A host's actions, also as events that come later. */
enum sim_action {
    SIM_ACTION_START,
    SIM_ACTION_STOP,
    SIM_ACTION_PAUSE,
    SIM_ACTION_RESUME,
    SIM_ACTION_HALT, /* pause and resume of a second hand */
    SIM_ACTION_GO,
    SIM_ACTION_RESET, /* the guest resets, and sets the device up again */
    SIM_ACTION_SET_UP,
    SIM_ACTION_MEMORY_ADD,
    SIM_ACTION_MEMORY_REMOVE,
    SIM_ACTION_EXTRA_ADD,
    SIM_ACTION_EXTRA_REMOVE,
    SIM_ACTION_EXTRA_SWAP, /* removed, and another in its place, at once */
    SIM_ACTION_LOG_ON,
    SIM_ACTION_LOG_OFF,
    SIM_ACTION_CALL,
    SIM_ACTION_KICK,
    SIM_ACTION_LAYOUT, /* a reset that is over at once; a ring has another size then */
    SIM_ACTION_ASK_CONFIG,
    SIM_ACTION_KILL, /* the back-end */
    SIM_ACTION_COUNT
};

struct sim_vmm_region {
    bool there;
    unsigned object;
    uint64_t guest_address, size_bytes, user_address, mmap_offset;
};

struct sim_vmm {
    bool wanted; /* a back-end */
    bool paused, halted, ready;
    bool small; /* the last ring is of half the size */
    uint64_t features;
    uint16_t queue_count;
    struct sim_vmm_ring {
        uint16_t size;
        uint64_t desc, avail, used;
        unsigned kick, call, err;
    } rings[SIM_QUEUES_MAX];
    struct sim_vmm_region regions[SIM_VMM_REGIONS_MAX];
    unsigned region_count;
    unsigned log; /* object; 0: off */
    uint32_t epoch;
    unsigned inflight; /* object the front-end was given in this epoch */
    bool inflight_none;
    bool crashed; /* rings were cut off since they started */
    uint32_t set_ups;
    uint32_t last_question;
    unsigned quota[SIM_QUEUES_MAX]; /* requests still to be completed */
    unsigned progress;              /* completed since the quota was given */
};

const char *sim_action_sentence(enum sim_action action);
void sim_vmm_init(struct sim_world *world);
void sim_vmm_do(struct sim_world *world, enum sim_action action);
bool sim_vmm_runs(const struct sim_vmm *vmm);
void sim_vmm_give_quota(struct sim_world *world, unsigned quota);
bool sim_vmm_quota_done(const struct sim_vmm *vmm);
void sim_vmm_harvest(struct sim_world *world, uint16_t queue);
/* As many requests as the guest keeps outstanding. */
void sim_vmm_refill(struct sim_world *world, uint16_t queue);
/* The region is there; nobody is told. */
struct sim_vmm_region *sim_vmm_plug(struct sim_world *world, unsigned id);
/* Everything the VMM lent to the plan is taken back. */
void sim_vmm_close(struct sim_world *world);

#endif
