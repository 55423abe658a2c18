/* SPDX-License-Identifier: BSD-3-Clause */
#include "scsi/pages.h"

#include "ask.h"

static void a_disk_is_ready_and_sends_nothing(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "00 00 00 00 00 00", "");
    expect_answer(&hf_lun_report_luns, "00 00 00 00 00 00", "");
    expect_refusal(&hf_lun_missing, "00 00 00 00 00 00", 0x052500);
}

static void no_sense_is_pending_in_either_format(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "03 00 00 00 ff 00",
                  "70 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00");
    expect_answer(&facts, "03 01 00 00 ff 00", "72 00 00 00 00 00 00 00");
}

static void a_missing_unit_says_so_with_status_good(void **state)
{
    (void)state;
    expect_answer(&hf_lun_missing, "03 00 00 00 ff 00",
                  "70 00 05 00 00 00 00 0a 00 00 00 00 25 00 00 00 00 00");
    expect_answer(&hf_lun_missing, "03 01 00 00 ff 00", "72 05 25 00 00 00 00 00");
}

static void every_allocation_length_cuts_the_same_answer(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "03 00 00 00 00 00", 4, 1);
    expect_truncation(&facts, "03 01 00 00 00 00", 4, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_ready_and_sends_nothing),
        cmocka_unit_test(no_sense_is_pending_in_either_format),
        cmocka_unit_test(a_missing_unit_says_so_with_status_good),
        cmocka_unit_test(every_allocation_length_cuts_the_same_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
