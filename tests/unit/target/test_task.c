/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/task.c: task management over several workers. */
#include "rig.h"

#include <unistd.h>

#include "vscsi/control.h"

static void post_tagged(struct rig *rig, unsigned queue, struct rig_call *call, unsigned slot,
                        struct rig_command command)
{
    command.tag = slot;
    rig_post(rig, queue, call, slot, &command);
}

static void abort_task_kills_the_one_with_the_tag(void **state)
{
    struct rig rig;
    struct rig_call calls[3];
    struct rig_call task;

    (void)state;
    rig_serve(&rig, "fault:delay=300ms,mem:1M", 2, 4);
    for (unsigned i = 0; i < 3; i++)
        post_tagged(&rig, 2 + i % 2, &calls[i], 10 + i, rig_write(i, 1, false));
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_ABORT_TASK, 11);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_OK);
    rig_poll(&rig);
    assert_true(calls[1].done);
    assert_int_equal(calls[1].response.response, HF_VSCSI_ABORTED);
    assert_int_equal(calls[1].response.resid, 512);
    assert_false(calls[0].done);
    rig_wait(&rig, &calls[0]);
    rig_wait(&rig, &calls[2]);
    rig_assert_good(&calls[0]);
    rig_assert_good(&calls[2]);
    rig_done(&rig);
}

static void abort_of_an_unknown_task_is_complete(void **state)
{
    struct rig rig;
    struct rig_call task;

    (void)state;
    rig_serve(&rig, "mem:1M", 2, 4);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_ABORT_TASK, 77);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_OK);
    assert_int_equal(task.length, 1);
    rig_done(&rig);
}

static void a_reset_answers_after_all_victims_on_all_workers(void **state)
{
    struct rig rig;
    struct rig_call calls[24];
    struct rig_call reset;

    (void)state;
    rig_serve(&rig, "fault:hang-after=1,mem:1M", 2, 6);
    for (unsigned i = 0; i < 24; i++)
        post_tagged(&rig, 2 + i % 4, &calls[i], 10 + i, rig_read(i, 1));
    rig_post_task(&rig, &reset, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    rig_wait(&rig, &reset);
    assert_int_equal(reset.response.response, HF_VSCSI_OK);
    rig_poll(&rig); /* what was published before the answer is there now, without waiting */
    for (unsigned i = 0; i < 24; i++) {
        assert_true(calls[i].done);
        assert_int_equal(calls[i].times, 1);
        assert_int_equal(calls[i].response.response, HF_VSCSI_RESET);
    }
    rig_done(&rig);
}

/* The file unit's I/O cannot be cancelled: the reset waits for the kernel. */
static void a_reset_waits_for_io_in_the_kernel(void **state)
{
    char path[64];
    struct rig rig;
    struct rig_call calls[32];
    struct rig_call reset;

    (void)state;
    scratch_make(path, sizeof(path), 1u << 20);
    rig_serve(&rig, path, 2, 6);
    for (unsigned i = 0; i < 32; i++)
        post_tagged(&rig, 2 + i % 4, &calls[i], 10 + i, rig_write(i * 16, 16, true));
    rig_post_task(&rig, &reset, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    rig_wait(&rig, &reset);
    rig_poll(&rig);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(calls[i].times, 1);
    rig_done(&rig);
    unlink(path);
}

/* The driver has offered it; that the worker has not looked yet is no excuse. */
static void a_reset_finds_what_was_not_fetched_yet(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_call reset;
    struct rig_command command = rig_read(0, 1);

    (void)state;
    rig_serve(&rig, "fault:hang-after=1,mem:1M", 2, 4);
    usleep(5000);
    rig_add(&rig, 3, &call, 10, &command);
    hf_ring_driver_publish(&rig.rings[3].driver); /* the kick is on its way */
    rig_post_task(&rig, &reset, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    rig_wait(&rig, &reset);
    rig_poll(&rig);
    assert_true(call.done);
    assert_int_equal(call.response.response, HF_VSCSI_RESET);
    rig_done(&rig);
}

static void a_query_finds_without_harm(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_call task;

    (void)state;
    rig_serve(&rig, "fault:delay=200ms,mem:1M", 2, 4);
    post_tagged(&rig, 3, &call, 10, rig_read(0, 1));
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_QUERY_TASK, 10);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_FUNCTION_SUCCEEDED);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_QUERY_TASK, 11);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_OK);
    rig_wait(&rig, &call);
    rig_assert_good(&call);
    rig_done(&rig);
}

static void what_is_not_supported_is_rejected(void **state)
{
    struct rig rig;
    struct rig_call task;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_CLEAR_ACA, 0);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_FUNCTION_REJECTED);
    rig_post_task(&rig, &task, 1, 1000, 0);
    rig_wait(&rig, &task);
    assert_int_equal(task.response.response, HF_VSCSI_FUNCTION_REJECTED);
    rig_done(&rig);
}

static void a_stop_of_the_control_queue_drains_its_tasks(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_call task;
    struct rig_answer answer;

    (void)state;
    rig_serve(&rig, "fault:delay=50ms,mem:1M", 2, 4);
    post_tagged(&rig, 3, &call, 10, rig_read(0, 1));
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    usleep(1000);
    rig_stop(&rig, 0, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_true(answer.answer.settled);
    assert_true(task.done || answer.answer.base == 0);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abort_task_kills_the_one_with_the_tag),
        cmocka_unit_test(abort_of_an_unknown_task_is_complete),
        cmocka_unit_test(a_reset_answers_after_all_victims_on_all_workers),
        cmocka_unit_test(a_reset_waits_for_io_in_the_kernel),
        cmocka_unit_test(a_reset_finds_what_was_not_fetched_yet),
        cmocka_unit_test(a_query_finds_without_harm),
        cmocka_unit_test(what_is_not_supported_is_rejected),
        cmocka_unit_test(a_stop_of_the_control_queue_drains_its_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
