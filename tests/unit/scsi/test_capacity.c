/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from SBC-3 §5.15 and §5.16. */
#include "scsi/pages.h"

#include "ask.h"

#define CAPACITY_10 "25 00 00 00 00 00 00 00 00 00"
#define CAPACITY_16 "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00"

static void ten_says_last_block_and_block_size(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_answer(&facts, CAPACITY_10, "00 1f ff ff 00 00 02 00");
    facts.block_size_bytes = 4096;
    expect_answer(&facts, CAPACITY_10, "00 1f ff ff 00 00 10 00");
}

static void ten_says_all_ones_when_the_last_block_does_not_fit(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.blocks = 0xffffffff; /* last block fffffffe: still fits */
    expect_answer(&facts, CAPACITY_10, "ff ff ff fe 00 00 02 00");
    facts.blocks = 0x100000000; /* 2 TiB */
    expect_answer(&facts, CAPACITY_10, "ff ff ff ff 00 00 02 00");
    facts.blocks = 0x123456789a;
    expect_answer(&facts, CAPACITY_10, "ff ff ff ff 00 00 02 00");
}

static void sixteen_says_it_all(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.blocks = 0x123456789a;
    expect_answer(&facts, CAPACITY_16,
                  "00 00 00 12 34 56 78 99 00 00 02 00 00 03 00 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    facts.block_size_bytes = 4096;
    facts.physical_exponent = 0;
    expect_answer(&facts, CAPACITY_16,
                  "00 00 00 12 34 56 78 99 00 00 10 00 00 00 00 00"
                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
}

static void an_empty_medium_does_not_wrap(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    facts.blocks = 0;
    expect_answer(&facts, CAPACITY_10, "00 00 00 00 00 00 02 00");
}

static void an_address_needs_pmi(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_refusal(&facts, "25 00 00 00 00 01 00 00 00 00", 0x052400);
    expect_answer(&facts, "25 00 00 00 00 01 00 00 01 00", "00 1f ff ff 00 00 02 00");
    expect_refusal(&facts, "9e 10 00 00 00 00 00 00 00 01 00 00 00 20 00 00", 0x052400);
    expect_good(&facts, "9e 10 00 00 00 00 00 00 00 01 00 00 00 20 01 00");
}

static void every_allocation_length_cuts_the_same_answer(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    expect_truncation(&facts, "9e 10", 10, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_says_last_block_and_block_size),
        cmocka_unit_test(ten_says_all_ones_when_the_last_block_does_not_fit),
        cmocka_unit_test(sixteen_says_it_all),
        cmocka_unit_test(an_empty_medium_does_not_wrap),
        cmocka_unit_test(an_address_needs_pmi),
        cmocka_unit_test(every_allocation_length_cuts_the_same_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
