/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plan: all that a back-end must be told to serve this device. It outlives back-ends. Every
 * part carries a generation, taken from one counter, which grows with each change; the script
 * compares generations, never values or descriptor numbers (a KICK with the same descriptor after
 * a stop must be sent again). Generation 0 means "not wanted".
 *
 * Descriptors are numbers here. The plan owns them in the sense that whoever calls a setter hands
 * it a duplicate and gets the replaced one back (or -1), to close it.
 */
#ifndef HF_SESSION_PLAN_H
#define HF_SESSION_PLAN_H

#include "wire/feature.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define HF_QUEUE_COUNT_MAX  256u
#define HF_REGION_COUNT_MAX 509u
/* What a back-end without CONFIGURE_MEM_SLOTS takes in one SET_MEM_TABLE. */
#define HF_REGION_COUNT_BASELINE 8u

struct hf_ring_plan {
    uint64_t generation;        /* of size, addresses and kick: a change means stop and start */
    uint64_t layout_generation; /* of size and addresses alone */
    uint64_t call_generation;   /* may change at any time */
    uint64_t err_generation;
    uint16_t size; /* 0: the guest has not set this ring up; it is neither started nor stopped */
    uint16_t base; /* next index to fetch at the next start */
    bool disabled; /* started, but not to be served (ENABLE 0) */
    uint16_t in_flight; /* requests that were marked when it came to rest last */
    uint64_t ran; /* layout generation it was started with; 0: at rest, and its base is known */
    uint64_t desc_address; /* front-end virtual addresses */
    uint64_t avail_address;
    uint64_t used_address;
    uint64_t used_guest_address; /* where the dirty log finds the used ring */
    uint64_t log_generation;     /* of that address alone */
    int kick_fd;
    int call_fd;
    int err_fd;
};

struct hf_region_plan {
    uint64_t generation; /* 0: free slot */
    uint64_t guest_address;
    uint64_t size_bytes;
    uint64_t user_address;
    uint64_t mmap_offset;
    int fd;
};

struct hf_inflight_plan {
    uint64_t generation; /* 0: no region yet in this epoch */
    bool absent;         /* the back-end said "none" (size 0) in this epoch */
    uint64_t mmap_size;
    uint64_t mmap_offset;
    uint16_t queue_count;
    uint16_t queue_size;
    int fd;
};

struct hf_log_plan {
    uint64_t generation;        /* 0: off */
    uint64_t toggle_generation; /* of the last switch on or off */
    uint64_t size_bytes;
    uint64_t mmap_offset;
    int fd;
};

/* What the VMM was told and now relies on. Later back-ends must offer at least this. */
struct hf_promise {
    uint64_t features;          /* offered to the guest */
    uint64_t protocol_features; /* in use */
    uint16_t queue_count;       /* the least a back-end may offer; a device type's own count */
    uint16_t memory_slots;
};

struct hf_plan {
    uint64_t last_generation;
    bool run;         /* should the rings run: THE predicate, set in one place by the device */
    bool settle_owed; /* rings ran; none starts before it is known where they came to rest */

    uint64_t features; /* acknowledged by the guest; without bits 26 and 30 */
    uint64_t features_generation;
    uint64_t protocol_wanted; /* what we would use where it is offered */
    struct hf_promise promise;
    bool must_track; /* each back-end, in each epoch, must keep an in-flight region */

    uint16_t queue_count;    /* vrings, all of them */
    uint16_t tracked_queues; /* so many of them an in-flight region must hold; 0: all */
    uint16_t late_rings;     /* so many of the first begin after the others: a device type's own */
    struct hf_ring_plan rings[HF_QUEUE_COUNT_MAX];

    uint64_t memory_generation;
    uint32_t region_count;
    uint32_t region_slots; /* beyond these none was ever used */
    struct hf_region_plan regions[HF_REGION_COUNT_MAX];

    uint64_t epoch; /* from guest reset to guest reset */
    uint64_t epoch_generation;
    struct hf_inflight_plan inflight;
    struct hf_log_plan log;

    uint64_t channel_generation; /* 0: no channel for the back-end's requests */
    int channel_fd;              /* its end; each back-end gets a new one */
};

