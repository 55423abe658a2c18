/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile [quick|long]: a region whose every field somebody has set to whatever he liked, and ring
 * indices likewise; one field at a time and two at a time, over the states an honest device leaves.
 * Settling, recovering, counting, converting, and a whole life after it must not crash, not loop,
 * not write where they may not, and on a fault not write at all. The region ends at a page that
 * must not be touched, so a read beyond it is found with and without a sanitizer.
 */
#include "hostile_fields.h"
#include "life.h"
#include "report.h"
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEDS_MAX 16u
#define HANG_S    5 /* no single try takes more than a moment */

struct tally {
    unsigned long tries;
    unsigned long good; /* settled, recovered */
    unsigned long faults[HF_INFLIGHT_FAULT_COUNT];
    unsigned long lives;
    unsigned long whole_lives; /* to the end, without complaint */
};

static struct tally tally;
static uint8_t *guarded; /* WORLD_REGION_MAX bytes that end where memory ends */

/* ---- memory that ends ---- */

static void set_up_guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) < 0)
        crash_fail("no memory: %s", strerror(errno));
    guarded = pages + page - WORLD_REGION_MAX;
}

static uint8_t *guarded_region(struct hf_inflight_region *region, const struct world *world)
{
    size_t size = world->script.region_bytes;
    uint8_t *start = guarded + WORLD_REGION_MAX - size;

    memcpy(start, world->region, size);
    if (hf_inflight_region_init(region, start, size, WORLD_QUEUES) != HF_INFLIGHT_FAULT_NONE)
        crash_fail("the seed's region is no region");
    return start;
}

/* ---- what must hold ---- */

/* Of a queue that was settled only marks of heads of the ring may be gone, and the header new. */
static void check_changes(const struct world *before, const uint8_t *after)
{
    size_t stride = before->script.region_bytes / WORLD_QUEUES;
    const struct hf_inflight_entry *old = (const void *)(before->region + stride + 16);
    const struct hf_inflight_entry *new = (const void *)(after + stride + 16);
    size_t entries = (stride - 16) / sizeof(*old);

    if (memcmp(before->region, after, stride) != 0)
        crash_fail("another queue was written");
    for (size_t i = 0; i < entries; i++) {
        struct hf_inflight_entry cleared = old[i];
        cleared.inflight = 0;
        if (memcmp(&old[i], &new[i], sizeof(cleared)) != 0 &&
            (i >= WORLD_RING_SIZE || memcmp(&cleared, &new[i], sizeof(cleared)) != 0))
            crash_fail("entry %zu was written", i);
    }
}

static bool any_marked(const struct hf_inflight_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].inflight != 0)
            return true;
    return false;
}

/* A batch that was believed is as long as the ring says, and none of it is marked any more. Where
 * nothing was marked, nobody had to believe anything. */
static void check_batch(const struct world *before, const uint8_t *after,
                        const struct hf_inflight_ring *ring)
{
    size_t stride = before->script.region_bytes / WORLD_QUEUES;
    const struct hf_inflight_header *header = (const void *)(before->region + stride);
    const struct hf_inflight_entry *entries = (const void *)(after + stride + sizeof(*header));
    uint16_t head = header->last_batch_head;
    uint32_t seen = 0;

    if (header->version == 0 || !any_marked((const void *)(header + 1), header->desc_num))
        return;
    for (uint16_t left = (uint16_t)(ring->used_index - header->used_idx); left > 0; left--) {
        if (head >= WORLD_RING_SIZE || (seen >> head & 1) != 0)
            crash_fail("a batch was believed that is no list of heads");
        if (entries[head].inflight != 0)
            crash_fail("head %u was answered and is still marked", head);
        seen |= 1u << head;
        head = entries[head].next;
    }
}

static void check_requests(const struct hf_inflight_recovery *recovery,
                           const struct hf_inflight_ring *ring)
{
    uint32_t seen = 0;

    if (recovery->count > (uint16_t)(ring->avail_index - ring->used_index) ||
        recovery->count > WORLD_RING_SIZE ||
        recovery->last_avail != (uint16_t)(ring->used_index + recovery->count))
        crash_fail("recovered %u requests, fetching on at %u", recovery->count,
                   recovery->last_avail);
    for (uint16_t i = 0; i < recovery->count; i++) {
        const struct hf_inflight_request *request = &recovery->requests[i];
        if (request->head >= WORLD_RING_SIZE || (seen >> request->head & 1) != 0)
            crash_fail("head %u is recovered twice, or does not exist", request->head);
        if (i > 0 && recovery->requests[i - 1].counter > request->counter)
            crash_fail("head %u is recovered out of order", request->head);
        if (request->counter >= recovery->counter)
            crash_fail("counter %llu comes again", (unsigned long long)request->counter);
        seen |= 1u << request->head;
    }
}

static enum hf_inflight_fault settle(struct hf_inflight_region *region,
                                     const struct hf_inflight_ring *ring, uint16_t *count)
{
    struct hf_inflight_ring rings[WORLD_QUEUES] = { [WORLD_QUEUE] = *ring };
    uint16_t counts[WORLD_QUEUES] = { 0 };
    enum hf_inflight_fault fault = hf_inflight_settle(region, rings, counts, NULL);

    *count = counts[WORLD_QUEUE];
    return fault;
}

