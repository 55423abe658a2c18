/* SPDX-License-Identifier: BSD-3-Clause */
/* The script: what is owed, in which order, and what an answer means to it. Here a session is led
 * by hand; whole lives are in tests/sim. */
#include "cmocka_all.h"

#include "session/script.h"

#define FEATURES (HF_FEATURE(VERSION_1) | HF_FEATURE(PROTOCOL_FEATURES))

static struct hf_plan plan;
static struct hf_session session;
static struct hf_asked asked;
static struct hf_script_state script;
static char detail[HF_FAULT_DETAIL_SIZE];
static uint64_t offered;
static uint64_t rounding; /* of each queue of an in-flight region */

static void lay_out(uint16_t queue)
{
    hf_plan_set_ring(&plan, queue, 8, &(struct hf_ring_addresses){ .desc = 0x1000 }, 0);
    hf_plan_set_kick(&plan, queue, 40 + queue);
    hf_plan_set_call(&plan, queue, 80 + queue);
}

static int set_up(void **state)
{
    (void)state;
    hf_plan_init(&plan, 20);
    offered = FEATURES;
    rounding = 0;
    hf_session_init(&session, 1);
    asked = (struct hf_asked){ 0 };
    script = (struct hf_script_state){ .plan = &plan, .session = &session, .asked = &asked };
    plan.protocol_wanted = HF_PROTOCOL_FEATURE(REPLY_ACK);
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1));
    lay_out(0);
    hf_plan_set_run(&plan, true);
    return 0;
}

static void fill_region(const struct hf_message *message, struct hf_message *reply)
{
    reply->body.inflight = message->body.inflight;
    reply->body.inflight.mmap_size_bytes =
        message->body.inflight.queue_count *
        (16 + 16 * (uint64_t)message->body.inflight.queue_size + rounding);
    reply->fds[0] = 50;
    reply->fd_count = 1;
}

static struct hf_message answer_to(const struct hf_step *step)
{
    uint32_t request = step->message.request;
    struct hf_message reply = hf_message_reply((enum hf_request)request);

    if (request == HF_REQUEST_GET_FEATURES)
        reply.body.u64 = offered;
    else if (request == HF_REQUEST_GET_PROTOCOL_FEATURES)
        reply.body.u64 = plan.protocol_wanted;
    else if (request == HF_REQUEST_GET_INFLIGHT_FD)
        fill_region(&step->message, &reply);
    else if (request == HF_REQUEST_GET_VRING_BASE)
        reply.body.state = (struct hf_wire_vring_state){ .index = step->index, .num = 77 };
    else
        reply = hf_message_reply_u64((enum hf_request)request, 0);
    return reply;
}

static void hear(const struct hf_message *reply)
{
    assert_int_equal(hf_script_reply(&script, reply, detail).fault, HF_FAULT_NONE);
}

/* Sends what is owed and answers it at once, until nothing is owed; writes the names. */
static const char *play(void)
{
    static char names[2000];
    size_t length = 0;
    struct hf_step step;

    names[0] = '\0';
    while (hf_script_next(&script, &step) == HF_SCRIPT_STEP) {
        struct hf_message reply = answer_to(&step);

        hf_script_sent(&script, &step, 0);
        length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
                                   length == 0 ? "" : " ", hf_message_name(&step.message));
        assert_true(length < sizeof(names));
        if (step.answered)
            hear(&reply);
    }
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_DONE);
    return names;
}

#define AGREED  "GET_FEATURES GET_PROTOCOL_FEATURES SET_PROTOCOL_FEATURES SET_OWNER "
#define STARTED "SET_VRING_NUM SET_VRING_BASE SET_VRING_ADDR SET_VRING_KICK SET_VRING_ENABLE"

static void a_fresh_session_owes_everything_in_order(void **state)
{
    (void)state;
    assert_string_equal(play(), AGREED "SET_VRING_CALL SET_FEATURES " STARTED);
    assert_string_equal(play(), "");
}

