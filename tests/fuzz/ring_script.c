/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds: honest drivers, and the classics of dishonest ones. */
#include "ring_script.h"

#include "ring/split.h"

#define SEED_RECORDS_MAX 64u

struct seed {
    struct ring_prefix prefix;
    struct ring_record records[SEED_RECORDS_MAX];
};

struct writing {
    struct seed seed;
    unsigned count;
};

static struct writing ring(uint8_t flags, uint16_t start)
{
    return (struct writing){ .seed.prefix = { .size_log = 3,
                                              .flags = flags,
                                              .region_count = 2,
                                              .start = start,
                                              .spoil = 7 } };
}

static void add(struct writing *writing, struct ring_record record)
{
    FUZZ_CHECK(writing->count < SEED_RECORDS_MAX);
    writing->seed.records[writing->count++] = record;
}

static void does(struct writing *writing, enum ring_op op, uint8_t small, uint16_t x)
{
    add(writing, (struct ring_record){ .op = (uint8_t)op, .small = small, .x = x });
}

static struct ring_record desc(uint16_t where, uint8_t flags, uint16_t next, uint32_t length)
{
    return (struct ring_record){ .op = RING_OP_DESC,
                                 .small = flags,
                                 .x = where,
                                 .y = length,
                                 .z = 0x200 | (uint64_t)next << 48 };
}

/* One readable, one writable buffer, the second one across the border of the regions. */
static void post(struct writing *writing, uint16_t head)
{
    struct ring_record second = desc((uint16_t)(head + 1), HF_DESC_WRITE, 0, 0x800);

    second.z = 0xc00;
    add(writing, desc(head, HF_DESC_NEXT, (uint16_t)(head + 1), 0x40));
    add(writing, second);
    does(writing, RING_OP_AVAIL, 0, head);
}

/* The same in a table of its own at offset `at` of the first region. */
static void post_indirect(struct writing *writing, uint16_t head, uint16_t at)
{
    struct ring_record outer = desc(head, HF_DESC_INDIRECT, 0, 32);
    struct ring_record inner = desc(at, HF_DESC_NEXT, 1, 0x40);

    outer.z = at;
    inner.op = RING_OP_INDIRECT;
    add(writing, outer);
    add(writing, inner);
    inner = desc((uint16_t)(at + 16), HF_DESC_WRITE, 0, 0x800);
    inner.op = RING_OP_INDIRECT;
    add(writing, inner);
    does(writing, RING_OP_AVAIL, 0, head);
}

static void put_down(struct writing *writing, const char *name)
{
    fuzz_seed(name, &writing->seed,
              sizeof(writing->seed.prefix) + writing->count * sizeof(struct ring_record));
}

static void honest(uint8_t flags, uint16_t start, const char *name)
{
    struct writing writing = ring(flags, start);

    for (unsigned round = 0; round < 3; round++) {
        post(&writing, 0);
        post(&writing, 2);
        post_indirect(&writing, 4, 0x100);
        does(&writing, RING_OP_FETCH, 8, 0);
        does(&writing, RING_OP_AVAIL_FLAGS, 0, (uint16_t)(start + 3 * round));
        does(&writing, RING_OP_COMPLETE, 2, 1);
        does(&writing, RING_OP_COMPLETE, 1, 0);
        does(&writing, RING_OP_KICKS, (uint8_t)round, 0);
    }
    put_down(&writing, name);
}

static void killed(const char *name)
{
    struct writing writing = ring(RING_TRACKED | RING_INDIRECT | RING_EVENT_INDEX, 0xfffe);

    post(&writing, 0);
    post(&writing, 2);
    post(&writing, 4);
    does(&writing, RING_OP_FETCH, 8, 0);
    does(&writing, RING_OP_COMPLETE, 1, 1);
    does(&writing, RING_OP_RESTART, 0, 0);
    does(&writing, RING_OP_COMPLETE, 2, 0);
    post(&writing, 0);
    does(&writing, RING_OP_UNMARKED, 0, 0);
    post(&writing, 2);
    does(&writing, RING_OP_FETCH, 8, 0);
    does(&writing, RING_OP_RESTART, 1, 0);
    does(&writing, RING_OP_FETCH, 8, 0);
    put_down(&writing, name);
}

/* A loop, a head that is none, an index far ahead, an indirect table inside another. */
static void dishonest(const char *name)
{
    struct writing writing = ring(RING_INDIRECT | RING_SPOILT | RING_ODD | RING_GAPS, 0);
    struct ring_record nested = desc(0x100, HF_DESC_INDIRECT, 0, 32);

    add(&writing, desc(0, HF_DESC_NEXT, 0, 0x40));
    does(&writing, RING_OP_AVAIL, 0, 0);
    post_indirect(&writing, 4, 0x100);
    nested.op = RING_OP_INDIRECT;
    add(&writing, nested);
    does(&writing, RING_OP_FETCH, 8, 0);
    does(&writing, RING_OP_AVAIL, 0, 0x7fff);
    does(&writing, RING_OP_FETCH, 8, 0);
    does(&writing, RING_OP_RESTART, 0, 0);
    does(&writing, RING_OP_AVAIL_INDEX, 0, 0x4000);
    does(&writing, RING_OP_FETCH, 8, 0);
    put_down(&writing, name);
}

void ring_script_seeds(void)
{
    honest(RING_INDIRECT, 0, "flags");
    honest(RING_INDIRECT | RING_EVENT_INDEX, 0xfffc, "event-index");
    honest(RING_INDIRECT | RING_TRACKED, 0x7ffd, "tracked");
    honest(RING_INDIRECT | RING_EVENT_INDEX | RING_TRACKED | RING_SPOILT | RING_ODD, 5, "spoilt");
    killed("killed");
    dishonest("dishonest");
}