static void try_settling(const struct world *world, const struct hf_inflight_ring *ring)
{
    struct hf_inflight_region region;
    uint8_t once[WORLD_REGION_MAX];
    uint8_t *start = guarded_region(&region, world);
    size_t size = world->script.region_bytes;
    uint16_t count = 0;
    uint16_t again = 0;
    enum hf_inflight_fault fault = settle(&region, ring, &count);

    tally.faults[fault]++;
    if (fault != HF_INFLIGHT_FAULT_NONE) {
        if (memcmp(start, world->region, size) != 0)
            crash_fail("refused (%s), and written all the same", hf_inflight_fault_text(fault));
        return;
    }
    tally.good++;
    check_changes(world, start);
    check_batch(world, start, ring);
    memcpy(once, start, size);
    if (settle(&region, ring, &again) != HF_INFLIGHT_FAULT_NONE || count != again ||
        memcmp(once, start, size) != 0)
        crash_fail("settled twice is not settled once");
}

static void try_recovering(const struct world *world, const struct hf_inflight_ring *ring)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;
    struct hf_inflight_request requests[WORLD_RING_SIZE];
    struct hf_inflight_recovery recovery = { .requests = requests };
    uint8_t *start = guarded_region(&region, world);
    uint16_t count = 0;

    if (hf_inflight_region_queue(&region, WORLD_QUEUE, WORLD_RING_SIZE, &queue) !=
        HF_INFLIGHT_FAULT_NONE)
        crash_fail("the seed's region has no queue");
    enum hf_inflight_fault fault = hf_inflight_recover(&queue, ring, &recovery);
    if (fault == HF_INFLIGHT_FAULT_NONE)
        check_requests(&recovery, ring);
    (void)hf_inflight_count(&queue);
    (void)hf_inflight_clean(&region);
    memcpy(start, world->region, world->script.region_bytes);
    if (settle(&region, ring, &count) != fault ||
        (fault == HF_INFLIGHT_FAULT_NONE && count != recovery.count))
        crash_fail("settling and recovering do not agree");
}

static void try_converting(const struct world *world)
{
    static const uint16_t sizes[] = { 64, 288, WORLD_REGION_PACKED, WORLD_REGION_BYTES,
                                      WORLD_REGION_MAX };
    struct world copy = *world;
    struct hf_inflight_region from = world_region(&copy);
    struct hf_inflight_region to;

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *start = guarded + WORLD_REGION_MAX - sizes[i];
        if (hf_inflight_region_init(&to, start, sizes[i], WORLD_QUEUES) != HF_INFLIGHT_FAULT_NONE)
            crash_fail("%u bytes are no region", sizes[i]);
        (void)hf_inflight_convert(&from, &to, WORLD_RING_SIZE);
    }
    if (memcmp(&copy, world, sizeof(copy)) != 0)
        crash_fail("conversion wrote to what it converts");
}

/* A ring or region that is refused is a complaint; the world's other bytes stay as they are. */
static void try_living(const struct world *world)
{
    static struct world copy;
    static struct life life;

    copy = *world;
    scenario_finish(&copy, PERSONA_OURS, 3, PICK_ODD);
    life_prepare(&life, &copy);
    tally.lives++;
    tally.whole_lives += life_run(&life);
    if (!world_is_whole(&copy))
        crash_fail("a life wrote bytes of somebody else");
}

static void try_all(const struct world *world)
{
    struct world copy = *world;
    struct hf_inflight_ring ring = world_indices(&copy);

    tally.tries++;
    if (tally.tries % 1024 == 0)
        alarm(HANG_S);
    try_settling(world, &ring);
    try_recovering(world, &ring);
    try_converting(world);
    try_living(world);
}

/* ---- seeds ---- */

static struct world seeds[SEEDS_MAX];
static unsigned seed_count;

static void keep_seed(const struct world *world)
{
    if (seed_count == SEEDS_MAX)
        crash_fail("too many seeds");
    seeds[seed_count++] = *world;
}

/* As a death between publication and clearing leaves it: the last `count` are answered and still
 * marked, and the header does not know of them. */
static void keep_seed_unsettled(const struct world *world, uint16_t count)
{
    struct world copy = *world;
    struct hf_inflight_queue queue = world_queue(&copy);
    uint16_t head = queue.header->last_batch_head;

    for (uint16_t i = 0; i < count; i++) {
        queue.entries[head].inflight = 1;
        head = queue.entries[head].next;
    }
    queue.header->used_idx = (uint16_t)(queue.header->used_idx - count);
    keep_seed(&copy);
}

/* What a life that ends between two calls leaves behind. */
static void add_seeds(const struct scenario *scenario, unsigned answered)
{
    static struct world world;
    static struct guest guest;
    static struct life life;

    scenario_begin(scenario, &world, &guest);
    keep_seed(&world);
    life_prepare(&life, &world);
    if (!life_run(&life))
        crash_fail("an honest life: %s", life.complaint);
    keep_seed(&world);
    if (answered != 0)
        keep_seed_unsettled(&world, (uint16_t)answered);
}

