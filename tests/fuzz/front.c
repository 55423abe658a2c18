/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front core: replies, timers, hang-ups and changes of the plan in any order. Whatever happened
 * before, once everything goes well the rings must run again, and in the end nothing is left open.
 */
#include "front_edge.h"

enum {
    DEPTH_RUNNING,
    DEPTH_STOPPED,   /* clean */
    DEPTH_RECOVERED, /* runs again after a loss */
};

/* More than everything ever owed: all regions, all rings, each with an answer. */
#define FINALE_STEPS_MAX 20000u

/* ---- questions ---- */

static void ask(struct edge *edge, const struct front_record *record)
{
    struct hf_event event = {
        .kind = HF_EVENT_ASK,
        .asked = { .number = edge->last_number + 1,
                   .request = record->a % 2 ? HF_REQUEST_RESET_DEVICE : HF_REQUEST_GET_CONFIG,
                   .config = { .offset = record->index,
                               .size_bytes = (uint32_t)record->b % (HF_WIRE_CONFIG_MAX + 1) } },
    };

    if (edge->asked_count == EDGE_ASKED_MAX)
        return;
    edge->asked[edge->asked_count++] = ++edge->last_number;
    edge_step(edge, event);
}

/* ---- the plan ---- */

static void tell(struct edge *edge, const struct front_record *record)
{
    if ((record->flags & FRONT_QUIET) == 0)
        edge_step(edge, (struct hf_event){ .kind = HF_EVENT_CHANGED });
}

static uint16_t queue_of(const struct edge *edge, const struct front_record *record)
{
    return record->index % edge->front.plan.queue_count;
}

static void drop(struct edge *edge, int fd)
{
    if (fd >= 0)
        fuzz_fd_close(&edge->fds, fd);
}

static int fresh_fd(struct edge *edge, const struct front_record *record)
{
    bool none = (record->flags & FRONT_STRAY) != 0 || !fuzz_fds_left(&edge->fds, 1);

    return none ? -1 : fuzz_fd_new(&edge->fds);
}

static void set_run(struct edge *edge, const struct front_record *record)
{
    hf_plan_set_run(&edge->front.plan, record->a % 2 == 1);
    tell(edge, record);
}

static void set_features(struct edge *edge, const struct front_record *record)
{
    hf_plan_set_features(&edge->front.plan, record->b);
    tell(edge, record);
}

static void forget_features(struct edge *edge, const struct front_record *record)
{
    hf_plan_forget_features(&edge->front.plan);
    tell(edge, record);
}

static void set_ring(struct edge *edge, const struct front_record *record)
{
    uint16_t size = (uint16_t)(record->a % 12 == 11 ? 0 : 1u << record->a % 12);
    struct hf_ring_addresses addresses = { .desc = record->b << 4,
                                           .avail = (record->b << 4) + 0x1000,
                                           .used = (record->b << 4) + 0x2000 };

    hf_plan_set_ring(&edge->front.plan, queue_of(edge, record), size, &addresses,
                     (uint16_t)(record->a >> 16));
    tell(edge, record);
}

static void set_kick(struct edge *edge, const struct front_record *record)
{
    drop(edge, hf_plan_set_kick(&edge->front.plan, queue_of(edge, record), fresh_fd(edge, record)));
    tell(edge, record);
}

static void set_call(struct edge *edge, const struct front_record *record)
{
    drop(edge, hf_plan_set_call(&edge->front.plan, queue_of(edge, record), fresh_fd(edge, record)));
    tell(edge, record);
}

static void set_err(struct edge *edge, const struct front_record *record)
{
    drop(edge, hf_plan_set_err(&edge->front.plan, queue_of(edge, record), fresh_fd(edge, record)));
    tell(edge, record);
}

/* Regions are places of 1 MiB, so that one can be named again. */
static void add_region(struct edge *edge, const struct front_record *record)
{
    struct hf_region_plan region = {
        .guest_address = (uint64_t)record->index << 20,
        .size_bytes = record->b != 0 ? record->b : 0x100000,
        .user_address = UINT64_C(0x7f0000000000) + ((uint64_t)record->index << 20),
        .mmap_offset = record->a,
        .fd = fresh_fd(edge, &(struct front_record){ .flags = 0 }),
    };

    if (region.fd < 0)
        return;
    if (hf_plan_add_region(&edge->front.plan, &region) < 0)
        fuzz_fd_close(&edge->fds, region.fd);
    tell(edge, record);
}

static void remove_region(struct edge *edge, const struct front_record *record)
{
    uint64_t size_bytes = record->b != 0 ? record->b : 0x100000;

    drop(edge, hf_plan_remove_region(&edge->front.plan, (uint64_t)record->index << 20, size_bytes));
    tell(edge, record);
}

static void end_epoch(struct edge *edge, const struct front_record *record)
{
    drop(edge, hf_plan_end_epoch(&edge->front.plan));
    tell(edge, record);
}

