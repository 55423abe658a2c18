/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When exactly: an instant drawn at random, and if nothing is in flight then, another one, drawn
 * the same way. Waiting for the next request instead would be quicker, and wrong: all those kills
 * would fall into the first moments of a request. Thrown away and drawn again, those that are left
 * are what random instants are among all at which something is in flight. Where that never is for
 * so long, the back-end is idle, and is killed idle: the verdict has to say so.
 */
#include "drill/killer.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#define AGAIN_NS (10 * HF_NS_PER_MS) /* the next instant is at most so far away */
#define LIMIT_NS (50 * HF_NS_PER_MS)

uint64_t hf_killer_kill(pid_t pid)
{
    uint64_t now = hf_clock_ns();

    if (pid > 0 && kill(-pid, SIGKILL) < 0)
        kill(pid, SIGKILL);
    return now;
}

/* False: told not to kill. */
static bool sleep_until(const struct hf_killer *killer, uint64_t at_ns)
{
    struct pollfd stop = { .fd = killer->stop_fd, .events = POLLIN };
    uint64_t now = hf_clock_ns();
    uint64_t left = at_ns > now ? at_ns - now : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left / HF_NS_PER_S),
                                .tv_nsec = (long)(left % HF_NS_PER_S) };

    return ppoll(&stop, 1, &timeout, NULL) == 0;
}

static bool hits(const struct hf_killer_aim *aim)
{
    return aim->hits == NULL || aim->hits(aim->host);
}

static void *kill_in_time(void *argument)
{
    struct hf_killer *killer = argument;
    uint64_t at = killer->aim.at_ns;
    uint64_t limit = at + LIMIT_NS;

    if (!sleep_until(killer, at))
        return NULL;
    while (at < limit && !hits(&killer->aim)) {
        at = hf_clock_ns() + hf_random_below(&killer->random, AGAIN_NS);
        if (!sleep_until(killer, at))
            return NULL;
    }
    /* Said first: nobody may take this death for one that came by itself. The moment is told when
     * it is over: who knew it earlier would stop the load. */
    __atomic_store_n(&killer->killing, true, __ATOMIC_RELEASE);
    __atomic_store_n(&killer->killed_ns, hf_killer_kill(killer->pid), __ATOMIC_RELEASE);
    return NULL;
}

int hf_killer_start(struct hf_killer *killer, pid_t pid, const struct hf_killer_aim *aim,
                    struct hf_error *error)
{
    *killer = (struct hf_killer){
        .aim = *aim, .random = { .state = aim->seed }, .pid = pid, .stop_fd = hf_event_create()
    };
    int code = killer->stop_fd < 0 ? -killer->stop_fd
                                   : pthread_create(&killer->thread, NULL, kill_in_time, killer);
    if (code != 0) {
        hf_fd_close(&killer->stop_fd);
        return hf_error_set(error, code, "unable to start a thread: %s", strerror(code));
    }
    killer->runs = true;
    return 0;
}

void hf_killer_end(struct hf_killer *killer)
{
    if (!killer->runs)
        return;
    hf_event_signal(killer->stop_fd);
    pthread_join(killer->thread, NULL);
    hf_fd_close(&killer->stop_fd);
    killer->runs = false;
}

bool hf_killer_is_killing(const struct hf_killer *killer)
{
    return __atomic_load_n(&killer->killing, __ATOMIC_ACQUIRE);
}

uint64_t hf_killer_killed(const struct hf_killer *killer)
{
    return __atomic_load_n(&killer->killed_ns, __ATOMIC_ACQUIRE);
}
