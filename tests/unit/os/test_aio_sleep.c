/* SPDX-License-Identifier: BSD-3-Clause */
/* Bells, timers, wakes and looking before sleeping, with both engines. */
#include "aio_rig.h"

#include "os/aio_engine.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bells. */

struct bell {
    struct hf_aio_watch watch;
    int fd;
    int called;
    bool lazy; /* does not drain */
    struct hf_aio_watch *victim;
};

static void rung(struct hf_aio_watch *watch)
{
    struct bell *bell = HF_CONTAINER(watch, struct bell, watch);

    bell->called++;
    if (!bell->lazy)
        hf_event_drain(bell->fd);
    if (bell->victim != NULL)
        hf_aio_remove_watch(aio, bell->victim);
}

static void make_bell(struct bell *bell)
{
    *bell = (struct bell){ .watch.ready = rung, .fd = hf_event_create() };
    assert_int_equal(hf_aio_add_watch(aio, &bell->watch, bell->fd), 0);
}

static void drop_bell(struct bell *bell)
{
    hf_aio_remove_watch(aio, &bell->watch);
    hf_aio_remove_watch(aio, &bell->watch);
    hf_fd_close(&bell->fd);
}

static void a_bell_is_heard_each_time_it_rings(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    go_round();
    assert_int_equal(bell.called, 0);
    for (int i = 1; i <= 10; i++) {
        hf_event_signal(bell.fd);
        go_round();
        assert_int_equal(bell.called, i);
    }
    drop_bell(&bell);
}

static void a_bell_that_is_not_drained_is_heard_again(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    bell.lazy = true;
    hf_event_signal(bell.fd);
    go_round();
    assert_in_range(bell.called, 2, 5);
    bell.lazy = false;
    go_round();
    int before = bell.called;
    go_round();
    assert_int_equal(bell.called, before);
    drop_bell(&bell);
}

static void a_removed_bell_is_not_heard_even_if_it_rang_before(void **state)
{
    struct bell one;
    struct bell two;

    (void)state;
    make_bell(&one);
    make_bell(&two);
    go_round();
    one.victim = &two.watch;
    two.victim = &one.watch;
    hf_event_signal(one.fd);
    hf_event_signal(two.fd);
    go_round();
    assert_int_equal(one.called + two.called, 1);
    drop_bell(&one);
    drop_bell(&two);
    go_round();
}

static void a_bell_may_remove_itself_and_be_added_again(void **state)
{
    struct bell bell;

    (void)state;
    make_bell(&bell);
    bell.victim = &bell.watch;
    hf_event_signal(bell.fd);
    go_round();
    assert_int_equal(bell.called, 1);
    bell.victim = NULL;
    assert_int_equal(hf_aio_add_watch(aio, &bell.watch, bell.fd), 0);
    hf_event_signal(bell.fd);
    go_round();
    assert_int_equal(bell.called, 2);
    drop_bell(&bell);
}

/* What the engine keeps of watches; its own wake is one. */
static unsigned count_slots(void)
{
    unsigned count = 0;

    HF_LIST_FOR_EACH (link, &aio->slots)
        count++;
    return count;
}

/* The number goes to another file at once: the old watch must not follow it. */
static void an_fd_number_used_again_is_not_watched(void **state)
{
    struct bell bell;

    (void)state;
    for (int i = 0; i < 100; i++) {
        make_bell(&bell);
        int number = bell.fd;
        drop_bell(&bell);
        HF_AUTO_FD int other = hf_event_create();
        assert_int_equal(other, number);
        hf_event_signal(other);
        assert_int_equal(hf_aio_wait(aio, 0), 0);
        assert_int_equal(bell.called, 0);
    }
    go_round();
    assert_int_equal(count_slots(), 1);
}

static void what_cannot_be_polled_is_refused(void **state)
{
    struct hf_aio_watch watch = { .ready = rung };

    (void)state;
    assert_int_equal(hf_aio_add_watch(aio, &watch, file), -EPERM);
    assert_int_equal(hf_aio_add_watch(aio, &watch, -1), -EBADF);
    hf_aio_remove_watch(aio, &watch);
}

