/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden CDBs from SPC-4 §6 and SBC-3 §5. */
#include "scsi/cdb.h"

#include "ask.h"

/* All 32 bytes are what is expected: old memory behind the command would go to the device. */
static void expect_bytes(const uint8_t *cdb, const char *expected_hex)
{
    uint8_t expected[HF_CDB_SIZE_BYTES] = { 0 };

    hex_bytes(expected_hex, expected, sizeof(expected));
    assert_memory_equal(cdb, expected, HF_CDB_SIZE_BYTES);
}

static void questions_are_built_by_the_standard(void **state)
{
    uint8_t cdb[HF_CDB_SIZE_BYTES];

    (void)state;
    memset(cdb, CANARY, sizeof(cdb));
    hf_cdb_test_unit_ready(cdb);
    expect_bytes(cdb, "00");
    hf_cdb_request_sense(cdb, 252);
    expect_bytes(cdb, "03 00 00 00 fc");
    hf_cdb_inquiry(cdb, 0x1234);
    expect_bytes(cdb, "12 00 00 12 34");
    hf_cdb_inquiry_page(cdb, 0x83, 255);
    expect_bytes(cdb, "12 01 83 00 ff");
    hf_cdb_report_luns(cdb, 0x12345678);
    expect_bytes(cdb, "a0 00 00 00 00 00 12 34 56 78");
    hf_cdb_read_capacity_10(cdb);
    expect_bytes(cdb, "25");
    hf_cdb_read_capacity_16(cdb, 32);
    expect_bytes(cdb, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20");
    hf_cdb_mode_sense_6(cdb, 0x08, 192);
    expect_bytes(cdb, "1a 00 08 00 c0");
    hf_cdb_mode_sense_10(cdb, 0x3f, 0x1234);
    expect_bytes(cdb, "5a 00 3f 00 00 00 00 12 34");
}

static void transfers_are_built_by_the_standard(void **state)
{
    uint8_t cdb[HF_CDB_SIZE_BYTES];

    (void)state;
    memset(cdb, CANARY, sizeof(cdb));
    hf_cdb_read_10(cdb, 0x12345678, 0x9abc);
    expect_bytes(cdb, "28 00 12 34 56 78 00 9a bc");
    hf_cdb_write_10(cdb, 0x12345678, 0x9abc, false);
    expect_bytes(cdb, "2a 00 12 34 56 78 00 9a bc");
    hf_cdb_write_10(cdb, 1, 2, true);
    expect_bytes(cdb, "2a 08 00 00 00 01 00 00 02");
    hf_cdb_read_16(cdb, 0x0123456789abcdef, 0xfedcba98);
    expect_bytes(cdb, "88 00 01 23 45 67 89 ab cd ef fe dc ba 98");
    hf_cdb_write_16(cdb, 0x0123456789abcdef, 0xfedcba98, true);
    expect_bytes(cdb, "8a 08 01 23 45 67 89 ab cd ef fe dc ba 98");
    hf_cdb_write_16(cdb, 1, 2, false);
    expect_bytes(cdb, "8a 00 00 00 00 00 00 00 00 01 00 00 00 02");
    hf_cdb_synchronize_cache_10(cdb, 0x12345678, 0x9abc);
    expect_bytes(cdb, "35 00 12 34 56 78 00 9a bc");
    hf_cdb_synchronize_cache_16(cdb, 0x0123456789abcdef, 0xfedcba98);
    expect_bytes(cdb, "91 00 01 23 45 67 89 ab cd ef fe dc ba 98");
}

static void the_short_form_is_taken_while_the_numbers_fit(void **state)
{
    uint8_t cdb[HF_CDB_SIZE_BYTES];

    (void)state;
    hf_cdb_read(cdb, 0xffffffff, 0xffff);
    expect_bytes(cdb, "28 00 ff ff ff ff 00 ff ff");
    hf_cdb_read(cdb, 0x100000000, 1);
    expect_bytes(cdb, "88 00 00 00 00 01 00 00 00 00 00 00 00 01");
    hf_cdb_read(cdb, 1, 0x10000);
    expect_bytes(cdb, "88 00 00 00 00 00 00 00 00 01 00 01 00 00");
    hf_cdb_write(cdb, 0xffffffff, 1, true);
    expect_bytes(cdb, "2a 08 ff ff ff ff 00 00 01");
    hf_cdb_write(cdb, 0x100000000, 1, true);
    expect_bytes(cdb, "8a 08 00 00 00 01 00 00 00 00 00 00 00 01");
}

/* What we build, we serve. */
static void a_disk_accepts_what_is_built(void **state)
{
    struct hf_lun_facts facts = disk_facts();
    uint8_t cdbs[10][HF_CDB_SIZE_BYTES];
    struct hf_cdb cdb;

    (void)state;
    hf_cdb_test_unit_ready(cdbs[0]);
    hf_cdb_request_sense(cdbs[1], 18);
    hf_cdb_inquiry(cdbs[2], 96);
    hf_cdb_report_luns(cdbs[3], 16);
    hf_cdb_read_capacity_16(cdbs[4], 32);
    hf_cdb_mode_sense_10(cdbs[5], 0x08, 64);
    hf_cdb_read(cdbs[6], facts.blocks - 1, 1);
    hf_cdb_write(cdbs[7], 0, 1, true);
    hf_cdb_synchronize_cache_10(cdbs[8], 0, 0);
    hf_cdb_synchronize_cache_16(cdbs[9], 0, 0);
    for (size_t i = 0; i < 10; i++) {
        hf_cdb_decode(cdbs[i], &cdb);
        assert_int_equal(ask_cdb(&facts, &cdb).status, HF_STATUS_GOOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_built_by_the_standard),
        cmocka_unit_test(transfers_are_built_by_the_standard),
        cmocka_unit_test(the_short_form_is_taken_while_the_numbers_fit),
        cmocka_unit_test(a_disk_accepts_what_is_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
