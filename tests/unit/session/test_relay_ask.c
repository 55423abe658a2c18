/* SPDX-License-Identifier: BSD-3-Clause */
/* What each request makes of the plan: starts, epochs, regions, the log. */
#include "cmocka_all.h"

#include "relay_rig.h"

#include <errno.h>

static struct relay_rig rig;

/* ---- the first start ------------------------------------------------------------------------- */

static void rings_are_held_back_until_the_first_is_enabled(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    for (uint16_t i = 0; i < RELAY_RIG_RINGS; i++)
        relay_rig_set_ring(&rig, i, RELAY_RIG_BASE);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_KICK], 0);
    assert_int_equal(rig.told[HF_REQUEST_GET_INFLIGHT_FD], 0);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 0, 1);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_KICK], RELAY_RIG_RINGS);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_ENABLE], 1);
    assert_int_equal(rig.told[HF_REQUEST_SET_INFLIGHT_FD], 1);
    assert_int_equal(rig.front.plan.inflight.queue_size, 128);
    relay_rig_end(&rig);
}

static void without_bit_30_the_first_kick_lets_them_go(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(VERSION_1), 0);
    relay_rig_set_ring(&rig, 0, RELAY_RIG_BASE);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_KICK], 1);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_ENABLE], 1);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

/* Not before: it is refused, if the back-end refuses it. */
static void a_kick_that_begins_a_ring_is_answered_when_it_has_begun(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(VERSION_1), 0);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 0, 128);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 0, 0x40010000);
    rig.mute = HF_REQUEST_SET_VRING_ENABLE;
    assert_false(relay_rig_send(&rig, HF_REQUEST_SET_VRING_KICK, 0, 0));
    assert_false(hf_relay_settled(&rig.relay));
    relay_rig_end(&rig);
}

static void a_ring_that_was_enabled_before_it_starts_begins_at_once(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 0, 1);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_ENABLE], 0);
    relay_rig_set_ring(&rig, 0, RELAY_RIG_BASE);
    assert_int_equal(rig.told[HF_REQUEST_SET_VRING_ENABLE], 1);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

/* Ring 1 stops last and starts first, with what `change` does to it. */
static void restart(void (*change)(void))
{
    relay_rig_run(&rig);
    relay_rig_stop_all(&rig);
    change();
}

static void expect_new_epoch(const char *why)
{
    assert_int_equal(rig.epochs, 1);
    assert_non_null(strstr(rig.why, why));
    relay_rig_end(&rig);
}

static void start_at(uint16_t size, uint16_t base, uint64_t place)
{
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 1, size);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_BASE, 1, base);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 1, place);
    relay_rig_do(&rig, HF_REQUEST_SET_VRING_KICK, 1, 0);
}

#define PLACE UINT64_C(0x40020000)

static void nothing(void)
{
    start_at(128, RELAY_RIG_BASE, PLACE);
}

static void other_size(void)
{
    start_at(64, RELAY_RIG_BASE, PLACE);
}

static void other_place(void)
{
    start_at(128, RELAY_RIG_BASE, PLACE + 0x100000);
}

static void other_base(void)
{
    start_at(128, 0, PLACE);
}

static void other_used(void)
{
    rig.used[1]++;
    rig.avail[1]++;
    start_at(128, RELAY_RIG_BASE, PLACE);
}

static void a_ring_that_goes_on_where_it_stopped_is_of_the_same_epoch(void **state)
{
    (void)state;
    restart(nothing);
    assert_int_equal(rig.epochs, 0);
    relay_rig_set_ring(&rig, 0, RELAY_RIG_BASE);
    relay_rig_set_ring(&rig, 2, RELAY_RIG_BASE);
    relay_rig_wait(&rig, 100 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    assert_int_equal(rig.told[HF_REQUEST_GET_INFLIGHT_FD], 1);
    relay_rig_end(&rig);
}

static void any_other_ring_is_of_another_system(void **state)
{
    (void)state;
    restart(other_size);
    expect_new_epoch("size");
    restart(other_place);
    expect_new_epoch("elsewhere");
    restart(other_base);
    expect_new_epoch("another index");
    restart(other_used);
    expect_new_epoch("used index");
}

/* The back-end is lost with two requests in flight in ring 1; then the VMM stops it, in vain. */
static void stop_while_away(void)
{
    relay_rig_run(&rig);
    rig.avail[1] = RELAY_RIG_BASE + 2;
    rig.in_flight[1] = 2;
    rig.dead = true;
    relay_rig_lose(&rig);
    for (uint16_t i = 0; i < RELAY_RIG_RINGS; i++) {
        relay_rig_send(&rig, HF_REQUEST_GET_VRING_BASE, i, 0);
        relay_rig_wait(&rig, RELAY_RIG_STOP_NS + RELAY_RIG_MS);
        assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE);
    }
}

