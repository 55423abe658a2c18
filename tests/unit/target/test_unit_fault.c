/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/unit_fault.c: trouble on purpose, as it was asked for. One worker's lane, no ring. */
#include "../cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "os/clock.h"
#include "target/lane.h"
#include "target/unit.h"

#define IO_MAX 64

struct bench {
    struct hf_aio *aio;
    struct hf_lane lane;
    struct hf_unit *unit;
    unsigned done;
    uint64_t submitted_ns;
    struct io {
        struct hf_unit_io io;
        struct bench *bench;
        struct iovec iov;
        uint8_t bytes[512];
        int result;
        unsigned order; /* 1 = answered first; 0 = not yet */
    } ios[IO_MAX];
};

static void set_up(struct bench *bench, const char *words)
{
    struct hf_aio_options options = { 0 };
    struct hf_error error = { 0 };

    memset(bench, 0, sizeof(*bench));
    assert_int_equal(hf_aio_new(&bench->aio, &options, &error), 0);
    hf_lane_init(&bench->lane, 5, bench->aio);
    bench->unit = hf_unit_open(words, 0, &error);
    assert_non_null(bench->unit);
}

static void tear_down(struct bench *bench)
{
    hf_aio_free(bench->aio);
    hf_lane_done(&bench->lane);
    hf_unit_close(bench->unit);
}

static void done(struct hf_unit_io *unit_io, int result)
{
    struct io *io = HF_CONTAINER(unit_io, struct io, io);

    assert_int_equal(io->order, 0);
    io->result = result;
    io->order = ++io->bench->done;
}

static void submit(struct bench *bench, unsigned count)
{
    bench->submitted_ns = hf_clock_ns();
    for (unsigned i = 0; i < count; i++) {
        struct io *io = &bench->ios[i];

        io->bench = bench;
        io->order = 0;
        io->iov = (struct iovec){ io->bytes, sizeof(io->bytes) };
        io->io = (struct hf_unit_io){ .action = HF_UNIT_ACTION_READ,
                                      .iov = &io->iov,
                                      .iov_count = 1,
                                      .length_bytes = 512,
                                      .done = done };
        hf_unit_submit(bench->unit, &bench->lane, &io->io);
    }
}

/* How long it took from the first of them on: this thread may have slept since. */
static uint64_t run_until(struct bench *bench, unsigned count)
{
    while (bench->done < count) {
        assert_true(hf_clock_ns() - bench->submitted_ns < 10 * HF_NS_PER_S);
        assert_true(hf_aio_wait(bench->aio, hf_clock_ns() + HF_NS_PER_S) >= 0);
    }
    return hf_clock_ns() - bench->submitted_ns;
}

static void a_delay_delays_and_keeps_the_order(void **state)
{
    static struct bench bench;

    (void)state;
    set_up(&bench, "fault:delay=20ms,null:1M");
    submit(&bench, 10);
    assert_int_equal(bench.done, 0);
    assert_true(run_until(&bench, 10) >= 20 * HF_NS_PER_MS);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(bench.ios[i].order, i + 1);
    tear_down(&bench);
}

static void reorder_lets_go_when_enough_wait(void **state)
{
    static struct bench bench;
    unsigned moved = 0;

    (void)state;
    set_up(&bench, "fault:reorder=32,null:1M");
    submit(&bench, 31);
    assert_int_equal(bench.done, 0);
    run_until(&bench, 31); /* by time */
    bench.done = 0;
    submit(&bench, 32);
    assert_int_equal(bench.done, 32); /* by number, at once */
    for (unsigned i = 0; i < 32; i++)
        moved += bench.ios[i].order != i + 1;
    assert_true(moved > 16);
    tear_down(&bench);
}

static void reorder_lets_few_go_after_a_millisecond(void **state)
{
    static struct bench bench;

    (void)state;
    set_up(&bench, "fault:reorder=32,null:1M");
    submit(&bench, 2);
    assert_true(run_until(&bench, 2) >= HF_NS_PER_MS / 2);
    tear_down(&bench);
}

static void errors_begin_at_the_nth_request(void **state)
{
    static struct bench bench;

    (void)state;
    set_up(&bench, "fault:error-after=3,null:1M");
    submit(&bench, 4);
    assert_int_equal(bench.ios[0].result, 0);
    assert_int_equal(bench.ios[1].result, 0);
    assert_int_equal(bench.ios[2].result, -EIO);
    assert_int_equal(bench.ios[3].result, -EIO);
    tear_down(&bench);
}

static void what_hangs_comes_out_only_by_a_cancel(void **state)
{
    static struct bench bench;

    (void)state;
    set_up(&bench, "fault:hang-after=2,delay=1ms,null:1M");
    submit(&bench, 3);
    run_until(&bench, 1);
    hf_aio_wait(bench.aio, hf_clock_ns() + 20 * HF_NS_PER_MS);
    assert_int_equal(bench.done, 1);
    hf_unit_cancel(bench.unit, &bench.ios[2].io);
    assert_int_equal(bench.ios[2].result, -ECANCELED);
    assert_int_equal(bench.ios[1].order, 0);
    hf_unit_cancel(bench.unit, &bench.ios[1].io);
    assert_int_equal(bench.done, 3);
    tear_down(&bench);
}

static void a_cancel_takes_one_out_of_the_waiting(void **state)
{
    static struct bench bench;

    (void)state;
    set_up(&bench, "fault:delay=10ms,null:1M");
    submit(&bench, 3);
    hf_unit_cancel(bench.unit, &bench.ios[0].io);
    assert_int_equal(bench.ios[0].result, -ECANCELED);
    run_until(&bench, 3);
    assert_int_equal(bench.ios[1].result, 0);
    assert_int_equal(bench.ios[2].result, 0);
    tear_down(&bench);
}

static void crash_after_kills_at_the_nth_request(void **state)
{
    int pipe_fds[2];
    unsigned char reached = 0;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    if (pid == 0) {
        static struct bench bench;

        set_up(&bench, "fault:crash-after=5,null:1M");
        for (unsigned char i = 1; i < 10; i++) {
            submit(&bench, 1);
            if (write(pipe_fds[1], &i, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(pipe_fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(pipe_fds[0], &reached, 1) == 1)
        ;
    assert_int_equal(reached, 4);
    close(pipe_fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_delays_and_keeps_the_order),
        cmocka_unit_test(reorder_lets_go_when_enough_wait),
        cmocka_unit_test(reorder_lets_few_go_after_a_millisecond),
        cmocka_unit_test(errors_begin_at_the_nth_request),
        cmocka_unit_test(what_hangs_comes_out_only_by_a_cancel),
        cmocka_unit_test(a_cancel_takes_one_out_of_the_waiting),
        cmocka_unit_test(crash_after_kills_at_the_nth_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
