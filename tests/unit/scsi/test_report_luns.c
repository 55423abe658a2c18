/* SPDX-License-Identifier: BSD-3-Clause */
/* SPC-4 §6.33. */
#include "scsi/pages.h"

#include "ask.h"

#define ASK(select) "a0 00 " select " 00 00 00 00 00 00 ff 00 00"

static void units_well_known_units_and_both_can_be_listed(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, ASK("00"), "00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 00");
    expect_answer(&facts, ASK("01"), "00 00 00 08 00 00 00 00 c1 01 00 00 00 00 00 00");
    expect_answer(&facts, ASK("02"),
                  "00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 c1 01 00 00 00 00 00 00");
}

static void the_list_is_the_same_whoever_is_asked(void **state)
{
    (void)state;
    expect_answer(&hf_lun_missing, ASK("00"), "00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 00");
    expect_answer(&hf_lun_report_luns, ASK("00"),
                  "00 00 00 08 00 00 00 00 00 00 00 00 00 00 00 00");
}

static void other_selections_are_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    for (unsigned select = 3; select < 256; select++) {
        struct hf_cdb cdb = cdb_with(ASK("00"), 2, 1, select);
        struct answer answer = ask_cdb(&facts, &cdb);
        assert_int_equal(answer.status, HF_STATUS_CHECK_CONDITION);
        assert_int_equal(answer.sense.asc, 0x24);
    }
}

static void every_allocation_length_cuts_the_same_list(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "a0 00 00 00 00 00", 6, 4);
    expect_truncation(&facts, "a0 00 02 00 00 00", 6, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_well_known_units_and_both_can_be_listed),
        cmocka_unit_test(the_list_is_the_same_whoever_is_asked),
        cmocka_unit_test(other_selections_are_refused),
        cmocka_unit_test(every_allocation_length_cuts_the_same_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
