/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records into messages, by the kind of their body; and honest front-ends as seeds: the orders of
 * QEMU, user-mode Linux, SPDK's initiator and Cloud Hypervisor.
 */
#include "back_script.h"

#include "ring/inflight.h"

static void fill_u64(const struct back_record *record, struct hf_message *message)
{
    bool names_ring = message->request >= HF_REQUEST_SET_VRING_KICK &&
                      message->request <= HF_REQUEST_SET_VRING_ERR;

    message->body.u64 = record->b;
    if (names_ring && (record->flags & BACK_RAW) == 0)
        message->body.u64 = record->ring;
    if (names_ring && (record->flags & BACK_NO_FD) != 0)
        message->body.u64 |= HF_WIRE_NO_FD;
}

static void fill_state(const struct back_record *record, struct hf_message *message)
{
    message->body.state.index = record->ring;
    message->body.state.num = record->a;
}

static void fill_addresses(const struct back_record *record, struct hf_message *message)
{
    bool raw = (record->flags & BACK_RAW) != 0;

    message->body.addr = (struct hf_wire_vring_addr){
        .index = record->ring,
        .flags = record->a,
        .desc = raw ? record->b : record->b << 4,
        .avail = raw ? record->c : (record->b << 4) + 0x1000,
        .used = raw ? record->b ^ record->c : (record->b << 4) + 0x2000,
        .log = record->c,
    };
}

static struct hf_wire_region region_of(const struct back_record *record, unsigned i)
{
    if ((record->flags & BACK_RAW) != 0)
        return (struct hf_wire_region){ .guest_address = record->b + i * record->c,
                                        .size_bytes = record->c,
                                        .user_address = record->b ^ record->a,
                                        .mmap_offset = record->a };
    uint64_t size_bytes = (1 + (record->c & 0xff)) << 12;
    uint64_t guest_address = ((record->b & 0xffff) << 12) + i * size_bytes;
    return (struct hf_wire_region){ .guest_address = guest_address,
                                    .size_bytes = size_bytes,
                                    .user_address = UINT64_C(0x7f0000000000) + guest_address };
}

static void fill_table(const struct back_record *record, struct hf_message *message)
{
    message->body.table.count = record->count % (HF_WIRE_REGIONS_MAX + 1);
    for (unsigned i = 0; i < message->body.table.count; i++)
        message->body.table.regions[i] = region_of(record, i);
}

static void fill_region(const struct back_record *record, struct hf_message *message)
{
    message->body.region = region_of(record, 0);
}

static void fill_inflight(const struct back_record *record, struct hf_message *message)
{
    struct hf_wire_inflight *inflight = &message->body.inflight;

    inflight->queue_count = record->count;
    inflight->queue_size = (uint16_t)record->a;
    inflight->mmap_offset = record->c;
    inflight->mmap_size_bytes = record->b;
    if ((record->flags & BACK_RAW) == 0)
        inflight->mmap_size_bytes =
            inflight->queue_count * hf_inflight_stride((uint16_t)record->a, HF_INFLIGHT_ALIGNMENT);
}

static void fill_log(const struct back_record *record, struct hf_message *message)
{
    message->body.log.size_bytes = record->b;
    message->body.log.mmap_offset = record->c;
    if ((record->flags & BACK_NO_FD) == 0)
        message->fd_count = 1;
}

static void fill_config(const struct back_record *record, struct hf_message *message)
{
    message->body.config.offset = (uint32_t)record->b;
    message->body.config.size_bytes = record->a % (HF_WIRE_CONFIG_MAX + 1);
    memset(message->body.config.data, record->ring, sizeof(message->body.config.data));
}

static void (*const fillers[HF_PAYLOAD_COUNT])(const struct back_record *, struct hf_message *) = {
    [HF_PAYLOAD_U64] = fill_u64,
    [HF_PAYLOAD_VRING_STATE] = fill_state,
    [HF_PAYLOAD_VRING_ADDR] = fill_addresses,
    [HF_PAYLOAD_MEM_TABLE] = fill_table,
    [HF_PAYLOAD_MEM_REGION] = fill_region,
    [HF_PAYLOAD_LOG] = fill_log,
    [HF_PAYLOAD_INFLIGHT] = fill_inflight,
    [HF_PAYLOAD_CONFIG] = fill_config,
};

