/* SPDX-License-Identifier: BSD-3-Clause */
/* What is owed, and who may serve: rules that no story of the simulation needs. */
#include "cmocka_all.h"

#include "session/script_rows.h"

static struct hf_plan plan;
static struct hf_session session;
static struct hf_asked asked;

static struct hf_script_state fresh(uint16_t rings)
{
    hf_plan_init(&plan, rings);
    hf_session_init(&session, 1);
    return (struct hf_script_state){ .plan = &plan, .session = &session, .asked = &asked };
}

/* DPDK and SPDK make a ring at its first message of this kind, look at the in-flight region of
 * rings they have, and start only those that were given a call, be it none. */
static void a_ring_without_a_call_is_told_so(void **state)
{
    struct hf_script_state script = fresh(3);
    const struct hf_row *call = &hf_script_rows[HF_ROW_SET_VRING_CALL];
    struct hf_message message = hf_message_request(HF_REQUEST_SET_VRING_CALL);

    (void)state;
    hf_plan_set_ring(&plan, 2, 16, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    assert_int_equal(call->wanted(&script, 1), 0);
    assert_int_not_equal(call->wanted(&script, 2), 0);
    call->fill(&script, 2, &message);
    assert_int_equal(message.body.u64, 2 | HF_WIRE_NO_FD);
    assert_int_equal(message.fd_count, 0);
    uint64_t before = call->wanted(&script, 2);
    assert_int_equal(hf_plan_set_call(&plan, 2, 42), -1);
    assert_true(call->wanted(&script, 2) > before);
}

static enum hf_fault judge_without_mq(uint16_t queues)
{
    char detail[HF_FAULT_DETAIL_SIZE];
    struct hf_script_state script = fresh((uint16_t)(queues + 2));

    plan.promise.queue_count = queues;
    session.told[HF_ROW_SET_OWNER] = 1;
    session.answered = HF_BIT(HF_ROW_GET_FEATURES) | HF_BIT(HF_ROW_GET_PROTOCOL_FEATURES);
    session.offered = HF_FEATURE(PROTOCOL_FEATURES);
    return hf_script_judge(&script, detail);
}

/* One queue, as QEMU has it: what is more would fail later, without a name. */
static void a_back_end_without_mq_has_one_queue(void **state)
{
    (void)state;
    assert_int_equal(judge_without_mq(1), HF_FAULT_NONE);
    assert_int_equal(judge_without_mq(2), HF_FAULT_QUEUES_LOST);
}

static enum hf_fault judge_regions(unsigned regions, uint64_t offered, uint64_t slots, char *detail)
{
    struct hf_script_state script = fresh(2);

    session.told[HF_ROW_SET_OWNER] = 1;
    session.answered = offered;
    session.slot_count = slots;
    for (unsigned i = 0; i < regions; i++) {
        struct hf_region_plan region = { .guest_address = i * UINT64_C(4096), .size_bytes = 4096 };

        assert_int_equal(hf_plan_add_region(&plan, &region), 0);
    }
    return hf_script_judge(&script, detail);
}

/* One that does not tell a number of slots takes what fits into SET_MEM_TABLE. */
static void a_back_end_must_take_all_regions(void **state)
{
    char detail[HF_FAULT_DETAIL_SIZE];
    const uint64_t told = HF_BIT(HF_ROW_GET_MAX_MEM_SLOTS);

    (void)state;
    assert_int_equal(judge_regions(8, 0, 0, detail), HF_FAULT_NONE);
    assert_int_equal(judge_regions(9, 0, 0, detail), HF_FAULT_SLOTS_LOST);
    assert_string_equal(detail, "9 needed, 8 offered");
    assert_int_equal(judge_regions(9, told, 9, detail), HF_FAULT_NONE);
    assert_int_equal(judge_regions(5, told, 4, detail), HF_FAULT_SLOTS_LOST);
    assert_string_equal(detail, "5 needed, 4 offered");
}

/* RESET_DEVICE would end the rings without their bases. */
static void a_reset_waits_until_no_ring_runs(void **state)
{
    struct hf_script_state script = fresh(2);
    const struct hf_row *reset = &hf_script_rows[HF_ROW_RESET_DEVICE];

    (void)state;
    asked = (struct hf_asked){ .number = 3, .request = HF_REQUEST_RESET_DEVICE };
    session.rings[1].generation[HF_ROW_SET_VRING_KICK] = 9;
    assert_int_equal(reset->wanted(&script, 0), 0);
    session.rings[1].generation[HF_ROW_SET_VRING_KICK] = 0;
    assert_int_equal(reset->wanted(&script, 0), 3);
    asked = (struct hf_asked){ 0 };
}

/* A bit that is acknowledged must be honoured. */
static void only_protocol_features_that_are_wanted_are_acknowledged(void **state)
{
    struct hf_script_state script = fresh(2);
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_PROTOCOL_FEATURES);
    struct hf_message message = hf_message_request(HF_REQUEST_SET_PROTOCOL_FEATURES);
    struct hf_reply_result result = { .taken = false };
    char detail[HF_FAULT_DETAIL_SIZE];

    (void)state;
    plan.protocol_wanted = HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK);
    reply.body.u64 = HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(PAGEFAULT);
    hf_script_rows[HF_ROW_GET_PROTOCOL_FEATURES].accept(&script, &reply, &result, detail);
    hf_script_rows[HF_ROW_SET_PROTOCOL_FEATURES].fill(&script, 0, &message);
    assert_int_equal(message.body.u64, HF_PROTOCOL_FEATURE(REPLY_ACK));
}

