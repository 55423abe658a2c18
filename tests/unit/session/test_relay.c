/* SPDX-License-Identifier: BSD-3-Clause */
/* When the VMM is answered, and what becomes of its requests while nobody is there. */
#include "cmocka_all.h"

#include "base/check.h"
#include "relay_rig.h"

#include <errno.h>

static struct relay_rig rig;

static bool send_call(uint16_t ring)
{
    return relay_rig_send(&rig, HF_REQUEST_SET_VRING_CALL, ring, 0);
}

static bool add_region(unsigned place)
{
    struct hf_message message = relay_rig_region(&rig, HF_REQUEST_ADD_MEM_REG, place);

    return relay_rig_send_message(&rig, &message);
}

static bool remove_region(unsigned place)
{
    struct hf_message message = relay_rig_region(&rig, HF_REQUEST_REM_MEM_REG, place);

    return relay_rig_send_message(&rig, &message);
}

static void a_request_is_answered_when_the_back_end_has_confirmed_it(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_ADD_MEM_REG;
    unsigned told = rig.told[HF_REQUEST_ADD_MEM_REG];
    assert_false(add_region(1));
    assert_int_equal(rig.told[HF_REQUEST_ADD_MEM_REG], told + 1);
    assert_false(hf_relay_settled(&rig.relay));
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS / 2);
    assert_false(hf_relay_settled(&rig.relay));
    rig.mute = 0;
    relay_rig_lose(&rig);
    relay_rig_return(&rig);
    assert_true(hf_relay_settled(&rig.relay));
    relay_rig_end(&rig);
}

static void while_nobody_is_there_a_request_is_recorded_and_answered_at_once(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_true(add_region(1));
    assert_int_equal(rig.reply.body.u64, 0);
    assert_true(send_call(1));
    assert_int_equal(rig.front.plan.region_count, 2);
    relay_rig_return(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

static void a_loss_before_the_answer_counts_as_recorded(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_ADD_MEM_REG;
    assert_false(add_region(1));
    unsigned before = rig.replies;
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_int_equal(rig.replies, before + 1);
    assert_int_equal(rig.reply.body.u64, 0);
    assert_int_equal(rig.front.plan.region_count, 2);
    relay_rig_end(&rig);
}

/* Whoever was lost may still write to it. */
static void memory_is_not_taken_away_before_the_lost_back_end_is_fenced(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(add_region(1));
    rig.unfenced = rig.dead = true;
    relay_rig_lose(&rig);
    assert_false(remove_region(1));
    relay_rig_return(&rig); /* another one is there, but must not start */
    assert_true(hf_phase_agreed(rig.front.phase));
    assert_false(hf_relay_settled(&rig.relay));
    unsigned before = rig.replies;
    relay_rig_fence(&rig);
    assert_int_equal(rig.replies, before + 1);
    assert_int_equal(rig.reply.body.u64, 0);
    relay_rig_end(&rig);
}

static void memory_that_cannot_be_taken_away_in_time_is_still_there(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(add_region(1));
    rig.unfenced = rig.dead = true;
    relay_rig_lose(&rig);
    assert_false(remove_region(1));
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS + RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.request, HF_REQUEST_REM_MEM_REG);
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.region_count, 2);
    relay_rig_fence(&rig);
    relay_rig_end(&rig);
}

static void no_request_but_a_stop_waits_longer_than_the_limit(void **state)
{
    static const enum hf_request requests[] = { HF_REQUEST_SET_VRING_CALL, HF_REQUEST_SET_VRING_ERR,
                                                HF_REQUEST_SET_VRING_ENABLE };

    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(requests); i++) {
        relay_rig_run(&rig);
        rig.unfenced = rig.dead = true;
        relay_rig_lose(&rig);
        assert_false(relay_rig_send(&rig, requests[i], 0, 0));
        relay_rig_wait(&rig, RELAY_RIG_REPLY_NS - RELAY_RIG_MS);
        assert_false(hf_relay_settled(&rig.relay));
        relay_rig_wait(&rig, 2 * RELAY_RIG_MS);
        assert_true(hf_relay_settled(&rig.relay));
        assert_int_equal(rig.reply.request, requests[i]);
        assert_int_equal(rig.reply.body.u64, 0);
        relay_rig_fence(&rig);
        relay_rig_end(&rig);
    }
}

static void what_has_waited_before_it_was_read_waits_the_shorter(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.unfenced = rig.dead = true;
    relay_rig_lose(&rig);
    rig.since_ns = rig.now_ns;
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS / 2);
    assert_false(relay_rig_send(&rig, HF_REQUEST_SET_VRING_CALL, 0, 0));
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS / 2 - RELAY_RIG_MS);
    assert_false(hf_relay_settled(&rig.relay));
    relay_rig_wait(&rig, 2 * RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    rig.since_ns = 0;
    relay_rig_fence(&rig);
    relay_rig_end(&rig);
}

/* ---- the config space ------------------------------------------------------------------------ */

static bool send_config(void)
{
    struct hf_message message = relay_rig_message(&rig, HF_REQUEST_GET_CONFIG, 0, 36);

    message.flags &= ~HF_MESSAGE_NEED_REPLY;
    return relay_rig_send_message(&rig, &message);
}

static void the_config_space_is_asked_of_the_back_end(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(send_config());
    assert_int_equal(rig.reply.request, HF_REQUEST_GET_CONFIG);
    assert_int_equal(rig.reply.body.config.size_bytes, 36);
    relay_rig_end(&rig);
}

static void a_question_is_asked_again_when_somebody_is_there(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_false(send_config());
    assert_int_equal(rig.asks, 1);
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS / 2);
    assert_int_equal(rig.asks, 1);
    unsigned before = rig.replies;
    relay_rig_return(&rig);
    assert_int_equal(rig.asks, 2);
    assert_int_equal(rig.replies, before + 1);
    assert_int_equal(rig.reply.body.config.size_bytes, 36);
    relay_rig_end(&rig);
}

