/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/target/serve_recover.c: what a new target makes of what a dead one left. Targets are children
 * that are killed for real; guest memory, rings and region are shared with them.
 */
#include "rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vscsi/control.h"

#define CALLS 100u

/* Serves until killed. Runs in a child, with its own copy of everything but the guest's memory. */
static _Noreturn void be_target(struct rig *rig, const char *words, unsigned threads)
{
    const char *list[] = { words, NULL };
    struct hf_error error = { 0 };
    int ret;

    rig->is_target = true;
    rig_open(rig, list, threads);
    do {
        ret = hf_unit_lock_try(rig->units[0], &error);
        usleep(1000);
    } while (ret == -EAGAIN);
    if (ret < 0)
        _exit(2);
    rig_start_all(rig, RIG_QUEUES);
    for (;;) {
        hf_crew_dispatch(rig->crew);
        usleep(1000);
    }
}

static pid_t spawn(struct rig *rig, const char *words, unsigned threads)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        be_target(rig, words, threads);
    return pid;
}

static void wait_killed(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- kill and restart ---- */

struct load {
    struct rig rig;
    char path[64];
    struct rig_call calls[CALLS];
};

static void open_load(struct load *load)
{
    rig_init(&load->rig, true);
    scratch_make(load->path, sizeof(load->path), 4u << 20);
}

static void close_load(struct load *load)
{
    rig_done(&load->rig);
    unlink(load->path);
}

static struct rig_command command_of(unsigned i)
{
    return rig_write(i * 8, 8, i % 7 == 0);
}

static void post_some(struct load *load, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        struct rig_command command = command_of(i);

        pattern_fill(rig_data(&load->rig, i, &command), 4096, i);
        rig_add(&load->rig, 2 + i % 4, &load->calls[i], i, &command);
    }
    for (unsigned queue = 2; queue < 6; queue++)
        rig_kick(&load->rig, queue);
}

static void assert_all_once(struct load *load, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t file[4096];

        rig_wait(&load->rig, &load->calls[i]);
        rig_assert_good(&load->calls[i]);
        scratch_read(load->path, i * 4096, file, sizeof(file));
        pattern_assert(file, sizeof(file), i);
    }
    usleep(20000);
    assert_int_equal(rig_poll(&load->rig), 0); /* nothing comes twice */
}

static unsigned answered(const struct load *load, unsigned count)
{
    unsigned done = 0;

    for (unsigned i = 0; i < count; i++)
        done += load->calls[i].done;
    return done;
}

static void every_request_completes_once_over_kills_in_the_middle(void **state)
{
    static const char *const faults[] = {
        "fault:crash-after=1,",
        "fault:reorder=8,crash-after=10,",
        "fault:crash-after=37,",
        "fault:delay=2ms,crash-after=60,",
    };

    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct load *load = calloc(1, sizeof(*load));
        char words[128];

        open_load(load);
        snprintf(words, sizeof(words), "%s%s%s", faults[round % 4], load->path,
                 round < 4 ? "" : ",cache=none,block-size=512");
        post_some(load, 0, CALLS);
        wait_killed(spawn(&load->rig, words, 2));
        rig_poll(&load->rig);
        assert_true(answered(load, CALLS) < CALLS);
        pid_t second = spawn(&load->rig, load->path, 2);
        assert_all_once(load, CALLS);
        kill(second, SIGKILL);
        wait_killed(second);
        close_load(load);
        free(load);
    }
}

static void kills_at_any_moment_and_during_recovery_are_survived(void **state)
{
    struct load *load = calloc(1, sizeof(*load));
    unsigned posted = 0;

    (void)state;
    open_load(load);
    srand(7);
    for (unsigned round = 0; posted < CALLS; round++) {
        pid_t pid = spawn(&load->rig, load->path, 2);

        usleep((useconds_t)(rand() % 4000));
        if (round % 3 == 2) {
            post_some(load, posted, 20);
            posted += 20;
            usleep((useconds_t)(rand() % 1000));
        }
        kill(pid, SIGKILL);
        wait_killed(pid);
        rig_poll(&load->rig);
    }
    pid_t last = spawn(&load->rig, load->path, 2);
    assert_all_once(load, CALLS);
    kill(last, SIGKILL);
    wait_killed(last);
    close_load(load);
    free(load);
}

/* ---- made-up predecessors, in this process ---- */