/* Through the codec: what it refuses never reaches the core. */
static bool would_arrive(struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    unsigned fd_count = message->fd_count;
    size_t size_bytes = hf_message_encode(message, bytes, sizeof(bytes));

    if (message->kind == HF_PAYLOAD_OPAQUE) /* is not written, and nothing of it is kept */
        return true;
    if (size_bytes == 0)
        return false;
    FUZZ_CHECK(hf_message_decode(HF_STREAM_REQUESTS, bytes, size_bytes, message) ==
               HF_WIRE_FAULT_NONE);
    message->fd_count = fd_count;
    return true;
}

bool back_script_message(const struct back_record *record, struct hf_message *message)
{
    uint32_t request = record->op & BACK_OP_MASK;

    *message = hf_message_request((enum hf_request)request);
    if (fillers[message->kind] != NULL)
        fillers[message->kind](record, message);
    if ((record->flags & BACK_NEED_REPLY) != 0)
        message->flags |= HF_MESSAGE_NEED_REPLY;
    for (; message->fd_count <= HF_MESSAGE_FDS_MAX; message->fd_count++)
        if (hf_message_judge_fds(message) == HF_WIRE_FAULT_NONE)
            return would_arrive(message);
    return false;
}

/* vhost-user, "Message types": always, or with LOG_SHMFD for SET_LOG_BASE, or where it was asked
 * for. */
bool back_script_is_question(const struct hf_message *message, uint64_t before, uint64_t now)
{
    const struct hf_request_info *info = hf_request_info(message->request);
    bool ack = ((before | now) & HF_PROTOCOL_FEATURE(REPLY_ACK)) != 0;
    bool own = info != NULL && info->reply == HF_REPLY_OWN; /* NULL: nobody knows that request */
    bool log =
        message->request == HF_REQUEST_SET_LOG_BASE && (now & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0;

    return own || log || (hf_message_needs_reply(message) && ack);
}

/* ---- seeds ---- */

#define SEED_RECORDS_MAX 160u
#define VIRTIO_FEATURES                                                                            \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(SCSI_HOTPLUG))
#define PROTOCOL_FEATURES                                                                          \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(CONFIG) |      \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                     \
     HF_PROTOCOL_FEATURE(BACKEND_REQ) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |                 \
     HF_PROTOCOL_FEATURE(LOG_SHMFD))
#define RINGS 4u

struct seed {
    struct back_prefix prefix;
    struct back_record records[SEED_RECORDS_MAX];
};

struct writing {
    struct seed seed;
    unsigned count;
    uint8_t flags; /* of every message */
};

static void add(struct writing *writing, struct back_record record)
{
    FUZZ_CHECK(writing->count < SEED_RECORDS_MAX);
    record.flags |= writing->flags;
    writing->seed.records[writing->count++] = record;
}

static void say(struct writing *writing, enum hf_request request)
{
    add(writing, (struct back_record){ .op = (uint8_t)request });
}

static void say_u64(struct writing *writing, enum hf_request request, uint64_t value)
{
    add(writing, (struct back_record){ .op = (uint8_t)request, .b = value });
}

static void say_ring(struct writing *writing, enum hf_request request, unsigned ring, uint32_t num)
{
    add(writing, (struct back_record){
                     .op = (uint8_t)request, .ring = (uint8_t)ring, .a = num, .b = 0x1000 + ring });
}

static void say_all(struct writing *writing, enum hf_request request, uint32_t num)
{
    for (unsigned ring = 0; ring < RINGS; ring++)
        say_ring(writing, request, ring, num);
}

static void say_inflight(struct writing *writing, enum hf_request request)
{
    add(writing, (struct back_record){ .op = (uint8_t)request, .count = RINGS, .a = 128 });
}

static void say_memory(struct writing *writing)
{
    add(writing, (struct back_record){ .op = HF_REQUEST_SET_MEM_TABLE, .count = 2, .c = 0xff });
}

static void say_regions(struct writing *writing, enum hf_request request)
{
    for (unsigned i = 0; i < 3; i++)
        add(writing, (struct back_record){ .op = (uint8_t)request, .b = i * 0x100, .c = 0xff });
}

static void hello(struct writing *writing)
{
    say(writing, HF_REQUEST_GET_FEATURES);
    say(writing, HF_REQUEST_GET_PROTOCOL_FEATURES);
    say_u64(writing, HF_REQUEST_SET_PROTOCOL_FEATURES, PROTOCOL_FEATURES);
    say(writing, HF_REQUEST_GET_QUEUE_NUM);
    say(writing, HF_REQUEST_GET_MAX_MEM_SLOTS);
    say(writing, HF_REQUEST_SET_BACKEND_REQ_FD);
    say(writing, HF_REQUEST_SET_OWNER);
}

