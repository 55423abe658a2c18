/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver and its load. Each request has a slot: a header, an answer, a buffer in two pieces,
 * four descriptors. */
#include "guest.h"

#include "disk.h"
#include "say.h"

#include <endian.h>
#include <linux/virtio_scsi.h>
#include <string.h>

#define HEADERS          (GUEST_LOW_ADDRESS + 0x20000) /* the last one is of the control queue */
#define ANSWERS          (GUEST_LOW_ADDRESS + 0x40000)
#define EVENTS           (GUEST_LOW_ADDRESS + 0xD0000)
#define DATA_SLOT        0x8000u

#define CHUNK_WORDS      (GUEST_CHUNK_BYTES / sizeof(uint64_t))
#define BLOCKS_PER_CHUNK (GUEST_CHUNK_BYTES / 512)
#define PIECE_BYTES      (GUEST_CHUNK_BYTES / 2)
#define DESCRIPTORS      4u /* of a slot */

/* What a device has to overwrite. */
#define POISON 0xA5

static const struct command {
    uint8_t opcode;
    uint8_t blocks;
    uint8_t allocation; /* its place in the CDB differs from that of blocks */
    uint32_t in_bytes;
    uint32_t out_bytes;
} commands[GUEST_COMMAND_COUNT] = {
    [GUEST_TEST_UNIT_READY] = { .opcode = 0x00 },
    [GUEST_INQUIRY] = { .opcode = 0x12, .allocation = 36, .in_bytes = 36 },
    [GUEST_READ] = { .opcode = 0x28, .blocks = BLOCKS_PER_CHUNK, .in_bytes = GUEST_CHUNK_BYTES },
    [GUEST_WRITE] = { .opcode = 0x2A, .blocks = BLOCKS_PER_CHUNK, .out_bytes = GUEST_CHUNK_BYTES },
};

/* ---- where things are ------------------------------------------------------------------------ */

static uint64_t header_of(unsigned slot)
{
    return HEADERS + slot * 64u;
}

/* Over the end of a page. */
static uint64_t answer_of(unsigned slot)
{
    return ANSWERS + slot * 0x2000u + 0xFE0;
}

/* The first piece lies in two pages, the second fills one; pages between them stay zero. */
static uint64_t piece_of(const struct guest_slot *slot, unsigned piece)
{
    return slot->buffer + (piece == 0 ? 0x800 : 0x3000);
}

static uint16_t queue_of(unsigned slot)
{
    return (uint16_t)(GUEST_FIRST_REQUEST + slot / GUEST_QUEUE_DEPTH);
}

static uint64_t ring_at(unsigned set, unsigned queue)
{
    return GUEST_LOW_ADDRESS + (set * GUEST_QUEUES + queue) * RING_BYTES;
}

/* ---- life ------------------------------------------------------------------------------------ */

void guest_init(struct guest *guest, struct memory *memory, uint64_t seed)
{
    *guest =
        (struct guest){ .memory = memory, .buffers = GUEST_DATA_ADDRESS, .random = seed * 2 + 1 };
}

void guest_move(struct guest *guest, struct memory *memory)
{
    guest->memory = memory;
    for (unsigned i = 0; i < GUEST_QUEUES; i++)
        guest->rings[i].memory = memory;
}

void guest_boot(struct guest *guest)
{
    unsigned set = guest->boots++ % 2;

    for (unsigned i = 0; i < GUEST_QUEUES; i++)
        ring_init(&guest->rings[i], guest->memory, ring_at(set, i), GUEST_RING_SIZE);
    memset(guest->slots, 0, sizeof(guest->slots));
    for (unsigned i = 0; i < GUEST_CHUNKS; i++)
        guest->chunks[i].busy = false;
    guest->wanted = guest->posted = guest->answered = 0;
    guest->control_busy = false;
    guest->has_driver = true;
}

void guest_halt(struct guest *guest)
{
    guest->has_driver = false;
}

static void publish(struct guest *guest, uint16_t queue)
{
    if (ring_publish(&guest->rings[queue]))
        guest->notify(guest->host, queue);
}

static void post_event(struct guest *guest, uint16_t index)
{
    struct ring_buffer buffer = { .guest_address =
                                      EVENTS + index * sizeof(struct virtio_scsi_event),
                                  .size_bytes = sizeof(struct virtio_scsi_event),
                                  .device_writes = true };

    ring_post(&guest->rings[GUEST_EVENT_QUEUE], index, &buffer, 1);
}

