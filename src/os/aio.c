/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both engines share: queues, callbacks, timers, looking before sleeping, the choice.
 *
 *   submit -> queued -> (engine, kernel) -> completed -> done
 */
#include "os/aio.h"

#include "base/check.h"
#include "base/checked.h"
#include "os/aio_engine.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of the longest look: where it starts again after it had shrunk to nothing. */
#define WINDOW_PARTS 16u

void hf_aio_hand_in(struct hf_aio *aio, struct hf_aio_request *request, int32_t result)
{
    request->result = result;
    hf_list_append(&aio->completed, &request->link);
}

void hf_aio_hand_in_ready(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    hf_list_remove(&slot->ready_link);
    hf_list_append(&aio->ready, &slot->ready_link);
}

/* The engine. */

static void woken(struct hf_aio_watch *watch)
{
    hf_event_drain(watch->fd);
}

static int choose(struct hf_aio **aio, const struct hf_aio_options *options, struct hf_error *error)
{
    struct hf_error refused = { 0 };

    if (options->engine == HF_AIO_ENGINE_THREADS)
        return hf_aio_threads_new(aio, options, error);
    if (options->engine == HF_AIO_ENGINE_URING)
        return hf_aio_uring_new(aio, options, error);
    if (hf_aio_uring_new(aio, options, &refused) == 0)
        return 0;
    int failed = hf_aio_threads_new(aio, options, error);
    if (failed == 0)
        memcpy((*aio)->fallback_reason, refused.text, sizeof(refused.text));
    return failed;
}

static int set_up_wake(struct hf_aio *aio, struct hf_error *error)
{
    aio->wake_fd = hf_event_create();
    if (aio->wake_fd < 0)
        return hf_error_set(error, -aio->wake_fd, "cannot make an eventfd: %s",
                            strerror(-aio->wake_fd));
    aio->wake.ready = woken;
    int failed = hf_aio_add_watch(aio, &aio->wake, aio->wake_fd);
    if (failed < 0)
        hf_error_set(error, -failed, "cannot watch an eventfd: %s", strerror(-failed));
    return failed;
}

int hf_aio_new(struct hf_aio **aio, const struct hf_aio_options *options, struct hf_error *error)
{
    struct hf_aio *made = NULL;

    *aio = NULL;
    int failed = choose(&made, options, error);
    if (failed < 0)
        return failed;
    hf_list_init(&made->queued);
    hf_list_init(&made->completed);
    hf_list_init(&made->slots);
    hf_list_init(&made->ready);
    hf_timers_init(&made->timers);
    failed = set_up_wake(made, error);
    if (failed < 0)
        hf_aio_free(made);
    else
        *aio = made;
    return failed;
}

static void run_down(struct hf_aio *aio)
{
    while (aio->in_flight > 0 && aio->ops->collect(aio, HF_CLOCK_NEVER) == 0)
        while (hf_list_pop(&aio->completed) != NULL)
            aio->in_flight--;
}

void hf_aio_free(struct hf_aio *aio)
{
    if (aio == NULL)
        return;
    run_down(aio);
    struct hf_link *link = hf_list_pop(&aio->slots);
    while (link != NULL) {
        struct hf_aio_slot *slot = HF_CONTAINER(link, struct hf_aio_slot, link);
        if (slot->watch != NULL)
            slot->watch->slot = NULL;
        free(slot);
        link = hf_list_pop(&aio->slots);
    }
    while (!hf_list_empty(&aio->timers.list))
        hf_timers_cancel(HF_CONTAINER(aio->timers.list.next, struct hf_timer, link));
    hf_fd_close(&aio->wake_fd);
    aio->ops->free(aio);
}

const char *hf_aio_name(const struct hf_aio *aio)
{
    return aio->ops->name;
}

const char *hf_aio_fallback_reason(const struct hf_aio *aio)
{
    return aio->fallback_reason[0] == '\0' ? NULL : aio->fallback_reason;
}

/* Disk I/O. */

void hf_aio_submit(struct hf_aio *aio, struct hf_aio_request *request)
{
    aio->in_flight++;
    hf_list_append(&aio->queued, &request->link);
}

void hf_aio_push(struct hf_aio *aio)
{
    aio->ops->push(aio);
}

unsigned hf_aio_in_flight(const struct hf_aio *aio)
{
    return aio->in_flight;
}

static int run_completed(struct hf_aio *aio)
{
    struct hf_link *link;
    int called = 0;

    while ((link = hf_list_pop(&aio->completed)) != NULL) {
        struct hf_aio_request *request = HF_CONTAINER(link, struct hf_aio_request, link);
        aio->in_flight--;
        request->done(request, request->result);
        called++;
    }
    return called;
}

/* Bells. */

/* To io_uring a file without poll is always readable: a worker would spin. */
static int check_can_poll(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    bool is_file = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode);
    return is_file ? -EPERM : 0;
}

int hf_aio_add_watch(struct hf_aio *aio, struct hf_aio_watch *watch, int fd)
{
    HF_CHECK(watch->slot == NULL);
    int failed = check_can_poll(fd);
    if (failed < 0)
        return failed;
    struct hf_aio_slot *slot = calloc(1, sizeof(*slot));
    if (slot == NULL)
        return -ENOMEM;
    slot->watch = watch;
    slot->fd = fd;
    hf_list_init(&slot->ready_link);
    failed = aio->ops->add(aio, slot);
    if (failed < 0) {
        free(slot);
        return failed;
    }
    hf_list_append(&aio->slots, &slot->link);
    watch->slot = slot;
    watch->fd = fd;
    return 0;
}

