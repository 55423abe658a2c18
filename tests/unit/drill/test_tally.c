/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/tally.h"

static void every_finding_has_words_and_a_class_with_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_FINDING_COUNT; i++) {
        assert_non_null(hf_finding_text((enum hf_finding)i));
        assert_true(hf_finding_class((enum hf_finding)i) < HF_CLASS_COUNT);
    }
    for (unsigned i = 0; i < HF_CLASS_COUNT; i++)
        assert_non_null(hf_class_name((enum hf_class)i));
}

static void findings_fall_into_the_classes_of_the_contract(void **state)
{
    static const struct {
        enum hf_finding finding;
        enum hf_class class;
    } rows[] = {
        { HF_FINDING_LOST, HF_CLASS_LOST },          { HF_FINDING_MISSING, HF_CLASS_LOST },
        { HF_FINDING_UNASKED, HF_CLASS_DUPLICATED }, { HF_FINDING_REPEATED, HF_CLASS_DUPLICATED },
        { HF_FINDING_REVERTED, HF_CLASS_CORRUPTED }, { HF_FINDING_STRAY, HF_CLASS_CORRUPTED },
        { HF_FINDING_DAMAGED, HF_CLASS_CORRUPTED },  { HF_FINDING_TORN, HF_CLASS_CORRUPTED },
        { HF_FINDING_FUTURE, HF_CLASS_CORRUPTED },   { HF_FINDING_UNFILLED, HF_CLASS_CORRUPTED },
        { HF_FINDING_TOUCHED, HF_CLASS_CORRUPTED },  { HF_FINDING_OVERRUN, HF_CLASS_CORRUPTED },
        { HF_FINDING_STATUS, HF_CLASS_FAILED },      { HF_FINDING_OVERDUE, HF_CLASS_STUCK },
        { HF_FINDING_LATE, HF_CLASS_CORRUPTED },     { HF_FINDING_HANG_UP, HF_CLASS_FAILED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hf_finding_class(rows[i].finding), rows[i].class);
}

static void nothing_found_counts_nothing(void **state)
{
    struct hf_tally tally = { 0 };

    (void)state;
    hf_tally_add(&tally, HF_FINDING_NONE, "nothing");
    assert_true(hf_tally_clean(&tally));
    assert_int_equal(tally.note_count, 0);
}

static void the_first_findings_are_kept_in_words_and_all_are_counted(void **state)
{
    struct hf_tally tally = { 0 };

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        hf_tally_add(&tally, HF_FINDING_TORN, "block %u", i);
    assert_int_equal(tally.classes[HF_CLASS_CORRUPTED], 100);
    assert_int_equal(tally.findings[HF_FINDING_TORN], 100);
    assert_int_equal(tally.note_count, HF_TALLY_NOTES);
    assert_string_equal(tally.notes[1], "corrupted, parts of different writes: block 1");
}

static void one_finding_of_any_class_is_harm(void **state)
{
    (void)state;
    for (unsigned i = HF_FINDING_NONE + 1; i < HF_FINDING_COUNT; i++) {
        struct hf_tally tally = { 0 };
        hf_tally_add(&tally, (enum hf_finding)i, "x");
        assert_int_equal(hf_verdict_of(&tally, 20, 20), HF_VERDICT_HARMED);
        assert_int_equal(hf_verdict_of(&tally, 20, 0), HF_VERDICT_HARMED);
    }
}

static void fewer_than_nine_in_ten_hits_show_nothing(void **state)
{
    struct hf_tally tally = { 0 };

    (void)state;
    assert_int_equal(hf_verdict_of(&tally, 20, 20), HF_VERDICT_CLEAN);
    assert_int_equal(hf_verdict_of(&tally, 20, 18), HF_VERDICT_CLEAN);
    assert_int_equal(hf_verdict_of(&tally, 20, 17), HF_VERDICT_INCONCLUSIVE);
    assert_int_equal(hf_verdict_of(&tally, 5, 4), HF_VERDICT_INCONCLUSIVE);
    assert_int_equal(hf_verdict_of(&tally, 0, 0), HF_VERDICT_INCONCLUSIVE);
}

static void exit_codes_are_zero_one_two(void **state)
{
    (void)state;
    assert_int_equal(hf_verdict_exit_code(HF_VERDICT_CLEAN), 0);
    assert_int_equal(hf_verdict_exit_code(HF_VERDICT_HARMED), 1);
    assert_int_equal(hf_verdict_exit_code(HF_VERDICT_INCONCLUSIVE), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finding_has_words_and_a_class_with_a_name),
        cmocka_unit_test(findings_fall_into_the_classes_of_the_contract),
        cmocka_unit_test(nothing_found_counts_nothing),
        cmocka_unit_test(the_first_findings_are_kept_in_words_and_all_are_counted),
        cmocka_unit_test(one_finding_of_any_class_is_harm),
        cmocka_unit_test(fewer_than_nine_in_ten_hits_show_nothing),
        cmocka_unit_test(exit_codes_are_zero_one_two),
    };

    return cmocka_run_group_tests_name("drill/tally", tests, NULL, NULL);
}
