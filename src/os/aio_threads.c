/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine for where io_uring is refused: threads with preadv, pwritev and fdatasync, an epoll
 * set for the bells. Slower, and hf_aio_name says so. All that threads share is under one mutex.
 *
 *   queued --push--> todo --a thread--> finished --collect--> completed
 */
#include "os/aio_engine.h"

#include "base/checked.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_THREADS 8u
#define MAX_THREADS     64u
#define EVENTS          64

struct pool {
    struct hf_aio aio;
    int epoll_fd;
    int finished_fd; /* rung when `finished` stops being empty */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct hf_link todo;     /* under mutex, as the next two */
    struct hf_link finished; /* with request->result */
    bool stop;
    bool coarse; /* epoll_pwait2 is refused: milliseconds */
    unsigned thread_count;
    pthread_t threads[MAX_THREADS];
};

static struct pool *pool_of(struct hf_aio *aio)
{
    return HF_CONTAINER(aio, struct pool, aio);
}

/* The threads. */

static ssize_t do_read(const struct hf_aio_request *request)
{
    return preadv(request->fd, request->iov, (int)request->iov_count, (off_t)request->offset);
}

static ssize_t do_write(const struct hf_aio_request *request)
{
    return pwritev(request->fd, request->iov, (int)request->iov_count, (off_t)request->offset);
}

static ssize_t do_flush(const struct hf_aio_request *request)
{
    return fdatasync(request->fd);
}

static ssize_t (*const doers[HF_AIO_OP_COUNT])(const struct hf_aio_request *request) = {
    [HF_AIO_READ] = do_read,
    [HF_AIO_WRITE] = do_write,
    [HF_AIO_FLUSH] = do_flush,
};

static int32_t carry_out(const struct hf_aio_request *request)
{
    ssize_t result;

    do
        result = doers[request->op](request);
    while (result < 0 && errno == EINTR);
    /* At most MAX_RW_COUNT, below 2 GiB (read(2)). */
    return result < 0 ? -errno : (int32_t)result;
}

/* With the mutex held, and again on return. */
static void serve(struct pool *pool, struct hf_link *link)
{
    struct hf_aio_request *request = HF_CONTAINER(link, struct hf_aio_request, link);

    pthread_mutex_unlock(&pool->mutex);
    request->result = carry_out(request);
    pthread_mutex_lock(&pool->mutex);
    bool was_empty = hf_list_empty(&pool->finished);
    hf_list_append(&pool->finished, &request->link);
    if (was_empty)
        hf_event_ring_own(pool->finished_fd);
}