static void five_hundred_bells_are_all_heard(void **state)
{
    struct bell *bells = calloc(500, sizeof(*bells));

    (void)state;
    for (int i = 0; i < 500; i++)
        make_bell(&bells[i]);
    for (int i = 0; i < 500; i++)
        hf_event_signal(bells[i].fd);
    while (hf_aio_wait(aio, in_ms(20)) > 0)
        continue;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(bells[i].called, 1);
        drop_bell(&bells[i]);
    }
    go_round();
    free(bells);
}

/* Timers, sleep, wake. */

static int expirations;

static void count(struct hf_timer *timer)
{
    (void)timer;
    expirations++;
}

static void a_timer_ends_the_sleep(void **state)
{
    struct hf_timer timer = { .expired = count };
    struct hf_timer cancelled = { .expired = count };
    uint64_t start_ns = hf_clock_ns();

    (void)state;
    expirations = 0;
    hf_aio_set_timer(aio, &timer, start_ns + 20 * HF_NS_PER_MS);
    hf_aio_set_timer(aio, &cancelled, start_ns + 10 * HF_NS_PER_MS);
    hf_aio_cancel_timer(aio, &cancelled);
    while (expirations == 0)
        hf_aio_wait(aio, HF_CLOCK_NEVER);
    assert_in_range(hf_clock_ns() - start_ns, 20 * HF_NS_PER_MS, 2000 * HF_NS_PER_MS);
    assert_int_equal(expirations, 1);
}

static void a_wait_ends_at_its_deadline_and_zero_does_not_wait(void **state)
{
    uint64_t start_ns = hf_clock_ns();

    (void)state;
    assert_int_equal(hf_aio_wait(aio, 0), 0);
    while (hf_clock_ns() < start_ns + 20 * HF_NS_PER_MS)
        assert_int_equal(hf_aio_wait(aio, start_ns + 20 * HF_NS_PER_MS), 0);
    assert_true(hf_clock_ns() - start_ns < 2 * HF_NS_PER_S);
}

static void *wake_later(void *argument)
{
    sleep_ms(20);
    hf_aio_wake(argument);
    return NULL;
}

static void another_thread_wakes_a_sleeper_and_a_wake_is_not_lost(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake_later, aio), 0);
    assert_int_equal(hf_aio_wait(aio, HF_CLOCK_NEVER), 1);
    pthread_join(thread, NULL);
    hf_aio_wake(aio);
    hf_aio_wake(aio);
    assert_int_equal(hf_aio_wait(aio, in_ms(5000)), 1);
    assert_int_equal(hf_aio_wait(aio, in_ms(5)), 0);
}

static void *own_engine(void *argument)
{
    struct hf_aio *theirs = argument;
    char byte = 0;
    struct io io = { .iov = { &byte, 1 } };

    io.request = (struct hf_aio_request){
        .op = HF_AIO_READ, .fd = file, .iov = &io.iov, .iov_count = 1, .done = note
    };
    hf_aio_submit(theirs, &io.request);
    while (io.called == 0)
        if (hf_aio_wait(theirs, HF_CLOCK_NEVER) < 0)
            return NULL;
    return io.result == 1 ? argument : NULL;
}

static void an_engine_made_here_may_be_owned_by_another_thread(void **state)
{
    const enum hf_aio_engine *engine = *state;
    const struct hf_aio_options options = { .engine = *engine };
    struct hf_aio *theirs;
    pthread_t thread;
    void *result = NULL;

    assert_int_equal(hf_aio_new(&theirs, &options, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, own_engine, theirs), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, theirs);
    hf_aio_free(theirs);
}

/* Looking before sleeping. */

struct looks {
    int polls;
    int before_sleep;
    int find_at; /* which poll finds work; 0 = none */
    bool find_before_sleep;
};

static bool look(void *context)
{
    struct looks *looks = context;

    return ++looks->polls == looks->find_at;
}

static bool look_last(void *context)
{
    struct looks *looks = context;

    looks->before_sleep++;
    return looks->find_before_sleep;
}

static void look_for(struct looks *looks, uint64_t poll_ns)
{
    const struct hf_aio_polling polling = {
        .poll_ns = poll_ns, .poll = look, .before_sleep = look_last, .context = looks
    };

    hf_aio_set_polling(aio, &polling);
}

