/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay's edge on paper. */
#include "back_script.h"
#include "relay_world.h"

#include <errno.h>

/* More than everything that is ever owed, and the pauses between dials of half a minute. */
#define STEPS_MAX  20000u
#define ROUNDS_MAX 10000u
/* A step of the VMM's and what comes of it. */
#define FDS_MAX 600

static struct hf_plan *plan_of(struct world *world)
{
    return &world->edge.front.plan;
}

void world_drop(struct world *world, int fd)
{
    if (fd >= 0)
        fuzz_fd_close(&world->edge.fds, fd);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* What the VMM asked is answered once; or nobody is there to hear it. */
static void judge_end(struct world *world)
{
    if (!world->answer_due || world->relay.wait != HF_RELAY_WAIT_NONE)
        return;
    world->answer_due = false;
    if (world->there)
        FUZZ_CHECK(world->replies == back_script_is_question(&world->message,
                                                             world->protocol_before,
                                                             world->relay.back.protocol_features));
}

static void step(struct world *world, struct hf_relay_event event)
{
    struct hf_relay_effects *effects = &world->effects;

    event.now_ns = world->edge.now_ns;
    hf_relay_step(&world->relay, &event, effects);
    world->feeding = true;
    for (unsigned i = 0; i < effects->count; i++) {
        world_carry_out(world, &effects->list[i]);
    }
    world->feeding = false;
    judge_end(world);
    if (hf_relay_is_over(&world->relay))
        FUZZ_CHECK(!hf_plan_any_ran(plan_of(world)));
}

/* An effect may feed one event, which is stepped behind the last of them. */
void world_feed(struct world *world, struct hf_relay_event event)
{
    if (!world->feeding) {
        step(world, event);
    } else {
        FUZZ_CHECK(!world->fed);
        world->fed = true;
        world->next = event;
        if (event.body != NULL) {
            world->next_body = *event.body;
            world->next.body = &world->next_body;
        }
        return;
    }
    while (world->fed) {
        struct hf_relay_event next = world->next;
        union hf_wire_body body = world->next_body;

        world->fed = false;
        if (next.body != NULL)
            next.body = &body;
        step(world, next);
    }
}

/* ---- the pump -------------------------------------------------------------------------------- */

static void hear_gone(struct world *world)
{
    world->vmm_gone = world->answered = world->has_channel = world->reset_waits = false;
    world->question = 0;
    world->waiting.request = 0;
    world->answer_due = false;
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_HANG_UP, .fd = -1 });
    FUZZ_CHECK(plan_of(world)->channel_fd < 0);
    world->look = true;
}

/* A channel is a session's: the next has one of its own. */
static void hear_parted(struct world *world)
{
    world->edge.parted = false;
    world->look = true;
    if (!world->has_channel || !fuzz_fds_left(&world->edge.fds, 1))
        return;
    world_drop(world, hf_plan_set_channel(plan_of(world), fuzz_fd_new(&world->edge.fds)));
    world->changed = true;
}

static void hear_answer(struct world *world)
{
    world->answered = false;
    world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_ANSWER,
                                               .error = world->answer_error,
                                               .body = &world->answer,
                                               .fd = -1 });
}

static void look(struct world *world)
{
    struct edge *edge = &world->edge;
    struct hf_relay_event event = {
        .kind = HF_RELAY_EVENT_LOOK, .lost = edge->lost, .dial = edge->lost_dial, .fd = -1
    };

    world->look = false;
    edge->lost = HF_FAULT_NONE;
    world_ask_waiting(world);
    world_feed(world, event);
}

static void begin(struct world *world)
{
    const struct hf_relay_settings settings = { .reply_timeout_ns = WORLD_REPLY_NS,
                                                .stop_wait_ns = WORLD_STOP_NS,
                                                .linger_ns = 20 * WORLD_MS };
    struct hf_plan *plan = plan_of(world);

    plan->protocol_wanted = hf_relay_protocol_wanted();
    plan->must_track = !world->lossy;
    if (plan->must_track)
        plan->promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    hf_relay_init(&world->relay, &settings, &world->edge.front);
    edge_step(&world->edge, (struct hf_event){ .kind = HF_EVENT_START });
}

static void welcome(struct world *world)
{
    hf_relay_begin(&world->relay, &world->promise);
    world->there = true;
    world->vmms++;
    world->look = true;
}

/* A fresh front-end; dials are counted on. */
static void over(struct world *world)
{
    struct edge *edge = &world->edge;
    struct hf_front_settings settings = edge->front.settings;

    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_STOP });
    edge_close_all(edge);
    FUZZ_CHECK(edge->fds.open_count == 0);
    uint32_t dial = edge->front.last_dial;
    hf_front_init(&edge->front, &settings, (uint16_t)WORLD_RINGS);
    edge->front.last_dial = dial;
    edge->parted = world->changed = world->look = false;
    begin(world);
    welcome(world);
}