static void a_stop_is_undone_in_reverse_and_forgets_the_ring(void **state)
{
    (void)state;
    play();
    hf_plan_set_run(&plan, false);
    assert_string_equal(play(), "SET_VRING_ENABLE GET_VRING_BASE");
    assert_int_equal(plan.rings[0].base, 77);
    hf_plan_set_run(&plan, true);
    assert_string_equal(play(), STARTED); /* the same kick descriptor, told again */
}

static void no_ring_starts_before_the_last_ones_are_settled(void **state)
{
    (void)state;
    plan.settle_owed = true;
    assert_string_equal(play(), AGREED "SET_VRING_CALL SET_FEATURES");
    plan.settle_owed = false;
    assert_string_equal(play(), STARTED);
}

/* The rings that messages of this row name, in their order, as one number of decimal digits. */
static unsigned order_of(enum hf_request request)
{
    unsigned order = 9;
    struct hf_step step;

    while (hf_script_next(&script, &step) == HF_SCRIPT_STEP) {
        struct hf_message reply = answer_to(&step);

        hf_script_sent(&script, &step, 0);
        if (step.answered)
            hear(&reply);
        if (step.message.request == request)
            order = 10 * order + step.index;
    }
    return order;
}

static void lay_out_four_and_two_of_them_late(void)
{
    for (uint16_t i = 1; i < 4; i++)
        lay_out(i);
    plan.late_rings = 2;
}

/* What is asked of the control ring is about requests of the others. */
static void the_first_rings_begin_last_where_enable_lets_them(void **state)
{
    (void)state;
    lay_out_four_and_two_of_them_late();
    assert_int_equal(order_of(HF_REQUEST_SET_VRING_ENABLE), 92301);
}

/* A KICK makes SPDK wait for the I/O of all rings it has: those without I/O come first. */
static void where_enable_lets_rings_begin_they_are_kicked_in_their_order(void **state)
{
    (void)state;
    lay_out_four_and_two_of_them_late();
    assert_int_equal(order_of(HF_REQUEST_SET_VRING_KICK), 90123);
}

static void without_enable_the_first_rings_are_kicked_last(void **state)
{
    (void)state;
    lay_out_four_and_two_of_them_late();
    offered = HF_FEATURE(VERSION_1);
    assert_int_equal(order_of(HF_REQUEST_SET_VRING_KICK), 92301);
}

static void a_region_is_asked_for_once_on_each_connection(void **state)
{
    (void)state;
    plan.protocol_wanted |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    assert_string_equal(play(), AGREED
                        "SET_VRING_CALL SET_FEATURES GET_INFLIGHT_FD SET_INFLIGHT_FD " STARTED);
    hf_plan_set_run(&plan, false);
    play();
    hf_plan_set_run(&plan, true);
    assert_string_equal(play(), "SET_INFLIGHT_FD " STARTED);
    hf_session_init(&session, 2);
    assert_string_equal(play(), AGREED
                        "SET_VRING_CALL SET_FEATURES GET_INFLIGHT_FD SET_INFLIGHT_FD " STARTED);
}

static void nothing_is_sent_while_a_region_is_converted(void **state)
{
    struct hf_step step;

    (void)state;
    plan.protocol_wanted |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    play();
    hf_session_init(&session, 2);
    rounding = 64;
    while (hf_script_next(&script, &step) == HF_SCRIPT_STEP) {
        struct hf_message reply = answer_to(&step);

        hf_script_sent(&script, &step, 0);
        assert_int_not_equal(step.row, HF_ROW_SET_INFLIGHT_FD);
        if (step.answered)
            hear(&reply);
    }
    assert_int_equal(session.converting, plan.inflight.generation);
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_WAIT);
    session.converting = 0;
    assert_string_equal(play(), "SET_INFLIGHT_FD " STARTED);
}

static void a_call_changes_while_the_ring_runs(void **state)
{
    (void)state;
    play();
    session.notify_owed = false;
    hf_plan_set_call(&plan, 0, 99);
    assert_false(hf_script_must_stop(&script));
    assert_string_equal(play(), "SET_VRING_CALL");
    assert_true(session.notify_owed);
}