/* Asked for before the guest's reset, answered after it: it is for rings that are no more. */
static void a_region_of_the_epoch_before_is_not_taken(void **state)
{
    struct hf_script_state script = fresh(1);
    struct hf_message reply = { .fd_count = 1, .fds = { 42 } };
    struct hf_reply_result result = { .taken = false };
    char detail[HF_FAULT_DETAIL_SIZE];

    (void)state;
    hf_plan_set_ring(&plan, 0, 16, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    reply.body.inflight =
        (struct hf_wire_inflight){ .mmap_size_bytes = 4096, .queue_count = 1, .queue_size = 16 };
    session.told[HF_ROW_GET_INFLIGHT_FD] = hf_script_asking(plan.epoch, 16);
    assert_int_equal(hf_plan_end_epoch(&plan), -1);
    enum hf_fault fault =
        hf_script_rows[HF_ROW_GET_INFLIGHT_FD].accept(&script, &reply, &result, detail);
    assert_int_equal(fault, HF_FAULT_NONE);
    assert_false(result.taken);
    assert_int_equal(plan.inflight.generation, 0);
}

static struct hf_script_state with_region_for(uint16_t size)
{
    struct hf_script_state script = fresh(2);

    session.offered = HF_FEATURE(PROTOCOL_FEATURES);
    session.protocol = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    hf_plan_set_features(&plan, 0);
    hf_plan_set_ring(&plan, 0, size, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    hf_plan_set_run(&plan, true);
    session.told[HF_ROW_GET_INFLIGHT_FD] = hf_script_asking(plan.epoch, size);
    hf_plan_set_inflight(&plan, &(struct hf_inflight_plan){ .queue_size = size, .fd = 41 });
    session.rings[0].generation[HF_ROW_SET_VRING_KICK] = hf_plan_ring_generation(&plan, 0);
    return script;
}

static bool is_asked_again(const struct hf_script_state *script)
{
    return hf_script_rows[HF_ROW_GET_INFLIGHT_FD].wanted(script, 0) !=
           session.told[HF_ROW_GET_INFLIGHT_FD];
}

/* What it holds is not forgotten: others have requests in it. */
static void a_ring_that_outgrows_the_region_stops_all_and_a_larger_one_is_asked_for(void **state)
{
    struct hf_script_state script = with_region_for(16);

    (void)state;
    hf_plan_set_ring(&plan, 1, 16, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    assert_false(hf_script_must_stop(&script));
    assert_false(is_asked_again(&script));
    hf_plan_set_ring(&plan, 1, 32, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    assert_true(hf_script_must_stop(&script));
    assert_true(is_asked_again(&script));
    session.rings[0].generation[HF_ROW_SET_VRING_KICK] = 0;
    assert_false(hf_script_must_stop(&script));
    assert_int_equal(hf_script_region_size(&plan), 32);
    assert_int_equal(plan.inflight.fd, 41);
}

/* A back-end may make a region that is larger than asked for. */
static void a_region_that_is_large_enough_is_not_asked_for_again(void **state)
{
    struct hf_script_state script = with_region_for(16);

    (void)state;
    plan.inflight.queue_size = 32;
    hf_plan_set_ring(&plan, 1, 32, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    assert_false(hf_script_must_stop(&script));
    assert_false(is_asked_again(&script));
    hf_plan_set_ring(&plan, 0, 0, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    hf_plan_set_ring(&plan, 1, 8, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    assert_false(is_asked_again(&script));
}

/* Asked for before a larger ring was there, answered after that. */
static void a_region_that_has_become_too_small_is_not_taken(void **state)
{
    struct hf_script_state script = with_region_for(16);
    struct hf_message reply = { .fd_count = 1, .fds = { 42 } };
    struct hf_reply_result result = { .taken = false };
    char detail[HF_FAULT_DETAIL_SIZE];

    (void)state;
    plan.inflight = (struct hf_inflight_plan){ .fd = -1 };
    hf_plan_set_ring(&plan, 1, 32, &(struct hf_ring_addresses){ .desc = 0 }, 0);
    reply.body.inflight =
        (struct hf_wire_inflight){ .mmap_size_bytes = 4096, .queue_count = 2, .queue_size = 16 };
    assert_int_equal(
        hf_script_rows[HF_ROW_GET_INFLIGHT_FD].accept(&script, &reply, &result, detail),
        HF_FAULT_NONE);
    assert_false(result.taken);
    assert_true(is_asked_again(&script));
}

/* Call and err descriptors too: not every back-end keeps them over RESET_DEVICE. */
static void after_a_reset_each_ring_is_told_all_again(void **state)
{
    struct hf_script_state script = fresh(2);
    struct hf_step reset = { .row = HF_ROW_RESET_DEVICE, .generation = 1 };

    (void)state;
    session.rings[1].generation[HF_ROW_SET_VRING_CALL] = 5;
    session.told[HF_ROW_SET_FEATURES] = 6;
    session.told[HF_ROW_SET_OWNER] = 1;
    session.told[HF_ROW_SET_MEM_TABLE] = 7;
    hf_script_sent(&script, &reset, 0);
    assert_int_equal(session.rings[1].generation[HF_ROW_SET_VRING_CALL], 0);
    assert_int_equal(session.told[HF_ROW_SET_FEATURES], 0);
    assert_int_equal(session.told[HF_ROW_SET_OWNER], 1);
    assert_int_equal(session.told[HF_ROW_SET_MEM_TABLE], 7);
}

/* The relay's; the library has none. */
static void each_connection_gets_the_channel_that_is_there(void **state)
{
    struct hf_script_state script = fresh(1);
    const struct hf_row *channel = &hf_script_rows[HF_ROW_SET_BACKEND_REQ_FD];
    struct hf_message message = hf_message_request(HF_REQUEST_SET_BACKEND_REQ_FD);

    (void)state;
    assert_int_equal(hf_plan_set_channel(&plan, 42), -1);
    assert_int_equal(channel->wanted(&script, 0), 0);
    session.protocol = HF_PROTOCOL_FEATURE(BACKEND_REQ);
    uint64_t before = channel->wanted(&script, 0);
    assert_int_not_equal(before, 0);
    channel->fill(&script, 0, &message);
    assert_int_equal(message.fd_count, 1);
    assert_int_equal(message.fds[0], 42);
    assert_int_equal(hf_plan_set_channel(&plan, 43), 42);
    assert_true(channel->wanted(&script, 0) > before);
}

static void a_change_of_the_config_space_is_told_as_it_was_asked_for(void **state)
{
    struct hf_script_state script = fresh(1);
    const struct hf_row *change = &hf_script_rows[HF_ROW_SET_CONFIG];
    struct hf_message message = hf_message_request(HF_REQUEST_SET_CONFIG);

    (void)state;
    assert_int_equal(change->wanted(&script, 0), 0);
    asked = (struct hf_asked){ .number = 5,
                               .request = HF_REQUEST_SET_CONFIG,
                               .config = { .offset = 8, .size_bytes = 2, .data = { 7, 9 } } };
    assert_int_equal(change->wanted(&script, 0), 5);
    assert_int_equal(hf_script_rows[HF_ROW_GET_CONFIG].wanted(&script, 0), 0);
    change->fill(&script, 0, &message);
    assert_memory_equal(&message.body.config, &asked.config, sizeof(asked.config));
    asked = (struct hf_asked){ 0 };
}

/* All that is owed is sent. */
static void tell_all(const struct hf_script_state *script)
{
    struct hf_step step;

    while (hf_script_next(script, &step) == HF_SCRIPT_STEP) {
        hf_script_sent(script, &step, 0);
        session.pending_count = 0;
    }
}

/* A ring that runs, and two regions that the back-end knows; it lies in the one at 0x1000. */
static struct hf_script_state with_memory(const struct hf_region_plan regions[2])
{
    struct hf_script_state script = fresh(1);

    session.answered = HF_BIT(HF_ROW_GET_FEATURES);
    session.offered = HF_FEATURE(PROTOCOL_FEATURES);
    session.protocol = HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(REPLY_ACK);
    hf_plan_set_features(&plan, 0);
    hf_plan_set_ring(&plan, 0, 8, &(struct hf_ring_addresses){ .desc = 0x1000 }, 0);
    hf_plan_set_run(&plan, true);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(hf_plan_add_region(&plan, &regions[i]), 0);
    tell_all(&script);
    assert_true(hf_session_ring_started(&session, 0));
    return script;
}

static void a_region_goes_from_under_stopped_rings_only(void **state)
{
    const struct hf_region_plan regions[] = {
        { .guest_address = 0x8000, .user_address = 0x1000, .size_bytes = 0x1000, .fd = 5 },
        { .guest_address = 0x20000, .user_address = 0x2000, .size_bytes = 0x1000, .fd = 6 },
    };
    struct hf_script_state script = with_memory(regions);
    struct hf_step step;

    (void)state;
    assert_false(hf_script_must_stop(&script));
    assert_int_equal(hf_plan_remove_region(&plan, 0x20000, 0x1000), 6);
    assert_false(hf_script_must_stop(&script));
    /* The same place, another file. */
    assert_int_equal(hf_plan_remove_region(&plan, 0x8000, 0x1000), 5);
    assert_int_equal(hf_plan_add_region(&plan, &regions[0]), 0);
    assert_true(hf_script_must_stop(&script));
    session.stopping = true;
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_STEP);
    assert_int_equal(step.message.request, HF_REQUEST_SET_VRING_ENABLE);
    memset(session.rings, 0, sizeof(session.rings)); /* and is answered, as is GET_VRING_BASE */
    assert_false(hf_script_must_stop(&script));
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_STEP);
    assert_int_equal(step.message.request, HF_REQUEST_REM_MEM_REG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_without_a_call_is_told_so),
        cmocka_unit_test(a_back_end_without_mq_has_one_queue),
        cmocka_unit_test(a_back_end_must_take_all_regions),
        cmocka_unit_test(a_reset_waits_until_no_ring_runs),
        cmocka_unit_test(only_protocol_features_that_are_wanted_are_acknowledged),
        cmocka_unit_test(a_region_of_the_epoch_before_is_not_taken),
        cmocka_unit_test(a_ring_that_outgrows_the_region_stops_all_and_a_larger_one_is_asked_for),
        cmocka_unit_test(a_region_that_is_large_enough_is_not_asked_for_again),
        cmocka_unit_test(a_region_that_has_become_too_small_is_not_taken),
        cmocka_unit_test(after_a_reset_each_ring_is_told_all_again),
        cmocka_unit_test(each_connection_gets_the_channel_that_is_there),
        cmocka_unit_test(a_region_goes_from_under_stopped_rings_only),
        cmocka_unit_test(a_change_of_the_config_space_is_told_as_it_was_asked_for),
    };

    return cmocka_run_group_tests_name("session/script_rows", tests, NULL, NULL);
}
