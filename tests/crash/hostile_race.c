/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile_race [seconds]: region and ring indices change while they are read. Somebody scribbles
 * over them without end; settling and recovering in between must give what they promise to the
 * caller's own memory, whatever they saw, and must not touch what lies behind the region.
 */
#include "report.h"
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HANG_S 20

static struct hf_inflight_region region;
static struct hf_inflight_queue queue;
static atomic_bool over;

/* The region ends where memory ends. */
static void set_up(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) < 0)
        crash_fail("no memory: %s", strerror(errno));
    if (hf_inflight_region_init(&region, pages + page - WORLD_REGION_PACKED, WORLD_REGION_PACKED,
                                WORLD_QUEUES) != HF_INFLIGHT_FAULT_NONE ||
        hf_inflight_region_queue(&region, WORLD_QUEUE, WORLD_RING_SIZE, &queue) !=
            HF_INFLIGHT_FAULT_NONE)
        crash_fail("no region");
}

static uint32_t draw(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Mostly values that pass, so that the readers get far. */
static void scribble_once(uint32_t dice)
{
    struct hf_inflight_header *header = queue.header;
    struct hf_inflight_entry *entry = &queue.entries[dice >> 8 & (WORLD_RING_SIZE - 1)];
    uint16_t small = (uint16_t)(dice >> 16 & 31);

    switch (dice & 7) {
    case 0:
        hf_order_store_u16(&header->last_batch_head, small);
        break;
    case 1:
        hf_order_store_u16(&header->used_idx, small);
        break;
    case 2:
        hf_order_store_u16(&header->desc_num, dice >> 30 == 0 ? small : WORLD_RING_SIZE);
        break;
    case 3:
        hf_order_store_u16(&header->version, dice >> 29 != 0);
        break;
    case 4:
        hf_order_store_u64(&entry->counter, small);
        break;
    case 5:
        hf_order_store_u16(&entry->next, small);
        break;
    default:
        hf_order_release_u8(&entry->inflight, small & 1);
        break;
    }
}

static void *scribble(void *nothing)
{
    uint32_t seed = 4711;

    while (!atomic_load(&over))
        scribble_once(draw(&seed));
    return nothing;
}

static void check(const struct hf_inflight_recovery *recovery, const struct hf_inflight_ring *ring)
{
    uint32_t seen = 0;

    if (recovery->count > (uint16_t)(ring->avail_index - ring->used_index))
        crash_fail("%u recovered, which is more than were posted", recovery->count);
    for (uint16_t i = 0; i < recovery->count; i++) {
        uint16_t head = recovery->requests[i].head;
        if (head >= WORLD_RING_SIZE || (seen >> head & 1) != 0)
            crash_fail("head %u is recovered twice, or does not exist", head);
        seen |= 1u << head;
    }
}

/* True if it was recovered. */
static bool read_once(uint32_t dice)
{
    struct hf_inflight_request requests[WORLD_RING_SIZE + 1] = { [WORLD_RING_SIZE] = {
                                                                     .counter = 42, .head = 42 } };
    struct hf_inflight_recovery recovery = { .requests = requests };
    struct hf_inflight_ring ring = { .size = WORLD_RING_SIZE,
                                     .used_index = (uint16_t)(dice & 31),
                                     .avail_index = (uint16_t)((dice & 31) + 16) };
    struct hf_inflight_ring rings[WORLD_QUEUES] = { [WORLD_QUEUE] = ring };
    uint16_t counts[WORLD_QUEUES];
    enum hf_inflight_fault fault = hf_inflight_recover(&queue, &ring, &recovery);

    if (fault == HF_INFLIGHT_FAULT_NONE)
        check(&recovery, &ring);
    if (requests[WORLD_RING_SIZE].head != 42 || requests[WORLD_RING_SIZE].counter != 42)
        crash_fail("more was recovered than there are heads");
    (void)hf_inflight_settle(&region, rings, counts, NULL);
    return fault == HF_INFLIGHT_FAULT_NONE;
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1) + 1;
    unsigned long good = 0;
    unsigned long bad = 0;
    uint32_t seed = 815;
    pthread_t thread;

    set_up();
    if (pthread_create(&thread, NULL, scribble, NULL) != 0)
        crash_fail("no thread");
    while (time(NULL) < end) {
        alarm(HANG_S);
        for (unsigned i = 0; i < 1000; i++)
            *(read_once(draw(&seed)) ? &good : &bad) += 1;
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    printf("%lu recovered, %lu refused, while it was scribbled over\n", good, bad);
    if (good == 0 || bad == 0)
        crash_fail("only one of the two was met");
    return 0;
}