static void fewer_requests_than_were_in_flight_are_of_another_system(void **state)
{
    (void)state;
    stop_while_away();
    rig.avail[1] = RELAY_RIG_BASE + 1;
    nothing();
    expect_new_epoch("fewer requests");
}

/* The VMM was told where it stands before anybody could know. */
static void what_a_lost_back_end_answers_after_the_stop_is_of_the_same_epoch(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.avail[1] = RELAY_RIG_BASE + 2;
    rig.in_flight[1] = 2;
    rig.dead = rig.unfenced = true;
    relay_rig_lose(&rig);
    assert_false(relay_rig_send(&rig, HF_REQUEST_GET_VRING_BASE, 1, 0));
    relay_rig_wait(&rig, RELAY_RIG_STOP_NS + RELAY_RIG_MS);
    assert_int_equal(rig.reply.body.state.num, RELAY_RIG_BASE);
    rig.used[1]++;
    rig.in_flight[1]--;
    relay_rig_fence(&rig);
    nothing();
    assert_int_equal(rig.epochs, 0);
    assert_int_equal(rig.front.plan.rings[1].base, RELAY_RIG_BASE + 1);
    relay_rig_end(&rig);
}

static void what_was_in_flight_is_still_so_when_the_ring_goes_on(void **state)
{
    (void)state;
    stop_while_away();
    nothing();
    assert_int_equal(rig.epochs, 0);
    assert_int_not_equal(rig.front.plan.inflight.generation, 0);
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 300 * RELAY_RIG_MS);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    assert_int_equal(rig.used[1], RELAY_RIG_BASE + 2);
    relay_rig_end(&rig);
}

/* Whatever the VMM was told when it stopped. */
static void a_ring_begins_where_the_guest_sees_it(void **state)
{
    (void)state;
    restart(other_base);
    assert_int_equal(rig.front.plan.rings[1].base, RELAY_RIG_BASE);
    relay_rig_end(&rig);
    relay_rig_run(&rig);
    relay_rig_stop_all(&rig);
    rig.unreadable = true;
    other_base();
    assert_int_equal(rig.front.plan.rings[1].base, 0);
    relay_rig_end(&rig);
}

static void a_reset_ends_the_epoch(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    relay_rig_do(&rig, HF_REQUEST_RESET_DEVICE, 0, 0);
    assert_int_equal(rig.epochs, 1);
    assert_int_equal(rig.front.plan.inflight.generation, 0);
    assert_int_equal(rig.told[HF_REQUEST_RESET_DEVICE], 1);
    assert_int_equal(rig.told[HF_REQUEST_GET_VRING_BASE], RELAY_RIG_RINGS);
    relay_rig_start_all(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    assert_int_equal(rig.told[HF_REQUEST_GET_INFLIGHT_FD], 2);
    relay_rig_end(&rig);
}

static void indices_that_cannot_be_read_do_not_keep_a_ring_from_starting(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.unreadable = true;
    relay_rig_start_all(&rig);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

/* ---- in-flight regions ----------------------------------------------------------------------- */

static void hand_over(void)
{
    struct hf_message message = relay_rig_inflight(&rig, HF_REQUEST_SET_INFLIGHT_FD);

    assert_true(relay_rig_send_message(&rig, &message));
}

static void make(void)
{
    struct hf_message message = relay_rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD);

    assert_true(relay_rig_send_message(&rig, &message));
    assert_int_equal(rig.reply.fd_count, 1);
}

static void the_vmms_region_is_used_when_it_has_one(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    hand_over();
    assert_int_equal(rig.reply.body.u64, 0);
    int fd = rig.front.plan.inflight.fd;
    assert_int_not_equal(fd, -1);
    relay_rig_start_all(&rig);
    assert_int_equal(rig.front.plan.inflight.fd, fd);
    relay_rig_end(&rig);
}

static void the_region_that_was_made_for_the_vmm_is_used(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    make();
    hand_over();
    assert_int_not_equal(rig.front.plan.inflight.fd, -1);
    relay_rig_end(&rig);
}

static void a_region_that_is_none_is_refused_and_closed(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.bad_region = EINVAL;
    hand_over();
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.front.plan.inflight.fd, -1);
    relay_rig_end(&rig);
}

