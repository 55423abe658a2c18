/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies, field by field (vhost-user "Message Specification", payload descriptions). One row of
 * `kinds` says all that is special about a kind; numbers are machine native.
 */
#include "wire/payload.h"

#include "base/bytes.h"
#include "base/check.h"

#include <string.h>

#define TABLE_HEADER_SIZE  8
#define REGION_SIZE        32
#define CONFIG_HEADER_SIZE 12

typedef void read_body(struct hf_reader *reader, union hf_wire_body *body);
typedef void write_body(struct hf_writer *writer, const union hf_wire_body *body);

static void read_none(struct hf_reader *reader, union hf_wire_body *body)
{
    (void)reader;
    (void)body;
}

static void write_none(struct hf_writer *writer, const union hf_wire_body *body)
{
    (void)writer;
    (void)body;
}

static void read_u64(struct hf_reader *reader, union hf_wire_body *body)
{
    body->u64 = hf_read_u64(reader);
}

static void write_u64(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u64(writer, body->u64);
}

static void read_vring_state(struct hf_reader *reader, union hf_wire_body *body)
{
    body->state.index = hf_read_u32(reader);
    body->state.num = hf_read_u32(reader);
}

static void write_vring_state(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u32(writer, body->state.index);
    hf_write_u32(writer, body->state.num);
}

static void read_vring_addr(struct hf_reader *reader, union hf_wire_body *body)
{
    body->addr.index = hf_read_u32(reader);
    body->addr.flags = hf_read_u32(reader);
    body->addr.desc = hf_read_u64(reader);
    body->addr.used = hf_read_u64(reader); /* used before avail: so it is on the wire */
    body->addr.avail = hf_read_u64(reader);
    body->addr.log = hf_read_u64(reader);
}

static void write_vring_addr(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u32(writer, body->addr.index);
    hf_write_u32(writer, body->addr.flags);
    hf_write_u64(writer, body->addr.desc);
    hf_write_u64(writer, body->addr.used);
    hf_write_u64(writer, body->addr.avail);
    hf_write_u64(writer, body->addr.log);
}

static void read_one_region(struct hf_reader *reader, struct hf_wire_region *region)
{
    region->guest_address = hf_read_u64(reader);
    region->size_bytes = hf_read_u64(reader);
    region->user_address = hf_read_u64(reader);
    region->mmap_offset = hf_read_u64(reader);
}

static void write_one_region(struct hf_writer *writer, const struct hf_wire_region *region)
{
    hf_write_u64(writer, region->guest_address);
    hf_write_u64(writer, region->size_bytes);
    hf_write_u64(writer, region->user_address);
    hf_write_u64(writer, region->mmap_offset);
}

/* A front-end may send the whole array it keeps, only the first of it in use (user-mode Linux:
 * two regions long, count 1). What is not in use is not looked at. */
static void skip_unused_regions(struct hf_reader *reader, uint32_t count)
{
    if (reader->left % REGION_SIZE == 0 &&
        reader->left <= (HF_WIRE_REGIONS_MAX - count) * REGION_SIZE)
        hf_read_skip(reader, reader->left);
}

static void read_mem_table(struct hf_reader *reader, union hf_wire_body *body)
{
    uint32_t count = hf_read_u32(reader);

    hf_read_skip(reader, 4);
    reader->failed |= count > HF_WIRE_REGIONS_MAX;
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        read_one_region(reader, &body->table.regions[i]);
    if (!reader->failed)
        skip_unused_regions(reader, count);
    body->table.count = count;
}

static void write_mem_table(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u32(writer, body->table.count);
    hf_write_zeros(writer, 4);
    for (uint32_t i = 0; i < body->table.count; i++)
        write_one_region(writer, &body->table.regions[i]);
}

static void read_mem_region(struct hf_reader *reader, union hf_wire_body *body)
{
    hf_read_skip(reader, 8);
    read_one_region(reader, &body->region);
}

static void write_mem_region(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_zeros(writer, 8);
    write_one_region(writer, &body->region);
}

static void read_log(struct hf_reader *reader, union hf_wire_body *body)
{
    body->log.size_bytes = hf_read_u64(reader);
    body->log.mmap_offset = hf_read_u64(reader);
}

static void write_log(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u64(writer, body->log.size_bytes);
    hf_write_u64(writer, body->log.mmap_offset);
}

