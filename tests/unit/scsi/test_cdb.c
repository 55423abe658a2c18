/* SPDX-License-Identifier: BSD-3-Clause */
#include "scsi/cdb.h"

#include "ask.h"

static void read_6_has_21_bits_of_address(void **state)
{
    struct hf_cdb cdb = cdb_of("08 1f ff fe 05 00");

    (void)state;
    assert_int_equal(cdb.lba, 0x1ffffe);
    assert_int_equal(cdb.blocks, 5);
    assert_false(cdb.fua);
    assert_false(cdb.dpo);
}

static void length_0_of_the_6_byte_forms_is_256(void **state)
{
    (void)state;
    assert_int_equal(cdb_of("08 00 00 00 00 00").blocks, 256);
    assert_int_equal(cdb_of("0a 00 00 00 00 00").blocks, 256);
    assert_int_equal(cdb_of("0a 00 00 00 ff 00").blocks, 255);
}

static void length_0_of_the_longer_forms_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(cdb_of("28 00 00 00 00 01 00 00 00 00").blocks, 0);
    assert_int_equal(cdb_of("8a 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00").blocks, 0);
}

static void ten_byte_forms_have_address_length_and_flags(void **state)
{
    struct hf_cdb read = cdb_of("28 08 12 34 56 78 00 9a bc 00");
    struct hf_cdb write = cdb_of("2a 10 ff ff ff ff 00 ff ff 00");

    (void)state;
    assert_int_equal(read.lba, 0x12345678);
    assert_int_equal(read.blocks, 0x9abc);
    assert_true(read.fua);
    assert_false(read.dpo);
    assert_int_equal(write.lba, 0xffffffff);
    assert_int_equal(write.blocks, 0xffff);
    assert_false(write.fua);
    assert_true(write.dpo);
}

static void sixteen_byte_forms_have_wide_numbers(void **state)
{
    struct hf_cdb cdb = cdb_of("88 18 01 23 45 67 89 ab cd ef fe dc ba 98 00 00");

    (void)state;
    assert_int_equal(cdb.lba, 0x0123456789abcdef);
    assert_int_equal(cdb.blocks, 0xfedcba98);
    assert_true(cdb.fua && cdb.dpo);
}

/* IMMED (bit 1) and SYNC_NV (bit 2) stand where no flag of ours is. */
static void a_flush_has_a_range_and_no_flags(void **state)
{
    struct hf_cdb ten = cdb_of("35 06 00 00 00 07 00 00 09 00");
    struct hf_cdb sixteen = cdb_of("91 02 00 00 00 00 00 00 00 07 00 00 00 09 00 00");

    (void)state;
    assert_int_equal(hf_cdb_kind(&ten), HF_COMMAND_FLUSH);
    assert_int_equal(ten.lba, 7);
    assert_int_equal(ten.blocks, 9);
    assert_false(ten.fua || ten.dpo);
    assert_int_equal(hf_cdb_kind(&sixteen), HF_COMMAND_FLUSH);
    assert_int_equal(sixteen.lba, 7);
    assert_int_equal(sixteen.blocks, 9);
}

static void allocation_lengths_stand_where_each_command_has_them(void **state)
{
    (void)state;
    assert_int_equal(cdb_of("12 00 00 12 34 00").allocation_length, 0x1234);
    assert_int_equal(cdb_of("1a 00 3f 00 56 00").allocation_length, 0x56);
    assert_int_equal(cdb_of("03 00 00 00 12 00").allocation_length, 0x12);
    assert_int_equal(cdb_of("5a 00 3f 00 00 00 00 12 34 00").allocation_length, 0x1234);
    assert_int_equal(cdb_of("a0 00 00 00 00 00 12 34 56 78 00 00").allocation_length, 0x12345678);
    assert_int_equal(cdb_of("9e 10 00 00 00 00 00 00 00 00 12 34 56 78").allocation_length,
                     0x12345678);
    assert_int_equal(cdb_of("25").allocation_length, UINT32_MAX);
}

static void bytes_behind_the_command_are_not_kept(void **state)
{
    struct hf_cdb cdb = cdb_of("00 00 00 00 00 00 ff ff ff ff ff ff ff ff ff ff");

    (void)state;
    for (size_t i = 6; i < HF_CDB_SIZE_BYTES; i++)
        assert_int_equal(cdb.bytes[i], 0);
}

static void what_is_not_supported_has_no_row_and_can_be_refused_again(void **state)
{
    struct hf_cdb cdb = cdb_of("89 00");

    (void)state;
    assert_null(cdb.opcode);
    assert_int_equal(hf_cdb_kind(&cdb), HF_COMMAND_ANSWER);
    assert_int_equal(hf_cdb_replay(&cdb), HF_REPLAY_EXECUTE);
    assert_string_equal(hf_cdb_name(&cdb), "unsupported command");
}

static void commands_have_names(void **state)
{
    struct hf_cdb read = cdb_of("28 00");
    struct hf_cdb capacity = cdb_of("9e 10");

    (void)state;
    assert_string_equal(hf_cdb_name(&read), "READ(10)");
    assert_string_equal(hf_cdb_name(&capacity), "READ CAPACITY(16)");
}

static void replay_is_a_column(void **state)
{
    struct hf_cdb write = cdb_of("2a 00");
    struct hf_cdb stop = cdb_of("1b 00");

    (void)state;
    assert_int_equal(hf_cdb_replay(&write), HF_REPLAY_EXECUTE);
    assert_int_equal(hf_cdb_replay(&stop), HF_REPLAY_UNIT_ATTENTION);
}

static void the_group_code_gives_the_length(void **state)
{
    static const uint8_t sizes[] = { 6, 10, 10, 0, 16, 12, 0, 0 };

    (void)state;
    for (unsigned code = 0; code < 256; code++)
        assert_int_equal(hf_cdb_group_size_bytes((uint8_t)code), sizes[code / 32]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_6_has_21_bits_of_address),
        cmocka_unit_test(length_0_of_the_6_byte_forms_is_256),
        cmocka_unit_test(length_0_of_the_longer_forms_is_nothing),
        cmocka_unit_test(ten_byte_forms_have_address_length_and_flags),
        cmocka_unit_test(sixteen_byte_forms_have_wide_numbers),
        cmocka_unit_test(a_flush_has_a_range_and_no_flags),
        cmocka_unit_test(allocation_lengths_stand_where_each_command_has_them),
        cmocka_unit_test(bytes_behind_the_command_are_not_kept),
        cmocka_unit_test(what_is_not_supported_has_no_row_and_can_be_refused_again),
        cmocka_unit_test(commands_have_names),
        cmocka_unit_test(replay_is_a_column),
        cmocka_unit_test(the_group_code_gives_the_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
