/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds: the honest VMMs of back_script.c, and with one of them a life each of a back-end. */
#include "relay_script.h"

#include "front_script.h"

#include "session/relay.h"

#define SEED_RECORDS_MAX 32u

struct seed {
    struct relay_prefix prefix;
    struct back_record records[SEED_RECORDS_MAX];
};

struct writing {
    struct seed seed;
    unsigned count;
};

static void add(struct writing *writing, struct back_record record)
{
    FUZZ_CHECK(writing->count < SEED_RECORDS_MAX);
    writing->seed.records[writing->count++] = record;
}

static void happens(struct writing *writing, enum relay_op op, uint32_t a)
{
    add(writing, (struct back_record){ .op = (uint8_t)(RELAY_OP_FIRST + op), .a = a });
}

static void asks(struct writing *writing, enum hf_request request, uint8_t ring, uint32_t a)
{
    add(writing,
        (struct back_record){
            .op = (uint8_t)request, .ring = ring, .flags = BACK_NEED_REPLY, .a = a, .b = 0x1000 });
}

static void put_down(const struct writing *writing, const char *name)
{
    fuzz_seed(name, &writing->seed,
              sizeof(writing->seed.prefix) + writing->count * sizeof(struct back_record));
}

static void restart(struct writing *writing, uint8_t ring)
{
    asks(writing, HF_REQUEST_SET_VRING_NUM, ring, 128);
    asks(writing, HF_REQUEST_SET_VRING_BASE, ring, 7);
    asks(writing, HF_REQUEST_SET_VRING_ADDR, ring, 0);
    asks(writing, HF_REQUEST_SET_VRING_KICK, ring, 0);
    asks(writing, HF_REQUEST_SET_VRING_ENABLE, ring, 1);
}

static void lost(const char *name)
{
    struct writing writing = { .count = 0 };

    for (unsigned i = 0; i < 3; i++) {
        happens(&writing, RELAY_OP_HANG_UP, 0);
        add(&writing,
            (struct back_record){
                .op = RELAY_OP_FIRST + RELAY_OP_SETTLED, .flags = FRONT_OLDEST, .a = 7, .b = 2 });
        happens(&writing, RELAY_OP_DIAL_FAILED, 0);
        happens(&writing, RELAY_OP_WAIT, 1000);
        happens(&writing, RELAY_OP_APPEARED, 0);
        happens(&writing, RELAY_OP_RUN, 255);
    }
    put_down(&writing, name);
}

static void stopped(const char *name)
{
    struct writing writing = { .count = 0 };

    asks(&writing, HF_REQUEST_GET_VRING_BASE, 0, 0);
    happens(&writing, RELAY_OP_RUN, 20);
    restart(&writing, 0);
    happens(&writing, RELAY_OP_HANG_UP, 0);
    for (uint8_t ring = 0; ring < 4; ring++)
        asks(&writing, HF_REQUEST_GET_VRING_BASE, ring, 0);
    happens(&writing, RELAY_OP_GUEST, 9);
    for (uint8_t ring = 0; ring < 2; ring++)
        restart(&writing, ring);
    happens(&writing, RELAY_OP_RUN, 255);
    put_down(&writing, name);
}

static void reset(const char *name)
{
    struct writing writing = { .count = 0 };

    asks(&writing, HF_REQUEST_GET_CONFIG, 0, 36);
    happens(&writing, RELAY_OP_HANG_UP, 0);
    asks(&writing, HF_REQUEST_RESET_DEVICE, 0, 0);
    happens(&writing, RELAY_OP_RUN, 100);
    happens(&writing, RELAY_OP_VMM_SETS_UP, 0);
    asks(&writing, HF_REQUEST_RESET_DEVICE, 0, 0);
    happens(&writing, RELAY_OP_VMM_GOES, 0);
    happens(&writing, RELAY_OP_VMM_SETS_UP, 0);
    put_down(&writing, name);
}

static void poor(const char *name)
{
    struct writing writing = { .count = 0 };

    asks(&writing, HF_REQUEST_SET_BACKEND_REQ_FD, 0, 0);
    happens(&writing, RELAY_OP_PEER, 1);
    happens(&writing, RELAY_OP_HANG_UP, 1);
    happens(&writing, RELAY_OP_RUN, 40);
    asks(&writing, HF_REQUEST_SET_VRING_CALL, 1, 0);
    happens(&writing, RELAY_OP_SWITCH, HF_RELAY_SWITCH_REST);
    happens(&writing, RELAY_OP_WAIT, 20000000);
    happens(&writing, RELAY_OP_SWITCH, HF_RELAY_SWITCH_BACK);
    happens(&writing, RELAY_OP_RUN, 40);
    add(&writing,
        (struct back_record){ .op = RELAY_OP_FIRST + RELAY_OP_REPLY, .flags = FRONT_EMPTY });
    put_down(&writing, name);
}

static void silent(const char *name)
{
    struct writing writing = { .count = 0 };

    asks(&writing, HF_REQUEST_SET_VRING_CALL, 1, 0);
    happens(&writing, RELAY_OP_WAIT, 15000000);
    asks(&writing, HF_REQUEST_GET_VRING_BASE, 1, 0);
    happens(&writing, RELAY_OP_WAIT, 15000000);
    happens(&writing, RELAY_OP_RUN, 255);
    put_down(&writing, name);
}

void relay_script_seeds(void)
{
    back_script_seeds();
    lost("lost-and-found");
    stopped("stop-and-go");
    reset("guest-reset");
    poor("poor-back-end");
    silent("silent-back-end");
}
