/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from SPC-4 §7.8 and SBC-3 §6.6. The name in page 83 was computed apart from the
 * code (FNV-1a of "HOLDFASTS1"). */
#include "scsi/pages.h"

#include "ask.h"

static void the_page_list_names_all_there_is_in_order(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "12 01 00 00 ff 00", "00 00 00 04 00 80 83 b0");
}

static void every_listed_page_can_be_had_and_says_its_code_and_length(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    struct answer list = ask(&facts, "12 01 00 00 ff 00");
    for (size_t i = 4; i < list.size_bytes; i++) {
        struct hf_cdb cdb = cdb_with("12 01 00 00 ff 00", 2, 1, list.bytes[i]);
        struct answer page = ask_cdb(&facts, &cdb);
        assert_int_equal(page.status, HF_STATUS_GOOD);
        assert_int_equal(page.bytes[1], list.bytes[i]);
        assert_int_equal(page.bytes[2] << 8 | page.bytes[3], page.size_bytes - 4);
    }
}

static void every_page_not_listed_is_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();
    unsigned served = 0;

    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        struct hf_cdb cdb = cdb_with("12 01 00 00 ff 00", 2, 1, code);
        struct answer page = ask_cdb(&facts, &cdb);
        served += page.status == HF_STATUS_GOOD;
        if (page.status != HF_STATUS_GOOD)
            assert_int_equal(page.sense.asc, 0x24);
    }
    assert_int_equal(served, 4);
}

static void the_serial_page_holds_the_serial(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "12 01 80 00 ff 00", "00 80 00 02 53 31");
}

static void identification_is_a_local_name_and_a_vendor_name(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "12 01 83 00 ff 00",
                  "00 83 00 1a"
                  "01 03 00 08 31 01 22 eb 11 f9 6c 3a"
                  "02 01 00 0a 48 4f 4c 44 46 41 53 54 53 31");
}

static void another_serial_is_another_name(void **state)
{
    struct hf_lun_facts one = disk_facts();
    struct hf_lun_facts two = disk_facts();

    (void)state;
    memcpy(two.serial, "S2", 3);
    struct answer a = ask(&one, "12 01 83 00 ff 00");
    struct answer b = ask(&two, "12 01 83 00 ff 00");
    assert_memory_not_equal(&a.bytes[8], &b.bytes[8], 8);
    assert_int_equal(b.bytes[8] >> 4, 3);
}

static void size_and_cache_do_not_change_the_name(void **state)
{
    struct hf_lun_facts one = disk_facts();
    struct hf_lun_facts two = disk_facts();

    (void)state;
    two.blocks = 7;
    two.write_cache = false;
    two.read_only = true;
    struct answer a = ask(&one, "12 01 83 00 ff 00");
    struct answer b = ask(&two, "12 01 83 00 ff 00");
    assert_int_equal(a.size_bytes, b.size_bytes);
    assert_memory_equal(a.bytes, b.bytes, a.size_bytes);
}

static void without_a_serial_there_is_no_serial_page_and_no_name(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.serial[0] = '\0';
    expect_answer(&facts, "12 01 00 00 ff 00", "00 00 00 03 00 83 b0");
    expect_refusal(&facts, "12 01 80 00 ff 00", 0x052400);
    expect_answer(&facts, "12 01 83 00 ff 00", "00 83 00 00");
}

static void the_longest_serial_fits(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    memset(facts.serial, 'x', HF_SERIAL_SIZE - 1);
    facts.serial[HF_SERIAL_SIZE - 1] = '\0';
    assert_int_equal(ask(&facts, "12 01 80 00 ff 00").size_bytes, 4 + 63);
    assert_int_equal(ask(&facts, "12 01 83 00 ff 00").size_bytes, 4 + 12 + 4 + 8 + 63);
}

static void block_limits_have_the_length_of_sbc_3(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "12 01 b0 00 ff 00",
                  "00 b0 00 3c 00 00 00 08 00 00 20 00 00 00 01 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    facts.physical_exponent = 1;
    assert_int_equal(ask(&facts, "12 01 b0 00 ff 00").bytes[7], 2);
    facts.physical_exponent = 0;
    assert_int_equal(ask(&facts, "12 01 b0 00 ff 00").bytes[7], 0);
}

static void units_that_are_no_disk_have_the_page_list_only(void **state)
{
    (void)state;
    expect_answer(&hf_lun_missing, "12 01 00 00 ff 00", "7f 00 00 01 00");
    expect_answer(&hf_lun_report_luns, "12 01 00 00 ff 00", "1e 00 00 01 00");
    expect_refusal(&hf_lun_missing, "12 01 83 00 ff 00", 0x052400);
    expect_refusal(&hf_lun_report_luns, "12 01 b0 00 ff 00", 0x052400);
}

static void every_allocation_length_cuts_the_same_page(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "12 01 00", 3, 2);
    expect_truncation(&facts, "12 01 80", 3, 2);
    expect_truncation(&facts, "12 01 83", 3, 2);
    expect_truncation(&facts, "12 01 b0", 3, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_list_names_all_there_is_in_order),
        cmocka_unit_test(every_listed_page_can_be_had_and_says_its_code_and_length),
        cmocka_unit_test(every_page_not_listed_is_refused),
        cmocka_unit_test(the_serial_page_holds_the_serial),
        cmocka_unit_test(identification_is_a_local_name_and_a_vendor_name),
        cmocka_unit_test(another_serial_is_another_name),
        cmocka_unit_test(size_and_cache_do_not_change_the_name),
        cmocka_unit_test(without_a_serial_there_is_no_serial_page_and_no_name),
        cmocka_unit_test(the_longest_serial_fits),
        cmocka_unit_test(block_limits_have_the_length_of_sbc_3),
        cmocka_unit_test(units_that_are_no_disk_have_the_page_list_only),
        cmocka_unit_test(every_allocation_length_cuts_the_same_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