/* The one that is in use may be a later copy of it. */
static void a_region_that_is_known_is_not_taken_again(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    make();
    relay_rig_stop_all(&rig);
    int fd = rig.front.plan.inflight.fd;
    hand_over();
    assert_int_equal(rig.reply.body.u64, 0);
    assert_int_equal(rig.front.plan.inflight.fd, fd);
    relay_rig_end(&rig);
}

/* Its heads are those of a system that is no more. */
static void a_region_of_another_epoch_is_not_taken(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    make();
    hand_over();
    relay_rig_start_all(&rig);
    relay_rig_do(&rig, HF_REQUEST_RESET_DEVICE, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        hand_over();
        assert_int_equal(rig.reply.body.u64, 0);
        assert_int_equal(rig.front.plan.inflight.fd, -1);
    }
    relay_rig_start_all(&rig);
    assert_int_equal(rig.told[HF_REQUEST_GET_INFLIGHT_FD], 2);
    relay_rig_end(&rig);
}

/* ---- the dirty log --------------------------------------------------------------------------- */

static void begin_log(void)
{
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_LOG_BASE, 0, 0));
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES, 0);
}

static void end_log(void)
{
    relay_rig_do(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES & ~HF_FEATURE(LOG_ALL), 0);
}

static void a_log_comes_and_goes(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    begin_log();
    assert_int_not_equal(rig.front.plan.log.generation, 0);
    begin_log();
    end_log();
    assert_int_equal(rig.front.plan.log.generation, 0);
    assert_int_equal(rig.front.phase, HF_PHASE_RUNNING);
    relay_rig_end(&rig);
}

static void a_log_that_was_ended_cannot_be_switched_on_again(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    begin_log();
    end_log();
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES, 0));
    assert_int_equal(rig.reply.body.u64, 1);
    begin_log();
    assert_int_not_equal(rig.front.plan.log.generation, 0);
    relay_rig_end(&rig);
}

static void a_log_that_nobody_writes_in_time_is_refused(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    assert_true(relay_rig_send(&rig, HF_REQUEST_SET_LOG_BASE, 0, 0));
    rig.dead = rig.unfenced = true;
    relay_rig_lose(&rig);
    assert_false(relay_rig_send(&rig, HF_REQUEST_SET_FEATURES, RELAY_RIG_FEATURES, 0));
    relay_rig_wait(&rig, RELAY_RIG_REPLY_NS + RELAY_RIG_MS);
    assert_true(hf_relay_settled(&rig.relay));
    assert_int_equal(rig.reply.body.u64, 1);
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_are_held_back_until_the_first_is_enabled),
        cmocka_unit_test(without_bit_30_the_first_kick_lets_them_go),
        cmocka_unit_test(a_kick_that_begins_a_ring_is_answered_when_it_has_begun),
        cmocka_unit_test(a_ring_that_was_enabled_before_it_starts_begins_at_once),
        cmocka_unit_test(a_ring_that_goes_on_where_it_stopped_is_of_the_same_epoch),
        cmocka_unit_test(any_other_ring_is_of_another_system),
        cmocka_unit_test(fewer_requests_than_were_in_flight_are_of_another_system),
        cmocka_unit_test(what_a_lost_back_end_answers_after_the_stop_is_of_the_same_epoch),
        cmocka_unit_test(what_was_in_flight_is_still_so_when_the_ring_goes_on),
        cmocka_unit_test(a_ring_begins_where_the_guest_sees_it),
        cmocka_unit_test(a_reset_ends_the_epoch),
        cmocka_unit_test(indices_that_cannot_be_read_do_not_keep_a_ring_from_starting),
        cmocka_unit_test(the_vmms_region_is_used_when_it_has_one),
        cmocka_unit_test(the_region_that_was_made_for_the_vmm_is_used),
        cmocka_unit_test(a_region_that_is_none_is_refused_and_closed),
        cmocka_unit_test(a_region_that_is_known_is_not_taken_again),
        cmocka_unit_test(a_region_of_another_epoch_is_not_taken),
        cmocka_unit_test(a_log_comes_and_goes),
        cmocka_unit_test(a_log_that_was_ended_cannot_be_switched_on_again),
        cmocka_unit_test(a_log_that_nobody_writes_in_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
