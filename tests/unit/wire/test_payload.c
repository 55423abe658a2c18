/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes written by hand from the payload layouts: every field has bytes of its own, so that
 * two that change places are seen. */
#include "wire/payload.h"

#include "base/check.h"
#include "hex.h"

static union hf_wire_body body;

/* Reads the golden bytes into `body`, writes them again and compares: what a test then finds in
 * `body` proves both directions. */
static void there_and_back(enum hf_payload kind, const char *hex)
{
    uint8_t golden[512] = { 0 };
    uint8_t again[512];
    size_t size = hex_bytes(hex, golden, sizeof(golden));

    assert_true(hf_payload_read(kind, golden, size, &body));
    memset(again, 0xaa, sizeof(again));
    assert_int_equal(hf_payload_write(kind, &body, again, size), size);
    assert_memory_equal(again, golden, size);
    assert_int_equal(again[size], 0xaa);
    if (size > 0)
        assert_true(hf_payload_write(kind, &body, again, size - 1) == SIZE_MAX);
}

static void a_body_of_nothing_has_no_bytes(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_NONE, "");
}

static void a_u64_is_eight_native_bytes(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_U64, "0123456789abcdef");
    assert_true(body.u64 == UINT64_C(0xefcdab8967452301));
}

static void a_vring_state_is_index_then_num(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_VRING_STATE, "02000000 80000100");
    assert_int_equal(body.state.index, 2);
    assert_int_equal(body.state.num, 0x10080);
}

static void a_vring_address_has_used_before_avail(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_VRING_ADDR, "03000000 01000000 1111111111111110 2222222222222220"
                                          "3333333333333330 4444444444444440");
    assert_int_equal(body.addr.index, 3);
    assert_int_equal(body.addr.flags, HF_WIRE_VRING_F_LOG);
    assert_true(body.addr.desc == UINT64_C(0x1011111111111111));
    assert_true(body.addr.used == UINT64_C(0x2022222222222222));
    assert_true(body.addr.avail == UINT64_C(0x3033333333333333));
    assert_true(body.addr.log == UINT64_C(0x4044444444444444));
}

static void a_memory_table_is_count_padding_and_regions(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_MEM_TABLE, "02000000 00000000"
                                         "0000001000000000 0000002000000000"
                                         "00000000f07f0000 0010000000000000"
                                         "0000000001000000 0000000200000000"
                                         "00000000e07f0000 0000000000000080");
    assert_int_equal(body.table.count, 2);
    assert_true(body.table.regions[0].guest_address == 0x10000000);
    assert_true(body.table.regions[0].size_bytes == 0x20000000);
    assert_true(body.table.regions[0].user_address == UINT64_C(0x7ff000000000));
    assert_true(body.table.regions[0].mmap_offset == 0x1000);
    assert_true(body.table.regions[1].guest_address == UINT64_C(0x100000000));
    assert_true(body.table.regions[1].size_bytes == 0x2000000);
    assert_true(body.table.regions[1].user_address == UINT64_C(0x7fe000000000));
    assert_true(body.table.regions[1].mmap_offset == UINT64_C(0x8000000000000000));
}

static void an_empty_memory_table_is_legal(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_MEM_TABLE, "00000000 00000000");
    assert_int_equal(body.table.count, 0);
}

static void a_single_region_has_eight_bytes_of_padding_before_it(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_MEM_REGION, "0000000000000000 0100000000000000 0200000000000000"
                                          "0300000000000000 0400000000000000");
    assert_true(body.region.guest_address == 1);
    assert_true(body.region.size_bytes == 2);
    assert_true(body.region.user_address == 3);
    assert_true(body.region.mmap_offset == 4);
}

static void a_log_is_size_then_offset(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_LOG, "0080000000000000 0010000000000000");
    assert_true(body.log.size_bytes == 0x8000);
    assert_true(body.log.mmap_offset == 0x1000);
}

