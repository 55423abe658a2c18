/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/fault.h"

#include "cmocka_all.h"

static void every_fault_has_its_own_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < HF_WIRE_FAULT_COUNT; i++) {
        assert_non_null(hf_wire_fault_text((enum hf_wire_fault)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(hf_wire_fault_text((enum hf_wire_fault)i),
                                    hf_wire_fault_text((enum hf_wire_fault)j));
    }
}

static void a_number_that_is_no_fault_still_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(hf_wire_fault_text(HF_WIRE_FAULT_COUNT), "something unknown");
    assert_string_equal(hf_wire_fault_text((enum hf_wire_fault) - 1), "something unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_has_its_own_sentence),
        cmocka_unit_test(a_number_that_is_no_fault_still_has_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