static void a_new_kick_or_epoch_or_other_features_stop_the_ring(void **state)
{
    (void)state;
    play();
    hf_plan_set_kick(&plan, 0, 41);
    assert_true(hf_script_must_stop(&script));
    play();
    hf_plan_end_epoch(&plan);
    assert_true(hf_script_must_stop(&script));
    play();
    hf_plan_set_features(&plan, 0);
    assert_true(hf_script_must_stop(&script));
}

/* Without bit 30 a back-end knows neither protocol features nor ENABLE, and nothing is answered
 * but what is asked: a question proves that the rest was carried out. */
static void without_acknowledgements_a_question_is_the_barrier(void **state)
{
    struct hf_message reply = hf_message_reply_u64(HF_REQUEST_GET_FEATURES, HF_FEATURE(VERSION_1));
    struct hf_step step;
    unsigned barriers = 0;

    (void)state;
    while (hf_script_next(&script, &step) == HF_SCRIPT_STEP) {
        assert_int_not_equal(step.message.request, HF_REQUEST_SET_VRING_ENABLE);
        assert_false(hf_message_needs_reply(&step.message));
        barriers += step.row == HF_ROW_BARRIER;
        hf_script_sent(&script, &step, 0);
        if (step.answered)
            hear(&reply);
    }
    assert_int_equal(barriers, 1);
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_DONE);
}

static unsigned send_all(void)
{
    struct hf_step step;
    unsigned count = 0;

    while (hf_script_next(&script, &step) == HF_SCRIPT_STEP) {
        hf_script_sent(&script, &step, 1000 + count);
        count++;
    }
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_WAIT);
    return count;
}

static void not_more_messages_are_sent_than_can_be_pending(void **state)
{
    (void)state;
    play();
    for (uint16_t i = 1; i < 20; i++)
        lay_out(i);
    assert_int_equal(send_all(), HF_PENDING_MAX);
    assert_int_equal(hf_session_deadline_ns(&session), 1000);
    hear(&(struct hf_message){ .request = HF_REQUEST_SET_VRING_CALL, .kind = HF_PAYLOAD_U64 });
    assert_int_equal(send_all(), 1);
    assert_int_equal(hf_session_deadline_ns(&session), 1001);
}

static void nothing_is_sent_behind_a_question(void **state)
{
    struct hf_step step;

    (void)state;
    assert_int_equal(send_all(), 1);
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_WAIT);
}

static enum hf_fault fault_of(const struct hf_message *reply)
{
    return hf_script_reply(&script, reply, detail).fault;
}

static void answers_are_matched_in_order_and_by_number(void **state)
{
    struct hf_message owner = hf_message_reply_u64(HF_REQUEST_SET_OWNER, 0);

    (void)state;
    assert_int_equal(fault_of(&owner), HF_FAULT_UNEXPECTED);
    assert_int_equal(send_all(), 1);
    assert_int_equal(fault_of(&owner), HF_FAULT_UNEXPECTED);
    assert_string_equal(detail, "asked GET_FEATURES, answered SET_OWNER");
}

/* What was set up for more queues than this back-end has fails there, not in the handshake. */
static void a_refusal_of_a_ring_too_many_says_how_many_there_are(void **state)
{
    struct hf_message nak = hf_message_reply_u64(HF_REQUEST_SET_VRING_CALL, 1);

    (void)state;
    play();
    session.queue_count = 1;
    lay_out(1);
    assert_true(send_all() > 0);
    assert_int_equal(fault_of(&nak), HF_FAULT_NAK);
    assert_string_equal(detail, "SET_VRING_CALL of ring 1 answered with 1: it has only 1 queues");
}

static void while_all_rings_must_stop_nothing_else_is_told(void **state)
{
    (void)state;
    play();
    hf_plan_set_call(&plan, 0, 99);
    session.stopping = true;
    assert_string_equal(play(), "SET_VRING_ENABLE GET_VRING_BASE");
}