static void an_iotlb_message_ends_in_permission_type_and_padding(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_IOTLB, "0100000000000000 0200000000000000 0300000000000000"
                                     "03 02 000000000000");
    assert_true(body.iotlb.iova == 1);
    assert_true(body.iotlb.size_bytes == 2);
    assert_true(body.iotlb.user_address == 3);
    assert_int_equal(body.iotlb.permission, 3);
    assert_int_equal(body.iotlb.type, HF_IOTLB_TYPE_UPDATE);
}

static void a_config_is_offset_size_flags_and_data(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_CONFIG, "04000000 03000000 01000000 a1b2c3");
    assert_int_equal(body.config.offset, 4);
    assert_int_equal(body.config.size_bytes, 3);
    assert_int_equal(body.config.flags, HF_WIRE_CONFIG_MIGRATE);
    assert_memory_equal(body.config.data, "\xa1\xb2\xc3\x00", 4);
}

static void a_vring_area_is_index_size_offset(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_VRING_AREA, "0101000000000000 0010000000000000 0020000000000000");
    assert_true(body.area.index == (HF_WIRE_NO_FD | 1));
    assert_true(body.area.size_bytes == 0x1000);
    assert_true(body.area.offset == 0x2000);
}

static void an_inflight_description_is_24_bytes_on_the_wire(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_INFLIGHT, "8010000000000000 0020000000000000 0300 8000 00000000");
    assert_true(body.inflight.mmap_size_bytes == 0x1080);
    assert_true(body.inflight.mmap_offset == 0x2000);
    assert_int_equal(body.inflight.queue_count, 3);
    assert_int_equal(body.inflight.queue_size, 128);
}

static void a_uuid_keeps_its_byte_order(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_UUID, "00112233445566778899aabbccddeeff");
    assert_int_equal(body.uuid.bytes[0], 0);
    assert_int_equal(body.uuid.bytes[15], 0xff);
}

static void a_device_state_is_direction_then_phase(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_DEVICE_STATE, "01000000 02000000");
    assert_int_equal(body.device_state.direction, 1);
    assert_int_equal(body.device_state.phase, 2);
}

static void a_shared_memory_map_starts_with_id_and_padding(void **state)
{
    (void)state;
    there_and_back(HF_PAYLOAD_SHMEM_MAP, "07 00000000000000 0100000000000000 0200000000000000"
                                         "0300000000000000 0400000000000000");
    assert_int_equal(body.shmem_map.id, 7);
    assert_true(body.shmem_map.fd_offset == 1);
    assert_true(body.shmem_map.shm_offset == 2);
    assert_true(body.shmem_map.length_bytes == 3);
    assert_true(body.shmem_map.flags == 4);
}

/* Garbage where padding is must neither matter nor get into a field. */
static void padding_is_not_looked_at(void **state)
{
    uint8_t bytes[64] = { 0 };
    size_t size = hex_bytes("0000000000000000 0000000000000000 0100 0200 ffffffff", bytes, 64);

    (void)state;
    assert_true(hf_payload_read(HF_PAYLOAD_INFLIGHT, bytes, size, &body));
    assert_int_equal(body.inflight.queue_size, 2);
    size = hex_bytes("00000000 ffffffff", bytes, 64);
    assert_true(hf_payload_read(HF_PAYLOAD_MEM_TABLE, bytes, size, &body));
    assert_int_equal(body.table.count, 0);
}

static bool possible(enum hf_payload kind, size_t size)
{
    static const size_t fixed[HF_PAYLOAD_COUNT] = {
        [HF_PAYLOAD_U64] = 8,          [HF_PAYLOAD_VRING_STATE] = 8, [HF_PAYLOAD_VRING_ADDR] = 40,
        [HF_PAYLOAD_MEM_REGION] = 40,  [HF_PAYLOAD_LOG] = 16,        [HF_PAYLOAD_IOTLB] = 32,
        [HF_PAYLOAD_VRING_AREA] = 24,  [HF_PAYLOAD_INFLIGHT] = 24,   [HF_PAYLOAD_UUID] = 16,
        [HF_PAYLOAD_DEVICE_STATE] = 8, [HF_PAYLOAD_SHMEM_MAP] = 40,
    };

    if (kind == HF_PAYLOAD_MEM_TABLE)
        return size == 8 || size == 40 || size == 72 || size == 104 || size == 136 || size == 168 ||
               size == 200 || size == 232 || size == 264;
    if (kind == HF_PAYLOAD_CONFIG)
        return size >= 12 && size <= 268;
    if (kind == HF_PAYLOAD_OPAQUE)
        return size <= 4096;
    return size == fixed[kind];
}

