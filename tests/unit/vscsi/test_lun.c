/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio 1.3 §5.6.6.1; what Linux sends and how it reads events is in the specification's notes. */
#include "vscsi/lun.h"

#include "hex.h"

static struct hf_vscsi_address decoded(const char *hex)
{
    uint8_t bytes[HF_LUN_SIZE_BYTES] = { 0 };

    hex_bytes(hex, bytes, sizeof(bytes));
    return hf_vscsi_lun_decode(bytes);
}

static void expect_unit(const char *hex, unsigned target, unsigned lun)
{
    struct hf_vscsi_address address = decoded(hex);

    assert_int_equal(address.form, HF_LUN_FORM_UNIT);
    assert_int_equal(address.target, target);
    assert_int_equal(address.lun, lun);
}

static void both_forms_of_a_unit_are_accepted(void **state)
{
    (void)state;
    expect_unit("01 00 40 00", 0, 0);
    expect_unit("01 00 00 00", 0, 0);
    expect_unit("01 ff 40 07", 255, 7);
    expect_unit("01 03 00 ff", 3, 255);
    expect_unit("01 03 7f ff", 3, 16383);
}

static void the_report_luns_unit_is_accepted_with_and_without_a_target(void **state)
{
    (void)state;
    struct hf_vscsi_address address = decoded("c1 01 00 00");
    assert_int_equal(address.form, HF_LUN_FORM_REPORT_LUNS);
    assert_int_equal(address.target, 0);
    address = decoded("01 05 c1 01");
    assert_int_equal(address.form, HF_LUN_FORM_REPORT_LUNS);
    assert_int_equal(address.target, 5);
}

static void anything_else_is_no_address(void **state)
{
    (void)state;
    assert_int_equal(decoded("00 00 40 00").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("40 00 00 00").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("02 00 40 00").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("01 00 80 00").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("01 00 40 00 01").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("01 00 40 00 00 00 00 01").form, HF_LUN_FORM_INVALID);
    assert_int_equal(decoded("c1 01 00 00 00 00 00 01").form, HF_LUN_FORM_INVALID);
}

static void requests_use_flat_space_and_events_only_where_they_must(void **state)
{
    static const uint8_t request[] = { 1, 5, 0x40, 7, 0, 0, 0, 0 };
    static const uint8_t event[] = { 1, 5, 0, 7, 0, 0, 0, 0 };
    static const uint8_t far[] = { 1, 5, 0x41, 2, 0, 0, 0, 0 };
    uint8_t bytes[HF_LUN_SIZE_BYTES];

    (void)state;
    hf_vscsi_lun_encode(5, 7, bytes);
    assert_memory_equal(bytes, request, sizeof(bytes));
    hf_vscsi_event_lun_encode(5, 7, bytes);
    assert_memory_equal(bytes, event, sizeof(bytes));
    hf_vscsi_lun_encode(5, 258, bytes);
    assert_memory_equal(bytes, far, sizeof(bytes));
    hf_vscsi_event_lun_encode(5, 258, bytes);
    assert_memory_equal(bytes, far, sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_a_unit_are_accepted),
        cmocka_unit_test(the_report_luns_unit_is_accepted_with_and_without_a_target),
        cmocka_unit_test(anything_else_is_no_address),
        cmocka_unit_test(requests_use_flat_space_and_events_only_where_they_must),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
