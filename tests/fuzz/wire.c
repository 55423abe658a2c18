/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framer and the codec under any bytes, cut anywhere, with descriptors anywhere. Two modes: raw
 * bytes, and messages built from the table, encoded, perhaps spoilt, and compared with what comes
 * out. Every descriptor handed in must come out once, with a message or at the end.
 */
#include "fds.h"

#include "wire/describe.h"
#include "wire/framer.h"

enum {
    DEPTH_WHOLE, /* a message whole */
    DEPTH_FDS,   /* with descriptors */
    DEPTH_MANY,  /* three in one stream, in pieces */
};

#define FDS_COUNT     0x0fu
#define FDS_OVERRIDE  0x10u /* built messages: not the count they need */
#define FDS_MISPLACED 0x40u
#define FDS_TRUNCATED 0x80u
#define STREAM_MAX    16384u
#define BUILT_MAX     64u
#define PLAN_LENGTH   24u

struct plan {
    uint8_t stream;
    uint8_t built;
    uint8_t cuts[PLAN_LENGTH]; /* longest piece, one after the other; 0: no limit */
    uint8_t fds[PLAN_LENGTH];  /* one for each message: FDS_* */
};

/* One message to build. */
struct recipe {
    uint8_t request;
    uint8_t flags; /* HF_MESSAGE_NEED_REPLY */
    uint8_t kind;  /* 0: the one of the table */
    uint8_t count; /* regions, descriptors */
    uint16_t spoil_at;
    uint8_t spoil_with;
    uint8_t unused;
    uint8_t body[56];
};

struct feeding {
    struct hf_framer framer;
    struct plan plan;
    uint8_t bytes[STREAM_MAX];
    size_t size_bytes;
    struct hf_message built[BUILT_MAX]; /* what was encoded, while nothing is spoilt */
    unsigned built_count;
    bool spoilt;
    unsigned whole;
    unsigned pieces;
    unsigned reached;
    struct fuzz_fds fds;
};

/* ---- building ---- */

static void fill_body(struct hf_message *message, const struct recipe *recipe)
{
    memcpy(&message->body, recipe->body, sizeof(recipe->body));
    if (message->kind == HF_PAYLOAD_MEM_TABLE) {
        memset(&message->body, 0, sizeof(message->body));
        message->body.table.count = recipe->count % (HF_WIRE_REGIONS_MAX + 1);
        for (unsigned i = 0; i < message->body.table.count; i++)
            memcpy(&message->body.table.regions[i], recipe->body + i, 32);
    }
    if (message->kind == HF_PAYLOAD_CONFIG)
        message->body.config.size_bytes %= HF_WIRE_CONFIG_MAX + 1;
}

static struct hf_message cook(const struct feeding *feeding, const struct recipe *recipe)
{
    struct hf_message message = { .stream = (enum hf_stream)feeding->plan.stream,
                                  .request = recipe->request,
                                  .flags = HF_MESSAGE_VERSION };
    const struct hf_shape *shape = hf_stream_shape(message.stream, message.request);

    if (hf_stream_is_replies(message.stream))
        message.flags |= HF_MESSAGE_REPLY;
    else
        message.flags |= recipe->flags & HF_MESSAGE_NEED_REPLY;
    message.kind =
        recipe->kind != 0 ? (enum hf_payload)(recipe->kind % HF_PAYLOAD_COUNT) : shape->payload;
    fill_body(&message, recipe);
    return message;
}

static size_t encode(const struct hf_message *message, uint8_t *into)
{
    uint8_t *exact = fuzz_alloc(HF_MESSAGE_ENCODED_MAX);
    size_t size_bytes = hf_message_encode(message, exact, HF_MESSAGE_ENCODED_MAX);

    memcpy(into, exact, size_bytes);
    free(exact);
    return size_bytes;
}

