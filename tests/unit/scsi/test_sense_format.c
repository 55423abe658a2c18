/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from SPC-4 §4.5.2 and §4.5.3. */
#include "scsi/sense.h"

#include "hex.h"

static struct hf_sense with_information(enum hf_sense_code code, uint64_t information)
{
    struct hf_sense sense = hf_sense_of(code);

    sense.has_information = true;
    sense.information = information;
    return sense;
}

static void expect_fixed(struct hf_sense sense, const char *expected_hex)
{
    uint8_t bytes[HF_SENSE_FIXED_SIZE_BYTES];
    uint8_t expected[HF_SENSE_FIXED_SIZE_BYTES];

    assert_int_equal(hex_bytes(expected_hex, expected, sizeof(expected)), 18);
    memset(bytes, 0xa5, sizeof(bytes));
    hf_sense_encode_fixed(&sense, bytes);
    assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void expect_descriptor(struct hf_sense sense, const char *expected_hex)
{
    uint8_t bytes[HF_SENSE_DESCRIPTOR_SIZE_BYTES];
    uint8_t expected[HF_SENSE_DESCRIPTOR_SIZE_BYTES];
    size_t size_bytes = hex_bytes(expected_hex, expected, sizeof(expected));

    memset(bytes, 0xa5, sizeof(bytes));
    assert_int_equal(hf_sense_encode_descriptor(&sense, bytes), size_bytes);
    assert_memory_equal(bytes, expected, size_bytes);
}

static struct hf_sense decoded(const char *hex)
{
    uint8_t bytes[64];
    size_t size_bytes = hex_bytes(hex, bytes, sizeof(bytes));
    struct hf_sense sense;

    assert_true(hf_sense_decode(bytes, size_bytes, &sense));
    return sense;
}

static void expect_equal(struct hf_sense a, struct hf_sense b)
{
    assert_int_equal(a.key, b.key);
    assert_int_equal(a.asc, b.asc);
    assert_int_equal(a.ascq, b.ascq);
    assert_int_equal(a.has_information, b.has_information);
    assert_int_equal(a.information, b.information);
    assert_int_equal(a.has_field, b.has_field);
    assert_int_equal(a.field_byte, b.field_byte);
}

static void the_fixed_format_is_the_one_of_the_standard(void **state)
{
    (void)state;
    expect_fixed(hf_sense_of(HF_SENSE_CODE_INVALID_OPERATION_CODE),
                 "70 00 05 00 00 00 00 0a 00 00 00 00 20 00 00 00 00 00");
    expect_fixed(with_information(HF_SENSE_CODE_READ_ERROR, 0x12345678),
                 "f0 00 03 12 34 56 78 0a 00 00 00 00 11 00 00 00 00 00");
    expect_fixed(hf_sense_of_field(14), "70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 0e");
}

static void information_above_32_bits_is_left_out_of_the_fixed_format(void **state)
{
    (void)state;
    expect_fixed(with_information(HF_SENSE_CODE_WRITE_ERROR, 0xffffffff),
                 "f0 00 03 ff ff ff ff 0a 00 00 00 00 0c 00 00 00 00 00");
    expect_fixed(with_information(HF_SENSE_CODE_WRITE_ERROR, 0x100000000),
                 "70 00 03 00 00 00 00 0a 00 00 00 00 0c 00 00 00 00 00");
}

static void the_descriptor_format_is_the_one_of_the_standard(void **state)
{
    (void)state;
    expect_descriptor(hf_sense_of(HF_SENSE_CODE_NEXUS_LOSS), "72 06 29 07 00 00 00 00");
    expect_descriptor(with_information(HF_SENSE_CODE_READ_ERROR, 0x123456789abcdef0),
                      "72 03 11 00 00 00 00 0c 00 0a 80 00 12 34 56 78 9a bc de f0");
    expect_descriptor(hf_sense_of_field(0x0102), "72 05 24 00 00 00 00 08 02 06 00 00 c0 01 02 00");
}

static void a_full_descriptor_sense_has_the_announced_size(void **state)
{
    struct hf_sense sense = hf_sense_of_field(1);
    uint8_t bytes[HF_SENSE_DESCRIPTOR_SIZE_BYTES];

    (void)state;
    sense.has_information = true;
    assert_int_equal(hf_sense_encode_descriptor(&sense, bytes), 8 + 12 + 8);
}

static void both_formats_decode_to_what_was_encoded(void **state)
{
    struct hf_sense senses[] = { hf_sense_of(HF_SENSE_CODE_NONE), hf_sense_of_field(7),
                                 with_information(HF_SENSE_CODE_READ_ERROR, 0xfedcba98) };
    uint8_t bytes[HF_SENSE_DESCRIPTOR_SIZE_BYTES];
    struct hf_sense back;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        hf_sense_encode_fixed(&senses[i], bytes);
        assert_true(hf_sense_decode(bytes, HF_SENSE_FIXED_SIZE_BYTES, &back));
        expect_equal(back, senses[i]);
        size_t size_bytes = hf_sense_encode_descriptor(&senses[i], bytes);
        assert_true(hf_sense_decode(bytes, size_bytes, &back));
        expect_equal(back, senses[i]);
    }
}

