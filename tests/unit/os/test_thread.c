/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/thread.h"

#include <signal.h>

static void *tell_mask(void *mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

static void a_thread_takes_no_signal_but_that_of_lost_memory(void **state)
{
    pthread_t thread;
    sigset_t mask;

    (void)state;
    assert_int_equal(hf_thread_start(&thread, tell_mask, &mask), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(sigismember(&mask, SIGTERM));
    assert_true(sigismember(&mask, SIGUSR1));
    assert_false(sigismember(&mask, SIGBUS));
}

static void who_starts_it_takes_what_it_took(void **state)
{
    pthread_t thread;
    sigset_t mask;

    (void)state;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
    assert_int_equal(hf_thread_start(&thread, tell_mask, &mask), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tell_mask(&mask);
    assert_true(sigismember(&mask, SIGUSR2));
    assert_false(sigismember(&mask, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_thread_takes_no_signal_but_that_of_lost_memory),
        TIDY(who_starts_it_takes_what_it_took),
    };

    return cmocka_run_group_tests_name("os/thread", tests, NULL, NULL);
}
