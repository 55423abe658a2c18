/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread inherits the mask of who starts it. */
#include "os/thread.h"

#include <signal.h>

int hf_thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -code;
}
