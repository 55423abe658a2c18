/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The epoll set. Each dispatch has its batch of events on its own stack; the loop knows the chain
 * of running batches, so that a removal can strike the watch out of all of them.
 */
#include "os/loop.h"

#include "base/check.h"
#include "base/list.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The bound on callbacks of one dispatch: so many watches, and as many timers. */
#define BATCH_SIZE 32

struct hf_loop_batch {
    struct hf_loop_batch *outer;
    int next;
    int count;
    bool loop_gone;
    struct epoll_event events[BATCH_SIZE];
};

/* The timer itself runs after the batch (run_timers); this only empties the timerfd. */
static void timer_fired(struct hf_watch *watch, uint32_t events)
{
    struct hf_loop *loop = HF_CONTAINER(watch, struct hf_loop, timer_watch);
    uint64_t expirations;

    (void)events;
    ssize_t got = read(loop->timer_fd, &expirations, sizeof(expirations));
    if (got == (ssize_t)sizeof(expirations))
        loop->armed_ns = HF_CLOCK_NEVER;
}

int hf_loop_init(struct hf_loop *loop)
{
    HF_AUTO_FD int epoll_fd = hf_fd_lift(epoll_create1(EPOLL_CLOEXEC));
    if (epoll_fd < 0)
        return epoll_fd;
    HF_AUTO_FD int timer_fd =
        hf_fd_lift(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (timer_fd < 0)
        return timer_fd;
    *loop = (struct hf_loop){ .epoll_fd = epoll_fd,
                              .timer_fd = timer_fd,
                              .armed_ns = HF_CLOCK_NEVER,
                              .timer_watch.ready = timer_fired };
    hf_timers_init(&loop->timers);
    int error = hf_loop_add(loop, &loop->timer_watch, timer_fd, EPOLLIN);
    if (error < 0) {
        *loop = (struct hf_loop){ .epoll_fd = -1, .timer_fd = -1 };
        return error;
    }
    hf_fd_steal(&epoll_fd);
    hf_fd_steal(&timer_fd);
    return 0;
}

void hf_loop_done(struct hf_loop *loop)
{
    if (loop == NULL || loop->timer_watch.loop == NULL)
        return;
    for (struct hf_loop_batch *batch = loop->batch; batch != NULL; batch = batch->outer)
        batch->loop_gone = true;
    while (!hf_list_empty(&loop->timers.list))
        hf_timers_cancel(HF_CONTAINER(loop->timers.list.next, struct hf_timer, link));
    hf_fd_close(&loop->timer_fd);
    hf_fd_close(&loop->epoll_fd);
    *loop = (struct hf_loop){ .epoll_fd = -1, .timer_fd = -1 };
}

int hf_loop_fd(const struct hf_loop *loop)
{
    return loop->epoll_fd;
}

int hf_loop_add(struct hf_loop *loop, struct hf_watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    HF_CHECK(watch->loop == NULL);
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    watch->loop = loop;
    watch->fd = fd;
    return 0;
}

int hf_loop_modify(struct hf_watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    HF_CHECK(watch->loop != NULL);
    if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        return -errno;
    return 0;
}

static void strike_out(struct hf_loop_batch *batch, const struct hf_watch *watch)
{
    for (int i = batch->next; i < batch->count; i++)
        if (batch->events[i].data.ptr == watch)
            batch->events[i].data.ptr = NULL;
}

void hf_loop_remove(struct hf_watch *watch)
{
    if (watch->loop == NULL)
        return;
    /* Fails only if the fd was closed before: then the kernel has forgotten it too, unless somebody
     * duplicated it, which is the caller's broken promise. */
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (struct hf_loop_batch *batch = watch->loop->batch; batch != NULL; batch = batch->outer)
        strike_out(batch, watch);
    watch->loop = NULL;
}

/* Only ever moves the timerfd to an earlier time; one that fires early for a timer cancelled since
 * costs a wake-up, re-arming at each cancel would cost a system call a message. */
static void arm(struct hf_loop *loop)
{
    uint64_t next_ns = hf_timers_next_ns(&loop->timers);

    if (next_ns >= loop->armed_ns)
        return;
    /* All zeros would disarm. */
    uint64_t at_ns = next_ns == 0 ? 1 : next_ns;
    struct itimerspec when = { .it_value = { .tv_sec = (time_t)(at_ns / HF_NS_PER_S),
                                             .tv_nsec = (long)(at_ns % HF_NS_PER_S) } };
    int failed = timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    HF_CHECK(failed == 0);
    loop->armed_ns = next_ns;
}

void hf_loop_set_timer(struct hf_loop *loop, struct hf_timer *timer, uint64_t deadline_ns)
{
    if (hf_timers_set(&loop->timers, timer, deadline_ns))
        arm(loop);
}

void hf_loop_cancel_timer(struct hf_loop *loop, struct hf_timer *timer)
{
    (void)loop;
    hf_timers_cancel(timer);
}

static int run_watches(struct hf_loop_batch *batch)
{
    int called = 0;

    while (batch->next < batch->count && !batch->loop_gone) {
        struct epoll_event *event = &batch->events[batch->next++];
        struct hf_watch *watch = event->data.ptr;
        if (watch == NULL)
            continue;
        watch->ready(watch, event->events);
        called++;
    }
    return called;
}

/* One at a time: each callback may take the loop away. */
static int run_timers(struct hf_loop *loop, const struct hf_loop_batch *batch)
{
    uint64_t now_ns = hf_clock_ns();
    int called = 0;

    while (!batch->loop_gone && called < BATCH_SIZE && hf_timers_run(&loop->timers, now_ns, 1) == 1)
        called++;
    return called;
}

int hf_loop_dispatch(struct hf_loop *loop, int timeout_ms)
{
    struct hf_loop_batch batch = { .outer = loop->batch };

    int count = epoll_wait(loop->epoll_fd, batch.events, BATCH_SIZE, timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    batch.count = count;
    loop->batch = &batch;
    int called = run_watches(&batch);
    if (!batch.loop_gone)
        called += run_timers(loop, &batch);
    if (batch.loop_gone)
        return called;
    arm(loop);
    loop->batch = batch.outer;
    return called;
}
