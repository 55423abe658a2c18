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

static void run_on(struct edge *edge, const struct front_record *record)
{
    unsigned steps = record->a % 256;

    while (steps-- > 0 && edge_go_on(edge))
        ;
}

/* ---- what happens ---- */

static void start(struct edge *edge, const struct front_record *record)
{
    (void)record;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_START });
}

static void stop(struct edge *edge, const struct front_record *record)
{
    (void)record;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_STOP });
}

static uint32_t dial_of(const struct edge *edge, const struct front_record *record)
{
    return (record->flags & FRONT_STRAY) != 0 ? edge->dial - 1 - record->a % 2 : edge->dial;
}

static void dialed(struct edge *edge, const struct front_record *record)
{
    uint32_t dial = dial_of(edge, record);

    if (dial == edge->dial && edge->dialling) {
        edge->dialling = false;
        edge->connected = true;
    }
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_DIALED, .dial = dial });
}

static void dial_failed(struct edge *edge, const struct front_record *record)
{
    uint32_t dial = dial_of(edge, record);

    if (dial == edge->dial)
        edge->dialling = false;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_DIAL_FAILED, .dial = dial, .error = 111 });
}

static void appeared(struct edge *edge, const struct front_record *record)
{
    (void)record;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_APPEARED });
}

static void sent(struct edge *edge, const struct front_record *record)
{
    uint32_t dial = dial_of(edge, record);

    if (!edge->unsent && dial == edge->dial)
        return;
    if (dial == edge->dial)
        edge->unsent = false;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_SENT, .dial = dial });
}

static struct hf_message some_reply(struct edge *edge, const struct front_record *record)
{
    uint32_t request = record->a % HF_REQUEST_COUNT;

    if ((record->flags & FRONT_OTHER_REQUEST) == 0 && edge->unread_count > 0) {
        struct hf_message message = edge_right_reply(edge);

        edge_reply_taken(edge);
        return message;
    }
    if (hf_request_info(request) == NULL)
        request = HF_REQUEST_GET_FEATURES;
    return hf_message_reply((enum hf_request)request);
}

static void spoil(struct hf_message *message, const struct front_record *record)
{
    if ((record->flags & FRONT_OTHER_VALUE) != 0) {
        message->body.u64 ^= record->b;
        message->body.inflight.mmap_offset ^= record->a;
    }
    if ((record->flags & FRONT_EMPTY) != 0)
        message->kind = HF_PAYLOAD_NONE;
    if ((record->flags & FRONT_EXTRA_FD) != 0)
        message->fd_count = record->index % (HF_MESSAGE_FDS_MAX + 1);
    else if (message->kind == HF_PAYLOAD_INFLIGHT)
        message->fd_count = message->body.inflight.mmap_size_bytes != 0;
}

/* What the codec would refuse never reaches the core: the socket is unusable then. */
static bool arrives(struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    unsigned fd_count = message->fd_count;
    size_t size_bytes = hf_message_encode(message, bytes, sizeof(bytes));

    if (size_bytes == 0)
        return false;
    FUZZ_CHECK(hf_message_decode(HF_STREAM_REPLIES, bytes, size_bytes, message) ==
               HF_WIRE_FAULT_NONE);
    message->fd_count = fd_count;
    return true;
}

static void hang_up(struct edge *edge, const struct front_record *record)
{
    static const enum hf_fault faults[] = { HF_FAULT_HANGUP, HF_FAULT_MALFORMED, HF_FAULT_LOCAL };

    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_HANGUP,
                                       .dial = dial_of(edge, record),
                                       .fault = faults[record->a % 3] });
}

static void reply(struct edge *edge, const struct front_record *record)
{
    uint32_t dial = dial_of(edge, record);

    if (!fuzz_fds_left(&edge->fds, HF_MESSAGE_FDS_MAX) || edge->unsent)
        return;
    struct hf_message message = some_reply(edge, record);
    spoil(&message, record);
    if (arrives(&message))
        edge_receive(edge, &message, dial);
    else
        hang_up(edge, &(struct front_record){ .a = 1 });
}

static void settled(struct edge *edge, const struct front_record *record)
{
    edge_settled(edge, record);
}

static void timer(struct edge *edge, const struct front_record *record)
{
    if ((record->flags & FRONT_STRAY) == 0 && edge->now_ns < edge->front.armed_ns)
        edge->now_ns = edge->front.armed_ns;
    edge->now_ns += record->a * UINT64_C(1000);
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_TIMER });
}

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

static void change_peer(struct edge *edge, const struct front_record *record)
{
    edge->peer = (struct edge_peer){
        .features = ~(record->b & 0xff0000ffffffu),
        .protocol = ~(record->b >> 16 & 0xffffff),
        .queues = record->index,
        .slots = record->a % 600,
        .base = (uint16_t)record->b,
        .pads = (uint16_t)(record->a / 600 % 3 * 64),
    };
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

static void (*const plays[FRONT_OP_COUNT])(struct edge *, const struct front_record *) = {
    [FRONT_OP_RUN] = run_on,
    [FRONT_OP_START] = start,
    [FRONT_OP_STOP] = stop,
    [FRONT_OP_DIALED] = dialed,
    [FRONT_OP_DIAL_FAILED] = dial_failed,
    [FRONT_OP_APPEARED] = appeared,
    [FRONT_OP_SENT] = sent,
    [FRONT_OP_REPLY] = reply,
    [FRONT_OP_HANG_UP] = hang_up,
    [FRONT_OP_SETTLED] = settled,
    [FRONT_OP_TIMER] = timer,
    [FRONT_OP_ASK] = ask,
    [FRONT_OP_PEER] = change_peer,
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

/* ---- the beginning ---- */

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
    start(edge, NULL);
    run_on(edge, &(struct front_record){ .a = 255 });
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
    start(edge, NULL); /* does nothing but in DOWN and FAILED */
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
    stop(edge, NULL);
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
        plays[record.op % FRONT_OP_COUNT](edge, &record);
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