/* With as many descriptors as it takes. 0: it cannot be encoded. */
static size_t encode_somehow(struct hf_message *message, uint8_t *into)
{
    for (message->fd_count = 0; message->fd_count <= HF_MESSAGE_FDS_MAX; message->fd_count++) {
        size_t size_bytes = encode(message, into);

        if (size_bytes > 0)
            return size_bytes;
    }
    return 0;
}

static void build(struct feeding *feeding, struct fuzz_input *input)
{
    struct recipe recipe;

    while (feeding->built_count < BUILT_MAX && fuzz_take(input, &recipe, sizeof(recipe)) &&
           feeding->size_bytes + HF_MESSAGE_ENCODED_MAX <= STREAM_MAX) {
        struct hf_message message = cook(feeding, &recipe);
        uint8_t *at = feeding->bytes + feeding->size_bytes;
        size_t size_bytes = encode_somehow(&message, at);

        if (size_bytes == 0)
            continue;
        at[recipe.spoil_at % size_bytes] ^= recipe.spoil_with;
        feeding->spoilt = feeding->spoilt || recipe.spoil_with != 0;
        feeding->size_bytes += size_bytes;
        feeding->built[feeding->built_count++] = message;
    }
}

/* ---- what comes out ---- */

/* In a reply to SET_MEM_TABLE, a table without regions has the bytes of an acknowledgement. */
static bool is_ambiguous(const struct hf_message *message)
{
    return message->stream == HF_STREAM_REPLIES && message->kind == HF_PAYLOAD_MEM_TABLE &&
           message->body.table.count == 0;
}

/* Decoding what was encoded again gives the same; encoding that gives the same bytes. */
static void check_round_trip(const struct hf_message *message)
{
    uint8_t first[HF_MESSAGE_ENCODED_MAX];
    uint8_t second[HF_MESSAGE_ENCODED_MAX];
    size_t size_bytes = encode(message, first);
    struct hf_message again;

    if (size_bytes == 0 || is_ambiguous(message))
        return;
    uint8_t *exact = fuzz_copy(first, size_bytes);
    FUZZ_CHECK(hf_message_decode(message->stream, exact, size_bytes, &again) == HF_WIRE_FAULT_NONE);
    free(exact);
    FUZZ_CHECK(again.request == message->request && again.kind == message->kind);
    again.fd_count = message->fd_count;
    FUZZ_CHECK(encode(&again, second) == size_bytes && memcmp(first, second, size_bytes) == 0);
}

static void check_description(const struct hf_message *message)
{
    char *room = fuzz_alloc(40);
    struct hf_text text = hf_text_of(room, 40);

    hf_message_describe(message, &text);
    FUZZ_CHECK(text.length < 40 && room[text.length] == '\0');
    free(room);
}

/* Nothing was spoilt, so the n-th message out is the n-th one in. */
static void check_same(struct feeding *feeding, const struct hf_message *message)
{
    uint8_t in[HF_MESSAGE_ENCODED_MAX];
    uint8_t out[HF_MESSAGE_ENCODED_MAX];

    if (!feeding->plan.built || feeding->spoilt)
        return;
    const struct hf_message *sent = &feeding->built[feeding->whole];
    size_t size_bytes = encode(sent, in);
    FUZZ_CHECK(size_bytes > 0 && encode(message, out) == size_bytes);
    FUZZ_CHECK(memcmp(in, out, size_bytes) == 0);
}

static void take_message(struct feeding *feeding, const struct hf_message *message)
{
    FUZZ_CHECK(message->fd_count <= HF_MESSAGE_FDS_MAX);
    FUZZ_CHECK(hf_message_judge_fds(message) == HF_WIRE_FAULT_NONE);
    FUZZ_CHECK(hf_stream_info(message->stream, message->request) != NULL ||
               !hf_stream_is_replies(message->stream));
    for (unsigned i = 0; i < message->fd_count; i++)
        fuzz_fd_close(&feeding->fds, message->fds[i]);
    check_round_trip(message);
    check_description(message);
    check_same(feeding, message);
    feeding->whole++;
    feeding->reached |= FUZZ_DEPTH(DEPTH_WHOLE);
    if (message->fd_count > 0)
        feeding->reached |= FUZZ_DEPTH(DEPTH_FDS);
    if (feeding->whole >= 3 && feeding->pieces > 2 * feeding->whole)
        feeding->reached |= FUZZ_DEPTH(DEPTH_MANY);
}

