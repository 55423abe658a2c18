/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from SPC-4 §6.13, §6.14, §7.5 and SBC-3 §6.4. */
#include "scsi/pages.h"

#include "ask.h"

#define CACHING      "08 12 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
#define CACHING_OFF  "08 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
#define CONTROL      "0a 0a 00 10 00 00 00 00 ff ff 00 00"
#define CONTROL_ZERO "0a 0a 00 00 00 00 00 00 00 00 00 00"
#define SHORT_BLOCKS "00 20 00 00 00 00 02 00"
#define LONG_BLOCKS  "00 00 00 00 00 20 00 00 00 00 00 00 00 00 02 00"

static void six_with_a_block_descriptor(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "1a 00 08 00 ff 00", "1f 00 10 08" SHORT_BLOCKS CACHING);
    expect_answer(&facts, "1a 00 0a 00 ff 00", "17 00 10 08" SHORT_BLOCKS CONTROL);
    expect_answer(&facts, "1a 00 3f 00 ff 00", "2b 00 10 08" SHORT_BLOCKS CACHING CONTROL);
}

static void six_without_a_block_descriptor(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "1a 08 08 00 ff 00", "17 00 10 00" CACHING);
    expect_answer(&facts, "1a 08 3f 00 ff 00", "23 00 10 00" CACHING CONTROL);
}

static void ten_with_short_long_and_no_block_descriptor(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "5a 00 08 00 00 00 00 00 ff 00",
                  "00 22 00 10 00 00 00 08" SHORT_BLOCKS CACHING);
    expect_answer(&facts, "5a 10 08 00 00 00 00 00 ff 00",
                  "00 2a 00 10 01 00 00 10" LONG_BLOCKS CACHING);
    expect_answer(&facts, "5a 08 08 00 00 00 00 00 ff 00", "00 1a 00 10 00 00 00 00" CACHING);
    expect_answer(&facts, "5a 18 3f 00 00 00 00 00 ff 00",
                  "00 26 00 10 00 00 00 00" CACHING CONTROL);
}

static void a_large_medium_fills_the_short_descriptor_with_ones(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.blocks = 0x100000000;
    facts.block_size_bytes = 4096;
    expect_answer(&facts, "1a 00 0a 00 ff 00", "17 00 10 08 ff ff ff ff 00 00 10 00" CONTROL);
    expect_answer(&facts, "5a 10 0a 00 00 00 00 00 ff 00",
                  "00 22 00 10 01 00 00 10"
                  "00 00 00 01 00 00 00 00 00 00 00 00 00 00 10 00" CONTROL);
}

static void nothing_can_be_changed(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "1a 08 7f 00 ff 00", "23 00 10 00" CACHING_OFF CONTROL_ZERO);
    expect_answer(&facts, "1a 00 4a 00 ff 00", "17 00 10 08 00 00 00 00 00 00 00 00" CONTROL_ZERO);
    expect_answer(&facts, "5a 10 4a 00 00 00 00 00 ff 00",
                  "00 22 00 10 01 00 00 10"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" CONTROL_ZERO);
}

static void default_values_are_the_current_ones(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "1a 00 bf 00 ff 00", "2b 00 10 08" SHORT_BLOCKS CACHING CONTROL);
}

static void saved_values_are_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_refusal(&facts, "1a 00 c8 00 ff 00", 0x053900);
    expect_refusal(&facts, "1a 00 ff 00 ff 00", 0x053900);
    expect_refusal(&facts, "5a 00 ca 00 00 00 00 00 ff 00", 0x053900);
}

static void cache_and_protection_show(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.write_cache = false;
    facts.read_only = true;
    expect_answer(&facts, "1a 08 08 00 ff 00", "17 00 90 00" CACHING_OFF);
    facts.dpofua = false;
    expect_answer(&facts, "1a 08 08 00 ff 00", "17 00 80 00" CACHING_OFF);
    expect_answer(&facts, "5a 08 08 00 00 00 00 00 ff 00", "00 1a 00 80 00 00 00 00" CACHING_OFF);
}

static void all_subpages_are_the_pages(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, "1a 08 3f ff ff 00", "23 00 10 00" CACHING CONTROL);
    expect_answer(&facts, "1a 08 08 ff ff 00", "17 00 10 00" CACHING);
}

static void every_other_page_and_subpage_is_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();
    unsigned served = 0;

    (void)state;
    for (unsigned pair = 0; pair < 0x4000; pair++) {
        struct hf_cdb cdb = cdb_with("1a 08 00 00 ff 00", 2, 2, (pair & 0x3f) << 8 | pair >> 6);
        struct answer answer = ask_cdb(&facts, &cdb);
        served += answer.status == HF_STATUS_GOOD;
        if (answer.status != HF_STATUS_GOOD)
            assert_int_equal(answer.sense.asc, 0x24);
    }
    assert_int_equal(served, 3 * 2); /* 08, 0a, 3f with subpage 00 or ff */
}

static void every_allocation_length_cuts_the_same_answer(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "1a 00 3f 00 00 00", 4, 1);
    expect_truncation(&facts, "5a 10 3f 00 00 00 00 00 00 00", 7, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_with_a_block_descriptor),
        cmocka_unit_test(six_without_a_block_descriptor),
        cmocka_unit_test(ten_with_short_long_and_no_block_descriptor),
        cmocka_unit_test(a_large_medium_fills_the_short_descriptor_with_ones),
        cmocka_unit_test(nothing_can_be_changed),
        cmocka_unit_test(default_values_are_the_current_ones),
        cmocka_unit_test(saved_values_are_refused),
        cmocka_unit_test(cache_and_protection_show),
        cmocka_unit_test(all_subpages_are_the_pages),
        cmocka_unit_test(every_other_page_and_subpage_is_refused),
        cmocka_unit_test(every_allocation_length_cuts_the_same_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
