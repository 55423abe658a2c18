/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/bytes.h"

#include "hex.h"

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 };

static struct hf_reader reader_of_all(void)
{
    return hf_reader_of(bytes, sizeof(bytes));
}

static void little_endian_has_its_low_byte_first(void **state)
{
    struct hf_reader reader = reader_of_all();

    (void)state;
    assert_int_equal(hf_read_le16(&reader), 0x0201);
    assert_int_equal(hf_read_le32(&reader), 0x06050403);
    reader = reader_of_all();
    assert_true(hf_read_le64(&reader) == UINT64_C(0x0807060504030201));
}

static void big_endian_has_its_high_byte_first(void **state)
{
    struct hf_reader reader = reader_of_all();

    (void)state;
    assert_int_equal(hf_read_be16(&reader), 0x0102);
    assert_int_equal(hf_read_be32(&reader), 0x03040506);
    reader = reader_of_all();
    assert_true(hf_read_be64(&reader) == UINT64_C(0x0102030405060708));
}

static void native_numbers_are_those_of_the_machine(void **state)
{
    struct hf_reader reader = reader_of_all();
    uint16_t native16;
    uint32_t native32;
    uint64_t native64;

    (void)state;
    memcpy(&native16, bytes, 2);
    memcpy(&native32, bytes + 2, 4);
    assert_int_equal(hf_read_u16(&reader), native16);
    assert_int_equal(hf_read_u32(&reader), native32);
    assert_int_equal(hf_read_u8(&reader), 7);
    reader = reader_of_all();
    memcpy(&native64, bytes, 8);
    assert_true(hf_read_u64(&reader) == native64);
}

static void a_reader_is_done_when_all_is_read_and_not_before(void **state)
{
    struct hf_reader reader = reader_of_all();

    (void)state;
    hf_read_skip(&reader, 8);
    assert_false(hf_reader_done(&reader));
    assert_int_equal(hf_read_u8(&reader), 9);
    assert_true(hf_reader_done(&reader));
}

static void a_read_beyond_the_end_gives_zero_and_sticks(void **state)
{
    struct hf_reader reader = hf_reader_of(bytes, 3);
    uint8_t into[4] = { 0xff, 0xff, 0xff, 0xff };

    (void)state;
    hf_read_bytes(&reader, into, 4);
    assert_memory_equal(into, "\0\0\0\0", 4);
    assert_true(reader.failed);
    assert_int_equal(hf_read_u8(&reader), 0); /* though three are left */
    assert_false(hf_reader_done(&reader));
}

static void a_skip_beyond_the_end_fails(void **state)
{
    struct hf_reader reader = hf_reader_of(bytes, 3);

    (void)state;
    hf_read_skip(&reader, 4);
    assert_true(reader.failed);
    reader = hf_reader_of(bytes, 3);
    hf_read_skip(&reader, SIZE_MAX);
    assert_true(reader.failed);
}

static void reading_nothing_from_nothing_is_done(void **state)
{
    struct hf_reader reader = hf_reader_of(NULL, 0);

    (void)state;
    hf_read_bytes(&reader, NULL, 0);
    hf_read_skip(&reader, 0);
    assert_true(hf_reader_done(&reader));
    hf_read_u8(&reader);
    assert_false(hf_reader_done(&reader));
}

static void assert_written(const struct hf_writer *writer, const char *hex)
{
    uint8_t golden[64] = { 0 };
    size_t size = hex_bytes(hex, golden, sizeof(golden));

    assert_int_equal(hf_writer_stored(writer), size);
    assert_memory_equal(writer->start, golden, size);
}

static void numbers_are_written_in_the_order_asked_for(void **state)
{
    uint8_t into[64];
    struct hf_writer writer = hf_writer_of(into, sizeof(into));

    (void)state;
    hf_write_u8(&writer, 0xab);
    hf_write_le16(&writer, 0x0102);
    hf_write_le32(&writer, 0x01020304);
    hf_write_le64(&writer, UINT64_C(0x0102030405060708));
    hf_write_be16(&writer, 0x0102);
    hf_write_be24(&writer, 0xff010203);
    hf_write_be32(&writer, 0x01020304);
    hf_write_be64(&writer, UINT64_C(0x0102030405060708));
    assert_written(&writer, "ab 0201 04030201 0807060504030201 0102 010203 01020304"
                            "0102030405060708");
    assert_true(hf_writer_fits(&writer));
}

