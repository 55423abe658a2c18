/* SPDX-License-Identifier: BSD-3-Clause */
/* What a front core's edge and back-end do, well or badly. */
#include "front_edge.h"

static void run_on(struct edge *edge, const struct front_record *record)
{
    unsigned steps = record->a % 256;

    while (steps-- > 0 && edge_go_on(edge))
        ;
}

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

static void (*const plays[FRONT_OP_RUNS])(struct edge *, const struct front_record *) = {
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
    [FRONT_OP_PEER] = change_peer,
};

bool edge_play(struct edge *edge, const struct front_record *record)
{
    if (record->op >= FRONT_OP_RUNS || plays[record->op] == NULL)
        return false;
    plays[record->op](edge, record);
    return true;
}