static bool pump_once(struct world *world)
{
    struct edge *edge = &world->edge;

    if (edge->answered != 0 && edge->answered == world->question) {
        world->question = 0;
        world->answer = edge->answer;
        world_answer_now(world, edge->answer_error);
    }
    edge->answered = 0;
    if (world->changed) {
        world->changed = false;
        world->look = true;
        edge_step(edge, (struct hf_event){ .kind = HF_EVENT_CHANGED });
    } else if (world->vmm_gone) {
        hear_gone(world);
    } else if (edge->parted) {
        hear_parted(world);
    } else if (world->answered) {
        hear_answer(world);
    } else if (world->look) {
        look(world);
    } else if (hf_relay_is_over(&world->relay)) {
        over(world);
    } else {
        return false;
    }
    return true;
}

void world_pump(struct world *world)
{
    unsigned rounds = 0;

    world->look = true;
    while (pump_once(world))
        FUZZ_CHECK(++rounds < ROUNDS_MAX);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* The first deadline of either core; 0: there is none. */
static uint64_t next_due_ns(const struct world *world)
{
    uint64_t front_ns = world->edge.front.armed_ns, relay_ns = world->relay.deadline_ns;

    if (front_ns == 0 || relay_ns == 0)
        return front_ns + relay_ns;
    return front_ns < relay_ns ? front_ns : relay_ns;
}

static bool wait_for_timer(struct world *world)
{
    struct edge *edge = &world->edge;
    uint64_t due_ns = next_due_ns(world);

    if (due_ns == 0)
        return false;
    if (edge->now_ns < due_ns)
        edge->now_ns = due_ns;
    if (due_ns == world->relay.deadline_ns)
        world_feed(world, (struct hf_relay_event){ .kind = HF_RELAY_EVENT_TIMER, .fd = -1 });
    else
        edge_step(edge, (struct hf_event){ .kind = HF_EVENT_TIMER });
    return true;
}

void world_wait(struct world *world, uint64_t duration_ns)
{
    uint64_t until_ns = world->edge.now_ns + duration_ns;
    unsigned steps = 0;

    while (next_due_ns(world) != 0 && next_due_ns(world) <= until_ns) {
        wait_for_timer(world);
        world_pump(world);
        FUZZ_CHECK(++steps < STEPS_MAX);
    }
    if (world->edge.now_ns < until_ns)
        world->edge.now_ns = until_ns;
}

bool world_go_on(struct world *world)
{
    bool went_on = edge_go_on_now(&world->edge) || wait_for_timer(world);

    world_pump(world);
    return went_on;
}

void world_be_good(struct world *world)
{
    world->edge.peer = (struct edge_peer){
        .features = UINT64_MAX, .protocol = UINT64_MAX, .queues = WORLD_RINGS, .slots = 509
    };
    world->guest = (struct world_guest){ .avail = 7, .used = 7 };
}

void world_settle(struct world *world)
{
    unsigned steps = 0;

    hf_relay_set_switching(&world->relay, HF_RELAY_SWITCH_NONE);
    world_pump(world);
    while (!world->there || !hf_relay_settled(&world->relay)) {
        /* Without one that can serve, a stop may wait for ever, and so may a VMM's end. */
        if (++steps == STEPS_MAX / 2)
            world_be_good(world);
        FUZZ_CHECK(steps < STEPS_MAX && world_go_on(world));
    }
}

/* ---- the VMM --------------------------------------------------------------------------------- */

void world_receive(struct world *world, const struct hf_message *message)
{
    world_settle(world);
    if (!fuzz_fds_left(&world->edge.fds, FDS_MAX))
        return;
    world->message = *message;
    for (unsigned i = 0; i < message->fd_count; i++)
        world->message.fds[i] = fuzz_fd_new(&world->edge.fds);
    world->answer_due = true;
    world->replies = 0;
    world->protocol_before = world->relay.back.protocol_features;
    world->read_ns = world->edge.now_ns;
    world_feed(world, (struct hf_relay_event){
                          .kind = HF_RELAY_EVENT_MESSAGE, .message = &world->message, .fd = -1 });
    world_pump(world);
}

void world_lose_vmm(struct world *world)
{
    if (!world->there)
        return;
    world->there = false;
    world->vmm_gone = true;
    world_pump(world);
}

void world_init(struct world *world, bool lossy)
{
    struct edge *edge = &world->edge;

    world->lossy = lossy;
    edge_init(edge, &(struct front_prefix){ .queue_count = WORLD_RINGS });
    edge->front.settings.reply_timeout_ns = WORLD_REPLY_NS / 2;
    edge->front.settings.stop_timeout_ns = WORLD_STOP_NS / 2;
    edge->shares_fds = true;
    world_be_good(world);
    begin(world);
    while (edge->front.phase != HF_PHASE_READY)
        FUZZ_CHECK(edge_go_on(edge));
    world->promise = hf_relay_promise_of(&edge->front.session, (uint16_t)WORLD_RINGS, false);
    welcome(world);
    world_pump(world);
}

void world_end(struct world *world)
{
    unsigned vmms = world->vmms, steps = 0;

    hf_relay_set_switching(&world->relay, HF_RELAY_SWITCH_NONE);
    world_be_good(world);
    world_lose_vmm(world);
    while (world->vmms == vmms)
        FUZZ_CHECK(++steps < STEPS_MAX && world_go_on(world));
}
