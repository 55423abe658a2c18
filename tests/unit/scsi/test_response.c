/* SPDX-License-Identifier: BSD-3-Clause */
/* What is refused, with which words, and what is let through to the medium. */
#include "scsi/response.h"

#include "ask.h"
#include "base/check.h"

/* xorshift64: the same million CDBs on every run. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A CDB of the row that is accepted as it stands: all zero but the service action. */
static void fill_plain(const struct hf_opcode *row, uint8_t bytes[HF_CDB_SIZE_BYTES])
{
    memset(bytes, 0, HF_CDB_SIZE_BYTES);
    bytes[0] = row->code;
    bytes[1] = row->action;
    if (row->code == HF_OP_MODE_SENSE_6 || row->code == HF_OP_MODE_SENSE_10)
        bytes[2] = 0x3f;
}

static void expect_bit_refused(const struct hf_opcode *row, unsigned byte, unsigned bit)
{
    struct hf_lun_facts facts = disk_facts();
    uint8_t bytes[HF_CDB_SIZE_BYTES];
    struct hf_cdb cdb;

    fill_plain(row, bytes);
    bytes[byte] |= (uint8_t)(1u << bit);
    hf_cdb_decode(bytes, &cdb);
    struct answer answer = ask_cdb(&facts, &cdb);
    assert_int_equal(answer.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(answer.sense.key << 16 | answer.sense.asc << 8 | answer.sense.ascq, 0x052400);
    assert_true(answer.sense.has_field);
    assert_int_equal(answer.sense.field_byte, byte);
}

/* The lists below are typed from the CDB tables of the standards: bits that are reserved, obsolete
 * or of features we do not have, by row. A bit missing in both masks fails the first test. */
static const struct {
    uint8_t code;
    uint8_t refused[16];
} reserved[] = {
    { 0x00, { 0, 0xff, 0xff, 0xff, 0xff, 0xff } },
    { 0x03, { 0, 0xfe, 0xff, 0xff, 0x00, 0xff } },
    { 0x08, { 0, 0xe0, 0x00, 0x00, 0x00, 0xff } },
    { 0x0a, { 0, 0xe0, 0x00, 0x00, 0x00, 0xff } },
    { 0x12, { 0, 0xfe, 0x00, 0x00, 0x00, 0xff } },
    { 0x1a, { 0, 0xf7, 0x00, 0x00, 0x00, 0xff } },
    { 0x1b, { 0, 0xfe, 0xff, 0xff, 0xfa, 0xff } },
    { 0x25, { 0, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xfe, 0xff } },
    { 0x28, { 0, 0xe7, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x00, 0x00, 0xff } },
    { 0x2a, { 0, 0xe7, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x00, 0x00, 0xff } },
    { 0x35, { 0, 0xf9, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x00, 0x00, 0xff } },
    { 0x5a, { 0, 0xe7, 0x00, 0x00, 0xff, 0xff, 0xff, 0x00, 0x00, 0xff } },
    { 0x88, { 0, 0xe7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0xff } },
    { 0x8a, { 0, 0xe7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0xff } },
    { 0x91, { 0, 0xf9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0xff } },
    { 0x9e, { 0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff } },
    { 0xa0, { 0, 0xff, 0x00, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff } },
};

static void every_reserved_bit_is_refused_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(reserved); i++) {
        const struct hf_opcode *row = hf_opcode_find(reserved[i].code, 0x10);
        for (unsigned at = 8; at < row->size_bytes * 8u; at++)
            if ((reserved[i].refused[at / 8] >> at % 8 & 1) != 0)
                expect_bit_refused(row, at / 8, at % 8);
    }
    assert_null(hf_opcode_at(HF_ARRAY_COUNT(reserved)));
}

static void the_masks_and_the_standards_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(reserved); i++) {
        const struct hf_opcode *row = hf_opcode_find(reserved[i].code, 0x10);
        for (unsigned at = 1; at < row->size_bytes; at++)
            assert_int_equal(row->usage[at] ^ reserved[i].refused[at], 0xff);
    }
}

static void naca_is_refused_in_every_length(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_refusal(&facts, "00 00 00 00 00 04", 0x052400);
    expect_refusal(&facts, "28 00 00 00 00 00 00 00 01 04", 0x052400);
    expect_refusal(&facts, "a0 00 00 00 00 00 00 00 00 ff 00 04", 0x052400);
    expect_refusal(&facts, "88 00 00 00 00 00 00 00 00 00 00 00 00 01 00 04", 0x052400);
}

