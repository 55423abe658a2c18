/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct bell {
    struct hf_watch watch;
    int fd;
    int called;
    struct hf_watch *victim; /* removed in the callback */
};

static struct hf_loop loop;

static int begin(void **state)
{
    return fixture_begin(state) + hf_loop_init(&loop);
}

static int end(void **state)
{
    hf_loop_done(&loop);
    hf_loop_done(&loop);
    return fixture_end(state);
}

static bool host_sees_input(void)
{
    struct pollfd one = { .fd = hf_loop_fd(&loop), .events = POLLIN };

    return poll(&one, 1, 0) == 1;
}

static void ring(struct hf_watch *watch, uint32_t events)
{
    struct bell *bell = HF_CONTAINER(watch, struct bell, watch);

    assert_true((events & EPOLLIN) != 0);
    bell->called++;
    hf_event_drain(bell->fd);
    if (bell->victim != NULL)
        hf_loop_remove(bell->victim);
}

static void make_bell(struct bell *bell)
{
    *bell = (struct bell){ .watch.ready = ring, .fd = hf_event_create() };
    assert_int_equal(hf_loop_add(&loop, &bell->watch, bell->fd, EPOLLIN), 0);
}

static void drop_bell(struct bell *bell)
{
    hf_loop_remove(&bell->watch);
    hf_loop_remove(&bell->watch);
    hf_fd_close(&bell->fd);
}

static void the_host_polls_one_fd_and_dispatch_calls_what_is_ready(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    assert_false(host_sees_input());
    assert_int_equal(hf_loop_dispatch(&loop, 0), 0);
    hf_event_signal(bell.fd);
    assert_true(host_sees_input());
    assert_int_equal(hf_loop_dispatch(&loop, 0), 1);
    assert_int_equal(bell.called, 1);
    assert_false(host_sees_input());
    drop_bell(&bell);
}

static void a_watch_removed_by_another_in_the_same_dispatch_is_not_called(void **state)
{
    struct bell one;
    struct bell two;

    (void)state;
    make_bell(&one);
    make_bell(&two);
    one.victim = &two.watch;
    two.victim = &one.watch;
    hf_event_signal(one.fd);
    hf_event_signal(two.fd);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 1);
    assert_int_equal(one.called + two.called, 1);
    drop_bell(&one);
    drop_bell(&two);
}

static void a_watch_may_remove_and_free_itself(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    bell.victim = &bell.watch;
    hf_event_signal(bell.fd);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 1);
    hf_event_signal(bell.fd);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 0);
    drop_bell(&bell);
}

static void events_can_be_switched_off_and_on(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    hf_event_signal(bell.fd);
    assert_int_equal(hf_loop_modify(&bell.watch, 0), 0);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 0);
    assert_int_equal(hf_loop_modify(&bell.watch, EPOLLIN), 0);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 1);
    drop_bell(&bell);
}

static void what_cannot_be_watched_is_an_error(void **state)
{
    struct bell bell;
    struct hf_watch second = { .ready = ring };
    HF_AUTO_FD int file = open(in_place("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    (void)state;
    make_bell(&bell);
    assert_int_equal(hf_loop_add(&loop, &second, bell.fd, EPOLLIN), -EEXIST);
    assert_int_equal(hf_loop_add(&loop, &second, file, EPOLLIN), -EPERM);
    assert_int_equal(hf_loop_add(&loop, &second, -1, EPOLLIN), -EBADF);
    hf_loop_remove(&second);
    drop_bell(&bell);
}

#define MANY 100

static void a_dispatch_calls_a_bounded_number_and_forgets_none(void **state)
{
    struct bell *bells = calloc(MANY, sizeof(*bells));
    int first;
    int rounds = 1;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        make_bell(&bells[i]);
        hf_event_signal(bells[i].fd);
    }
    first = hf_loop_dispatch(&loop, 0);
    assert_in_range(first, 1, MANY / 2);
    while (hf_loop_dispatch(&loop, 0) > 0)
        rounds++;
    assert_in_range(rounds, 2, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(bells[i].called, 1);
        drop_bell(&bells[i]);
    }
    free(bells);
}

static int expirations;

static void count(struct hf_timer *timer)
{
    (void)timer;
    expirations++;
}

static void a_timer_makes_the_host_fd_readable_at_its_deadline(void **state)
{
    struct hf_timer timer = { .expired = count };
    uint64_t start_ns = hf_clock_ns();

    (void)state;
    expirations = 0;
    hf_loop_set_timer(&loop, &timer, start_ns + 20 * HF_NS_PER_MS);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 0);
    while (expirations == 0)
        assert_true(hf_loop_dispatch(&loop, 5000) >= 0);
    assert_true(hf_clock_ns() - start_ns >= 20 * HF_NS_PER_MS);
    assert_true(hf_clock_ns() - start_ns < 4000 * HF_NS_PER_MS);
    assert_false(host_sees_input());
}