/* What the device knows of the logical unit's tasks: nothing yet. */
static void query_task_set(struct guest *guest)
{
    struct virtio_scsi_ctrl_tmf_req request = {
        .type = htole32(VIRTIO_SCSI_T_TMF),
        .subtype = htole32(VIRTIO_SCSI_T_TMF_QUERY_TASK_SET),
        .lun = { 1, 0, 0x40, 0 },
    };
    struct ring_buffer buffers[] = {
        { header_of(GUEST_SLOTS), sizeof(request), false },
        { answer_of(GUEST_SLOTS), sizeof(struct virtio_scsi_ctrl_tmf_resp), true },
    };

    memory_write(guest->memory, buffers[0].guest_address, &request, sizeof(request));
    memory_fill(guest->memory, buffers[1].guest_address, POISON, buffers[1].size_bytes);
    guest->control_busy = true;
    ring_post(&guest->rings[GUEST_CONTROL_QUEUE], 0, buffers, 2);
    publish(guest, GUEST_CONTROL_QUEUE);
}

void guest_begin(struct guest *guest)
{
    for (uint16_t i = 0; i < GUEST_EVENTS; i++)
        post_event(guest, i);
    publish(guest, GUEST_EVENT_QUEUE);
    query_task_set(guest);
    guest_submit(guest, GUEST_TEST_UNIT_READY, 0);
    guest_submit(guest, GUEST_INQUIRY, 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void write_header(struct guest *guest, unsigned index)
{
    const struct guest_slot *slot = &guest->slots[index];
    const struct command *command = &commands[slot->command];
    uint32_t block = command->blocks > 0 ? htobe32(slot->chunk * BLOCKS_PER_CHUNK) : 0;
    struct virtio_scsi_cmd_req request = { .lun = { 1, 0, 0x40, 0 },
                                           .tag = htole64(guest->posted) };

    request.cdb[0] = command->opcode;
    request.cdb[4] = command->allocation;
    if (command->blocks > 0) {
        memcpy(&request.cdb[2], &block, sizeof(block));
        request.cdb[8] = command->blocks;
    }
    memory_write(guest->memory, header_of(index), &request, sizeof(request));
    memory_fill(guest->memory, answer_of(index), POISON, sizeof(struct virtio_scsi_cmd_resp));
}

static void write_data(struct guest *guest, const struct guest_slot *slot)
{
    uint64_t words[CHUNK_WORDS];

    disk_fill(words, CHUNK_WORDS, slot->chunk, slot->generation);
    for (unsigned i = 0; i < 2; i++)
        memory_write(guest->memory, piece_of(slot, i), words + i * CHUNK_WORDS / 2, PIECE_BYTES);
}

static void poison_data(struct guest *guest, const struct guest_slot *slot)
{
    for (unsigned i = 0; i < 2; i++)
        memory_fill(guest->memory, piece_of(slot, i), POISON, PIECE_BYTES);
}

/* Data to the device before the answer, data from it behind (virtio 1.3 §5.6.6.1). */
static unsigned lay_out(const struct guest_slot *slot, unsigned index, struct ring_buffer *buffers)
{
    const struct command *command = &commands[slot->command];
    uint32_t left = command->in_bytes + command->out_bytes;
    bool in = command->in_bytes > 0;
    unsigned count = 0;
    struct ring_buffer answer = { answer_of(index), sizeof(struct virtio_scsi_cmd_resp), true };

    buffers[count++] =
        (struct ring_buffer){ header_of(index), sizeof(struct virtio_scsi_cmd_req), false };
    if (in)
        buffers[count++] = answer;
    for (unsigned piece = 0; left > 0; piece++) {
        uint32_t size = left < PIECE_BYTES ? left : PIECE_BYTES;

        buffers[count++] = (struct ring_buffer){ piece_of(slot, piece), size, in };
        left -= size;
    }
    if (!in)
        buffers[count++] = answer;
    return count;
}

static void post(struct guest *guest, unsigned index, enum guest_command command, unsigned chunk)
{
    struct guest_slot *slot = &guest->slots[index];
    struct guest_chunk *content = &guest->chunks[chunk];
    struct ring_buffer buffers[DESCRIPTORS];

    *slot = (struct guest_slot){ .busy = true,
                                 .command = command,
                                 .chunk = chunk,
                                 .buffer = guest->buffers + index * DATA_SLOT };
    if (command == GUEST_WRITE)
        slot->generation = ++content->newest;
    if (command == GUEST_WRITE)
        write_data(guest, slot);
    else
        poison_data(guest, slot);
    content->busy |= commands[command].blocks > 0;
    write_header(guest, index);
    unsigned count = lay_out(slot, index, buffers);
    ring_post(&guest->rings[queue_of(index)], (uint16_t)(index % GUEST_QUEUE_DEPTH * DESCRIPTORS),
              buffers, count);
    guest->posted++;
}

void guest_submit(struct guest *guest, enum guest_command command, unsigned chunk)
{
    for (unsigned i = 0; i < GUEST_SLOTS; i++) {
        if (guest->slots[i].busy)
            continue;
        guest->wanted++;
        post(guest, i, command, chunk);
        publish(guest, queue_of(i));
        return;
    }
    fail("no room for another request");
}

/* ---- the load -------------------------------------------------------------------------------- */

static uint64_t draw(struct guest *guest)
{
    guest->random ^= guest->random << 13;
    guest->random ^= guest->random >> 7;
    guest->random ^= guest->random << 17;
    return guest->random;
}

/* What was never written has nothing to compare with. */
static void post_any(struct guest *guest, unsigned index)
{
    unsigned chunk = (unsigned)(draw(guest) % GUEST_CHUNKS);

    while (guest->chunks[chunk].busy)
        chunk = (chunk + 1) % GUEST_CHUNKS;
    bool reads = guest->chunks[chunk].oldest > 0 && draw(guest) % 2 == 0;
    post(guest, index, reads ? GUEST_READ : GUEST_WRITE, chunk);
}

static bool post_on_queue(struct guest *guest, uint16_t queue)
{
    unsigned first = (queue - GUEST_FIRST_REQUEST) * GUEST_QUEUE_DEPTH;
    uint64_t before = guest->posted;

    for (unsigned i = first; i < first + GUEST_QUEUE_DEPTH && guest->posted < guest->wanted; i++) {
        if (!guest->slots[i].busy)
            post_any(guest, i);
    }
    return guest->posted != before;
}

static void go_on(struct guest *guest)
{
    for (uint16_t queue = GUEST_FIRST_REQUEST; queue < GUEST_QUEUES; queue++) {
        if (post_on_queue(guest, queue))
            publish(guest, queue);
    }
}

void guest_load(struct guest *guest, uint64_t count)
{
    guest->wanted += count;
    go_on(guest);
}

void guest_end_load(struct guest *guest)
{
    guest->wanted = guest->posted;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void check_answer(struct guest *guest, unsigned index, uint32_t length)
{
    const struct guest_slot *slot = &guest->slots[index];
    struct virtio_scsi_cmd_resp answer;

    memcpy(&answer, memory_at(guest->memory, answer_of(index), sizeof(answer)), sizeof(answer));
    if (length > sizeof(answer) + commands[slot->command].in_bytes)
        fail("an answer of %u bytes to a command of kind %d", length, (int)slot->command);
    if (slot->command == GUEST_TEST_UNIT_READY && answer.response == VIRTIO_SCSI_S_OK)
        return; /* the first one may hear of the power */
    if (answer.response != VIRTIO_SCSI_S_OK || answer.status != 0)
        fail("a command of kind %d for chunk %u: response %u, status %u, sense %02x/%02x/%02x",
             (int)slot->command, slot->chunk, answer.response, answer.status, answer.sense[2],
             answer.sense[12], answer.sense[13]);
    /* Sense bytes may be written or not. */
    memory_mark(guest->memory, answer_of(index), 12, MEMORY_DEVICE_WROTE);
}

static void check_data(struct guest *guest, const struct guest_slot *slot)
{
    struct guest_chunk *chunk = &guest->chunks[slot->chunk];
    uint64_t words[CHUNK_WORDS];

    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = piece_of(slot, i);

        memcpy(words + i * CHUNK_WORDS / 2, memory_at(guest->memory, at, PIECE_BYTES), PIECE_BYTES);
        memory_mark(guest->memory, at, PIECE_BYTES, MEMORY_DEVICE_WROTE);
    }
    uint32_t found = disk_recognise(words, CHUNK_WORDS, slot->chunk, chunk->oldest, chunk->newest);
    if (found == 0)
        fail("chunk %u holds none of its generations %u to %u: 0x%016llx...", slot->chunk,
             chunk->oldest, chunk->newest, (unsigned long long)words[0]);
    chunk->oldest = chunk->newest = found;
}

static void check_inquiry(struct guest *guest, const struct guest_slot *slot)
{
    const char *data = (const char *)memory_at(guest->memory, piece_of(slot, 0), 36);

    memory_mark(guest->memory, piece_of(slot, 0), 36, MEMORY_DEVICE_WROTE);
    if (data[0] != 0)
        fail("not a disk: INQUIRY begins with %02x", (unsigned)(uint8_t)data[0]);
    if (guest->boots == 1)
        say("disk: %.28s", data + 8);
}

static void take_request(struct guest *guest, uint16_t queue, uint32_t head, uint32_t length)
{
    unsigned index = (queue - GUEST_FIRST_REQUEST) * GUEST_QUEUE_DEPTH + head / DESCRIPTORS;
    struct guest_slot *slot = &guest->slots[index];

    if (head / DESCRIPTORS >= GUEST_QUEUE_DEPTH || head % DESCRIPTORS != 0 || !slot->busy)
        fail("queue %u: head %u was answered and is not in flight", queue, head);
    check_answer(guest, index, length);
    if (slot->command == GUEST_READ)
        check_data(guest, slot);
    if (slot->command == GUEST_INQUIRY)
        check_inquiry(guest, slot);
    if (slot->command == GUEST_WRITE)
        guest->chunks[slot->chunk].oldest = slot->generation;
    if (commands[slot->command].blocks > 0)
        guest->chunks[slot->chunk].busy = false;
    slot->busy = false;
    guest->answered++;
}

static void take_control(struct guest *guest, uint16_t queue, uint32_t head, uint32_t length)
{
    uint8_t answer = *memory_at(guest->memory, answer_of(GUEST_SLOTS), 1);

    if (queue != GUEST_CONTROL_QUEUE || head != 0 || length != 1 || !guest->control_busy)
        fail("control queue: head %u was answered with %u bytes", head, length);
    if (answer != VIRTIO_SCSI_S_OK && answer != VIRTIO_SCSI_S_FUNCTION_SUCCEEDED)
        fail("QUERY TASK SET was answered with %u", answer);
    memory_mark(guest->memory, answer_of(GUEST_SLOTS), 1, MEMORY_DEVICE_WROTE);
    guest->control_busy = false;
}

static void take_event(struct guest *guest, uint16_t queue, uint32_t head, uint32_t length)
{
    if (head >= GUEST_EVENTS || length != sizeof(struct virtio_scsi_event))
        fail("event queue: buffer %u came back with %u bytes", head, length);
    memory_mark(guest->memory, EVENTS + head * length, length, MEMORY_DEVICE_WROTE);
    guest->events++;
    post_event(guest, (uint16_t)head);
    publish(guest, queue);
}

void guest_interrupt(struct guest *guest, uint16_t queue)
{
    static void (*const take[])(struct guest *, uint16_t, uint32_t,
                                uint32_t) = { take_control, take_event, take_request };
    uint32_t head;
    uint32_t length;

    if (!guest->has_driver)
        return;
    guest->interrupts++;
    while (ring_take(&guest->rings[queue], &head, &length))
        take[queue < GUEST_FIRST_REQUEST ? queue : GUEST_FIRST_REQUEST](guest, queue, head, length);
    if (queue >= GUEST_FIRST_REQUEST)
        go_on(guest);
}

/* ---- questions ------------------------------------------------------------------------------- */

uint64_t guest_outstanding(const struct guest *guest)
{
    return guest->posted - guest->answered + guest->control_busy;
}

bool guest_uses(const struct guest *guest, uint64_t from, uint64_t size_bytes)
{
    for (unsigned i = 0; i < GUEST_SLOTS; i++) {
        const struct guest_slot *slot = &guest->slots[i];

        if (slot->busy && slot->buffer >= from && slot->buffer - from < size_bytes)
            return true;
    }
    return false;
}

void guest_mark_standing(struct guest *guest)
{
    for (unsigned i = 0; i < GUEST_QUEUES; i++)
        ring_mark_used(&guest->rings[i]);
    memory_mark(guest->memory, EVENTS, GUEST_EVENTS * sizeof(struct virtio_scsi_event),
                MEMORY_DEVICE_MAY_WRITE);
}

void guest_check_gaps(const struct guest *guest, uint64_t buffers)
{
    static const uint8_t zeros[MEMORY_PAGE_BYTES];

    for (unsigned i = 0; i < GUEST_SLOTS; i++) {
        uint64_t gap = buffers + i * DATA_SLOT + 0x2000;

        if (memcmp(memory_at(guest->memory, gap, sizeof(zeros)), zeros, sizeof(zeros)) != 0)
            fail("somebody wrote behind a buffer, at 0x%llx", (unsigned long long)gap);
    }
}

void guest_scribble(struct guest *guest)
{
    for (unsigned i = 0; i < GUEST_SLOTS; i++) {
        const struct guest_slot slot = { .buffer = GUEST_DATA_ADDRESS + i * DATA_SLOT };

        memory_fill(guest->memory, answer_of(i), 0x5A, sizeof(struct virtio_scsi_cmd_resp));
        for (unsigned piece = 0; piece < 2; piece++)
            memory_fill(guest->memory, piece_of(&slot, piece), 0x5A, PIECE_BYTES);
    }
}