/* ---- feeding ---- */

static unsigned fds_of_piece(const struct feeding *feeding)
{
    uint8_t rule = feeding->plan.fds[feeding->whole % PLAN_LENGTH];

    if (!hf_framer_between_messages(&feeding->framer))
        return (rule & FDS_MISPLACED) != 0;
    if (feeding->plan.built && (rule & FDS_OVERRIDE) == 0 && feeding->whole < feeding->built_count)
        return feeding->built[feeding->whole].fd_count;
    return rule & FDS_COUNT;
}

static size_t length_of_piece(const struct feeding *feeding, size_t wanted, size_t left)
{
    uint8_t cut = feeding->plan.cuts[feeding->pieces % PLAN_LENGTH];
    size_t length = wanted < left ? wanted : left;

    return cut != 0 && cut < length ? cut : length;
}

static bool feed_one(struct feeding *feeding, size_t *offset)
{
    int fds[HF_FRAMER_PIECE_FDS_MAX];
    struct hf_piece piece = { .fds = fds, .fd_count = fds_of_piece(feeding) };
    struct hf_message message;
    uint8_t *into;
    size_t wanted;

    hf_framer_want(&feeding->framer, &into, &wanted);
    FUZZ_CHECK(wanted > 0);
    memset(into, 0x5a, wanted);
    piece.size_bytes = length_of_piece(feeding, wanted, feeding->size_bytes - *offset);
    piece.truncated = (feeding->plan.fds[feeding->whole % PLAN_LENGTH] & FDS_TRUNCATED) != 0 &&
                      piece.fd_count > 0;
    memcpy(into, feeding->bytes + *offset, piece.size_bytes);
    *offset += piece.size_bytes;
    for (unsigned i = 0; i < piece.fd_count; i++)
        fds[i] = fuzz_fd_new(&feeding->fds);
    feeding->pieces++;
    enum hf_frame frame = hf_framer_feed(&feeding->framer, &piece, &message);
    if (frame == HF_FRAME_MESSAGE)
        take_message(feeding, &message);
    FUZZ_CHECK((frame == HF_FRAME_FAULT) == (feeding->framer.fault != HF_WIRE_FAULT_NONE));
    return frame != HF_FRAME_FAULT;
}

static void feed(struct feeding *feeding)
{
    int held[HF_FRAMER_HELD_FDS_MAX];
    size_t offset = 0;

    while (offset < feeding->size_bytes && fuzz_fds_left(&feeding->fds, HF_FRAMER_PIECE_FDS_MAX) &&
           feed_one(feeding, &offset))
        ;
    unsigned count = hf_framer_release(&feeding->framer, held);
    FUZZ_CHECK(count <= HF_FRAMER_HELD_FDS_MAX);
    for (unsigned i = 0; i < count; i++)
        fuzz_fd_close(&feeding->fds, held[i]);
    FUZZ_CHECK(feeding->fds.open_count == 0);
    FUZZ_CHECK(hf_framer_release(&feeding->framer, held) == 0);
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct feeding *feeding = fuzz_alloc(sizeof(*feeding));

    fuzz_take(&input, &feeding->plan, sizeof(feeding->plan));
    feeding->plan.stream %= HF_STREAM_COUNT;
    feeding->plan.built &= 1;
    hf_framer_init(&feeding->framer, (enum hf_stream)feeding->plan.stream);
    if (feeding->plan.built) {
        build(feeding, &input);
    } else {
        feeding->size_bytes = input.left < STREAM_MAX ? input.left : STREAM_MAX;
        fuzz_take(&input, feeding->bytes, feeding->size_bytes);
    }
    feed(feeding);
    unsigned reached = feeding->reached;
    free(feeding);
    return reached;
}