static void a_deadline_in_the_past_fires_at_once(void **state)
{
    struct hf_timer timer = { .expired = count };

    (void)state;
    expirations = 0;
    hf_loop_set_timer(&loop, &timer, 0);
    assert_true(host_sees_input());
    hf_loop_dispatch(&loop, 0);
    assert_int_equal(expirations, 1);
}

static void an_earlier_timer_overtakes_and_a_cancelled_one_stays_silent(void **state)
{
    struct hf_timer late = { .expired = count };
    struct hf_timer soon = { .expired = count };
    struct hf_timer never = { .expired = count };
    uint64_t now_ns = hf_clock_ns();

    (void)state;
    expirations = 0;
    hf_loop_set_timer(&loop, &late, now_ns + 3600 * HF_NS_PER_S);
    hf_loop_set_timer(&loop, &never, now_ns + HF_NS_PER_MS);
    hf_loop_cancel_timer(&loop, &never);
    hf_loop_set_timer(&loop, &soon, now_ns + 10 * HF_NS_PER_MS);
    while (expirations == 0) {
        struct pollfd host = { .fd = hf_loop_fd(&loop), .events = POLLIN };
        assert_int_equal(poll(&host, 1, 5000), 1);
        hf_loop_dispatch(&loop, 0);
    }
    assert_true(hf_clock_ns() >= now_ns + 10 * HF_NS_PER_MS);
    assert_int_equal(expirations, 1);
    assert_true(late.armed);
    hf_loop_cancel_timer(&loop, &late);
    assert_false(host_sees_input());
}

static void set_again(struct hf_timer *timer)
{
    expirations++;
    hf_loop_set_timer(&loop, timer, 0);
}

static void a_timer_always_due_does_not_hold_a_dispatch(void **state)
{
    struct hf_timer timer = { .expired = set_again };

    (void)state;
    expirations = 0;
    hf_loop_set_timer(&loop, &timer, 0);
    hf_loop_dispatch(&loop, 0);
    assert_in_range(expirations, 1, 64);
    assert_true(host_sees_input());
    hf_loop_cancel_timer(&loop, &timer);
}

static void end_loop(struct hf_watch *watch, uint32_t events)
{
    (void)events;
    struct bell *bell = HF_CONTAINER(watch, struct bell, watch);
    bell->called++;
    hf_loop_done(&loop);
}

static void a_callback_may_end_the_loop(void **state)
{
    struct bell one;
    struct bell two;

    (void)state;
    make_bell(&one);
    make_bell(&two);
    one.watch.ready = end_loop;
    two.watch.ready = end_loop;
    hf_event_signal(one.fd);
    hf_event_signal(two.fd);
    assert_int_equal(hf_loop_dispatch(&loop, 0), 1);
    assert_int_equal(one.called + two.called, 1);
    hf_fd_close(&one.fd);
    hf_fd_close(&two.fd);
}

static void dispatch_inside(struct hf_watch *watch, uint32_t events)
{
    struct bell *bell = HF_CONTAINER(watch, struct bell, watch);

    (void)events;
    bell->called++;
    hf_event_drain(bell->fd);
    hf_loop_dispatch(&loop, 0);
    if (bell->victim != NULL)
        hf_loop_remove(bell->victim);
}

static void a_callback_may_dispatch_and_no_watch_is_called_after_its_removal(void **state)
{
    struct bell outer;
    struct bell inner;

    (void)state;
    make_bell(&outer);
    make_bell(&inner);
    outer.watch.ready = dispatch_inside;
    inner.watch.ready = dispatch_inside;
    outer.victim = &inner.watch;
    inner.victim = &outer.watch;
    hf_event_signal(outer.fd);
    hf_event_signal(inner.fd);
    hf_loop_dispatch(&loop, 0);
    assert_int_equal(outer.called, 1);
    assert_int_equal(inner.called, 1);
    drop_bell(&outer);
    drop_bell(&inner);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(the_host_polls_one_fd_and_dispatch_calls_what_is_ready),
        LOOP_TEST(a_watch_removed_by_another_in_the_same_dispatch_is_not_called),
        LOOP_TEST(a_watch_may_remove_and_free_itself),
        LOOP_TEST(events_can_be_switched_off_and_on),
        LOOP_TEST(what_cannot_be_watched_is_an_error),
        LOOP_TEST(a_dispatch_calls_a_bounded_number_and_forgets_none),
        LOOP_TEST(a_timer_makes_the_host_fd_readable_at_its_deadline),
        LOOP_TEST(a_deadline_in_the_past_fires_at_once),
        LOOP_TEST(an_earlier_timer_overtakes_and_a_cancelled_one_stays_silent),
        LOOP_TEST(a_timer_always_due_does_not_hold_a_dispatch),
        LOOP_TEST(a_callback_may_end_the_loop),
        LOOP_TEST(a_callback_may_dispatch_and_no_watch_is_called_after_its_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