static void every_kind_has_exactly_its_sizes(void **state)
{
    (void)state;
    for (int kind = 0; kind < HF_PAYLOAD_COUNT; kind++)
        for (size_t size = 0; size <= 4200; size++)
            assert_int_equal(hf_payload_size_possible((enum hf_payload)kind, size),
                             possible((enum hf_payload)kind, size));
}

/* With the counts inside at zero, exactly one size of each kind can be read; only a memory table
 * may have regions that are not in use behind it. */
static void a_body_is_consumed_exactly(void **state)
{
    static const uint8_t zeros[300];

    (void)state;
    for (int kind = 0; kind < HF_PAYLOAD_OPAQUE; kind++)
        for (size_t size = 0; size <= sizeof(zeros); size++) {
            bool expected = possible((enum hf_payload)kind, size);

            if (kind == HF_PAYLOAD_CONFIG)
                expected = size == 12;
            assert_int_equal(hf_payload_read((enum hf_payload)kind, zeros, size, &body), expected);
        }
}

static void a_count_must_agree_with_the_length(void **state)
{
    uint8_t bytes[8 + 9 * 32] = { 0 };

    (void)state;
    for (uint8_t count = 0; count <= 9; count++)
        for (size_t regions = 0; regions <= 9; regions++) {
            bytes[0] = count;
            assert_int_equal(hf_payload_read(HF_PAYLOAD_MEM_TABLE, bytes, 8 + 32 * regions, &body),
                             count <= regions && regions <= 8);
        }
}

/* 72 bytes, count 1: the array of two that user-mode Linux 6.1 keeps. */
static void regions_not_in_use_are_not_looked_at(void **state)
{
    uint8_t bytes[72] = { 1 };

    (void)state;
    memset(bytes + 8, 0x11, 32);
    memset(bytes + 40, 0xff, 32);
    assert_true(hf_payload_read(HF_PAYLOAD_MEM_TABLE, bytes, sizeof(bytes), &body));
    assert_int_equal(body.table.count, 1);
    assert_true(body.table.regions[0].mmap_offset == UINT64_C(0x1111111111111111));
    assert_true(body.table.regions[1].guest_address == 0);
    assert_false(hf_payload_read(HF_PAYLOAD_MEM_TABLE, bytes, 71, &body));
}

static void a_count_near_the_end_of_its_range_is_refused(void **state)
{
    uint8_t bytes[8 + 8 * 32];

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    assert_false(hf_payload_read(HF_PAYLOAD_MEM_TABLE, bytes, sizeof(bytes), &body));
    assert_false(hf_payload_read(HF_PAYLOAD_CONFIG, bytes, sizeof(bytes), &body));
}

static void a_refused_body_leaves_nothing_behind(void **state)
{
    static const union hf_wire_body nothing;
    uint8_t bytes[64] = { 0 };
    size_t size = hex_bytes("01000000 05000000 01000000 a1b2", bytes, sizeof(bytes));

    (void)state;
    memset(&body, 0xff, sizeof(body));
    assert_false(hf_payload_read(HF_PAYLOAD_CONFIG, bytes, size, &body));
    assert_memory_equal(&body, &nothing, sizeof(body));
}

