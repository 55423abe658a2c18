/* SPDX-License-Identifier: BSD-3-Clause */
/* What the back-end refuses is refused to the VMM, and has changed nothing. */
#include "cmocka_all.h"

#include "relay_rig.h"

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

static void a_refused_region_is_refused_to_the_vmm_and_not_in_the_plan(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.refuse = HF_REQUEST_ADD_MEM_REG;
    assert_true(add_region(1));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.reports, 1);
    assert_int_equal(rig.front.plan.region_count, 1);
    rig.refuse = 0;
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 10 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

static void a_refused_removal_leaves_the_region(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(add_region(1));
    rig.refuse = HF_REQUEST_REM_MEM_REG;
    assert_true(remove_region(1));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.region_count, 2);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

static void a_refused_table_leaves_the_one_before(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(add_region(1));
    rig.refuse = HF_REQUEST_ADD_MEM_REG;
    struct hf_message table = relay_rig_region(&rig, HF_REQUEST_SET_MEM_TABLE, 2);
    assert_true(relay_rig_send_message(&rig, &table));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.region_count, 2);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

static void a_refused_call_leaves_the_one_before(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    int before = rig.front.plan.rings[1].call_fd;
    rig.refuse = HF_REQUEST_SET_VRING_CALL;
    assert_true(send_call(1));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.rings[1].call_fd, before);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

static void a_refused_start_leaves_the_ring_stopped(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    relay_rig_set_ring(&rig, 0, RELAY_RIG_BASE);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 0, 1);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 1, 128);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_BASE, 1, RELAY_RIG_BASE);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 1, 0x40020000);
    rig.refuse = HF_REQUEST_SET_VRING_KICK;
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_VRING_KICK, 1, 0));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.rings[1].size, 0);
    assert_int_equal(rig.front.plan.rings[1].kick_fd, -1);
    assert_false(rig.relay.rings[1].started);
    rig.refuse = 0;
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 10 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

/* A back-end that comes and does not want us says nothing of what the VMM asks meanwhile. */
static void what_a_new_back_end_refuses_is_not_the_vmms_request(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.dead = true;
    relay_rig_lose(&rig);
    rig.dead = false;
    rig.mute = HF_REQUEST_SET_OWNER;
    relay_rig_wait(&rig, 300 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_NEGOTIATING);
    assert_false(send_call(1));
    rig.refuse = HF_REQUEST_SET_OWNER;
    rig.pending[rig.pending_count++] = hf_message_reply_u64(HF_REQUEST_SET_OWNER, 1);
    rig.mute = 0;
    rig.dead = true;
    relay_rig_pump(&rig);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.request, HF_REQUEST_SET_VRING_CALL);
    assert_int_equal(rig.reply.body.u64, 0);
    relay_rig_end(&rig);
}

static void a_refused_end_of_the_log_leaves_it_on(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_LOG_BASE, 0, 0));
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES, 0);
    int log = rig.front.plan.log.fd;
    rig.refuse = HF_REQUEST_SET_FEATURES;
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_FEATURES,
                               RELAY_RIG_FEATURES & ~HF_FEATURE(LOG_ALL), 0));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.log.fd, log);
    assert_int_not_equal(rig.relay.back.log.size_bytes, 0);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

static void a_refused_enable_leaves_the_ring_disabled(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 1, 0);
    assert_true(rig.front.plan.rings[1].disabled);
    rig.refuse = HF_REQUEST_SET_VRING_ENABLE;
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_VRING_ENABLE, 1, 1));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_true(rig.front.plan.rings[1].disabled);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

/* They are told before any ring starts, so that it is known which request was the wrong one. */
static void refused_features_leave_those_of_before(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    uint64_t before = rig.front.plan.features;
    rig.refuse = HF_REQUEST_SET_FEATURES;
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(PROTOCOL_FEATURES), 0));
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_not_equal(before, 0);
    assert_true(rig.front.plan.features == before);
    rig.refuse = 0;
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_region_is_refused_to_the_vmm_and_not_in_the_plan),
        cmocka_unit_test(a_refused_removal_leaves_the_region),
        cmocka_unit_test(a_refused_table_leaves_the_one_before),
        cmocka_unit_test(a_refused_call_leaves_the_one_before),
        cmocka_unit_test(a_refused_start_leaves_the_ring_stopped),
        cmocka_unit_test(what_a_new_back_end_refuses_is_not_the_vmms_request),
        cmocka_unit_test(a_refused_end_of_the_log_leaves_it_on),
        cmocka_unit_test(a_refused_enable_leaves_the_ring_disabled),
        cmocka_unit_test(refused_features_leave_those_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