/* Marks what is offered on a ring, as a target that fetched and died; oldest counter last. */
static void mark(struct rig *rig, unsigned index, unsigned count)
{
    struct rig_ring *ring = &rig->rings[index];
    struct hf_inflight_queue inflight;

    assert_int_equal(hf_inflight_region_queue(&rig->region, (uint16_t)index, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    inflight.header->version = 1;
    inflight.header->desc_num = RIG_SIZE;
    inflight.header->used_idx = hf_ring_used_index(&ring->ring);
    for (unsigned i = 0; i < count; i++)
        hf_inflight_mark(&inflight, ring->ring.avail->ring[i], 100 - i);
}

/* A read that it had fetched, the only one on the ring. */
static void leave_read(struct rig *rig, unsigned index, struct rig_call *call)
{
    struct rig_command command = rig_read(0, 1);

    rig_add(rig, index, call, 10, &command);
    hf_ring_driver_publish(&rig->rings[index].driver);
    mark(rig, index, 1);
}

static void replayed_requests_run_in_the_order_of_their_counters(void **state)
{
    struct rig rig;
    struct rig_call calls[5];
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    for (unsigned i = 0; i < 5; i++) {
        struct rig_command command = rig_write(0, 1, false);

        pattern_fill(rig_data(&rig, i, &command), 512, i);
        rig_add(&rig, 2, &calls[i], i, &command);
    }
    hf_ring_driver_publish(&rig.rings[2].driver);
    mark(&rig, 2, 4); /* the fifth is new */
    rig_start(&rig, 2, true, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_int_equal(answer.answer.replayed, 4);
    rig_wait(&rig, &calls[4]);
    for (unsigned i = 0; i < 4; i++) {
        rig_assert_good(&calls[i]);
        assert_int_equal(calls[i].order, 3 - i);
    }
    assert_int_equal(calls[4].order, 4);
    rig_stop(&rig, 2, &answer);
    assert_int_equal(answer.answer.base, 5);
    assert_int_equal(answer.answer.stats.replayed, 4);
    assert_true(answer.answer.settled);
    rig_done(&rig);
}

static void replayed_requests_wait_for_the_ring_to_be_enabled(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    leave_read(&rig, 2, &call);
    rig_start(&rig, 2, false, &answer);
    assert_int_equal(answer.answer.replayed, 1);
    usleep(10000);
    assert_int_equal(rig_poll(&rig), 0);
    rig_stop(&rig, 2, &answer); /* never enabled: it is still in flight, and said to be */
    assert_false(answer.answer.settled);
    rig_start(&rig, 2, true, &answer);
    rig_wait(&rig, &call);
    rig_assert_good(&call);
    rig_done(&rig);
}

static void a_replayed_chain_that_is_no_memory_is_answered_with_nothing(void **state)
{
    struct rig rig;
    struct rig_call calls[2];
    struct rig_command command = rig_read(0, 1);
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    for (unsigned i = 0; i < 2; i++)
        rig_add(&rig, 2, &calls[i], i, &command);
    hf_ring_driver_publish(&rig.rings[2].driver);
    rig.rings[2].ring.desc[rig.rings[2].ring.avail->ring[0]].address = 12345;
    mark(&rig, 2, 1);
    rig_start(&rig, 2, true, &answer);
    rig_wait(&rig, &calls[0]);
    rig_wait(&rig, &calls[1]);
    assert_int_equal(calls[0].length, 0);
    rig_assert_good(&calls[1]);
    assert_true(rig_err_rung(&rig, 2));
    hf_crew_dispatch(rig.crew);
    assert_true(rig.report_text[0] != '\0');
    assert_int_equal(rig.breaks, 0);
    rig_done(&rig);
}

static void a_region_of_nonsense_is_refused_with_its_reason(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    struct hf_inflight_queue inflight;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    assert_int_equal(hf_inflight_region_queue(&rig.region, 2, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    inflight.header->version = 77;
    rig_start(&rig, 2, true, &answer);
    assert_int_equal(answer.answer.result, -EPROTO);
    assert_string_equal(answer.text, hf_inflight_fault_text(HF_INFLIGHT_FAULT_VERSION));
    rig_stop(&rig, 2, &answer);
    assert_int_equal(answer.answer.result, 0);
    rig_done(&rig);
}

/* Rings tell the control queue through the control thread. */
static void wait_for_task(struct rig *rig, const struct rig_call *task)
{
    uint64_t end = now_ms() + RIG_PATIENCE_MS;

    while (!task->done) {
        assert_true(now_ms() < end);
        hf_crew_dispatch(rig->crew);
        rig_poll(rig);
    }
}

/* The task is held until ring 3 runs too, and ends what is in flight there. */
static void assert_waits_for_ring_3(struct rig *rig, const struct rig_call *task,
                                    const struct rig_call *call)
{
    struct rig_answer answer;

    usleep(20000);
    hf_crew_dispatch(rig->crew);
    usleep(20000);
    assert_int_equal(rig_poll(rig), 0);
    rig_start(rig, 3, true, &answer);
    wait_for_task(rig, task);
    assert_int_equal(task->response.response, HF_VSCSI_OK);
    assert_int_equal(call->response.response, HF_VSCSI_RESET);
}

static void replayed_task_management_waits_for_the_rings_with_entries(void **state)
{
    struct rig rig;
    struct rig_call task;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "fault:hang-after=1,mem:1M", 2);
    leave_read(&rig, 3, &call);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    mark(&rig, 0, 1);
    rig_start(&rig, 0, true, &answer);
    rig_start(&rig, 2, true, &answer);
    assert_waits_for_ring_3(&rig, &task, &call);
    rig_done(&rig);
}

/* Posted while nobody lived, after what it is to end: the rings come one after the other. */
static void new_task_management_waits_for_the_rings_with_entries_too(void **state)
{
    struct rig rig;
    struct rig_call task;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "fault:hang-after=1,mem:1M", 2);
    leave_read(&rig, 3, &call);
    rig_start(&rig, 0, true, &answer);
    rig_start(&rig, 2, true, &answer);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    assert_waits_for_ring_3(&rig, &task, &call);
    rig_done(&rig);
}

/* The predecessor died between publishing and clearing: marked, but answered. */
static void a_batch_that_was_published_holds_no_task_management_back(void **state)
{
    struct rig rig;
    struct rig_call task;
    struct rig_answer answer;
    struct hf_inflight_queue inflight;
    uint64_t end = now_ms() + RIG_PATIENCE_MS;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    mark(&rig, 0, 1);
    mark(&rig, 3, 0);
    assert_int_equal(hf_inflight_region_queue(&rig.region, 3, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    hf_inflight_mark(&inflight, 7, 1);
    inflight.header->last_batch_head = 7;
    hf_order_release_u16(&rig.rings[3].ring.avail->index, 1);
    hf_order_release_u16(&rig.rings[3].ring.used->index, 1);
    rig.is_target = true; /* ring 3's driver knows nothing of this */
    rig_start(&rig, 0, true, &answer);
    usleep(20000);
    assert_int_equal(hf_ring_used_index(&rig.rings[0].ring), 0);
    rig_start(&rig, 3, false, &answer);
    assert_int_equal(answer.answer.replayed, 0);
    while (hf_ring_used_index(&rig.rings[0].ring) == 0) {
        assert_true(now_ms() < end);
        hf_crew_dispatch(rig.crew);
    }
    rig_done(&rig);
}

/* Answered now, it would have ended nothing: ring 3 comes in the next life. */
static void held_task_management_stays_in_flight_over_a_stop(void **state)
{
    struct rig rig;
    struct rig_call task;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    leave_read(&rig, 3, &call);
    rig_post_task(&rig, &task, 1, HF_VSCSI_TMF_LOGICAL_UNIT_RESET, 0);
    mark(&rig, 0, 1);
    rig_start(&rig, 0, true, &answer);
    usleep(5000);
    rig_stop(&rig, 0, &answer);
    assert_false(answer.answer.settled);
    assert_int_equal(rig_poll(&rig), 0);
    rig_start(&rig, 0, true, &answer);
    assert_int_equal(answer.answer.replayed, 1);
    rig_start(&rig, 3, true, &answer);
    wait_for_task(&rig, &task);
    /* What the answer speaks of was published before it: a look after it finds it. Rings are looked
     * at one after another, so the order of our looks says less. */
    rig_poll(&rig);
    assert_true(call.done);
    rig_done(&rig);
}

static void event_buffers_of_another_back_end_are_taken_back(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    leave_read(&rig, 1, &call);
    rig_start(&rig, 1, true, &answer);
    rig_stop(&rig, 1, &answer);
    assert_true(answer.answer.settled);
    assert_int_equal(answer.answer.base, 0);
    assert_true(hf_inflight_clean(&rig.region));
    rig_done(&rig);
}

/* It says that it will fetch behind what it has in flight; there is nothing behind. */
static void event_buffers_are_seen_again_whatever_base_is_told(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 2);
    leave_read(&rig, 1, &call);
    rig.base_ahead = 1;
    rig_start(&rig, 1, true, &answer);
    rig_stop(&rig, 1, &answer);
    assert_int_equal(answer.answer.base, 0);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_completes_once_over_kills_in_the_middle),
        cmocka_unit_test(kills_at_any_moment_and_during_recovery_are_survived),
        cmocka_unit_test(replayed_requests_run_in_the_order_of_their_counters),
        cmocka_unit_test(replayed_requests_wait_for_the_ring_to_be_enabled),
        cmocka_unit_test(a_replayed_chain_that_is_no_memory_is_answered_with_nothing),
        cmocka_unit_test(a_region_of_nonsense_is_refused_with_its_reason),
        cmocka_unit_test(replayed_task_management_waits_for_the_rings_with_entries),
        cmocka_unit_test(new_task_management_waits_for_the_rings_with_entries_too),
        cmocka_unit_test(a_batch_that_was_published_holds_no_task_management_back),
        cmocka_unit_test(held_task_management_stays_in_flight_over_a_stop),
        cmocka_unit_test(event_buffers_of_another_back_end_are_taken_back),
        cmocka_unit_test(event_buffers_are_seen_again_whatever_base_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