static void the_largest_config_fits_and_one_byte_more_does_not(void **state)
{
    uint8_t bytes[12 + 257];
    uint8_t again[12 + 257];

    (void)state;
    memset(bytes, 0x5a, sizeof(bytes));
    assert_int_equal(hex_bytes("00000000 00010000 00000000", bytes, 12), 12);
    assert_true(hf_payload_read(HF_PAYLOAD_CONFIG, bytes, 12 + 256, &body));
    assert_int_equal(hf_payload_write(HF_PAYLOAD_CONFIG, &body, again, sizeof(again)), 268);
    assert_memory_equal(again, bytes, 268);
    bytes[4] = 1;
    assert_false(hf_payload_read(HF_PAYLOAD_CONFIG, bytes, 12 + 257, &body));
}

static void what_a_message_cannot_hold_is_not_written(void **state)
{
    uint8_t bytes[600];

    (void)state;
    memset(&body, 0, sizeof(body));
    body.table.count = 9;
    assert_true(hf_payload_write(HF_PAYLOAD_MEM_TABLE, &body, bytes, sizeof(bytes)) == SIZE_MAX);
    memset(&body, 0, sizeof(body));
    body.config.size_bytes = 257;
    assert_true(hf_payload_write(HF_PAYLOAD_CONFIG, &body, bytes, sizeof(bytes)) == SIZE_MAX);
    assert_true(hf_payload_write(HF_PAYLOAD_OPAQUE, &body, bytes, sizeof(bytes)) == SIZE_MAX);
}

static void an_opaque_body_of_any_size_is_let_by(void **state)
{
    static const uint8_t bytes[HF_WIRE_PAYLOAD_MAX];

    (void)state;
    assert_true(hf_payload_read(HF_PAYLOAD_OPAQUE, NULL, 0, &body));
    assert_true(hf_payload_read(HF_PAYLOAD_OPAQUE, bytes, sizeof(bytes), &body));
}

static void every_kind_has_its_own_name(void **state)
{
    (void)state;
    for (int i = 0; i < HF_PAYLOAD_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(hf_payload_name((enum hf_payload)i),
                                    hf_payload_name((enum hf_payload)j));
    assert_string_equal(hf_payload_name(HF_PAYLOAD_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_nothing_has_no_bytes),
        cmocka_unit_test(a_u64_is_eight_native_bytes),
        cmocka_unit_test(a_vring_state_is_index_then_num),
        cmocka_unit_test(a_vring_address_has_used_before_avail),
        cmocka_unit_test(a_memory_table_is_count_padding_and_regions),
        cmocka_unit_test(an_empty_memory_table_is_legal),
        cmocka_unit_test(a_single_region_has_eight_bytes_of_padding_before_it),
        cmocka_unit_test(a_log_is_size_then_offset),
        cmocka_unit_test(an_iotlb_message_ends_in_permission_type_and_padding),
        cmocka_unit_test(a_config_is_offset_size_flags_and_data),
        cmocka_unit_test(a_vring_area_is_index_size_offset),
        cmocka_unit_test(an_inflight_description_is_24_bytes_on_the_wire),
        cmocka_unit_test(a_uuid_keeps_its_byte_order),
        cmocka_unit_test(a_device_state_is_direction_then_phase),
        cmocka_unit_test(a_shared_memory_map_starts_with_id_and_padding),
        cmocka_unit_test(padding_is_not_looked_at),
        cmocka_unit_test(every_kind_has_exactly_its_sizes),
        cmocka_unit_test(a_body_is_consumed_exactly),
        cmocka_unit_test(a_count_must_agree_with_the_length),
        cmocka_unit_test(regions_not_in_use_are_not_looked_at),
        cmocka_unit_test(a_count_near_the_end_of_its_range_is_refused),
        cmocka_unit_test(a_refused_body_leaves_nothing_behind),
        cmocka_unit_test(the_largest_config_fits_and_one_byte_more_does_not),
        cmocka_unit_test(what_a_message_cannot_hold_is_not_written),
        cmocka_unit_test(an_opaque_body_of_any_size_is_let_by),
        cmocka_unit_test(every_kind_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