static void a_refusal_is_a_fault_by_name(void **state)
{
    struct hf_message nak = hf_message_reply_u64(HF_REQUEST_SET_VRING_CALL, 3);

    (void)state;
    play();
    hf_plan_set_call(&plan, 0, 99);
    assert_int_equal(send_all(), 1);
    assert_int_equal(fault_of(&nak), HF_FAULT_NAK);
    assert_string_equal(detail, "SET_VRING_CALL of ring 0 answered with 3");
}

static void the_base_of_another_ring_is_a_fault(void **state)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_VRING_BASE);
    struct hf_message enable = hf_message_reply_u64(HF_REQUEST_SET_VRING_ENABLE, 0);

    (void)state;
    play();
    hf_plan_set_run(&plan, false);
    assert_int_equal(send_all(), 2);
    hear(&enable);
    reply.body.state.index = 1;
    assert_int_equal(fault_of(&reply), HF_FAULT_RING_INDEX);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    play();
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_NONE);
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1) | HF_FEATURE(EVENT_IDX));
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_FEATURES_LOST);
    assert_string_equal(detail, "EVENT_IDX");
    hf_plan_set_features(&plan, 0);
    plan.promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    assert_int_equal(hf_script_judge(&script, detail), HF_FAULT_PROTOCOL_LOST);
    assert_string_equal(detail, "INFLIGHT_SHMFD");
}

static void a_region_is_taken_back_as_it_was_told(void **state)
{
    struct hf_region_plan first = { .guest_address = 0x1000, .size_bytes = 0x1000, .fd = 5 };
    struct hf_region_plan second = { .guest_address = 0x8000, .size_bytes = 0x2000, .fd = 6 };
    struct hf_step step;

    (void)state;
    play();
    session.protocol |= HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS);
    session.slot_count = 8;
    session.answered |= HF_BIT(HF_ROW_GET_MAX_MEM_SLOTS);
    session.told[HF_ROW_GET_MAX_MEM_SLOTS] = 1;
    assert_int_equal(hf_plan_add_region(&plan, &first), 0);
    assert_string_equal(play(), "ADD_MEM_REG");
    /* Another one in the same slot, before anybody was told of either change. */
    assert_int_equal(hf_plan_remove_region(&plan, 0x1000, 0x1000), 5);
    assert_int_equal(hf_plan_add_region(&plan, &second), 0);
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_STEP);
    assert_int_equal(step.message.request, HF_REQUEST_REM_MEM_REG);
    assert_int_equal(step.message.body.region.guest_address, 0x1000);
    assert_string_equal(play(), "REM_MEM_REG ADD_MEM_REG");
}

/* The answer to SET_LOG_BASE comes although nothing else is acknowledged; it says nothing of what
 * was sent behind it. */
static void an_answer_confirms_only_what_was_sent_before_it(void **state)
{
    struct hf_message log = hf_message_reply_empty(HF_REQUEST_SET_LOG_BASE);
    struct hf_step step;

    (void)state;
    play();
    session.protocol = HF_PROTOCOL_FEATURE(LOG_SHMFD);
    session.offered |= HF_FEATURE(LOG_ALL);
    hf_plan_set_log(&plan, 4096, 0, 30);
    for (unsigned i = 0; i < 3; i++) { /* LOG_BASE, FEATURES, ADDR */
        assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_STEP);
        hf_script_sent(&script, &step, 0);
    }
    hear(&log);
    assert_int_equal(hf_script_next(&script, &step), HF_SCRIPT_STEP);
    assert_int_equal(step.row, HF_ROW_BARRIER);
}

