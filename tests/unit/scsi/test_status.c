/* SPDX-License-Identifier: BSD-3-Clause */
/* SAM-5 table 44. */
#include "scsi/status.h"

#include "cmocka_all.h"

static void statuses_have_the_numbers_and_names_of_the_standard(void **state)
{
    (void)state;
    assert_string_equal(hf_status_name(0x00), "GOOD");
    assert_string_equal(hf_status_name(0x02), "CHECK CONDITION");
    assert_string_equal(hf_status_name(0x04), "CONDITION MET");
    assert_string_equal(hf_status_name(0x08), "BUSY");
    assert_string_equal(hf_status_name(0x18), "RESERVATION CONFLICT");
    assert_string_equal(hf_status_name(0x28), "TASK SET FULL");
    assert_string_equal(hf_status_name(0x30), "ACA ACTIVE");
    assert_string_equal(hf_status_name(0x40), "TASK ABORTED");
    assert_string_equal(hf_status_name(0x01), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_the_numbers_and_names_of_the_standard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
