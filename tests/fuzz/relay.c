/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay with a hostile VMM on one face and hostile back-ends on the other, in any order: what
 * either says, when it says nothing, when it goes. Held to: each request of the VMM's is answered
 * once, and in time; what is told to a back-end is legal; each descriptor is ended once. And
 * whatever happened before, the next VMM and a good back-end have a device that runs.
 */
#include "relay_script.h"
#include "relay_world.h"

enum {
    DEPTH_RUNNING,
    DEPTH_RECOVERED, /* runs again after a loss */
    DEPTH_STOPPED,   /* the VMM was told where a ring stands */
    DEPTH_RESET,     /* the guest was */
    DEPTH_NEXT,      /* a VMM went while rings ran */
};

/* ---- an honest VMM --------------------------------------------------------------------------- */

#define PROTOCOL_FEATURES                                                                          \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(CONFIG) |      \
     HF_PROTOCOL_FEATURE(RESET_DEVICE) | HF_PROTOCOL_FEATURE(BACKEND_REQ) |                        \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(LOG_SHMFD))

static const struct back_record sets_up[] = {
    { .op = HF_REQUEST_GET_FEATURES },
    { .op = HF_REQUEST_SET_PROTOCOL_FEATURES, .b = PROTOCOL_FEATURES },
    { .op = HF_REQUEST_SET_OWNER },
    { .op = HF_REQUEST_SET_FEATURES, .b = HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES) },
    { .op = HF_REQUEST_SET_MEM_TABLE, .count = 1, .c = 0xff },
};
static const struct back_record starts[] = {
    { .op = HF_REQUEST_SET_VRING_NUM, .a = 128 },
    { .op = HF_REQUEST_SET_VRING_BASE, .a = 7 },
    { .op = HF_REQUEST_SET_VRING_ADDR, .b = 0x1000 },
    { .op = HF_REQUEST_SET_VRING_CALL },
    { .op = HF_REQUEST_SET_VRING_KICK },
    { .op = HF_REQUEST_SET_VRING_ENABLE, .a = 1 },
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void send(struct world *world, const struct back_record *record)
{
    struct hf_message message;

    if (back_script_message(record, &message))
        world_receive(world, &message);
}

/* With a good back-end all of it is agreed to. */
static void set_up(struct world *world, bool good)
{
    for (unsigned i = 0; i < COUNT(sets_up) + WORLD_RINGS * COUNT(starts); i++) {
        unsigned at = i < COUNT(sets_up) ? i : (unsigned)((i - COUNT(sets_up)) % COUNT(starts));
        struct back_record record = i < COUNT(sets_up) ? sets_up[i] : starts[at];

        if (i >= COUNT(sets_up))
            record.ring = (uint8_t)((i - COUNT(sets_up)) / COUNT(starts));
        record.flags = i > 2 ? BACK_NEED_REPLY : 0;
        send(world, &record);
        world_settle(world);
        if (good && i > 2)
            FUZZ_CHECK(world->replies == 1 && world->reply.body.u64 == 0);
    }
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void run_on(struct world *world, const struct front_record *record)
{
    unsigned steps = record->a % 256;

    while (steps-- > 0 && world_go_on(world))
        ;
}

static void wait(struct world *world, const struct front_record *record)
{
    world_wait(world, record->a % 60000000 * UINT64_C(1000));
}

static void change_guest(struct world *world, const struct front_record *record)
{
    world->guest = (struct world_guest){ .avail = (uint16_t)record->a,
                                         .used = (uint16_t)(record->a >> 16),
                                         .unreadable = (record->index & 1) != 0,
                                         .other_region = (record->index & 2) != 0,
                                         .bad_fd = (record->index & 4) != 0 };
}

static void vmm_goes(struct world *world, const struct front_record *record)
{
    (void)record;
    world_lose_vmm(world);
}

static void vmm_sets_up(struct world *world, const struct front_record *record)
{
    (void)record;
    set_up(world, false);
}

static void turn(struct world *world, const struct front_record *record)
{
    hf_relay_set_switching(&world->relay,
                           (enum hf_relay_switch)(record->a % HF_RELAY_SWITCH_COUNT));
}

static const struct {
    void (*play)(struct world *, const struct front_record *);
    enum front_op op; /* if it is one of the front core's edge */
} plays[RELAY_OP_COUNT] = {
    [RELAY_OP_RUN] = { .play = run_on },
    [RELAY_OP_WAIT] = { .play = wait },
    [RELAY_OP_DIAL_FAILED] = { .op = FRONT_OP_DIAL_FAILED },
    [RELAY_OP_DIALED] = { .op = FRONT_OP_DIALED },
    [RELAY_OP_APPEARED] = { .op = FRONT_OP_APPEARED },
    [RELAY_OP_SENT] = { .op = FRONT_OP_SENT },
    [RELAY_OP_REPLY] = { .op = FRONT_OP_REPLY },
    [RELAY_OP_HANG_UP] = { .op = FRONT_OP_HANG_UP },
    [RELAY_OP_SETTLED] = { .op = FRONT_OP_SETTLED },
    [RELAY_OP_PEER] = { .op = FRONT_OP_PEER },
    [RELAY_OP_GUEST] = { .play = change_guest },
    [RELAY_OP_VMM_GOES] = { .play = vmm_goes },
    [RELAY_OP_VMM_SETS_UP] = { .play = vmm_sets_up },
    [RELAY_OP_SWITCH] = { .play = turn },
};

static void play(struct world *world, const struct back_record *record)
{
    unsigned op = (unsigned)(record->op - RELAY_OP_FIRST) % RELAY_OP_COUNT;
    struct front_record event = { .op = (uint8_t)plays[op].op,
                                  .index = record->ring,
                                  .flags = record->flags,
                                  .a = record->a,
                                  .b = record->b };

    if (record->op < RELAY_OP_FIRST) {
        send(world, record);
        return;
    }
    if (plays[op].play != NULL)
        plays[op].play(world, &event);
    else
        edge_play(&world->edge, &event);
    world_pump(world);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Another VMM comes, and a good back-end. */
static void check_liveness(struct world *world)
{
    unsigned steps = 0;

    world_end(world);
    if (!fuzz_fds_left(&world->edge.fds, FUZZ_FDS_COUNT / 4))
        return; /* the ledger is full, not the product */
    set_up(world, true);
    while (world->edge.front.phase != HF_PHASE_RUNNING)
        FUZZ_CHECK(++steps < 10000 && world_go_on(world));
    world_end(world);
}

static void note_depth(const struct world *world, unsigned *reached)
{
    const struct edge *edge = &world->edge;

    if (edge->reports[HF_REPORT_STARTED] > 0)
        *reached |= FUZZ_DEPTH(DEPTH_RUNNING);
    if (edge->recovered > 0)
        *reached |= FUZZ_DEPTH(DEPTH_RECOVERED);
    if (world->stopped > 0)
        *reached |= FUZZ_DEPTH(DEPTH_STOPPED);
    if (world->resets > 0)
        *reached |= FUZZ_DEPTH(DEPTH_RESET);
    if (world->vmms > 1 && edge->reports[HF_REPORT_STARTED] > 0)
        *reached |= FUZZ_DEPTH(DEPTH_NEXT);
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct world *world = fuzz_alloc(sizeof(*world));
    struct relay_prefix prefix;
    struct back_record record;
    unsigned reached = 0;

    fuzz_take(&input, &prefix, sizeof(prefix));
    world_init(world, (prefix.flags & RELAY_LOSSY) != 0);
    if (prefix.begins % 4 != RELAY_BEGINS_BARE)
        set_up(world, true);
    while (fuzz_take(&input, &record, sizeof(record)))
        play(world, &record);
    note_depth(world, &reached);
    check_liveness(world);
    free(world);
    return reached;
}

const struct fuzz_target fuzz_target = {
    .name = "relay",
    .depths = { "RUNNING", "recovered", "stopped", "reset", "with the next VMM" },
    .prefix_bytes = sizeof(struct relay_prefix),
    .record_bytes = sizeof(struct back_record),
    .run = run,
    .seeds = relay_script_seeds,
};