static void protection_is_refused_in_reads_and_writes(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    for (unsigned protect = 1; protect < 8; protect++) {
        struct hf_cdb read = cdb_with("28 00 00 00 00 00 00 00 01", 1, 1, protect << 5);
        struct hf_cdb write = cdb_with("8a 00 00 00 00 00", 1, 1, protect << 5);
        assert_int_equal(ask_cdb(&facts, &read).sense.asc, 0x24);
        assert_int_equal(ask_cdb(&facts, &write).sense.asc, 0x24);
    }
}

static void the_last_block_is_inside_and_the_next_is_not(void **state)
{
    struct hf_lun_facts facts = disk_facts(); /* 0x200000 blocks */

    (void)state;
    expect_good(&facts, "28 00 00 1f ff ff 00 00 01 00");
    expect_refusal(&facts, "28 00 00 1f ff ff 00 00 02 00", 0x052100);
    expect_refusal(&facts, "28 00 00 20 00 00 00 00 01 00", 0x052100);
    expect_good(&facts, "2a 00 00 1f ff ff 00 00 01 00");
    expect_refusal(&facts, "2a 00 00 1f ff ff 00 00 02 00", 0x052100);
    expect_good(&facts, "8a 00 00 00 00 00 00 1f ff ff 00 00 00 01 00 00");
    expect_refusal(&facts, "8a 00 00 00 00 00 00 1f ff ff 00 00 00 02 00 00", 0x052100);
}

/* 21 bits reach 1fffff: a medium that large is wholly reachable, a smaller one is not. */
static void the_6_byte_forms_are_judged_with_256_for_0(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_good(&facts, "08 1f ff ff 01 00");
    expect_good(&facts, "08 1f ff 00 00 00");
    expect_refusal(&facts, "08 1f ff 01 00 00", 0x052100);
    facts.blocks = 255;
    expect_refusal(&facts, "0a 00 00 00 00 00", 0x052100);
    expect_good(&facts, "0a 00 00 00 ff 00");
}

static void zero_blocks_are_legal_up_to_the_end(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_good(&facts, "28 00 00 00 00 00 00 00 00 00");
    expect_good(&facts, "28 00 00 20 00 00 00 00 00 00");
    expect_refusal(&facts, "28 00 00 20 00 01 00 00 00 00", 0x052100);
    expect_refusal(&facts, "28 00 80 00 00 00 00 00 00 00", 0x052100);
    expect_refusal(&facts, "2a 00 ff ff ff ff 00 00 00 00", 0x052100);
    expect_refusal(&facts, "88 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00", 0x052100);
}

static void addresses_near_2_to_64_do_not_wrap(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_refusal(&facts, "88 00 ff ff ff ff ff ff ff ff 00 00 00 01 00 00", 0x052100);
    expect_refusal(&facts, "8a 00 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", 0x052100);
    expect_refusal(&facts, "8a 00 ff ff ff ff 00 00 00 01 ff ff ff ff 00 00", 0x052100);
    expect_refusal(&facts, "91 00 ff ff ff ff ff ff ff ff 00 00 00 01 00 00", 0x052100);
    facts.blocks = UINT64_MAX;
    facts.max_transfer_blocks = 0;
    expect_good(&facts, "88 00 ff ff ff ff ff ff ff fe 00 00 00 01 00 00");
    expect_refusal(&facts, "88 00 ff ff ff ff ff ff ff fe 00 00 00 02 00 00", 0x052100);
}

static void a_transfer_above_the_limit_is_an_invalid_field(void **state)
{
    struct hf_lun_facts facts = disk_facts(); /* limit 0x2000 */

    (void)state;
    expect_good(&facts, "28 00 00 00 00 00 00 20 00 00");
    expect_refusal(&facts, "28 00 00 00 00 00 00 20 01 00", 0x052400);
    assert_int_equal(ask(&facts, "28 00 00 00 00 00 00 20 01 00").sense.field_byte, 7);
    expect_refusal(&facts, "8a 00 00 00 00 00 00 00 00 00 00 00 20 01 00 00", 0x052400);
    facts.max_transfer_blocks = 0;
    expect_good(&facts, "28 00 00 00 00 00 00 ff ff 00");
}

