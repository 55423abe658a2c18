/* SPDX-License-Identifier: BSD-3-Clause */
/* Who asks for the time is told ours, and who polls is made to wait in it. */
#include "clock.h"

#include <poll.h>
#include <stddef.h>

/* Later than any real time: no timer of the kernel goes off by itself. */
static uint64_t now_ns = UINT64_C(1) << 60;
static void (*waiter)(void *context, uint64_t limit_ns);
static void *waiter_context;

uint64_t __wrap_hf_clock_ns(void);
int __real_poll(struct pollfd *items, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *items, nfds_t count, int timeout_ms);

uint64_t __wrap_hf_clock_ns(void)
{
    return now_ns;
}

int __wrap_poll(struct pollfd *items, nfds_t count, int timeout_ms)
{
    int found = __real_poll(items, count, 0);

    if (found != 0 || timeout_ms == 0 || waiter == NULL)
        return found;
    waiter(waiter_context, timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * MX_MS);
    return __real_poll(items, count, 0);
}

void mx_clock_pass(uint64_t duration_ns)
{
    now_ns += duration_ns;
}

void mx_clock_set_waiter(void (*wait)(void *context, uint64_t limit_ns), void *context)
{
    waiter = wait;
    waiter_context = context;
}