static void a_question_that_nobody_answers_is_refused_in_time(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_false(send_config());
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS + RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.kind, HF_PAYLOAD_NONE);
    relay_rig_end(&rig);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_vmm_that_hangs_up_is_over_when_its_rings_are_at_rest(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_GET_VRING_BASE;
    relay_rig_hang_up(&rig);
    assert_false(hf_relay_is_over(&rig.relay));
    assert_true(rig.relay.leaving);
    rig.dead = rig.unfenced = true;
    relay_rig_lose(&rig);
    assert_false(hf_relay_is_over(&rig.relay));
    relay_rig_fence(&rig);
    assert_true(hf_relay_is_over(&rig.relay));
    relay_rig_end(&rig);
}

static void a_back_end_that_does_not_let_go_of_the_rings_is_cut_off(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.front.settings.stop_timeout_ns = 0;
    rig.mute = HF_REQUEST_GET_VRING_BASE;
    relay_rig_hang_up(&rig);
    rig.unfenced = true;
    relay_rig_wait(&rig, RELAY_RIG_STOP_NS + RELAY_RIG_MS);
    assert_int_equal(rig.cuts, 1);
    assert_int_equal(rig.lates, 1);
    assert_false(hf_relay_is_over(&rig.relay));
    relay_rig_fence(&rig);
    assert_true(hf_relay_is_over(&rig.relay));
    relay_rig_end(&rig);
}

/* While it waits for the answer, with descriptors of the request still in its hands. */
static void a_vmm_that_hangs_up_within_a_request_leaves_no_descriptor(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_SET_VRING_CALL;
    assert_false(send_call(1));
    relay_rig_end(&rig);
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_ADD_MEM_REG;
    assert_false(add_region(1));
    relay_rig_end(&rig);
}

/* ---- hostile VMMs ---------------------------------------------------------------------------- */

static void a_ring_that_there_is_not_is_refused(void **state)
{
    static const uint64_t rings[] = { RELAY_RIG_RINGS, 254, 255 };

    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(rings); i++) {
        relay_rig_run(&rig);
        assert_true(relay_rig_send(&rig, HF_REQUEST_SET_VRING_NUM, rings[i], 128));
        assert_int_equal(rig.reply.body.u64, 1);
        assert_true(relay_rig_send(&rig, HF_REQUEST_SET_VRING_KICK, rings[i], 0));
        assert_int_equal(rig.reply.body.u64, 1);
        assert_true(relay_rig_send(&rig, HF_REQUEST_SET_VRING_ENABLE, UINT32_MAX, 1));
        assert_int_equal(rig.reply.body.u64, 1);
        relay_rig_end(&rig);
    }
}

/* Whatever it sends, in whatever order: answered, waited for, or hung up on. */
static void any_order_of_requests_is_survived(void **state)
{
    static const uint64_t numbers[] = {
        0, 1, 2, 3, 255, 256, 0x100, 0x101, UINT32_MAX, UINT64_MAX
    };
    uint64_t seed = 1;

    (void)state;
    for (unsigned life = 0; life < 300; life++) {
        relay_rig_begin(&rig);
        for (unsigned i = 0; i < 60 && hf_relay_settled(&rig.relay); i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint32_t request = (uint32_t)(seed >> 33) % HF_REQUEST_COUNT;
            uint64_t a = numbers[(seed >> 40) % HF_ARRAY_COUNT(numbers)];
            uint64_t b = numbers[(seed >> 50) % HF_ARRAY_COUNT(numbers)];

            if (hf_request_info(request) == NULL)
                continue;
            struct hf_message message = relay_rig_message(&rig, (enum hf_request)request, a, b);
            relay_rig_send_message(&rig, &message);
            if ((seed >> 60) == 0)
                relay_rig_lose(&rig);
            relay_rig_wait(&rig, (seed >> 61) * 400 * RELAY_RIG_MS);
        }
        relay_rig_end(&rig);
    }
}

/* libvhost-user takes features without VERSION_1 for a bug, and hangs up. */
static void no_features_are_told_before_the_vmm_has_any(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    assert_int_equal(rig.told[HF_REQUEST_SET_FEATURES], 1);
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_features_are_told_before_the_vmm_has_any),
        cmocka_unit_test(a_request_is_answered_when_the_back_end_has_confirmed_it),
        cmocka_unit_test(while_nobody_is_there_a_request_is_recorded_and_answered_at_once),
        cmocka_unit_test(a_loss_before_the_answer_counts_as_recorded),
        cmocka_unit_test(memory_is_not_taken_away_before_the_lost_back_end_is_fenced),
        cmocka_unit_test(memory_that_cannot_be_taken_away_in_time_is_still_there),
        cmocka_unit_test(no_request_but_a_stop_waits_longer_than_the_limit),
        cmocka_unit_test(what_has_waited_before_it_was_read_waits_the_shorter),
        cmocka_unit_test(the_config_space_is_asked_of_the_back_end),
        cmocka_unit_test(a_question_is_asked_again_when_somebody_is_there),
        cmocka_unit_test(a_question_that_nobody_answers_is_refused_in_time),
        cmocka_unit_test(a_vmm_that_hangs_up_is_over_when_its_rings_are_at_rest),
        cmocka_unit_test(a_back_end_that_does_not_let_go_of_the_rings_is_cut_off),
        cmocka_unit_test(a_vmm_that_hangs_up_within_a_request_leaves_no_descriptor),
        cmocka_unit_test(a_ring_that_there_is_not_is_refused),
        cmocka_unit_test(any_order_of_requests_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
