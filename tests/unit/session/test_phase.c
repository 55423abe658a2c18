/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of phases against what the drawing above it says. */
#include "cmocka_all.h"

#include "session/phase.h"

static void each_phase_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < HF_PHASE_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(hf_phase_name((enum hf_phase)a),
                                    hf_phase_name((enum hf_phase)b));
}

/* Whatever happens, the host can give up on a back-end, and so can the outage limit. */
static void every_phase_but_down_may_end_in_down_and_failed(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++) {
        if (phase != HF_PHASE_DOWN)
            assert_true(hf_phase_may_follow((enum hf_phase)phase, HF_PHASE_DOWN));
        if (phase != HF_PHASE_DOWN && phase != HF_PHASE_FAILED)
            assert_true(hf_phase_may_follow((enum hf_phase)phase, HF_PHASE_FAILED));
    }
}

static void every_connected_phase_may_lose_its_back_end(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++)
        if (hf_phase_connected((enum hf_phase)phase))
            assert_true(hf_phase_may_follow((enum hf_phase)phase, HF_PHASE_BACKOFF));
}

static void a_back_end_has_agreed_where_it_is_connected_and_nothing_is_negotiated(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++)
        assert_int_equal(hf_phase_agreed((enum hf_phase)phase), phase == HF_PHASE_READY ||
                                                                    phase == HF_PHASE_RUNNING ||
                                                                    phase == HF_PHASE_STOPPING);
}

static void running_is_reached_only_from_ready(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++)
        assert_int_equal(hf_phase_may_follow((enum hf_phase)phase, HF_PHASE_RUNNING),
                         phase == HF_PHASE_READY);
}

static void a_connection_is_opened_only_by_dialling(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++)
        assert_int_equal(hf_phase_may_follow((enum hf_phase)phase, HF_PHASE_NEGOTIATING),
                         phase == HF_PHASE_DIALING);
}

static void no_phase_follows_itself(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < HF_PHASE_COUNT; phase++)
        assert_false(hf_phase_may_follow((enum hf_phase)phase, (enum hf_phase)phase));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_phase_has_a_name_of_its_own),
        cmocka_unit_test(every_phase_but_down_may_end_in_down_and_failed),
        cmocka_unit_test(every_connected_phase_may_lose_its_back_end),
        cmocka_unit_test(a_back_end_has_agreed_where_it_is_connected_and_nothing_is_negotiated),
        cmocka_unit_test(running_is_reached_only_from_ready),
        cmocka_unit_test(a_connection_is_opened_only_by_dialling),
        cmocka_unit_test(no_phase_follows_itself),
    };

    return cmocka_run_group_tests_name("session/phase", tests, NULL, NULL);
}