/* A guest that masks its interrupts gets there within days; 0 would mean "not wanted". */
static void after_more_changes_than_32_bits_count_each_is_still_told(void **state)
{
    (void)state;
    plan.last_generation = UINT32_MAX - 2; /* features, size, kick: 2^32 lies between them */
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1) | HF_BIT(1));
    lay_out(0);
    offered |= HF_BIT(1);
    assert_string_equal(play(), AGREED "SET_VRING_CALL SET_FEATURES " STARTED);
    for (int fd = 100; fd < 104; fd++) {
        hf_plan_set_call(&plan, 0, fd);
        assert_string_equal(play(), "SET_VRING_CALL");
        hf_plan_set_kick(&plan, 0, fd);
        assert_string_equal(play(), "SET_VRING_ENABLE GET_VRING_BASE " STARTED);
        hf_plan_set_features(&plan, HF_FEATURE(VERSION_1) | (plan.features ^ HF_BIT(1)));
        assert_string_equal(play(), "SET_VRING_ENABLE GET_VRING_BASE SET_FEATURES " STARTED);
    }
}

/* A memory change, a switch of the log and a new epoch, each the first after the 32 bits. */
static void the_change_with_which_32_bits_end_is_told(void **state)
{
    struct hf_region_plan region = { .size_bytes = 4096, .fd = 20 };

    (void)state;
    plan.protocol_wanted |= HF_PROTOCOL_FEATURE(LOG_SHMFD);
    offered |= HF_FEATURE(LOG_ALL);
    play();
    plan.last_generation = UINT32_MAX;
    assert_int_equal(hf_plan_add_region(&plan, &region), 0);
    assert_string_equal(play(), "SET_MEM_TABLE");
    plan.last_generation = UINT64_C(2) * UINT32_MAX + 1;
    assert_int_equal(hf_plan_set_log(&plan, 4096, 0, 30), -1);
    assert_string_equal(play(), "SET_LOG_BASE SET_FEATURES SET_VRING_ADDR");
    plan.last_generation = UINT64_C(3) * UINT32_MAX + 2;
    assert_int_equal(hf_plan_end_epoch(&plan), -1);
    assert_string_equal(play(), "SET_VRING_ENABLE GET_VRING_BASE " STARTED);
}

static void more_unanswered_messages_than_32_bits_count_are_confirmed(void **state)
{
    (void)state;
    plan.protocol_wanted = 0;
    play();
    session.silent_count = session.silent_confirmed = UINT32_MAX;
    hf_plan_set_call(&plan, 0, 99);
    assert_string_equal(play(), "SET_VRING_CALL GET_FEATURES");
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_fresh_session_owes_everything_in_order),
        FRESH(a_stop_is_undone_in_reverse_and_forgets_the_ring),
        FRESH(no_ring_starts_before_the_last_ones_are_settled),
        FRESH(the_first_rings_begin_last_where_enable_lets_them),
        FRESH(where_enable_lets_rings_begin_they_are_kicked_in_their_order),
        FRESH(without_enable_the_first_rings_are_kicked_last),
        FRESH(a_region_is_asked_for_once_on_each_connection),
        FRESH(nothing_is_sent_while_a_region_is_converted),
        FRESH(a_call_changes_while_the_ring_runs),
        FRESH(a_new_kick_or_epoch_or_other_features_stop_the_ring),
        FRESH(without_acknowledgements_a_question_is_the_barrier),
        FRESH(not_more_messages_are_sent_than_can_be_pending),
        FRESH(nothing_is_sent_behind_a_question),
        FRESH(answers_are_matched_in_order_and_by_number),
        FRESH(a_refusal_of_a_ring_too_many_says_how_many_there_are),
        FRESH(while_all_rings_must_stop_nothing_else_is_told),
        FRESH(a_refusal_is_a_fault_by_name),
        FRESH(the_base_of_another_ring_is_a_fault),
        FRESH(what_is_missing_is_named),
        FRESH(a_region_is_taken_back_as_it_was_told),
        FRESH(an_answer_confirms_only_what_was_sent_before_it),
        FRESH(after_more_changes_than_32_bits_count_each_is_still_told),
        FRESH(the_change_with_which_32_bits_end_is_told),
        FRESH(more_unanswered_messages_than_32_bits_count_are_confirmed),
    };

    return cmocka_run_group_tests_name("session/script", tests, NULL, NULL);
}
