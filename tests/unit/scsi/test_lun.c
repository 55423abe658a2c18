/* SPDX-License-Identifier: BSD-3-Clause */
/* SAM-5 §4.7.7. */
#include "scsi/lun.h"

#include "hex.h"

static void expect_form(const char *hex, enum hf_lun_form form, unsigned number)
{
    uint8_t bytes[HF_LUN_SIZE_BYTES] = { 0 };
    uint16_t found = 0xdead;

    hex_bytes(hex, bytes, sizeof(bytes));
    assert_int_equal(hf_lun_decode(bytes, &found), form);
    assert_int_equal(found, number);
}

static void peripheral_and_flat_space_forms_name_a_unit(void **state)
{
    (void)state;
    expect_form("00 00", HF_LUN_FORM_UNIT, 0);
    expect_form("00 ff", HF_LUN_FORM_UNIT, 255);
    expect_form("40 00", HF_LUN_FORM_UNIT, 0);
    expect_form("40 07", HF_LUN_FORM_UNIT, 7);
    expect_form("41 00", HF_LUN_FORM_UNIT, 256);
    expect_form("7f ff", HF_LUN_FORM_UNIT, 16383);
}

static void the_well_known_unit_is_recognised(void **state)
{
    (void)state;
    expect_form("c1 01", HF_LUN_FORM_REPORT_LUNS, 0);
    expect_form("c1 02", HF_LUN_FORM_INVALID, 0);
    expect_form("c1 00", HF_LUN_FORM_INVALID, 0);
}

static void other_forms_and_deeper_levels_are_invalid(void **state)
{
    (void)state;
    expect_form("01 00", HF_LUN_FORM_INVALID, 0); /* behind bus 1 */
    expect_form("3f 00", HF_LUN_FORM_INVALID, 0);
    expect_form("80 00", HF_LUN_FORM_INVALID, 0); /* logical unit addressing */
    expect_form("d2 00 00 01", HF_LUN_FORM_INVALID, 0);
    for (size_t i = 2; i < HF_LUN_SIZE_BYTES; i++) {
        uint8_t bytes[HF_LUN_SIZE_BYTES] = { 0 };
        uint16_t number;
        bytes[i] = 1;
        assert_int_equal(hf_lun_decode(bytes, &number), HF_LUN_FORM_INVALID);
    }
}

static void expect_bytes(uint16_t number, const char *expected_hex)
{
    uint8_t expected[HF_LUN_SIZE_BYTES] = { 0 };
    uint8_t bytes[HF_LUN_SIZE_BYTES];

    memset(bytes, 0xa5, sizeof(bytes));
    hex_bytes(expected_hex, expected, sizeof(expected));
    hf_lun_encode(number, bytes);
    assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void numbers_are_listed_in_the_shortest_form(void **state)
{
    (void)state;
    expect_bytes(0, "00 00");
    expect_bytes(255, "00 ff");
    expect_bytes(256, "41 00");
    expect_bytes(16383, "7f ff");
}

static void every_number_comes_back(void **state)
{
    (void)state;
    for (unsigned number = 0; number <= HF_LUN_MAX; number++) {
        uint8_t bytes[HF_LUN_SIZE_BYTES];
        uint16_t found;
        hf_lun_encode((uint16_t)number, bytes);
        assert_int_equal(hf_lun_decode(bytes, &found), HF_LUN_FORM_UNIT);
        assert_int_equal(found, number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peripheral_and_flat_space_forms_name_a_unit),
        cmocka_unit_test(the_well_known_unit_is_recognised),
        cmocka_unit_test(other_forms_and_deeper_levels_are_invalid),
        cmocka_unit_test(numbers_are_listed_in_the_shortest_form),
        cmocka_unit_test(every_number_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
