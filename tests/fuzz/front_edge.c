/* SPDX-License-Identifier: BSD-3-Clause */
/* Effects on paper. What is checked here is said in session/front.h. */
#include "front_edge.h"

#include "ring/inflight.h"

#define PROTOCOL_WANTED                                                                            \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(CONFIG) |      \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                     \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(LOG_SHMFD))

/* One bit of front_prefix.not_wanted each. */
static const uint64_t optional[8] = {
    HF_PROTOCOL_FEATURE(MQ),           HF_PROTOCOL_FEATURE(REPLY_ACK),
    HF_PROTOCOL_FEATURE(CONFIG),       HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD),
    HF_PROTOCOL_FEATURE(RESET_DEVICE), HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS),
};

void edge_init(struct edge *edge, const struct front_prefix *prefix)
{
    struct hf_front_settings settings = hf_front_settings_default;
    struct hf_plan *plan = &edge->front.plan;
    uint16_t queue_count =
        (uint16_t)(1 + (prefix->queue_count + FRONT_QUEUES_MAX - 1u) % FRONT_QUEUES_MAX);

    settings.outage_limit_ns = prefix->outage_limit_ms * UINT64_C(1000000);
    hf_front_init(&edge->front, &settings, queue_count);
    plan->protocol_wanted = PROTOCOL_WANTED;
    for (unsigned i = 0; i < 8; i++)
        if ((prefix->not_wanted >> i & 1) != 0)
            plan->protocol_wanted &= ~optional[i];
    plan->promise.queue_count = queue_count;
    edge->now_ns = 1000;
    edge->peer = (struct edge_peer){
        .features = UINT64_MAX, .protocol = UINT64_MAX, .queues = 256, .slots = 509
    };
}

/* ---- descriptors ---- */

/* How many the plan holds; into `fds`. */
static unsigned list_plan(const struct hf_plan *plan, int *fds)
{
    unsigned count = 0;

    fds[count++] = plan->inflight.fd;
    fds[count++] = plan->log.fd;
    fds[count++] = plan->channel_fd;
    for (unsigned i = 0; i < plan->queue_count; i++) {
        fds[count++] = plan->rings[i].kick_fd;
        fds[count++] = plan->rings[i].call_fd;
        fds[count++] = plan->rings[i].err_fd;
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        fds[count++] = plan->regions[i].generation != 0 ? plan->regions[i].fd : -1;
    return count;
}

#define PLAN_FDS_MAX (3u + 3u * HF_QUEUE_COUNT_MAX + HF_REGION_COUNT_MAX)

void edge_check_fds(const struct edge *edge)
{
    int fds[PLAN_FDS_MAX];
    unsigned count = list_plan(&edge->front.plan, fds), held = 0;

    for (unsigned i = 0; i < count; i++) {
        FUZZ_CHECK(fds[i] < 0 || fuzz_fd_is_open(&edge->fds, fds[i]));
        held += fds[i] >= 0;
    }
    FUZZ_CHECK(edge->shares_fds || held == (unsigned)edge->fds.open_count);
}

void edge_close_all(struct edge *edge)
{
    int fds[PLAN_FDS_MAX];
    unsigned count = list_plan(&edge->front.plan, fds);

    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0)
            fuzz_fd_close(&edge->fds, fds[i]);
}

/* ---- effects ---- */

static void part(struct edge *edge)
{
    edge->connected = false;
    edge->dialling = false;
    edge->unsent = false;
    edge->unread_count = 0;
}

static void dial(struct edge *edge, const struct hf_effect *effect)
{
    FUZZ_CHECK(effect->dial > edge->dial && !edge->connected);
    part(edge);
    edge->dialling = true;
    edge->dial = effect->dial;
}

static void check_descriptors(const struct edge *edge, const struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        FUZZ_CHECK(fuzz_fd_is_open(&edge->fds, message->fds[i]));
}

static bool wants_answer(const struct edge *edge, const struct hf_message *message)
{
    const struct hf_request_info *info = hf_request_info(message->request);

    return hf_request_is_answered(info, hf_message_needs_reply(message),
                                  edge->front.session.protocol);
}

static void check_allowed(const struct edge *edge, const struct hf_message *message)
{
    const struct hf_session *session = &edge->front.session;

    FUZZ_CHECK(
        hf_request_allowed(hf_request_info(message->request), session->offered, session->protocol));
    if (hf_message_needs_reply(message))
        FUZZ_CHECK((session->protocol & HF_PROTOCOL_FEATURE(REPLY_ACK)) != 0);
    if (message->request == HF_REQUEST_SET_VRING_KICK)
        FUZZ_CHECK(!edge->settle_owed && !edge->front.plan.settle_owed);
    if (message->request == HF_REQUEST_SET_FEATURES)
        FUZZ_CHECK((message->body.u64 & ~session->offered) == 0);
}

