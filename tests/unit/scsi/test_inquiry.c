/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from SPC-4 §6.6.2, written by hand. */
#include "scsi/pages.h"

#include "ask.h"

static void the_standard_page_is_the_one_of_the_standard(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "12 00 00 00 ff 00",
                  "00 00 06 12 5b 00 00 02 48 4f 4c 44 46 41 53 54" /* HOLDFAST */
                  "46 49 4c 45 20 20 20 20 20 20 20 20 20 20 20 20" /* FILE */
                  "30 2e 31 20 00 00 00 00 00 00 00 00 00 00 00 00" /* 0.1 */
                  "00 00 00 00 00 00 00 00 00 00 00 a0 04 60 04 c0" /* SAM-5 SPC-4 SBC-3 */
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
}

static void empty_names_have_a_default_and_full_ones_fill_the_field(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.product[0] = facts.revision[0] = '\0';
    struct answer answer = ask(&facts, "12 00 00 00 ff 00");
    assert_memory_equal(&answer.bytes[16], "DISK            1   ", 20);
    memcpy(facts.product, "ABCDEFGHIJKLMNOP", 17);
    memcpy(facts.revision, "1234", 5);
    answer = ask(&facts, "12 00 00 00 ff 00");
    assert_memory_equal(&answer.bytes[16], "ABCDEFGHIJKLMNOP1234", 20);
}

static void a_missing_unit_answers_with_qualifier_3(void **state)
{
    (void)state;
    struct answer answer = ask(&hf_lun_missing, "12 00 00 00 ff 00");

    assert_int_equal(answer.status, HF_STATUS_GOOD);
    assert_int_equal(answer.size_bytes, 96);
    assert_int_equal(answer.bytes[0], 0x7f);
    answer = ask(NULL, "12 00 00 00 ff 00");
    assert_int_equal(answer.bytes[0], 0x7f);
}

static void the_report_luns_unit_is_of_the_well_known_type(void **state)
{
    (void)state;
    struct answer answer = ask(&hf_lun_report_luns, "12 00 00 00 24 00");

    assert_int_equal(answer.size_bytes, 36);
    assert_int_equal(answer.bytes[0], 0x1e);
}

static void a_page_code_without_evpd_is_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_refusal(&facts, "12 00 83 00 ff 00", 0x052400);
    assert_int_equal(ask(&facts, "12 00 83 00 ff 00").sense.field_byte, 2);
}

static void every_allocation_length_cuts_the_same_page(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "12 00 00 00 00 00", 3, 2);
    expect_truncation(&hf_lun_missing, "12 00 00 00 00 00", 3, 2);
}

static void an_allocation_length_of_256_gives_what_255_gives(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    struct answer small = ask(&facts, "12 00 00 00 ff 00");
    struct answer large = ask(&facts, "12 00 00 01 00 00");
    assert_int_equal(small.size_bytes, large.size_bytes);
    assert_memory_equal(small.bytes, large.bytes, small.size_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_page_is_the_one_of_the_standard),
        cmocka_unit_test(empty_names_have_a_default_and_full_ones_fill_the_field),
        cmocka_unit_test(a_missing_unit_answers_with_qualifier_3),
        cmocka_unit_test(the_report_luns_unit_is_of_the_well_known_type),
        cmocka_unit_test(a_page_code_without_evpd_is_refused),
        cmocka_unit_test(every_allocation_length_cuts_the_same_page),
        cmocka_unit_test(an_allocation_length_of_256_gives_what_255_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