/* `queue_count` <= HF_QUEUE_COUNT_MAX. All descriptors -1, nothing wanted. */
void hf_plan_init(struct hf_plan *plan, uint16_t queue_count);
uint64_t hf_plan_next_generation(struct hf_plan *plan);

void hf_plan_set_run(struct hf_plan *plan, bool run);
/* Bits 26 and 30 are not the guest's; they are dropped. */
void hf_plan_set_features(struct hf_plan *plan, uint64_t features);
/* The guest was reset: nothing is acknowledged, no ring may run. */
void hf_plan_forget_features(struct hf_plan *plan);

struct hf_ring_addresses {
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    uint64_t used_guest;
};
/* size 0 takes the ring away. The base becomes `base`. */
void hf_plan_set_ring(struct hf_plan *plan, uint16_t queue, uint16_t size,
                      const struct hf_ring_addresses *addresses, uint16_t base);
/* Where a running ring's used ring is logged. */
void hf_plan_set_ring_log(struct hf_plan *plan, uint16_t queue, uint64_t used_guest);
/* Takes the back-end's end of a channel for its requests (-1: none); returns the replaced one. */
int hf_plan_set_channel(struct hf_plan *plan, int fd);
/* Whether it is to be served while it runs. True at first. */
void hf_plan_set_enabled(struct hf_plan *plan, uint16_t queue, bool enabled);
/* The three take a duplicate (or -1) and return the replaced descriptor, the caller's to close. */
int hf_plan_set_kick(struct hf_plan *plan, uint16_t queue, int fd);
int hf_plan_set_call(struct hf_plan *plan, uint16_t queue, int fd);
int hf_plan_set_err(struct hf_plan *plan, uint16_t queue, int fd);

/* Not empty, and nowhere beyond the end of an address space. */
bool hf_plan_region_is_sane(const struct hf_region_plan *region);
/* Takes region->fd on success. -EEXIST: its guest addresses overlap another's; -ENOSPC: no free
 * slot; -EINVAL: it is not sane. The caller keeps region->fd on failure. */
int hf_plan_add_region(struct hf_plan *plan, const struct hf_region_plan *region);
/* Returns the region's descriptor, the caller's to close, or -ENOENT. */
int hf_plan_remove_region(struct hf_plan *plan, uint64_t guest_address, uint64_t size_bytes);

/* The guest was reset, or ring format changed: the region of the old epoch must not survive.
 * Returns its descriptor (or -1), the caller's to close. */
int hf_plan_end_epoch(struct hf_plan *plan);
/* Can it keep the requests of `queue_count` rings, the largest of `ring_size` entries? A region for
 * more rings than we have is legal; for more than anybody can have it is an attack. */
bool hf_plan_inflight_is_sane(const struct hf_inflight_plan *inflight, uint16_t queue_count,
                              uint16_t ring_size);
/* Takes the descriptor; returns the replaced one. */
int hf_plan_set_inflight(struct hf_plan *plan, const struct hf_inflight_plan *inflight);
/* Switches the dirty log on (takes fd), replaces it, or with fd -1 off; returns the old fd. */
int hf_plan_set_log(struct hf_plan *plan, uint64_t size_bytes, uint64_t mmap_offset, int fd);

/* Generation a running ring must have been started with: its own or the device's, what is newer. */
uint64_t hf_plan_ring_generation(const struct hf_plan *plan, uint16_t queue);
/* Rings in the order in which they begin: place 0 .. queue_count - 1. */
uint16_t hf_plan_ring_at(const struct hf_plan *plan, uint16_t place);
uint16_t hf_plan_tracked_queues(const struct hf_plan *plan);
uint16_t hf_plan_largest_ring(const struct hf_plan *plan);
/* There is a region, and a ring has more entries than it can keep requests of. */
bool hf_plan_outgrows_region(const struct hf_plan *plan);
bool hf_plan_any_ran(const struct hf_plan *plan);
/* A ring ran with the layout it still has: what it says of itself is of that run. */
bool hf_plan_ring_is_same(const struct hf_plan *plan, uint16_t queue);
/* The rings that ran come to rest at these bases, with so many requests in flight (one each a
 * queue; `in_flight` may be NULL: none); those laid out anew meanwhile keep the base they were
 * given. */
void hf_plan_settle(struct hf_plan *plan, const uint16_t *bases, const uint16_t *in_flight);

#endif
