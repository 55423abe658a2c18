/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bodies a vhost-user message can have: what each is called, how long it may be, and its
 * decoded form. Wire form and C struct are different things: nothing here is cast onto bytes
 * (vhost-user "Message Specification"). Knows no request and no fd.
 */
#ifndef HF_WIRE_PAYLOAD_H
#define HF_WIRE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_WIRE_REGIONS_MAX    8   /* regions (and fds) of one SET_MEM_TABLE */
#define HF_WIRE_CONFIG_MAX     256 /* bytes of device configuration in one message */
#define HF_WIRE_HEADER_SIZE    12
#define HF_WIRE_PAYLOAD_MAX    4096   /* rust-vmm's limit; QEMU's is a little over 1 KiB */
#define HF_WIRE_VRING_MASK     0xffu  /* ring index in the u64 of SET_VRING_KICK/CALL/ERR */
#define HF_WIRE_NO_FD          0x100u /* bit 8 of the same: no descriptor comes with it */
#define HF_WIRE_VRING_F_LOG    1u     /* vring_addr.flags: log writes to the used ring */
#define HF_WIRE_CONFIG_MIGRATE 1u     /* config.flags: 0 writable by the guest, 1 live migration */

enum hf_payload {
    HF_PAYLOAD_NONE,
    HF_PAYLOAD_U64,
    HF_PAYLOAD_VRING_STATE,
    HF_PAYLOAD_VRING_ADDR,
    HF_PAYLOAD_MEM_TABLE,
    HF_PAYLOAD_MEM_REGION,
    HF_PAYLOAD_LOG,
    HF_PAYLOAD_IOTLB,
    HF_PAYLOAD_CONFIG,
    HF_PAYLOAD_VRING_AREA,
    HF_PAYLOAD_INFLIGHT,
    HF_PAYLOAD_UUID,
    HF_PAYLOAD_DEVICE_STATE,
    HF_PAYLOAD_SHMEM_MAP,
    HF_PAYLOAD_OPAQUE, /* a body we do not read (crypto, gpu); only its size is kept */
    HF_PAYLOAD_COUNT
};

/* "u64", "vring state", ...; "?" when out of range. */
const char *hf_payload_name(enum hf_payload kind);

/* True if a body of this kind may have this size. Tables and config: a possible size; whether it
 * agrees with the count inside is judged when the body is read. */
bool hf_payload_size_possible(enum hf_payload kind, size_t size_bytes);

struct hf_wire_vring_state {
    uint32_t index;
    uint32_t num;
};

struct hf_wire_vring_addr {
    uint32_t index;
    uint32_t flags; /* HF_WIRE_VRING_F_LOG */
    uint64_t desc;  /* these three are front-end virtual addresses */
    uint64_t used;
    uint64_t avail;
    uint64_t log; /* guest physical */
};

struct hf_wire_region {
    uint64_t guest_address;
    uint64_t size_bytes;
    uint64_t user_address; /* where the front-end has it mapped */
    uint64_t mmap_offset;
};

struct hf_wire_mem_table {
    uint32_t count; /* of valid entries, 0 .. HF_WIRE_REGIONS_MAX */
    struct hf_wire_region regions[HF_WIRE_REGIONS_MAX];
};

struct hf_wire_log {
    uint64_t size_bytes;
    uint64_t mmap_offset;
};

enum hf_iotlb_type {
    HF_IOTLB_TYPE_MISS = 1,
    HF_IOTLB_TYPE_UPDATE = 2,
    HF_IOTLB_TYPE_INVALIDATE = 3,
    HF_IOTLB_TYPE_ACCESS_FAIL = 4,
    HF_IOTLB_TYPE_COUNT
};

struct hf_wire_iotlb {
    uint64_t iova;
    uint64_t size_bytes;
    uint64_t user_address;
    uint8_t permission; /* 0 none, 1 read, 2 write, 3 both */
    uint8_t type;       /* enum hf_iotlb_type, unchecked */
};

struct hf_wire_config {
    uint32_t offset;
    uint32_t size_bytes; /* of data, 0 .. HF_WIRE_CONFIG_MAX */
    uint32_t flags;
    uint8_t data[HF_WIRE_CONFIG_MAX];
};

struct hf_wire_vring_area {
    uint64_t index; /* bits 0-7 ring, bit 8 HF_WIRE_NO_FD */
    uint64_t size_bytes;
    uint64_t offset;
};

struct hf_wire_inflight {
    uint64_t mmap_size_bytes;
    uint64_t mmap_offset;
    uint16_t queue_count;
    uint16_t queue_size;
};

struct hf_wire_uuid {
    uint8_t bytes[16];
};

struct hf_wire_device_state {
    uint32_t direction; /* 0 save, 1 load */
    uint32_t phase;     /* 0 stopped */
};

struct hf_wire_shmem_map {
    uint8_t id;
    uint64_t fd_offset;
    uint64_t shm_offset;
    uint64_t length_bytes;
    uint64_t flags;
};

union hf_wire_body {
    uint64_t u64;
    struct hf_wire_vring_state state;
    struct hf_wire_vring_addr addr;
    struct hf_wire_mem_table table;
    struct hf_wire_region region;
    struct hf_wire_log log;
    struct hf_wire_iotlb iotlb;
    struct hf_wire_config config;
    struct hf_wire_vring_area area;
    struct hf_wire_inflight inflight;
    struct hf_wire_uuid uuid;
    struct hf_wire_device_state device_state;
    struct hf_wire_shmem_map shmem_map;
};

/* Reads a body of exactly `size_bytes`; false if its length and what is in it disagree (`*body` is
 * then zeros). An opaque body is not kept. */
bool hf_payload_read(enum hf_payload kind, const uint8_t *bytes, size_t size_bytes,
                     union hf_wire_body *body);

/* Writes the body; returns its size, or SIZE_MAX if it does not fit `capacity`, holds more than a
 * message can (regions, config), or is opaque. */
size_t hf_payload_write(enum hf_payload kind, const union hf_wire_body *body, uint8_t *bytes,
                        size_t capacity);

#endif