/* ---- seeds ---- */

struct wire_seed {
    struct plan plan;
    uint8_t bytes[STREAM_MAX];
};

/* Every message of one stream, one after the other, as recipes and as bytes. */
static void seed_built(enum hf_stream stream, uint8_t cut, const char *name)
{
    static struct wire_seed seed;
    size_t size_bytes = 0;

    seed = (struct wire_seed){ .plan = { .stream = (uint8_t)stream, .built = 1, .cuts = { cut } } };
    for (unsigned request = 1; request < HF_REQUEST_COUNT; request++) {
        struct recipe recipe = { .request = (uint8_t)request,
                                 .flags = HF_MESSAGE_NEED_REPLY,
                                 .count = (uint8_t)request };

        memset(recipe.body, (int)request, sizeof(recipe.body));
        memcpy(seed.bytes + size_bytes, &recipe, sizeof(recipe));
        size_bytes += sizeof(recipe);
    }
    fuzz_seed(name, &seed, sizeof(seed.plan) + size_bytes);
}

static void seed_raw(enum hf_stream stream, uint32_t first, const char *name)
{
    static struct wire_seed seed;
    struct feeding none = { .plan = { .stream = (uint8_t)stream } };
    size_t size_bytes = 0;

    seed = (struct wire_seed){ .plan = none.plan };
    for (unsigned i = 0; i < PLAN_LENGTH; i++) {
        struct recipe recipe = { .request = (uint8_t)(first + i), .count = 2 };
        struct hf_message message = cook(&none, &recipe);

        size_bytes += encode_somehow(&message, seed.bytes + size_bytes);
        seed.plan.fds[i] = (uint8_t)(message.fd_count & FDS_COUNT);
    }
    fuzz_seed(name, &seed, sizeof(seed.plan) + size_bytes);
}

/* A body of any length is refused by its length before there is no room for it. */
static void seed_long(void)
{
    static struct wire_seed seed;
    const uint32_t header[3] = { HF_REQUEST_CREATE_CRYPTO_SESSION, HF_MESSAGE_VERSION,
                                 HF_WIRE_PAYLOAD_MAX + 1 };

    seed = (struct wire_seed){ .plan = { .stream = HF_STREAM_REQUESTS } };
    memcpy(seed.bytes, header, sizeof(header));
    fuzz_seed("long", &seed, sizeof(seed.plan) + sizeof(header) + header[2]);
    memcpy(seed.bytes + 8, &(uint32_t){ HF_WIRE_PAYLOAD_MAX }, sizeof(uint32_t));
    fuzz_seed("longest", &seed, sizeof(seed.plan) + sizeof(header) + HF_WIRE_PAYLOAD_MAX);
}

static void seeds(void)
{
    seed_long();
    seed_built(HF_STREAM_REQUESTS, 0, "built-requests");
    seed_built(HF_STREAM_REPLIES, 5, "built-replies");
    seed_built(HF_STREAM_BACKEND_REQUESTS, 1, "built-backend-requests");
    seed_built(HF_STREAM_BACKEND_REPLIES, 7, "built-backend-replies");
    seed_raw(HF_STREAM_REQUESTS, 1, "raw-requests");
    seed_raw(HF_STREAM_REQUESTS, PLAN_LENGTH, "raw-later-requests");
    seed_raw(HF_STREAM_REPLIES, 1, "raw-replies");
    seed_raw(HF_STREAM_BACKEND_REQUESTS, 1, "raw-backend-requests");
}

const struct fuzz_target fuzz_target = {
    .name = "wire",
    .depths = { "a message whole", "with descriptors", "three in pieces" },
    .prefix_bytes = sizeof(struct plan),
    .record_bytes = sizeof(struct recipe),
    .run = run,
    .seeds = seeds,
};
