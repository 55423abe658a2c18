/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds: a life each, with a good back-end and one thing that goes wrong. */
#include "front_script.h"

#include "wire/feature.h"

#define SEED_RECORDS_MAX 64u
#define RINGS            4u
#define VIRTIO_FEATURES  (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX))

struct seed {
    struct front_prefix prefix;
    struct front_record records[SEED_RECORDS_MAX];
};

struct writing {
    struct seed seed;
    unsigned count;
};

static void add(struct writing *writing, struct front_record record)
{
    FUZZ_CHECK(writing->count < SEED_RECORDS_MAX);
    writing->seed.records[writing->count++] = record;
}

static void does(struct writing *writing, enum front_op op)
{
    add(writing, (struct front_record){ .op = (uint8_t)op });
}

static void goes_well(struct writing *writing, uint32_t steps)
{
    add(writing, (struct front_record){ .op = FRONT_OP_RUN, .a = steps });
}

static struct writing device(void)
{
    struct writing writing = { .seed.prefix = { .queue_count = RINGS,
                                                .begins = FRONT_BEGINS_BARE } };

    add(&writing, (struct front_record){ .op = FRONT_OP_FEATURES, .b = VIRTIO_FEATURES });
    add(&writing, (struct front_record){ .op = FRONT_OP_ADD_REGION, .index = 0, .a = 0x100 });
    add(&writing, (struct front_record){ .op = FRONT_OP_ADD_REGION, .index = 1, .a = 0x200 });
    for (unsigned i = 0; i < RINGS; i++) {
        uint8_t index = (uint8_t)i;

        add(&writing, (struct front_record){ .op = FRONT_OP_RING, .index = index, .a = 7 });
        add(&writing, (struct front_record){ .op = FRONT_OP_KICK, .index = index });
        add(&writing, (struct front_record){ .op = FRONT_OP_CALL, .index = index });
    }
    add(&writing, (struct front_record){ .op = FRONT_OP_RUNS, .a = 1 });
    return writing;
}

static struct writing running(void)
{
    struct writing writing = device();

    does(&writing, FRONT_OP_START);
    goes_well(&writing, 255);
    return writing;
}

static void put_down(struct writing *writing, const char *name)
{
    fuzz_seed(name, &writing->seed,
              sizeof(writing->seed.prefix) + writing->count * sizeof(struct front_record));
}

static struct writing already_running(void)
{
    return (struct writing){ .seed.prefix = { .queue_count = RINGS } };
}

static void lost(const char *name)
{
    struct writing writing = already_running();

    for (unsigned i = 0; i < 3; i++) {
        add(&writing, (struct front_record){ .op = FRONT_OP_HANG_UP, .a = 2 });
        add(&writing,
            (struct front_record){ .op = FRONT_OP_SETTLED, .flags = FRONT_OLDEST, .a = 3, .b = 2 });
        add(&writing, (struct front_record){ .op = FRONT_OP_TIMER, .a = 1000 });
        goes_well(&writing, 255);
    }
    put_down(&writing, name);
}

static void changed(const char *name)
{
    struct writing writing = already_running();

    add(&writing, (struct front_record){ .op = FRONT_OP_ADD_REGION, .index = 9, .a = 0x100 });
    goes_well(&writing, 20);
    add(&writing, (struct front_record){ .op = FRONT_OP_REMOVE_REGION, .index = 1 });
    goes_well(&writing, 20);
    add(&writing, (struct front_record){ .op = FRONT_OP_LOG, .a = 1 });
    goes_well(&writing, 20);
    does(&writing, FRONT_OP_LOG);
    add(&writing, (struct front_record){ .op = FRONT_OP_CALL, .index = 2 });
    add(&writing, (struct front_record){ .op = FRONT_OP_KICK, .index = 2 });
    goes_well(&writing, 255);
    put_down(&writing, name);
}

static void reset(const char *name)
{
    struct writing writing = running();

    add(&writing, (struct front_record){ .op = FRONT_OP_RUNS, .flags = FRONT_QUIET });
    does(&writing, FRONT_OP_FORGET);
    does(&writing, FRONT_OP_END_EPOCH);
    goes_well(&writing, 100);
    add(&writing, (struct front_record){ .op = FRONT_OP_ASK, .a = 1 });
    add(&writing, (struct front_record){ .op = FRONT_OP_ASK, .a = 0 });
    goes_well(&writing, 20);
    add(&writing, (struct front_record){ .op = FRONT_OP_FEATURES, .b = VIRTIO_FEATURES });
    add(&writing, (struct front_record){ .op = FRONT_OP_RING, .index = 1, .a = 8, .b = 1 });
    add(&writing, (struct front_record){ .op = FRONT_OP_RUNS, .a = 1 });
    goes_well(&writing, 255);
    does(&writing, FRONT_OP_STOP);
    does(&writing, FRONT_OP_START);
    goes_well(&writing, 255);
    put_down(&writing, name);
}

static void poor(const char *name)
{
    struct writing writing = device();

    add(&writing, (struct front_record){ .op = FRONT_OP_PEER, .a = 1 });
    does(&writing, FRONT_OP_START);
    does(&writing, FRONT_OP_DIAL_FAILED);
    does(&writing, FRONT_OP_APPEARED);
    does(&writing, FRONT_OP_DIALED);
    does(&writing, FRONT_OP_SENT);
    add(&writing, (struct front_record){ .op = FRONT_OP_REPLY,
                                         .flags = FRONT_OTHER_VALUE,
                                         .b = HF_FEATURE(VERSION_1) });
    goes_well(&writing, 12);
    add(&writing,
        (struct front_record){ .op = FRONT_OP_REPLY, .flags = FRONT_OTHER_REQUEST, .a = 3 });
    goes_well(&writing, 30);
    add(&writing, (struct front_record){ .op = FRONT_OP_REPLY, .flags = FRONT_EMPTY });
    add(&writing, (struct front_record){ .op = FRONT_OP_TIMER, .a = 20000000 });
    goes_well(&writing, 255);
    put_down(&writing, name);
}

void front_script_seeds(void)
{
    lost("lost-and-found");
    changed("plan-changes");
    reset("guest-reset");
    poor("poor-back-end");
}
