/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest: posts numbered requests, takes them back, and keeps the account. It lives as long as
 * the world and is no part of what dies. Whatever it finds wrong is a lost, doubled or spoilt
 * request, and ends the test.
 */
#ifndef TESTS_CRASH_GUEST_H
#define TESTS_CRASH_GUEST_H

#include "ring/driver.h"
#include "world.h"

struct guest {
    struct hf_ring_driver driver; /* its pointers are set by guest_enter */
    struct hf_ring_driver_slot slots[WORLD_RING_SIZE];
    uint16_t start_index;
    uint8_t posted; /* requests 1..posted */
    uint8_t back_count;
    bool back[WORLD_REQUESTS];
};

void guest_init(struct guest *guest, struct world *world, uint16_t start_index);
/* Before anything else whenever guest or world are copies. */
void guest_enter(struct guest *guest, struct world *world);

/* Posts up to count; returns how many there was room for. */
unsigned guest_post(struct guest *guest, struct world *world, unsigned count);
/* Would the device have been kicked for what was posted since the last time this was asked? */
bool guest_kicks(struct guest *guest);
/* Takes back what is answered and checks each; arms the next call. */
void guest_take(struct guest *guest, struct world *world);

/* A sleeping guest that has something to take was called. */
void guest_check_called(const struct guest *guest, struct world *world);
/* Nothing was executed after the guest had taken it back, and nothing written that is nobody's. */
void guest_check_untouched(const struct guest *guest, const struct world *world);
/* In this life all was executed in the order of posting: replays first, then what is new. */
void guest_check_order(const struct world *world, uint16_t log_start);
/* All is back, each once, and the region says so. */
void guest_check_complete(const struct guest *guest, struct world *world);

#endif
