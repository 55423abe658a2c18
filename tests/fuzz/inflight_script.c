/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds: regions as crashes leave them, new ones, and one in which nothing is right. */
#include "inflight_script.h"

struct seed {
    struct inflight_prefix prefix;
    struct inflight_record records[40];
};

struct writing {
    struct seed seed;
    unsigned count;
};

static void add(struct writing *writing, enum inflight_what what, uint16_t entry, uint64_t value)
{
    FUZZ_CHECK(writing->count < sizeof(writing->seed.records) / sizeof(writing->seed.records[0]));
    writing->seed.records[writing->count++] =
        (struct inflight_record){ .what = (uint8_t)what, .entry = entry, .value = value };
}

static void put_down(struct writing *writing, const char *name)
{
    fuzz_seed(name, &writing->seed,
              sizeof(writing->seed.prefix) + writing->count * sizeof(struct inflight_record));
}

static struct writing region(uint16_t used_index)
{
    return (struct writing){ .seed.prefix = { .queue_count = 1,
                                              .size_log = 3,
                                              .alignment_log = 3,
                                              .flags = INFLIGHT_HONEST,
                                              .used_index = used_index,
                                              .made_available = 6,
                                              .die_after = 1,
                                              .spoil = 5 } };
}

/* Four taken; the last batch, two of them, published and not cleared. */
static void batch(uint16_t used_index, uint8_t more_flags, const char *name)
{
    struct writing writing = region(used_index);

    writing.seed.prefix.flags |= more_flags;
    writing.seed.prefix.queue_count = 2;
    for (uint16_t head = 0; head < 5; head++) {
        add(&writing, INFLIGHT_INFLIGHT, head, 1);
        add(&writing, INFLIGHT_COUNTER, head, 20u - head);
    }
    add(&writing, INFLIGHT_LAST_BATCH, 0, 3);
    add(&writing, INFLIGHT_NEXT, 3, 1);
    add(&writing, INFLIGHT_USED_IDX, 0, (uint16_t)(used_index - 2));
    put_down(&writing, name);
}

static void fresh(const char *name)
{
    struct writing writing = region(9);

    writing.seed.prefix.flags = 0;
    put_down(&writing, name);
    add(&writing, INFLIGHT_DESC_NUM, 0, 8);
    put_down(&writing, "fresh-with-size");
}

/* The last batch goes through an entry that is in the region, but is no head of the ring. */
static void outside(const char *name)
{
    struct writing writing = region(7);

    writing.seed.prefix.spare_entries = 4;
    add(&writing, INFLIGHT_DESC_NUM, 0, 12);
    add(&writing, INFLIGHT_INFLIGHT, 1, 1);
    add(&writing, INFLIGHT_LAST_BATCH, 0, 9);
    add(&writing, INFLIGHT_USED_IDX, 0, 6);
    put_down(&writing, name);
}

static void hostile(const char *name)
{
    struct writing writing = region(0);

    writing.seed.prefix.spare_entries = 4;
    add(&writing, INFLIGHT_DESC_NUM, 0, 12);
    add(&writing, INFLIGHT_INFLIGHT, 9, 1);
    add(&writing, INFLIGHT_NEXT, 2, 2);
    add(&writing, INFLIGHT_COUNTER, 1, UINT64_MAX);
    add(&writing, INFLIGHT_INFLIGHT, 1, 255);
    add(&writing, INFLIGHT_USED_IDX, 0, 0xfff0);
    put_down(&writing, name);
}

void inflight_script_seeds(void)
{
    batch(40, 0, "batch");
    batch(1, INFLIGHT_SPOILT, "batch-over-the-border");
    fresh("fresh");
    outside("outside");
    hostile("hostile");
}