static void read_iotlb(struct hf_reader *reader, union hf_wire_body *body)
{
    body->iotlb.iova = hf_read_u64(reader);
    body->iotlb.size_bytes = hf_read_u64(reader);
    body->iotlb.user_address = hf_read_u64(reader);
    body->iotlb.permission = hf_read_u8(reader);
    body->iotlb.type = hf_read_u8(reader);
    hf_read_skip(reader, 6);
}

static void write_iotlb(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u64(writer, body->iotlb.iova);
    hf_write_u64(writer, body->iotlb.size_bytes);
    hf_write_u64(writer, body->iotlb.user_address);
    hf_write_u8(writer, body->iotlb.permission);
    hf_write_u8(writer, body->iotlb.type);
    hf_write_zeros(writer, 6);
}

static void read_config(struct hf_reader *reader, union hf_wire_body *body)
{
    body->config.offset = hf_read_u32(reader);
    body->config.size_bytes = hf_read_u32(reader);
    body->config.flags = hf_read_u32(reader);
    reader->failed |= body->config.size_bytes > HF_WIRE_CONFIG_MAX;
    if (!reader->failed)
        hf_read_bytes(reader, body->config.data, body->config.size_bytes);
}

static void write_config(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u32(writer, body->config.offset);
    hf_write_u32(writer, body->config.size_bytes);
    hf_write_u32(writer, body->config.flags);
    hf_write_bytes(writer, body->config.data, body->config.size_bytes);
}

static void read_vring_area(struct hf_reader *reader, union hf_wire_body *body)
{
    body->area.index = hf_read_u64(reader);
    body->area.size_bytes = hf_read_u64(reader);
    body->area.offset = hf_read_u64(reader);
}

static void write_vring_area(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u64(writer, body->area.index);
    hf_write_u64(writer, body->area.size_bytes);
    hf_write_u64(writer, body->area.offset);
}

/* 20 bytes of fields, 24 on the wire: peers check the size of the C struct. */
static void read_inflight(struct hf_reader *reader, union hf_wire_body *body)
{
    body->inflight.mmap_size_bytes = hf_read_u64(reader);
    body->inflight.mmap_offset = hf_read_u64(reader);
    body->inflight.queue_count = hf_read_u16(reader);
    body->inflight.queue_size = hf_read_u16(reader);
    hf_read_skip(reader, 4);
}

static void write_inflight(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u64(writer, body->inflight.mmap_size_bytes);
    hf_write_u64(writer, body->inflight.mmap_offset);
    hf_write_u16(writer, body->inflight.queue_count);
    hf_write_u16(writer, body->inflight.queue_size);
    hf_write_zeros(writer, 4);
}

static void read_uuid(struct hf_reader *reader, union hf_wire_body *body)
{
    hf_read_bytes(reader, body->uuid.bytes, sizeof(body->uuid.bytes));
}

static void write_uuid(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_bytes(writer, body->uuid.bytes, sizeof(body->uuid.bytes));
}

static void read_device_state(struct hf_reader *reader, union hf_wire_body *body)
{
    body->device_state.direction = hf_read_u32(reader);
    body->device_state.phase = hf_read_u32(reader);
}

static void write_device_state(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u32(writer, body->device_state.direction);
    hf_write_u32(writer, body->device_state.phase);
}

static void read_shmem_map(struct hf_reader *reader, union hf_wire_body *body)
{
    body->shmem_map.id = hf_read_u8(reader);
    hf_read_skip(reader, 7);
    body->shmem_map.fd_offset = hf_read_u64(reader);
    body->shmem_map.shm_offset = hf_read_u64(reader);
    body->shmem_map.length_bytes = hf_read_u64(reader);
    body->shmem_map.flags = hf_read_u64(reader);
}

static void write_shmem_map(struct hf_writer *writer, const union hf_wire_body *body)
{
    hf_write_u8(writer, body->shmem_map.id);
    hf_write_zeros(writer, 7);
    hf_write_u64(writer, body->shmem_map.fd_offset);
    hf_write_u64(writer, body->shmem_map.shm_offset);
    hf_write_u64(writer, body->shmem_map.length_bytes);
    hf_write_u64(writer, body->shmem_map.flags);
}

static void read_opaque(struct hf_reader *reader, union hf_wire_body *body)
{
    (void)body;
    hf_read_skip(reader, reader->left);
}