static void send(struct edge *edge, const struct hf_effect *effect)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    const struct hf_message *message = &edge->effects.message;

    (void)effect;
    FUZZ_CHECK(edge->connected && !edge->unsent);
    FUZZ_CHECK(hf_message_encode(message, bytes, sizeof(bytes)) > 0);
    check_descriptors(edge, message);
    check_allowed(edge, message);
    edge->unsent = true;
    if (!wants_answer(edge, message))
        return;
    FUZZ_CHECK(edge->unread_count < EDGE_UNREAD_MAX);
    edge->unread[edge->unread_count++] = *message;
}

static void hang_up(struct edge *edge, const struct hf_effect *effect)
{
    (void)effect;
    FUZZ_CHECK(edge->connected || edge->dialling);
    part(edge);
}

static void arm(struct edge *edge, const struct hf_effect *effect)
{
    (void)edge;
    FUZZ_CHECK(effect->deadline_ns != 0);
}

static void settle(struct edge *edge, const struct hf_effect *effect)
{
    (void)effect;
    edge->settle_owed = true;
}

static void convert(struct edge *edge, const struct hf_effect *effect)
{
    (void)effect;
    FUZZ_CHECK(edge->connected && edge->front.plan.inflight.generation != 0);
    FUZZ_CHECK(fuzz_fd_is_open(&edge->fds, edge->effects.offer.fd));
    edge->convert_owed = true;
}

/* At once, as the edge does it; some peers give regions that cannot be written. */
static void converted(struct edge *edge)
{
    edge->convert_owed = false;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_CONVERTED,
                                       .dial = edge->dial,
                                       .offer = edge->effects.offer,
                                       .why = edge->peer.base % 2 != 0 ? "a reason" : NULL });
    FUZZ_CHECK(edge->front.session.converting == 0);
}

static void signal_all(struct edge *edge, const struct hf_effect *effect)
{
    (void)effect;
    FUZZ_CHECK(edge->connected);
}

static void close_it(struct edge *edge, const struct hf_effect *effect)
{
    fuzz_fd_close(&edge->fds, effect->fd);
}

static void answer(struct edge *edge, const struct hf_effect *effect)
{
    for (unsigned i = 0; i < edge->asked_count; i++) {
        if (edge->asked[i] != effect->number)
            continue;
        edge->asked[i] = edge->asked[--edge->asked_count];
        edge->answered = effect->number;
        edge->answer_error = effect->error;
        edge->answer = edge->effects.answer.body;
        return;
    }
    fuzz_fail(__FILE__, __LINE__, "an answer that nobody waits for");
}

static void report(struct edge *edge, const struct hf_effect *effect)
{
    const struct hf_report *report = &effect->report;

    FUZZ_CHECK((unsigned)report->kind < HF_REPORT_COUNT);
    FUZZ_CHECK(memchr(edge->effects.detail, '\0', sizeof(edge->effects.detail)) != NULL);
    edge->reports[report->kind]++;
    if (report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED) {
        edge->parted = true;
        edge->lost = report->fault;
        edge->lost_dial = edge->front.session.dial;
    }
    if (report->kind == HF_REPORT_STARTED && report->recovered)
        edge->recovered++;
    if (report->kind == HF_REPORT_STOPPED && report->clean)
        edge->stopped_clean++;
}

static void (*const carriers[HF_EFFECT_COUNT])(struct edge *, const struct hf_effect *) = {
    [HF_EFFECT_DIAL] = dial,           [HF_EFFECT_SEND] = send,
    [HF_EFFECT_HANG_UP] = hang_up,     [HF_EFFECT_ARM] = arm,
    [HF_EFFECT_SETTLE] = settle,       [HF_EFFECT_KICK_ALL] = signal_all,
    [HF_EFFECT_CALL_ALL] = signal_all, [HF_EFFECT_CLOSE] = close_it,
    [HF_EFFECT_ANSWER] = answer,       [HF_EFFECT_REPORT] = report,
    [HF_EFFECT_CONVERT] = convert,
};

void edge_step(struct edge *edge, struct hf_event event)
{
    event.now_ns = edge->now_ns;
    hf_front_step(&edge->front, &event, &edge->effects);
    FUZZ_CHECK(edge->effects.count <= HF_EFFECTS_MAX);
    for (unsigned i = 0; i < edge->effects.count; i++) {
        const struct hf_effect *effect = &edge->effects.list[i];

        FUZZ_CHECK((unsigned)effect->kind < HF_EFFECT_COUNT);
        carriers[effect->kind](edge, effect);
    }
    hf_front_check(&edge->front);
    FUZZ_CHECK(edge->connected == hf_phase_connected(edge->front.phase));
    FUZZ_CHECK(edge->dialling == (edge->front.phase == HF_PHASE_DIALING));
    FUZZ_CHECK(edge->settle_owed == edge->front.plan.settle_owed);
    /* Every wait on the peer has an end. */
    if (edge->dialling || edge->unsent || edge->unread_count > 0)
        FUZZ_CHECK(edge->front.armed_ns != 0);
    if (edge->convert_owed)
        converted(edge);
}