void hf_aio_remove_watch(struct hf_aio *aio, struct hf_aio_watch *watch)
{
    struct hf_aio_slot *slot = watch->slot;

    if (slot == NULL)
        return;
    if (aio->running == slot)
        aio->running = NULL;
    slot->watch = NULL;
    watch->slot = NULL;
    hf_list_remove(&slot->ready_link);
    aio->ops->remove(aio, slot);
}

static int run_ready(struct hf_aio *aio)
{
    struct hf_link again;
    struct hf_link *link;
    int called = 0;

    hf_list_init(&again);
    while ((link = hf_list_pop(&aio->ready)) != NULL) {
        struct hf_aio_slot *slot = HF_CONTAINER(link, struct hf_aio_slot, ready_link);
        aio->running = slot;
        slot->watch->ready(slot->watch);
        called++;
        if (aio->running == slot && !aio->ops->rearm(aio, slot))
            hf_list_append(&again, link);
        aio->running = NULL;
    }
    /* Called once too often, next time: that is how they come to be armed. */
    while ((link = hf_list_pop(&again)) != NULL)
        hf_list_append(&aio->ready, link);
    return called;
}

/* Timers. */

void hf_aio_set_timer(struct hf_aio *aio, struct hf_timer *timer, uint64_t deadline_ns)
{
    hf_timers_set(&aio->timers, timer, deadline_ns);
}

void hf_aio_cancel_timer(struct hf_aio *aio, struct hf_timer *timer)
{
    (void)aio;
    hf_timers_cancel(timer);
}

/* Sleep. */

void hf_aio_set_polling(struct hf_aio *aio, const struct hf_aio_polling *polling)
{
    aio->polling = *polling;
    aio->window_ns = polling->poll_ns;
}

static bool has_work(const struct hf_aio *aio)
{
    return !hf_list_empty(&aio->completed) || !hf_list_empty(&aio->ready);
}

/* Looks for the length of the window. Returns 1 if `poll` did work, 0, or -errno; *until_ns is when
 * it stopped looking. */
static int look_around(struct hf_aio *aio, uint64_t until_ns, uint64_t *now_ns)
{
    const struct hf_aio_polling *polling = &aio->polling;
    int failed = 0;

    do {
        if (polling->poll != NULL && polling->poll(polling->context))
            return 1;
        failed = aio->ops->collect(aio, 0);
        *now_ns = hf_clock_ns();
    } while (failed == 0 && !has_work(aio) && *now_ns < until_ns);
    return failed;
}

/* A sleep that ended within the longest look would have been saved by it. */
static void adapt(struct hf_aio *aio, uint64_t slept_ns)
{
    const uint64_t step_ns = aio->polling.poll_ns / WINDOW_PARTS;

    if (slept_ns < aio->polling.poll_ns)
        aio->window_ns = hf_min_u64(hf_max_u64(aio->window_ns * 2, step_ns), aio->polling.poll_ns);
    else
        aio->window_ns = aio->window_ns / 2 < step_ns ? 0 : aio->window_ns / 2;
}

static int sleep_until(struct hf_aio *aio, uint64_t deadline_ns, uint64_t now_ns)
{
    const struct hf_aio_polling *polling = &aio->polling;

    if (polling->before_sleep != NULL && polling->before_sleep(polling->context))
        return 1;
    uint64_t timeout_ns = deadline_ns == HF_CLOCK_NEVER ? HF_CLOCK_NEVER : deadline_ns - now_ns;
    int failed = aio->ops->collect(aio, timeout_ns);
    if (polling->poll_ns > 0)
        adapt(aio, hf_clock_ns() - now_ns);
    return failed;
}

/* Returns 1 if a hook of the caller did work, 0, or -errno. */
static int gather(struct hf_aio *aio, uint64_t deadline_ns)
{
    uint64_t now_ns = hf_clock_ns();

    if (deadline_ns <= now_ns || has_work(aio))
        return aio->ops->collect(aio, 0);
    if (aio->window_ns > 0) {
        uint64_t until_ns = hf_min_u64(deadline_ns, now_ns + aio->window_ns);
        int found = look_around(aio, until_ns, &now_ns);
        if (found != 0 || has_work(aio) || now_ns >= deadline_ns)
            return found;
    }
    return sleep_until(aio, deadline_ns, now_ns);
}

int hf_aio_wait(struct hf_aio *aio, uint64_t deadline_ns)
{
    HF_CHECK(!aio->is_waiting);
    aio->is_waiting = true;
    int called = gather(aio, hf_min_u64(deadline_ns, hf_timers_next_ns(&aio->timers)));
    if (called >= 0) {
        called += run_completed(aio);
        called += run_ready(aio);
        if (hf_timers_next_ns(&aio->timers) != HF_CLOCK_NEVER)
            called += (int)hf_timers_run(&aio->timers, hf_clock_ns(), HF_AIO_BATCH);
    }
    aio->is_waiting = false;
    return called;
}

void hf_aio_wake(struct hf_aio *aio)
{
    hf_event_ring_own(aio->wake_fd);
}