static void work_found_by_looking_saves_the_sleep(void **state)
{
    struct looks looks = { .find_at = 3 };

    (void)state;
    look_for(&looks, 5 * HF_NS_PER_S);
    assert_int_equal(hf_aio_wait(aio, HF_CLOCK_NEVER), 1);
    assert_int_equal(looks.polls, 3);
    assert_int_equal(looks.before_sleep, 0);
}

static void work_found_at_the_last_look_saves_the_sleep(void **state)
{
    struct looks looks = { .find_before_sleep = true };

    (void)state;
    look_for(&looks, 0);
    assert_int_equal(hf_aio_wait(aio, HF_CLOCK_NEVER), 1);
    assert_int_equal(looks.polls, 0);
    assert_int_equal(looks.before_sleep, 1);
}

static void completions_bells_and_timers_are_found_while_looking(void **state)
{
    struct looks looks = { 0 };
    struct hf_timer timer = { .expired = count };
    struct bell bell;
    char byte = 0;
    struct io io;

    (void)state;
    make_bell(&bell);
    go_round();
    look_for(&looks, 10 * HF_NS_PER_S);
    submit(&io, HF_AIO_READ, &byte, 1, 0);
    while (io.called == 0)
        hf_aio_wait(aio, HF_CLOCK_NEVER);
    hf_event_signal(bell.fd);
    while (bell.called == 0)
        hf_aio_wait(aio, HF_CLOCK_NEVER);
    expirations = 0;
    hf_aio_set_timer(aio, &timer, in_ms(5));
    while (expirations == 0)
        hf_aio_wait(aio, HF_CLOCK_NEVER);
    assert_int_equal(looks.before_sleep, 0);
    assert_true(looks.polls > 0);
    drop_bell(&bell);
}

static void looking_stops_when_sleeps_are_long(void **state)
{
    struct looks looks = { 0 };

    (void)state;
    look_for(&looks, HF_NS_PER_MS);
    for (int i = 0; i < 10; i++)
        hf_aio_wait(aio, in_ms(8));
    looks.polls = 0;
    hf_aio_wait(aio, in_ms(8));
    assert_int_equal(looks.polls, 0);
    /* Short ones bring it back. */
    for (int i = 0; i < 5; i++) {
        hf_aio_wake(aio);
        hf_aio_wait(aio, in_ms(1000));
    }
    assert_true(looks.polls > 0);
}

static void an_engine_says_what_it_is(void **state)
{
    const enum hf_aio_engine *engine = *state;

    assert_string_equal(hf_aio_name(aio), *engine == HF_AIO_ENGINE_URING ? "io_uring" : "threads");
    assert_null(hf_aio_fallback_reason(aio));
}

int main(int word_count, char **words)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(a_bell_is_heard_each_time_it_rings),
        RIG_TEST(a_bell_that_is_not_drained_is_heard_again),
        RIG_TEST(a_removed_bell_is_not_heard_even_if_it_rang_before),
        RIG_TEST(a_bell_may_remove_itself_and_be_added_again),
        RIG_TEST(an_fd_number_used_again_is_not_watched),
        RIG_TEST(what_cannot_be_polled_is_refused),
        RIG_TEST(five_hundred_bells_are_all_heard),
        RIG_TEST(a_timer_ends_the_sleep),
        RIG_TEST(a_wait_ends_at_its_deadline_and_zero_does_not_wait),
        RIG_TEST(another_thread_wakes_a_sleeper_and_a_wake_is_not_lost),
        RIG_TEST(an_engine_made_here_may_be_owned_by_another_thread),
        RIG_TEST(work_found_by_looking_saves_the_sleep),
        RIG_TEST(work_found_at_the_last_look_saves_the_sleep),
        RIG_TEST(completions_bells_and_timers_are_found_while_looking),
        RIG_TEST(looking_stops_when_sleeps_are_long),
        RIG_TEST(an_engine_says_what_it_is),
    };

    (void)word_count;
    return rig_run(words, tests, sizeof(tests) / sizeof(tests[0]));
}
