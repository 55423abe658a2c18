/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads beside the program's own. */
#ifndef HF_OS_THREAD_H
#define HF_OS_THREAD_H

#include <pthread.h>

/* Starts one that takes no signal, those are for the program's own; but SIGBUS, which only who
 * touches memory can take (os/guard.h). 0 or -errno. To be joined. */
int hf_thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

#endif
