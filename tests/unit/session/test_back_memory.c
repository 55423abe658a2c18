/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory tables and regions, judged as numbers. */
#include "session/back.h"

#include "cmocka_all.h"
#include "back_rig.h"

#define BIT30 HF_FEATURE(PROTOCOL_FEATURES)

static void prepare(struct rig *rig)
{
    rig_init(rig);
    rig_negotiate(rig, BIT30, rig->back.offer.protocol_features);
}

static const char *send_region(struct rig *rig, enum hf_request request, uint64_t guest,
                               uint64_t size_bytes)
{
    struct hf_message message = rig_region(rig, request, guest, size_bytes);

    message.flags |= HF_MESSAGE_NEED_REPLY;
    return rig_send(rig, &message);
}

static void test_a_table_replaces_all_regions(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(send_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 4096),
                        "memory replace; reply 0");
    assert_string_equal(send_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0x100000, 8192),
                        "memory replace; reply 0");
    assert_int_equal(rig.back.memory.region_count, 1);
    assert_int_equal(rig.back.memory.regions[0].guest_address, 0x100000);
    rig_expect_no_leak(&rig);
}

static void test_an_empty_table_is_legal(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    send_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 4096);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 0), "memory replace; reply 0");
    assert_int_equal(rig.back.memory.region_count, 0);
}

static void test_a_table_comes_while_rings_run(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    send_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 4096);
    rig_start_ring(&rig, 0);
    rig.patient = true;
    assert_string_equal(send_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 8192), "memory replace");
    assert_int_equal(rig.back.memory.regions[0].size_bytes, 4096);
    assert_string_equal(rig_answer(&rig, 0), "reply 0");
    assert_int_equal(rig.back.memory.regions[0].size_bytes, 8192);
    assert_true(rig.back.rings[0].started);
}

/* Adds it beside a region [0, 8192). */
static enum hf_back_fault add_second(uint64_t guest, uint64_t size_bytes)
{
    struct rig rig;

    prepare(&rig);
    send_region(&rig, HF_REQUEST_ADD_MEM_REG, 0, 8192);
    const char *heard = send_region(&rig, HF_REQUEST_ADD_MEM_REG, guest, size_bytes);
    assert_non_null(strstr(heard, "reply 1"));
    assert_int_equal(rig.back.memory.region_count, 1);
    rig_expect_no_leak(&rig);
    return rig.fault;
}

static void test_regions_that_cannot_be_are_refused_and_change_nothing(void **state)
{
    (void)state;
    assert_int_equal(add_second(0x10000, 0), HF_BACK_FAULT_REGION_EMPTY);
    assert_int_equal(add_second(UINT64_MAX - 4095, 8192), HF_BACK_FAULT_REGION_WRAPS);
    assert_int_equal(add_second(UINT64_MAX - 0x10000fff, 4096 + 1), HF_BACK_FAULT_REGION_WRAPS);
    assert_int_equal(add_second(4096, 4096), HF_BACK_FAULT_REGION_OVERLAPS);
}

static void test_a_table_with_an_overlap_is_refused_as_a_whole(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    struct hf_message table = rig_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 8192);
    table.body.table.count = 2;
    table.body.table.regions[1] = table.body.table.regions[0];
    table.fd_count = 2;
    table.fds[1] = rig.next_fd++;
    assert_string_equal(rig_send(&rig, &table), "close fds; hang up (memory regions overlap)");
    rig_expect_no_leak(&rig);
}

static void test_slots_are_counted(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_MAX_MEM_SLOTS, 0, 0), "reply 16");
    for (uint64_t i = 0; i < 16; i++)
        assert_string_equal(send_region(&rig, HF_REQUEST_ADD_MEM_REG, i * 4096, 4096),
                            "memory add; reply 0");
    assert_non_null(strstr(send_region(&rig, HF_REQUEST_ADD_MEM_REG, 0x100000, 4096),
                           "more memory regions than there are slots"));
    rig_expect_no_leak(&rig);
}

static void test_a_region_is_removed_by_its_addresses_and_size(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    send_region(&rig, HF_REQUEST_ADD_MEM_REG, 0x1000, 4096);
    assert_non_null(
        strstr(send_region(&rig, HF_REQUEST_REM_MEM_REG, 0x1000, 8192), "no such memory region"));
    assert_int_equal(rig.fault, HF_BACK_FAULT_REGION_UNKNOWN);
    struct hf_message remove = rig_region(&rig, HF_REQUEST_REM_MEM_REG, 0x1000, 4096);
    remove.body.region.mmap_offset = 77;
    remove.fds[0] = rig.next_fd++;
    remove.fd_count = 1;
    assert_string_equal(rig_send(&rig, &remove), "memory remove; close fds");
    assert_int_equal(rig.back.memory.region_count, 0);
    rig_expect_no_leak(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_replaces_all_regions),
        cmocka_unit_test(test_an_empty_table_is_legal),
        cmocka_unit_test(test_a_table_comes_while_rings_run),
        cmocka_unit_test(test_regions_that_cannot_be_are_refused_and_change_nothing),
        cmocka_unit_test(test_a_table_with_an_overlap_is_refused_as_a_whole),
        cmocka_unit_test(test_slots_are_counted),
        cmocka_unit_test(test_a_region_is_removed_by_its_addresses_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