static void a_flush_has_no_transfer_limit_but_a_range(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_good(&facts, "35 00 00 00 00 00 00 00 00 00");
    expect_good(&facts, "35 02 00 00 00 00 00 ff ff 00");
    expect_good(&facts, "91 00 00 00 00 00 00 00 00 00 00 20 00 00 00 00");
    expect_refusal(&facts, "91 00 00 00 00 00 00 00 00 00 00 20 00 01 00 00", 0x052100);
    expect_refusal(&facts, "35 00 00 20 00 01 00 00 00 00", 0x052100);
}

static void a_read_only_unit_refuses_writes_only(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.read_only = true;
    expect_refusal(&facts, "0a 00 00 00 01 00", 0x072700);
    expect_refusal(&facts, "2a 00 00 00 00 00 00 00 01 00", 0x072700);
    expect_refusal(&facts, "2a 00 00 00 00 00 00 00 00 00", 0x072700);
    expect_refusal(&facts, "8a 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 0x072700);
    expect_good(&facts, "28 00 00 00 00 00 00 00 01 00");
    expect_good(&facts, "35 00 00 00 00 00 00 00 00 00");
}

static void dpo_and_fua_are_refused_where_mode_sense_denies_them(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_good(&facts, "28 18 00 00 00 00 00 00 01 00");
    expect_good(&facts, "2a 08 00 00 00 00 00 00 01 00");
    facts.dpofua = false;
    expect_refusal(&facts, "28 10 00 00 00 00 00 00 01 00", 0x052400);
    assert_int_equal(ask(&facts, "28 10 00 00 00 00 00 00 01 00").sense.field_byte, 1);
    expect_refusal(&facts, "28 08 00 00 00 00 00 00 01 00", 0x052400);
    expect_refusal(&facts, "8a 08 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 0x052400);
    expect_good(&facts, "28 00 00 00 00 00 00 00 01 00");
}

static void start_and_stop_are_accepted_and_eject_is_not(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_good(&facts, "1b 00 00 00 01 00");
    expect_good(&facts, "1b 01 00 00 00 00");
    expect_good(&facts, "1b 00 00 00 04 00");
    expect_refusal(&facts, "1b 00 00 00 02 00", 0x052400); /* LOEJ */
    expect_refusal(&facts, "1b 00 00 00 10 00", 0x052400); /* POWER CONDITION active */
}

static void a_missing_unit_serves_three_commands(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        uint8_t bytes[HF_CDB_SIZE_BYTES] = { (uint8_t)code, code == 0x9e ? 0x10 : 0 };
        struct hf_cdb cdb;
        hf_cdb_decode(bytes, &cdb);
        struct answer answer = ask_cdb(&hf_lun_missing, &cdb);
        bool served = code == 0x12 || code == 0xa0 || code == 0x03;
        assert_int_equal(answer.status, served ? HF_STATUS_GOOD : HF_STATUS_CHECK_CONDITION);
        if (!served)
            assert_int_equal(answer.sense.asc, 0x25);
    }
}

static void null_facts_are_a_missing_unit(void **state)
{
    (void)state;
    expect_refusal(NULL, "00 00 00 00 00 00", 0x052500);
    expect_refusal(NULL, "28 08 00 00 00 00 00 00 01 00", 0x052500);
}

static void the_report_luns_unit_has_no_medium(void **state)
{
    (void)state;
    expect_refusal(&hf_lun_report_luns, "28 00 00 00 00 00 00 00 01 00", 0x052000);
    expect_refusal(&hf_lun_report_luns, "25 00 00 00 00 00 00 00 00 00", 0x052000);
    expect_refusal(&hf_lun_report_luns, "1a 00 3f 00 ff 00", 0x052000);
}

static void transfer_sizes_are_in_bytes(void **state)
{
    struct hf_lun_facts facts = disk_facts();
    struct hf_cdb small = cdb_of("28 00 00 00 00 00 00 00 03 00");
    struct hf_cdb large = cdb_of("88 00 00 00 00 00 00 00 00 00 ff ff ff ff 00 00");

    (void)state;
    assert_int_equal(hf_scsi_transfer_size_bytes(&facts, &small), 3 * 512);
    facts.block_size_bytes = 4096;
    assert_int_equal(hf_scsi_transfer_size_bytes(&facts, &small), 3 * 4096);
    assert_int_equal(hf_scsi_transfer_size_bytes(&facts, &large), 0xffffffffULL * 4096);
}

static void a_small_buffer_is_not_overrun(void **state)
{
    struct hf_lun_facts facts = disk_facts();
    struct hf_cdb cdb = cdb_of("12 00 00 00 ff 00");
    uint8_t bytes[8];
    struct hf_writer data = hf_writer_of(bytes, 5);
    struct hf_sense sense;

    (void)state;
    memset(bytes, CANARY, sizeof(bytes));
    assert_int_equal(hf_scsi_answer(&facts, &cdb, &data, &sense), HF_STATUS_GOOD);
    assert_int_equal(hf_writer_stored(&data), 5);
    assert_int_equal(bytes[5], CANARY);
}

/* Half of them with the code of a row, so that the pages are reached. */
static void random_cdb(uint64_t *seed, uint8_t bytes[HF_CDB_SIZE_BYTES])
{
    for (size_t i = 0; i < HF_CDB_SIZE_BYTES; i += 8) {
        uint64_t value = next_random(seed);
        memcpy(&bytes[i], &value, 8);
    }
    if ((next_random(seed) & 1) == 0)
        return;
    const struct hf_opcode *row = hf_opcode_at(next_random(seed) % HF_ARRAY_COUNT(reserved));
    bytes[0] = row->code;
    for (size_t i = 1; i < row->size_bytes; i++)
        bytes[i] &= row->usage[i];
    if (row->has_action)
        bytes[1] = row->action;
}

static void check_answer(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                         const struct answer *answer)
{
    if (answer->status != HF_STATUS_GOOD) {
        assert_int_equal(answer->status, HF_STATUS_CHECK_CONDITION);
        assert_int_not_equal(answer->sense.key, HF_SENSE_KEY_NO_SENSE);
        assert_int_equal(answer->size_bytes, 0);
    } else if (hf_cdb_kind(cdb) == HF_COMMAND_ANSWER) {
        assert_true(answer->size_bytes <= cdb->allocation_length);
        assert_true(answer->size_bytes <= HF_SCSI_ANSWER_SIZE_MAX);
    } else {
        assert_true(cdb->lba <= facts->blocks && cdb->blocks <= facts->blocks - cdb->lba);
    }
}

static void a_million_random_cdbs_are_answered_or_refused(void **state)
{
    struct hf_lun_facts disk = disk_facts();
    const struct hf_lun_facts *units[] = { &disk, &hf_lun_missing, &hf_lun_report_luns, &disk };
    uint64_t seed = 0x5ca1ab1e5eedULL;
    uint8_t bytes[HF_CDB_SIZE_BYTES];
    unsigned good = 0;
    struct hf_cdb cdb;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        random_cdb(&seed, bytes);
        hf_cdb_decode(bytes, &cdb);
        struct answer answer = ask_cdb(units[i % 4], &cdb);
        check_answer(units[i % 4], &cdb, &answer);
        good += answer.status == HF_STATUS_GOOD;
    }
    assert_in_range(good, 50000, 500000); /* else nothing was reached */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reserved_bit_is_refused_and_named),
        cmocka_unit_test(the_masks_and_the_standards_agree),
        cmocka_unit_test(naca_is_refused_in_every_length),
        cmocka_unit_test(protection_is_refused_in_reads_and_writes),
        cmocka_unit_test(the_last_block_is_inside_and_the_next_is_not),
        cmocka_unit_test(the_6_byte_forms_are_judged_with_256_for_0),
        cmocka_unit_test(zero_blocks_are_legal_up_to_the_end),
        cmocka_unit_test(addresses_near_2_to_64_do_not_wrap),
        cmocka_unit_test(a_transfer_above_the_limit_is_an_invalid_field),
        cmocka_unit_test(a_flush_has_no_transfer_limit_but_a_range),
        cmocka_unit_test(a_read_only_unit_refuses_writes_only),
        cmocka_unit_test(dpo_and_fua_are_refused_where_mode_sense_denies_them),
        cmocka_unit_test(start_and_stop_are_accepted_and_eject_is_not),
        cmocka_unit_test(a_missing_unit_serves_three_commands),
        cmocka_unit_test(null_facts_are_a_missing_unit),
        cmocka_unit_test(the_report_luns_unit_has_no_medium),
        cmocka_unit_test(transfer_sizes_are_in_bytes),
        cmocka_unit_test(a_small_buffer_is_not_overrun),
        cmocka_unit_test(a_million_random_cdbs_are_answered_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
