/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in the messages, where no story of the simulation looks at it. */
#include "cmocka_all.h"

#include "session/script_rows.h"

static struct hf_plan plan;
static struct hf_session session;
static struct hf_asked asked;
static const struct hf_script_state script = { .plan = &plan,
                                               .session = &session,
                                               .asked = &asked };

static int set_up(void **state)
{
    (void)state;
    hf_plan_init(&plan, 2);
    hf_session_init(&session, 1);
    session.offered = HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL);
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1));
    hf_plan_set_ring(&plan, 1, 8,
                     &(struct hf_ring_addresses){ .desc = 1, .used = 3, .used_guest = 4 }, 77);
    return 0;
}

static struct hf_message filled(enum hf_row_id row, uint16_t index)
{
    struct hf_message message = hf_message_request(hf_script_rows[row].request);

    hf_script_rows[row].fill(&script, index, &message);
    return message;
}

static void features_are_the_guests_and_bit_30_where_it_is_offered(void **state)
{
    (void)state;
    assert_int_equal(filled(HF_ROW_SET_FEATURES, 0).body.u64,
                     HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES));
    session.offered = HF_FEATURE(VERSION_1);
    assert_int_equal(filled(HF_ROW_SET_FEATURES, 0).body.u64, HF_FEATURE(VERSION_1));
}

/* One without the other logs nothing (vhost-user "Migration"). */
static void the_log_is_switched_on_in_features_and_addresses(void **state)
{
    (void)state;
    assert_int_equal(filled(HF_ROW_SET_VRING_ADDR, 1).body.addr.flags, 0);
    hf_plan_set_log(&plan, 4096, 0, 30);
    assert_true((filled(HF_ROW_SET_FEATURES, 0).body.u64 & HF_FEATURE(LOG_ALL)) != 0);
    struct hf_message addresses = filled(HF_ROW_SET_VRING_ADDR, 1);
    assert_int_equal(addresses.body.addr.flags, HF_WIRE_VRING_F_LOG);
    assert_int_equal(addresses.body.addr.log, 4);
    assert_int_equal(addresses.body.addr.used, 3);
    hf_plan_set_log(&plan, 0, 0, -1);
    assert_int_equal(filled(HF_ROW_SET_FEATURES, 0).body.u64 & HF_FEATURE(LOG_ALL), 0);
}

static void a_ring_begins_at_its_base(void **state)
{
    struct hf_message base = filled(HF_ROW_SET_VRING_BASE, 1);

    (void)state;
    assert_int_equal(base.body.state.index, 1);
    assert_int_equal(base.body.state.num, 77);
}

/* Rings that are stopped for a while, and larger, have requests in it. */
static void a_region_is_never_asked_for_smaller_than_the_one_that_is_kept(void **state)
{
    (void)state;
    assert_int_equal(filled(HF_ROW_GET_INFLIGHT_FD, 0).body.inflight.queue_size, 8);
    hf_plan_set_inflight(
        &plan, &(struct hf_inflight_plan){ .queue_count = 2, .queue_size = 32, .mmap_size = 4096 });
    assert_int_equal(filled(HF_ROW_GET_INFLIGHT_FD, 0).body.inflight.queue_size, 32);
    hf_plan_end_epoch(&plan);
    assert_int_equal(filled(HF_ROW_GET_INFLIGHT_FD, 0).body.inflight.queue_size, 8);
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_region_is_never_asked_for_smaller_than_the_one_that_is_kept),
        FRESH(features_are_the_guests_and_bit_30_where_it_is_offered),
        FRESH(the_log_is_switched_on_in_features_and_addresses),
        FRESH(a_ring_begins_at_its_base),
    };

    return cmocka_run_group_tests_name("session/script_fill", tests, NULL, NULL);
}