/* ---- events ---- */

void edge_receive(struct edge *edge, struct hf_message *message, uint32_t dial_number)
{
    struct hf_event event = { .kind = HF_EVENT_MESSAGE, .dial = dial_number, .message = message };

    message->size_bytes = 0;
    for (unsigned i = 0; i < message->fd_count; i++)
        message->fds[i] = fuzz_fd_new(&edge->fds);
    edge_step(edge, event);
    edge_check_fds(edge);
}

void edge_settled(struct edge *edge, const struct front_record *record)
{
    uint16_t queue_count = edge->front.plan.queue_count;
    uint16_t *bases = fuzz_alloc(queue_count * sizeof(*bases));
    struct hf_event event = { .kind = HF_EVENT_SETTLED };

    for (unsigned i = 0; i < queue_count; i++)
        bases[i] = (uint16_t)(record->a + i);
    event.settled = (struct hf_settled){
        .bases = bases,
        .clean = (record->flags & FRONT_CLEAN) != 0,
        .progressed = record->b % 2 == 1,
        .in_flight = (uint32_t)record->b,
        .has_oldest = (record->flags & FRONT_OLDEST) != 0,
        .oldest_queue = record->index,
        .oldest_head = (uint16_t)record->b,
        .oldest_counter = record->b >> 16,
        .note = (record->flags & FRONT_STRAY) != 0 ? "a note" : NULL,
    };
    edge->settle_owed = false;
    edge_step(edge, event);
    free(bases);
}

static void fill_inflight(const struct edge *edge, const struct hf_message *asked,
                          struct hf_message *reply)
{
    struct hf_wire_inflight *inflight = &reply->body.inflight;

    *inflight = asked->body.inflight;
    inflight->mmap_size_bytes =
        inflight->queue_count *
        (hf_inflight_stride(inflight->queue_size, HF_INFLIGHT_ALIGNMENT) + edge->peer.pads);
    reply->fd_count = 1;
}

struct hf_message edge_right_reply(const struct edge *edge)
{
    const struct hf_message *asked = &edge->unread[0];
    const struct hf_request_info *info = hf_request_info(asked->request);
    enum hf_request request = (enum hf_request)asked->request;
    const uint64_t values[HF_REQUEST_COUNT] = {
        [HF_REQUEST_GET_FEATURES] = edge->peer.features,
        [HF_REQUEST_GET_PROTOCOL_FEATURES] = edge->peer.protocol,
        [HF_REQUEST_GET_QUEUE_NUM] = edge->peer.queues,
        [HF_REQUEST_GET_MAX_MEM_SLOTS] = edge->peer.slots,
    };

    if (info->answer.payload == HF_PAYLOAD_U64)
        return hf_message_reply_u64(request, values[request]);
    struct hf_message reply = hf_message_reply(request);
    if (request == HF_REQUEST_GET_INFLIGHT_FD)
        fill_inflight(edge, asked, &reply);
    if (request == HF_REQUEST_GET_CONFIG)
        reply.body.config = asked->body.config;
    if (request == HF_REQUEST_GET_VRING_BASE)
        reply.body.state = (struct hf_wire_vring_state){ asked->body.state.index, edge->peer.base };
    return reply;
}

void edge_reply_taken(struct edge *edge)
{
    if (edge->unread_count == 0)
        return;
    edge->unread_count--;
    memmove(&edge->unread[0], &edge->unread[1], edge->unread_count * sizeof(edge->unread[0]));
}

static void reply(struct edge *edge)
{
    struct hf_message message = edge_right_reply(edge);

    edge_reply_taken(edge);
    edge_receive(edge, &message, edge->dial);
}

static void connected(struct edge *edge)
{
    edge->dialling = false;
    edge->connected = true;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_DIALED, .dial = edge->dial });
}

static void sent(struct edge *edge)
{
    edge->unsent = false;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_SENT, .dial = edge->dial });
}

static void wait_for_timer(struct edge *edge)
{
    if (edge->now_ns < edge->front.armed_ns)
        edge->now_ns = edge->front.armed_ns;
    edge_step(edge, (struct hf_event){ .kind = HF_EVENT_TIMER });
}

bool edge_go_on_now(struct edge *edge)
{
    if (edge->dialling)
        connected(edge);
    else if (edge->unsent)
        sent(edge);
    else if (edge->settle_owed)
        edge_settled(edge, &(struct front_record){ .flags = FRONT_CLEAN, .a = 1 });
    else if (edge->unread_count > 0 && fuzz_fds_left(&edge->fds, 1))
        reply(edge);
    else
        return false;
    return true;
}

bool edge_go_on(struct edge *edge)
{
    if (edge_go_on_now(edge))
        return true;
    if (edge->front.armed_ns == 0)
        return false;
    wait_for_timer(edge);
    return true;
}