static void *thread_main(void *argument)
{
    struct pool *pool = argument;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->stop) {
        struct hf_link *link = hf_list_pop(&pool->todo);
        if (link != NULL)
            serve(pool, link);
        else
            pthread_cond_wait(&pool->work, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* The engine. */

static int pool_add(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = slot };

    return epoll_ctl(pool_of(aio)->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) < 0 ? -errno : 0;
}

static void pool_remove(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    epoll_ctl(pool_of(aio)->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
    hf_list_remove(&slot->link);
    free(slot);
}

static bool pool_rearm(struct hf_aio *aio, struct hf_aio_slot *slot)
{
    (void)aio; /* level-triggered */
    (void)slot;
    return true;
}

static void pool_push(struct hf_aio *aio)
{
    struct pool *pool = pool_of(aio);
    struct hf_link *link = hf_list_pop(&aio->queued);

    if (link == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    while (link != NULL) {
        hf_list_append(&pool->todo, link);
        pthread_cond_signal(&pool->work);
        link = hf_list_pop(&aio->queued);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static void take_finished(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    for (unsigned i = 0; i < HF_AIO_BATCH; i++) {
        struct hf_link *link = hf_list_pop(&pool->finished);
        if (link == NULL)
            break;
        struct hf_aio_request *request = HF_CONTAINER(link, struct hf_aio_request, link);
        hf_aio_hand_in(&pool->aio, request, request->result);
    }
    if (hf_list_empty(&pool->finished))
        hf_event_drain(pool->finished_fd);
    pthread_mutex_unlock(&pool->mutex);
}

/* Rounded up: who wakes early would only sleep again. */
static int wait_coarsely(const struct pool *pool, struct epoll_event *events, uint64_t timeout_ns)
{
    uint64_t timeout_ms =
        hf_min_u64(timeout_ns / HF_NS_PER_MS + (timeout_ns % HF_NS_PER_MS > 0), INT_MAX);

    return epoll_wait(pool->epoll_fd, events, EVENTS,
                      timeout_ns == HF_CLOCK_NEVER ? -1 : (int)timeout_ms);
}

/* Filters made before Linux 5.11 do not know epoll_pwait2, and refuse it with one of these. */
static int wait_for_events(struct pool *pool, struct epoll_event *events, uint64_t timeout_ns)
{
    struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / HF_NS_PER_S),
                                .tv_nsec = (long)(timeout_ns % HF_NS_PER_S) };
    int count = -1;

    if (!pool->coarse) {
        count = epoll_pwait2(pool->epoll_fd, events, EVENTS,
                             timeout_ns == HF_CLOCK_NEVER ? NULL : &timeout, NULL);
        pool->coarse = count < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES);
    }
    if (pool->coarse)
        count = wait_coarsely(pool, events, timeout_ns);
    return count < 0 ? -errno : count;
}

static int pool_collect(struct hf_aio *aio, uint64_t timeout_ns)
{
    struct pool *pool = pool_of(aio);
    struct epoll_event events[EVENTS];

    pool_push(aio);
    int count = wait_for_events(pool, events, timeout_ns);
    if (count < 0)
        return count == -EINTR ? 0 : count;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            take_finished(pool);
        else
            hf_aio_hand_in_ready(aio, events[i].data.ptr);
    }
    return 0;
}

static void stop_threads(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
}

static void pool_free(struct hf_aio *aio)
{
    struct pool *pool = pool_of(aio);

    stop_threads(pool);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    hf_fd_close(&pool->finished_fd);
    hf_fd_close(&pool->epoll_fd);
    free(pool);
}

static const struct hf_aio_engine_ops pool_ops = {
    .name = "threads",
    .add = pool_add,
    .remove = pool_remove,
    .rearm = pool_rearm,
    .push = pool_push,
    .collect = pool_collect,
    .free = pool_free,
};

static int start_threads(struct pool *pool, unsigned count)
{
    int failed = 0;

    while (pool->thread_count < count && failed == 0) {
        failed = hf_thread_start(&pool->threads[pool->thread_count], thread_main, pool);
        if (failed == 0)
            pool->thread_count++;
    }
    return failed;
}

static int set_up(struct pool *pool, unsigned thread_count)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

    pool->epoll_fd = hf_fd_lift(epoll_create1(EPOLL_CLOEXEC));
    if (pool->epoll_fd < 0)
        return pool->epoll_fd;
    pool->finished_fd = hf_event_create();
    if (pool->finished_fd < 0)
        return pool->finished_fd;
    if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, pool->finished_fd, &event) < 0)
        return -errno;
    return start_threads(pool, thread_count);
}

int hf_aio_threads_new(struct hf_aio **aio, const struct hf_aio_options *options,
                       struct hf_error *error)
{
    unsigned count = options->thread_count == 0 ? DEFAULT_THREADS : options->thread_count;

    struct pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return hf_error_set(error, ENOMEM, "no memory for a thread pool");
    pool->aio.ops = &pool_ops;
    pool->epoll_fd = -1;
    pool->finished_fd = -1;
    hf_list_init(&pool->todo);
    hf_list_init(&pool->finished);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    int failed = set_up(pool, count < MAX_THREADS ? count : MAX_THREADS);
    if (failed < 0) {
        pool_free(&pool->aio);
        return hf_error_set(error, -failed, "cannot start a thread pool: %s", strerror(-failed));
    }
    *aio = &pool->aio;
    return 0;
}