static void native_numbers_come_back_as_they_went(void **state)
{
    uint8_t into[16];
    struct hf_writer writer = hf_writer_of(into, sizeof(into));

    (void)state;
    hf_write_u16(&writer, 0x1234);
    hf_write_u32(&writer, 0x56789abc);
    hf_write_u64(&writer, UINT64_C(0xfedcba9876543210));
    struct hf_reader reader = hf_reader_of(into, 14);
    assert_int_equal(hf_read_u16(&reader), 0x1234);
    assert_int_equal(hf_read_u32(&reader), 0x56789abc);
    assert_true(hf_read_u64(&reader) == UINT64_C(0xfedcba9876543210));
    assert_true(hf_reader_done(&reader));
}

/* The allocation length of a SCSI command cuts an answer anywhere, even inside a number. */
static void a_full_writer_cuts_and_remembers_the_whole_length(void **state)
{
    for (size_t capacity = 0; capacity <= 12; capacity++) {
        uint8_t into[16];
        struct hf_writer writer = hf_writer_of(into, capacity);

        (void)state;
        memset(into, '#', sizeof(into));
        hf_write_be32(&writer, 0x01020304);
        hf_write_zeros(&writer, 4);
        hf_write_bytes(&writer, "wxyz", 4);
        assert_int_equal(writer.length, 12);
        assert_int_equal(hf_writer_stored(&writer), capacity);
        assert_memory_equal(into, "\1\2\3\4\0\0\0\0wxyz", capacity);
        assert_int_equal(into[capacity], '#');
        assert_int_equal(hf_writer_fits(&writer), capacity == 12);
    }
}

static void text_is_padded_with_spaces_or_cut(void **state)
{
    uint8_t into[16];
    struct hf_writer writer = hf_writer_of(into, sizeof(into));

    (void)state;
    hf_write_padded(&writer, "abc", 5);
    hf_write_padded(&writer, "abcdefgh", 4);
    hf_write_padded(&writer, "", 2);
    assert_int_equal(writer.length, 11);
    assert_memory_equal(into, "abc  abcd  ", 11);
}

static void a_length_field_can_be_written_last(void **state)
{
    uint8_t into[16];
    struct hf_writer writer = hf_writer_of(into, sizeof(into));

    (void)state;
    hf_write_zeros(&writer, 8);
    hf_write_patch_be16(&writer, 0, 0x0102);
    hf_write_patch_be32(&writer, 3, 0x03040506);
    assert_written(&writer, "0102 00 03040506 00");
    assert_int_equal(writer.length, 8);
}

static void a_patch_stays_within_what_is_stored(void **state)
{
    uint8_t into[8];
    struct hf_writer writer = hf_writer_of(into, 4);

    (void)state;
    memset(into, '#', sizeof(into));
    hf_write_zeros(&writer, 8);
    hf_write_patch_be32(&writer, 4, 0x01020304);
    hf_write_patch_be16(&writer, 6, 0x0102);
    hf_write_patch_be16(&writer, 3, 0x0102);
    assert_memory_equal(into, "\0\0\0\1####", 8);
    assert_int_equal(writer.length, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_endian_has_its_low_byte_first),
        cmocka_unit_test(big_endian_has_its_high_byte_first),
        cmocka_unit_test(native_numbers_are_those_of_the_machine),
        cmocka_unit_test(a_reader_is_done_when_all_is_read_and_not_before),
        cmocka_unit_test(a_read_beyond_the_end_gives_zero_and_sticks),
        cmocka_unit_test(a_skip_beyond_the_end_fails),
        cmocka_unit_test(reading_nothing_from_nothing_is_done),
        cmocka_unit_test(numbers_are_written_in_the_order_asked_for),
        cmocka_unit_test(native_numbers_come_back_as_they_went),
        cmocka_unit_test(a_full_writer_cuts_and_remembers_the_whole_length),
        cmocka_unit_test(text_is_padded_with_spaces_or_cut),
        cmocka_unit_test(a_length_field_can_be_written_last),
        cmocka_unit_test(a_patch_stays_within_what_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