static void say_log(struct writing *writing, uint64_t size_bytes)
{
    add(writing, (struct back_record){ .op = HF_REQUEST_SET_LOG_BASE, .b = size_bytes });
}

/* The place as ever, and where the used ring is logged. */
static void say_ring_log(struct writing *writing, unsigned ring, bool on)
{
    add(writing, (struct back_record){ .op = HF_REQUEST_SET_VRING_ADDR,
                                       .ring = (uint8_t)ring,
                                       .a = on ? HF_WIRE_VRING_F_LOG : 0,
                                       .b = 0x1000 + ring,
                                       .c = on ? 0x12000 : 0 });
}

static void set_up_ring(struct writing *writing, unsigned ring)
{
    say_ring(writing, HF_REQUEST_SET_VRING_NUM, ring, 128);
    say_ring(writing, HF_REQUEST_SET_VRING_BASE, ring, 0);
    say_ring(writing, HF_REQUEST_SET_VRING_ADDR, ring, 0);
    say_ring(writing, HF_REQUEST_SET_VRING_KICK, ring, 0);
    say_ring(writing, HF_REQUEST_SET_VRING_CALL, ring, 0);
}

static void put_down(struct writing *writing, const char *name)
{
    fuzz_seed(name, &writing->seed,
              sizeof(writing->seed.prefix) + writing->count * sizeof(struct back_record));
}

/* reference: QEMU 10.2 init, start, stop, start again, guest reset. */
static void qemu(const char *name)
{
    struct writing writing = { .flags = BACK_NEED_REPLY };

    hello(&writing);
    say_all(&writing, HF_REQUEST_SET_VRING_CALL, 0);
    say_all(&writing, HF_REQUEST_SET_VRING_ERR, 0);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, VIRTIO_FEATURES | HF_FEATURE(PROTOCOL_FEATURES));
    add(&writing, (struct back_record){ .op = HF_REQUEST_GET_CONFIG, .a = 36 });
    say_inflight(&writing, HF_REQUEST_GET_INFLIGHT_FD);
    say_inflight(&writing, HF_REQUEST_SET_INFLIGHT_FD);
    say_regions(&writing, HF_REQUEST_ADD_MEM_REG);
    for (unsigned ring = 0; ring < RINGS; ring++)
        set_up_ring(&writing, ring);
    say_all(&writing, HF_REQUEST_SET_VRING_ENABLE, 1);
    say_all(&writing, HF_REQUEST_SET_VRING_CALL, 0);
    say_regions(&writing, HF_REQUEST_REM_MEM_REG);
    say_all(&writing, HF_REQUEST_SET_VRING_ENABLE, 0);
    say_all(&writing, HF_REQUEST_GET_VRING_BASE, 0);
    say_inflight(&writing, HF_REQUEST_SET_INFLIGHT_FD);
    for (unsigned ring = 0; ring < RINGS; ring++)
        set_up_ring(&writing, ring);
    say_all(&writing, HF_REQUEST_SET_VRING_ENABLE, 1);
    say(&writing, HF_REQUEST_RESET_DEVICE);
    put_down(&writing, name);
}

/* User-mode Linux: no MQ, memory as one table, polling before interrupts. */
static void uml(const char *name)
{
    struct writing writing = { .flags = 0 };

    say(&writing, HF_REQUEST_SET_OWNER);
    say(&writing, HF_REQUEST_GET_FEATURES);
    say(&writing, HF_REQUEST_GET_PROTOCOL_FEATURES);
    say_u64(&writing, HF_REQUEST_SET_PROTOCOL_FEATURES,
            HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(CONFIG));
    writing.flags = BACK_NEED_REPLY;
    add(&writing, (struct back_record){ .op = HF_REQUEST_GET_CONFIG, .a = 36 });
    say_u64(&writing, HF_REQUEST_SET_FEATURES, VIRTIO_FEATURES | HF_FEATURE(PROTOCOL_FEATURES));
    say_memory(&writing);
    for (unsigned ring = 0; ring < RINGS; ring++) {
        set_up_ring(&writing, ring);
        say_ring(&writing, HF_REQUEST_SET_VRING_ENABLE, ring, 1);
    }
    add(&writing,
        (struct back_record){ .op = HF_REQUEST_SET_VRING_CALL, .ring = 2, .flags = BACK_NO_FD });
    say_memory(&writing);
    say_all(&writing, HF_REQUEST_GET_VRING_BASE, 0);
    put_down(&writing, name);
}