/* As other devices send it: deferred errors, flags beside the key, padding, strange descriptors. */
static void what_others_send_is_understood(void **state)
{
    (void)state;
    struct hf_sense sense = decoded("71 00 23 00 00 00 00 0a 00 00 00 00 11 04 00 00 00 00");
    assert_int_equal(sense.key, 3);
    assert_int_equal(sense.ascq, 4);
    sense =
        decoded("73 03 11 00 00 00 00 12 80 04 01 02 03 04 00 0a 80 00 00 00 00 00 00 00 00 05");
    assert_true(sense.has_information);
    assert_int_equal(sense.information, 5);
    sense = decoded("72 03 11 00 00 00 00 0c 00 0a 00 00 00 00 00 00 00 00 00 05");
    assert_false(sense.has_information);
    assert_int_equal(sense.information, 0);
}

static void bytes_behind_the_additional_length_do_not_count(void **state)
{
    struct hf_sense sense = decoded("f0 00 03 00 00 00 07 00 ff ff ff ff 11 04 ff ff ff ff");

    (void)state;
    assert_int_equal(sense.key, 3);
    assert_int_equal(sense.information, 7);
    assert_int_equal(sense.asc, 0);
    assert_false(sense.has_field);
}

static void short_sense_reads_as_zero(void **state)
{
    (void)state;
    struct hf_sense sense = decoded("f0 00 05");
    assert_int_equal(sense.key, 5);
    assert_false(sense.has_information);
    assert_int_equal(sense.asc, 0);
    sense = decoded("f0 00 05 00 00");
    assert_false(sense.has_information);
    assert_int_equal(sense.information, 0);
    sense = decoded("72 05 24 00 00 00 00 08 02 06 00 00 c0");
    assert_int_equal(sense.asc, 0x24);
    assert_false(sense.has_field);
}

static void what_is_no_sense_is_said_to_be_none(void **state)
{
    static const uint8_t wrong[][8] = { { 0 }, { 0x6f, 0, 5 }, { 0x74, 5, 0x24 }, { 0x7f, 0, 5 } };
    struct hf_sense sense;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_false(hf_sense_decode(wrong[i], 8, &sense));
        expect_equal(sense, hf_sense_of(HF_SENSE_CODE_NONE));
    }
    assert_false(hf_sense_decode((const uint8_t *)"\x70", 1, &sense));
    assert_false(hf_sense_decode(NULL, 0, &sense));
}

static void fill_random(uint64_t *seed, uint8_t *bytes, size_t size_bytes, uint8_t mask)
{
    for (size_t i = 0; i < size_bytes; i++) {
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        bytes[i] = (uint8_t)(*seed >> 56) & mask;
    }
}

/* Every chain of descriptors ends; the sense stands at the end of its memory, so that ASan sees a
 * read behind it. Small bytes make long chains. */
static void random_sense_is_survived(void **state)
{
    uint64_t seed = 0x5e45e;
    unsigned understood = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[96];
        struct hf_sense sense;
        size_t size_bytes = i % 94 + 3;
        uint8_t *start = &bytes[sizeof(bytes) - size_bytes];
        fill_random(&seed, bytes, sizeof(bytes), (i & 1) != 0 ? 0x0f : 0xff);
        start[0] = (uint8_t)(0x70 | (start[0] & 0x83));
        understood += hf_sense_decode(start, size_bytes, &sense);
        assert_true(sense.key < 16);
    }
    assert_int_equal(understood, 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixed_format_is_the_one_of_the_standard),
        cmocka_unit_test(information_above_32_bits_is_left_out_of_the_fixed_format),
        cmocka_unit_test(the_descriptor_format_is_the_one_of_the_standard),
        cmocka_unit_test(a_full_descriptor_sense_has_the_announced_size),
        cmocka_unit_test(both_formats_decode_to_what_was_encoded),
        cmocka_unit_test(what_others_send_is_understood),
        cmocka_unit_test(bytes_behind_the_additional_length_do_not_count),
        cmocka_unit_test(short_sense_reads_as_zero),
        cmocka_unit_test(what_is_no_sense_is_said_to_be_none),
        cmocka_unit_test(random_sense_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