static void make_seeds(bool quick)
{
    struct scenario scenario = { .pattern = PATTERN_LEFT_BEHIND, .batch = 7, .wrap = true };

    add_seeds(&scenario, 4);
    scenario.warm = true;
    scenario.event_index = true;
    add_seeds(&scenario, 4);
    if (quick)
        return;
    scenario.wrap = false;
    add_seeds(&scenario, 4);
    scenario.pattern = PATTERN_ONE_BATCH;
    scenario.batch = 8;
    add_seeds(&scenario, 8);
}

/* ---- every field ---- */

static void try_single_fields(const struct world *seed)
{
    for (unsigned field = 0; field < hostile_field_count(seed); field++)
        for (unsigned value = 0; value < HOSTILE_VALUES; value++) {
            struct world world = *seed;
            hostile_set(&world, field, value);
            crash_at(1, "%s", hostile_text(field, value));
            try_all(&world);
        }
}

static void try_two_fields(const struct world *seed, unsigned long every)
{
    unsigned long fields = hostile_field_count(seed);
    unsigned long pairs = fields * fields * HOSTILE_VALUES * HOSTILE_VALUES;

    for (unsigned long pair = every / 2; pair < pairs; pair += every) {
        struct world world = *seed;
        unsigned long rest = pair / fields / fields;
        unsigned first = (unsigned)(pair % fields);
        unsigned second = (unsigned)(pair / fields % fields);
        if (first >= second)
            continue;
        hostile_set(&world, first, (unsigned)(rest % HOSTILE_VALUES));
        hostile_set(&world, second, (unsigned)(rest / HOSTILE_VALUES));
        crash_at(1, "%s", hostile_text(first, (unsigned)(rest % HOSTILE_VALUES)));
        crash_at(2, "%s", hostile_text(second, (unsigned)(rest / HOSTILE_VALUES)));
        try_all(&world);
    }
}

static void resize(struct world *world, uint16_t bytes)
{
    struct world before = *world;
    struct hf_inflight_region from = world_region(&before);

    memset(world->region, world->behind[0], sizeof(world->region));
    world->script.region_bytes = bytes;
    struct hf_inflight_region to = world_region(world);
    if (hf_inflight_convert(&from, &to, WORLD_RING_SIZE) != HF_INFLIGHT_FAULT_NONE)
        crash_fail("the seed does not fit into %u bytes", bytes);
    /* Made for larger rings than this one, which is legal. */
    if (bytes == WORLD_REGION_MAX)
        world_queue(world).header->desc_num = (uint16_t)world_queue(world).capacity;
}

/* Every size and count somebody may claim: what is described must lie inside. */
static void try_layout(uint64_t size, uint16_t count)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    if (hf_inflight_region_init(&region, NULL, size, count) != HF_INFLIGHT_FAULT_NONE)
        return;
    uint16_t last = (uint16_t)(count - 1);
    for (uint32_t ring = 1; ring <= HF_RING_SIZE_MAX; ring *= 2)
        if (hf_inflight_region_queue(&region, last, (uint16_t)ring, &queue) ==
                HF_INFLIGHT_FAULT_NONE &&
            (uintptr_t)(queue.entries + queue.capacity) > size)
            crash_fail("%llu bytes for %u queues, and the last ends behind them",
                       (unsigned long long)size, count);
}

static void try_layouts(void)
{
    for (unsigned size = 0; size <= 2 * WORLD_REGION_MAX; size++) {
        for (uint16_t count = 0; count < 80; count++)
            try_layout(size, count);
        for (uint32_t count = 255; count <= UINT16_MAX; count += 257)
            try_layout((uint64_t)size * count, (uint16_t)count);
    }
}

int main(int argc, char **argv)
{
    static const uint16_t strides[] = { WORLD_REGION_BYTES, WORLD_REGION_PACKED, WORLD_REGION_MAX };
    bool quick = argc < 2 || strcmp(argv[1], "quick") == 0;
    unsigned faults = 0;

    set_up_guard();
    make_seeds(quick);
    crash_at(0, "layouts");
    try_layouts();
    for (unsigned i = 0; i < seed_count; i++) {
        crash_at(0, "seed %u", i);
        resize(&seeds[i], strides[i % 3]);
        try_single_fields(&seeds[i]);
        try_two_fields(&seeds[i], quick ? 61 : 3);
    }
    for (unsigned i = 0; i < HF_INFLIGHT_FAULT_COUNT; i++)
        faults += tally.faults[i] != 0;
    printf("%u states, %lu hostile ones: %lu settled, the others refused for %u reasons; "
           "%lu lives, %lu of them whole\n",
           seed_count, tally.tries, tally.good, faults - 1, tally.lives, tally.whole_lives);
    /* All but those of a layout, which a region that was mapped does not have. */
    if (faults - 1 != HF_INFLIGHT_FAULT_COUNT - 3 || tally.whole_lives == 0)
        crash_fail("not all reasons were met: the test does not reach what it should");
    return 0;
}