/* Possible sizes: `least`, then every `step` up to `most`. */
static const struct {
    const char *name;
    size_t least;
    size_t most;
    size_t step;
    read_body *read;
    write_body *write; /* NULL: we never make one */
} kinds[HF_PAYLOAD_COUNT] = {
    [HF_PAYLOAD_NONE] = { "none", 0, 0, 1, read_none, write_none },
    [HF_PAYLOAD_U64] = { "u64", 8, 8, 1, read_u64, write_u64 },
    [HF_PAYLOAD_VRING_STATE] = { "vring state", 8, 8, 1, read_vring_state, write_vring_state },
    [HF_PAYLOAD_VRING_ADDR] = { "vring address", 40, 40, 1, read_vring_addr, write_vring_addr },
    [HF_PAYLOAD_MEM_TABLE] = { "memory table", TABLE_HEADER_SIZE,
                               TABLE_HEADER_SIZE + HF_WIRE_REGIONS_MAX *REGION_SIZE, REGION_SIZE,
                               read_mem_table, write_mem_table },
    [HF_PAYLOAD_MEM_REGION] = { "memory region", 40, 40, 1, read_mem_region, write_mem_region },
    [HF_PAYLOAD_LOG] = { "log", 16, 16, 1, read_log, write_log },
    [HF_PAYLOAD_IOTLB] = { "IOTLB", 32, 32, 1, read_iotlb, write_iotlb },
    [HF_PAYLOAD_CONFIG] = { "config", CONFIG_HEADER_SIZE, CONFIG_HEADER_SIZE + HF_WIRE_CONFIG_MAX,
                            1, read_config, write_config },
    [HF_PAYLOAD_VRING_AREA] = { "vring area", 24, 24, 1, read_vring_area, write_vring_area },
    [HF_PAYLOAD_INFLIGHT] = { "in-flight", 24, 24, 1, read_inflight, write_inflight },
    [HF_PAYLOAD_UUID] = { "UUID", 16, 16, 1, read_uuid, write_uuid },
    [HF_PAYLOAD_DEVICE_STATE] = { "device state", 8, 8, 1, read_device_state, write_device_state },
    [HF_PAYLOAD_SHMEM_MAP] = { "shared memory map", 40, 40, 1, read_shmem_map, write_shmem_map },
    [HF_PAYLOAD_OPAQUE] = { "opaque", 0, HF_WIRE_PAYLOAD_MAX, 1, read_opaque, NULL },
};

const char *hf_payload_name(enum hf_payload kind)
{
    return (unsigned)kind < HF_PAYLOAD_COUNT ? kinds[kind].name : "?";
}

bool hf_payload_size_possible(enum hf_payload kind, size_t size_bytes)
{
    HF_CHECK((unsigned)kind < HF_PAYLOAD_COUNT);
    return size_bytes >= kinds[kind].least && size_bytes <= kinds[kind].most &&
           (size_bytes - kinds[kind].least) % kinds[kind].step == 0;
}

bool hf_payload_read(enum hf_payload kind, const uint8_t *bytes, size_t size_bytes,
                     union hf_wire_body *body)
{
    struct hf_reader reader = hf_reader_of(bytes, size_bytes);

    HF_CHECK((unsigned)kind < HF_PAYLOAD_COUNT);
    memset(body, 0, sizeof(*body));
    kinds[kind].read(&reader, body);
    if (hf_reader_done(&reader))
        return true;
    memset(body, 0, sizeof(*body));
    return false;
}

/* Before writing: a count beyond its array must not be followed. */
static bool writable(enum hf_payload kind, const union hf_wire_body *body)
{
    if (kind == HF_PAYLOAD_MEM_TABLE)
        return body->table.count <= HF_WIRE_REGIONS_MAX;
    if (kind == HF_PAYLOAD_CONFIG)
        return body->config.size_bytes <= HF_WIRE_CONFIG_MAX;
    return kinds[kind].write != NULL;
}

size_t hf_payload_write(enum hf_payload kind, const union hf_wire_body *body, uint8_t *bytes,
                        size_t capacity)
{
    struct hf_writer writer = hf_writer_of(bytes, capacity);

    HF_CHECK((unsigned)kind < HF_PAYLOAD_COUNT);
    if (!writable(kind, body))
        return SIZE_MAX;
    kinds[kind].write(&writer, body);
    return hf_writer_fits(&writer) ? writer.length : SIZE_MAX;
}
