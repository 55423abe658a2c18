/* SPDX-License-Identifier: BSD-3-Clause */
/* The channel on which a back-end asks the VMM: its back-end has it, or the VMM is told that not.
 */
#include "cmocka_all.h"

#include "relay_rig.h"

#include <errno.h>

static struct relay_rig rig;

static bool send_channel(void)
{
    return relay_rig_send(&rig, HF_REQUEST_SET_BACKEND_REQ_FD, 0, 0);
}

static void a_channel_is_answered_when_the_back_end_has_taken_it(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.mute = HF_REQUEST_SET_BACKEND_REQ_FD;
    assert_false(send_channel());
    assert_int_equal(rig.told[HF_REQUEST_SET_BACKEND_REQ_FD], 1);
    rig.mute = 0;
    relay_rig_lose(&rig);
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 10 * RELAY_RIG_MS);
    assert_int_equal(rig.reply.request, HF_REQUEST_SET_BACKEND_REQ_FD);
    assert_int_equal(rig.reply.body.u64, 0);
    assert_int_equal(rig.channels, 1);
    relay_rig_end(&rig);
}

/* And is not asked for again, session after session. */
static void a_refused_channel_is_refused_to_the_vmm(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.refuse = HF_REQUEST_SET_BACKEND_REQ_FD;
    assert_true(send_channel());
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.channels, 0);
    assert_int_equal(rig.front.plan.channel_generation, 0);
    assert_int_equal(rig.front.plan.channel_fd, -1);
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 10 * RELAY_RIG_MS);
    assert_int_equal(rig.told[HF_REQUEST_SET_BACKEND_REQ_FD], 1);
    assert_int_equal(rig.front.phase, HF_PHASE_READY);
    relay_rig_end(&rig);
}

static void a_channel_that_cannot_be_made_is_refused(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.no_channel = EMFILE;
    assert_true(send_channel());
    assert_int_equal(rig.reply.body.u64, 1);
    assert_int_equal(rig.told[HF_REQUEST_SET_BACKEND_REQ_FD], 0);
    relay_rig_end(&rig);
}

static void a_channel_is_taken_while_nobody_is_there(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.dead = true;
    relay_rig_lose(&rig);
    assert_true(send_channel());
    assert_int_equal(rig.reply.body.u64, 0);
    rig.dead = false;
    relay_rig_return(&rig);
    relay_rig_wait(&rig, 10 * RELAY_RIG_MS);
    assert_int_equal(rig.told[HF_REQUEST_SET_BACKEND_REQ_FD], 1);
    relay_rig_end(&rig);
}

static void a_second_channel_takes_the_place_of_the_first(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    assert_true(send_channel());
    int first = rig.front.plan.channel_fd;
    assert_true(send_channel());
    assert_int_not_equal(rig.front.plan.channel_fd, first);
    assert_int_equal(rig.open[first], 0);
    assert_int_equal(rig.told[HF_REQUEST_SET_BACKEND_REQ_FD], 2);
    relay_rig_end(&rig);
}

static void who_hangs_up_over_it_leaves_nothing(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    rig.mute = HF_REQUEST_SET_BACKEND_REQ_FD;
    assert_false(send_channel());
    relay_rig_hang_up(&rig);
    assert_int_equal(rig.front.plan.channel_fd, -1);
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_answered_when_the_back_end_has_taken_it),
        cmocka_unit_test(a_refused_channel_is_refused_to_the_vmm),
        cmocka_unit_test(a_channel_that_cannot_be_made_is_refused),
        cmocka_unit_test(a_channel_is_taken_while_nobody_is_there),
        cmocka_unit_test(a_second_channel_takes_the_place_of_the_first),
        cmocka_unit_test(who_hangs_up_over_it_leaves_nothing),
    };

    return cmocka_run_group_tests_name("session/relay_channel", tests, NULL, NULL);
}
