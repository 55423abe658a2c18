/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest in a few arrays: one ring, two adjacent regions of data that are not neighbours in this
 * process, an in-flight region of one queue, a driver and a device. Everything a test may want to
 * spoil lies open.
 */
#ifndef TESTS_UNIT_RING_RIG_H
#define TESTS_UNIT_RING_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring/device.h"
#include "ring/driver.h"

#define RIG_DATA_GUEST 0x100000u
#define RIG_DATA_SIZE  0x4000u                          /* of each of the two regions */
#define RIG_BORDER     (RIG_DATA_GUEST + RIG_DATA_SIZE) /* the second one begins */
#define RIG_SPANS      64u

struct rig_setup {
    uint16_t size;
    bool event_index;
    uint16_t start_index; /* avail->idx and used->idx at the beginning */
};

struct rig {
    struct rig_setup setup;
    uint8_t *ring_bytes;
    uint8_t *region_bytes;
    size_t ring_size_bytes;
    uint64_t region_size_bytes;
    uint8_t *data[2];
    struct hf_memory memory;
    struct hf_ring ring;
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot *slots;
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;
    struct hf_inflight_recovery recovery;
    struct hf_ring_device device;
    struct hf_span spans[RIG_SPANS];
    struct hf_ring_chain chain;
};

struct rig *rig_new(struct rig_setup setup);
void rig_free(struct rig *rig);
/* Start without a region. */
void rig_start(struct rig *rig);
/* Start with it; asserts that recovery is content. */
void rig_start_tracked(struct rig *rig);
/* One readable and one writable segment of that many bytes, published; returns the head. */
uint16_t rig_post(struct rig *rig, uint32_t readable, uint32_t writable);
/* Writes one descriptor by hand. */
void rig_desc(struct rig *rig, uint16_t index, struct hf_desc desc);
/* Puts a head into the available ring by hand and publishes it. */
void rig_publish(struct rig *rig, uint16_t head);
enum hf_ring_fault rig_walk(struct rig *rig, uint16_t head);
/* Guest address to host pointer; asserts that it is data. */
void *rig_at(struct rig *rig, uint64_t guest_address);
uint32_t rig_random(uint32_t *seed);

#endif