static void set_log(struct edge *edge, const struct front_record *record)
{
    int fd = record->a % 2 == 1 ? fresh_fd(edge, record) : -1;

    drop(edge, hf_plan_set_log(&edge->front.plan, record->b, 0, fd));
    tell(edge, record);
}

static void (*const changes[FRONT_OP_COUNT])(struct edge *, const struct front_record *) = {
    [FRONT_OP_ASK] = ask,
    [FRONT_OP_RUNS] = set_run,
    [FRONT_OP_FEATURES] = set_features,
    [FRONT_OP_FORGET] = forget_features,
    [FRONT_OP_RING] = set_ring,
    [FRONT_OP_KICK] = set_kick,
    [FRONT_OP_CALL] = set_call,
    [FRONT_OP_ERR] = set_err,
    [FRONT_OP_ADD_REGION] = add_region,
    [FRONT_OP_REMOVE_REGION] = remove_region,
    [FRONT_OP_END_EPOCH] = end_epoch,
    [FRONT_OP_LOG] = set_log,
};

static void play(struct edge *edge, struct front_record *record)
{
    record->op %= FRONT_OP_COUNT;
    if (!edge_play(edge, record))
        changes[record->op](edge, record);
}

/* ---- the beginning ---- */

static void start(struct edge *edge)
{
    edge_play(edge, &(struct front_record){ .op = FRONT_OP_START });
}

static void set_up_device(struct edge *edge)
{
    set_features(edge, &(struct front_record){ .b = HF_FEATURE(VERSION_1) });
    for (uint8_t i = 0; i < edge->front.plan.queue_count; i++) {
        struct front_record record = { .index = i, .a = 7 };

        add_region(edge, &record);
        set_ring(edge, &record);
        set_kick(edge, &record);
        set_call(edge, &record);
    }
    set_run(edge, &(struct front_record){ .a = 1 });
}

static void begin(struct edge *edge, const struct front_prefix *prefix)
{
    edge_init(edge, prefix);
    if (prefix->begins % 4 == FRONT_BEGINS_BARE)
        return;
    set_up_device(edge);
    if (prefix->begins % 4 == FRONT_BEGINS_SET_UP)
        return;
    start(edge);
    edge_play(edge, &(struct front_record){ .op = FRONT_OP_RUN, .a = 255 });
}

/* ---- the end ---- */

/* A good back-end and a guest that wants its device. */
static void make_everything_good(struct edge *edge)
{
    struct hf_front *front = &edge->front;

    front->settings.outage_limit_ns = 0;
    front->plan.protocol_wanted |= HF_PROTOCOL_FEATURE(MQ) |
                                   HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |
                                   front->plan.promise.protocol_features;
    edge->peer = (struct edge_peer){
        .features = UINT64_MAX, .protocol = UINT64_MAX, .queues = 256, .slots = 509
    };
    hf_plan_set_features(&front->plan, HF_FEATURE(VERSION_1));
    set_ring(edge, &(struct front_record){ .a = 7, .flags = FRONT_QUIET });
    drop(edge, hf_plan_end_epoch(&front->plan));
    hf_plan_set_run(&front->plan, true);
    start(edge); /* does nothing but in DOWN and FAILED */
    tell(edge, &(struct front_record){ .flags = 0 });
}

static void check_liveness(struct edge *edge)
{
    unsigned steps = 0;

    make_everything_good(edge);
    while (edge_go_on(edge))
        FUZZ_CHECK(++steps < FINALE_STEPS_MAX);
    FUZZ_CHECK(edge->front.phase == HF_PHASE_RUNNING ||
               !fuzz_fds_left(&edge->fds, 1)); /* the ledger is full, not the product */
}

static void check_end(struct edge *edge)
{
    edge_play(edge, &(struct front_record){ .op = FRONT_OP_STOP });
    FUZZ_CHECK(edge->front.phase == HF_PHASE_DOWN && edge->asked_count == 0);
    edge_check_fds(edge);
}

static unsigned depth_of(const struct edge *edge)
{
    unsigned reached = 0;

    if (edge->reports[HF_REPORT_STARTED] > 0)
        reached |= FUZZ_DEPTH(DEPTH_RUNNING);
    if (edge->stopped_clean > 0)
        reached |= FUZZ_DEPTH(DEPTH_STOPPED);
    if (edge->recovered > 0)
        reached |= FUZZ_DEPTH(DEPTH_RECOVERED);
    return reached;
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct edge *edge = fuzz_alloc(sizeof(*edge));
    struct front_prefix prefix;
    struct front_record record;

    fuzz_take(&input, &prefix, sizeof(prefix));
    begin(edge, &prefix);
    while (fuzz_take(&input, &record, sizeof(record)))
        play(edge, &record);
    unsigned reached = depth_of(edge);
    check_liveness(edge);
    check_end(edge);
    free(edge);
    return reached;
}

const struct fuzz_target fuzz_target = {
    .name = "front",
    .depths = { "RUNNING", "stopped clean", "recovered" },
    .prefix_bytes = sizeof(struct front_prefix),
    .record_bytes = sizeof(struct front_record),
    .run = run,
    .seeds = front_script_seeds,
};