/* SPDK's initiator: CALL first, KICK last, no bit 30: all rings are enabled with the features. */
static void spdk(const char *name)
{
    struct writing writing = { .flags = 0 };

    say(&writing, HF_REQUEST_SET_OWNER);
    say(&writing, HF_REQUEST_GET_FEATURES);
    say_all(&writing, HF_REQUEST_SET_VRING_CALL, 0);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, VIRTIO_FEATURES);
    say_memory(&writing);
    for (unsigned ring = 0; ring < RINGS; ring++)
        set_up_ring(&writing, ring);
    say_all(&writing, HF_REQUEST_GET_VRING_BASE, 0);
    say(&writing, HF_REQUEST_RESET_OWNER);
    put_down(&writing, name);
}

/* Cloud Hypervisor: all sizes first; and here the edge answers one by one, and fails once. */
static void cloud(const char *name)
{
    struct writing writing = { .flags = BACK_NEED_REPLY };

    hello(&writing);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, VIRTIO_FEATURES | HF_FEATURE(PROTOCOL_FEATURES));
    say_memory(&writing);
    add(&writing, (struct back_record){ .op = BACK_OP_DONE });
    say_all(&writing, HF_REQUEST_SET_VRING_NUM, 256);
    say_inflight(&writing, HF_REQUEST_GET_INFLIGHT_FD);
    add(&writing, (struct back_record){ .op = BACK_OP_DONE, .a = 12 });
    say_all(&writing, HF_REQUEST_SET_VRING_ADDR, 0);
    say_all(&writing, HF_REQUEST_SET_VRING_BASE, 77);
    say_all(&writing, HF_REQUEST_SET_VRING_CALL, 0);
    say_all(&writing, HF_REQUEST_SET_VRING_KICK, 0);
    say_all(&writing, HF_REQUEST_SET_VRING_ENABLE, 1);
    say(&writing, HF_REQUEST_RESET_DEVICE);
    add(&writing, (struct back_record){ .op = BACK_OP_DONE, .ring = 3, .b = 5 });
    add(&writing, (struct back_record){ .op = BACK_OP_DONE, .a = 4 });
    add(&writing, (struct back_record){ .op = BACK_OP_HANG_UP });
    put_down(&writing, name);
}

#define ALL_FEATURES (VIRTIO_FEATURES | HF_FEATURE(PROTOCOL_FEATURES))

/* QEMU migrates: the log under running rings, a larger one before more memory, and off again. Then
 * a start in the middle of it: features and rings first, the log before ENABLE. */
static void migration(const char *name)
{
    struct writing writing = { .flags = BACK_NEED_REPLY };

    hello(&writing);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, ALL_FEATURES);
    say_memory(&writing);
    set_up_ring(&writing, 2);
    say_ring(&writing, HF_REQUEST_SET_VRING_ENABLE, 2, 1);
    say_log(&writing, 64);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, ALL_FEATURES | HF_FEATURE(LOG_ALL));
    say_ring_log(&writing, 2, true);
    say(&writing, HF_REQUEST_SET_LOG_FD);
    say_log(&writing, 4096);
    say_regions(&writing, HF_REQUEST_ADD_MEM_REG);
    say_ring_log(&writing, 2, false);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, ALL_FEATURES);
    say_ring(&writing, HF_REQUEST_SET_VRING_ENABLE, 2, 0);
    say_ring(&writing, HF_REQUEST_GET_VRING_BASE, 2, 0);
    say_u64(&writing, HF_REQUEST_SET_FEATURES, ALL_FEATURES | HF_FEATURE(LOG_ALL));
    set_up_ring(&writing, 3);
    say_ring_log(&writing, 3, true);
    say_log(&writing, 8192);
    say_ring(&writing, HF_REQUEST_SET_VRING_ENABLE, 3, 1);
    put_down(&writing, name);
}

void back_script_seeds(void)
{
    migration("migration");
    qemu("qemu");
    uml("uml");
    spdk("spdk-initiator");
    cloud("cloud-hypervisor");
}
