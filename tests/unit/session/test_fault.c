/* SPDX-License-Identifier: BSD-3-Clause */
/* Every fault has a sentence and a remedy. */
#include "cmocka_all.h"

#include "session/fault.h"

static void each_fault_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < HF_FAULT_COUNT; a++) {
        assert_true(strlen(hf_fault_text((enum hf_fault)a)) > 0);
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(hf_fault_text((enum hf_fault)a),
                                    hf_fault_text((enum hf_fault)b));
    }
}

static void a_number_that_is_no_fault_has_words_too(void **state)
{
    (void)state;
    assert_string_equal(hf_fault_text(HF_FAULT_COUNT), "unknown fault");
}

/* A device without a back-end that nobody dials again is lost. */
static void each_fault_ends_in_another_dial_but_where_nobody_can_be_dialled(void **state)
{
    (void)state;
    for (unsigned fault = HF_FAULT_NONE + 1; fault < HF_FAULT_COUNT; fault++) {
        enum hf_remedy remedy = hf_fault_remedy((enum hf_fault)fault);

        if (fault == HF_FAULT_OUTAGE || fault == HF_FAULT_NO_ADDRESS)
            assert_int_equal(remedy, HF_REMEDY_GIVE_UP);
        else
            assert_true(remedy == HF_REMEDY_REDIAL || remedy == HF_REMEDY_REDIAL_LATER);
    }
    assert_int_equal(hf_fault_remedy(HF_FAULT_NONE), HF_REMEDY_NONE);
}

static void what_the_same_back_end_would_do_again_is_dialled_later(void **state)
{
    static const enum hf_fault lasting[] = { HF_FAULT_NAK,           HF_FAULT_FEATURES_LOST,
                                             HF_FAULT_PROTOCOL_LOST, HF_FAULT_QUEUES_LOST,
                                             HF_FAULT_SLOTS_LOST,    HF_FAULT_INFLIGHT_INVALID };

    (void)state;
    for (unsigned i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
        assert_int_equal(hf_fault_remedy(lasting[i]), HF_REMEDY_REDIAL_LATER);
    assert_int_equal(hf_fault_remedy(HF_FAULT_HANGUP), HF_REMEDY_REDIAL);
    assert_int_equal(hf_fault_remedy(HF_FAULT_TIMEOUT), HF_REMEDY_REDIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_has_a_sentence_of_its_own),
        cmocka_unit_test(a_number_that_is_no_fault_has_words_too),
        cmocka_unit_test(each_fault_ends_in_another_dial_but_where_nobody_can_be_dialled),
        cmocka_unit_test(what_the_same_back_end_would_do_again_is_dialled_later),
    };

    return cmocka_run_group_tests_name("session/fault", tests, NULL, NULL);
}
