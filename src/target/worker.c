/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's round: mail, fetch, publish, task management; then sleep in the engine until a kick, a
 * completion, a timer or mail. Kicks are asked for only when about to sleep, with a second look at
 * the ring behind a fence (ring/device.h), so that none is lost.
 */
#include "target/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/thread.h"
#include "target/serve.h"
#include "target/task.h"
#include "target/worker_state.h"

/* ---- mail ---- */

void hf_worker_post(struct hf_worker *worker, struct hf_mail *mail)
{
    if (hf_mail_post(&worker->inbox, mail))
        hf_aio_wake(worker->aio);
}

void hf_crew_post(struct hf_crew *crew, struct hf_mail *mail)
{
    int fd = crew->fd;

    if (hf_mail_post(&crew->answers, mail))
        hf_event_ring_own(fd);
}

/* ---- a round ---- */

static bool fetch_all(struct hf_worker *worker)
{
    bool more = false;

    HF_LIST_FOR_EACH (link, &worker->queues) {
        struct hf_queue *queue = HF_CONTAINER(link, struct hf_queue, link);

        if (queue->kicked || !queue->armed)
            more |= hf_serve_fetch(queue);
    }
    return more;
}

static void settle_all(struct hf_worker *worker)
{
    struct hf_link *link;

    while ((link = hf_list_pop(&worker->dirty)))
        hf_serve_settle(HF_CONTAINER(link, struct hf_queue, dirty_link));
}

/* True if there is more to fetch. */
static bool run_round(struct hf_worker *worker)
{
    bool more;

    hf_mail_run_all(&worker->inbox);
    more = fetch_all(worker);
    settle_all(worker);
    hf_task_check(worker);
    return more;
}

/* ---- sleep: the engine's hooks ---- */

/* While it polls busily: is there anything that is not the engine's? */
static bool look_around(void *context)
{
    struct hf_worker *worker = context;
    bool found = hf_mail_waits(&worker->inbox);

    HF_LIST_FOR_EACH (link, &worker->queues)
        found |= hf_serve_pending(HF_CONTAINER(link, struct hf_queue, link));
    return found;
}

/* Asks every ring for a kick; true if one has something already. */
static bool arm_all(void *context)
{
    struct hf_worker *worker = context;
    bool found = false;

    HF_LIST_FOR_EACH (link, &worker->queues)
        found |= hf_serve_arm(HF_CONTAINER(link, struct hf_queue, link));
    return found;
}

static void run_broken(struct hf_mail *mail)
{
    struct hf_worker *worker = HF_CONTAINER(mail, struct hf_worker, broken_mail);
    const struct hf_crew_options *options = &worker->crew->options;

    if (options->broken)
        options->broken(options->context, worker->error);
}

static void tell_broken(struct hf_worker *worker, int error)
{
    worker->error = error;
    worker->broken_mail.run = run_broken;
    hf_crew_post(worker->crew, &worker->broken_mail);
}

static void *work(void *argument)
{
    struct hf_worker *worker = argument;
    char name[16];

    snprintf(name, sizeof(name), "worker %u", worker->index);
    pthread_setname_np(pthread_self(), name);
    while (!worker->quit) {
        bool more = run_round(worker) || worker->quit;
        int ret = hf_aio_wait(worker->aio, more ? 0 : HF_CLOCK_NEVER);

        if (ret < 0) {
            tell_broken(worker, ret);
            break;
        }
    }
    return NULL;
}

/* ---- a crew ---- */

static int start_worker(struct hf_worker *worker, const struct hf_crew_options *options,
                        struct hf_error *error)
{
    struct hf_aio_options aio = {
        .engine = options->avoid_io_uring ? HF_AIO_ENGINE_THREADS : HF_AIO_ENGINE_BEST,
    };
    struct hf_aio_polling polling = {
        .poll_ns = options->poll_us * HF_NS_PER_US,
        .poll = look_around,
        .before_sleep = arm_all,
        .context = worker,
    };
    int ret = hf_aio_new(&worker->aio, &aio, error);

    if (ret < 0)
        return ret;
    hf_lane_init(&worker->lane, worker->index, worker->aio);
    hf_list_init(&worker->queues);
    hf_list_init(&worker->dirty);
    hf_list_init(&worker->tasks);
    hf_aio_set_polling(worker->aio, &polling);
    ret = hf_thread_start(&worker->thread, work, worker);
    if (ret < 0) {
        hf_error_set(error, -ret, "cannot start a thread: %s", strerror(-ret));
        hf_aio_free(worker->aio);
    }
    return ret;
}

struct quit {
    struct hf_mail mail;
    struct hf_worker *worker;
};

static void run_quit(struct hf_mail *mail)
{
    HF_CONTAINER(mail, struct quit, mail)->worker->quit = true;
}

static void stop_worker(struct hf_worker *worker)
{
    struct quit quit = { .mail = { .run = run_quit }, .worker = worker };

    hf_worker_post(worker, &quit.mail);
    pthread_join(worker->thread, NULL);
    HF_CHECK(hf_list_empty(&worker->queues));
}

static void free_worker(struct hf_worker *worker)
{
    hf_aio_free(worker->aio);
    hf_lane_done(&worker->lane);
}

static int start_workers(struct hf_crew *crew, const struct hf_crew_options *options,
                         struct hf_error *error)
{
    for (unsigned i = 0; i < options->threads; i++) {
        struct hf_worker *worker = &crew->workers[i];
        int ret;

        worker->crew = crew;
        worker->index = i;
        ret = start_worker(worker, options, error);
        if (ret < 0)
            return ret;
        crew->worker_count++;
    }
    return 0;
}

struct hf_crew *hf_crew_new(const struct hf_crew_options *options, struct hf_error *error)
{
    struct hf_crew *crew = calloc(1, sizeof(*crew));

    HF_CHECK(options->threads >= 1 && options->threads <= HF_WORKER_MAX);
    if (crew)
        crew->workers = calloc(options->threads, sizeof(*crew->workers));
    if (!crew || !crew->workers) {
        hf_error_set(error, ENOMEM, "no memory");
        free(crew);
        return NULL;
    }
    crew->options = *options;
    crew->fd = hf_event_create();
    if (crew->fd < 0)
        hf_error_set(error, -crew->fd, "no eventfd: %s", strerror(-crew->fd));
    if (crew->fd < 0 || start_workers(crew, options, error) < 0) {
        hf_crew_free(crew);
        return NULL;
    }
    return crew;
}

void hf_crew_free(struct hf_crew *crew)
{
    if (!crew)
        return;
    for (unsigned i = 0; i < crew->worker_count; i++)
        stop_worker(&crew->workers[i]);
    /* Only now: one may have been waking another. */
    for (unsigned i = 0; i < crew->worker_count; i++)
        free_worker(&crew->workers[i]);
    hf_crew_dispatch(crew); /* nothing that was promised stays unanswered */
    hf_fd_close(&crew->fd);
    free(crew->workers);
    free(crew);
}

int hf_crew_fd(const struct hf_crew *crew)
{
    return crew->fd;
}

/* Drained before the look: what is posted later rings again. */
unsigned hf_crew_dispatch(struct hf_crew *crew)
{
    hf_event_drain(crew->fd);
    return hf_mail_run_all(&crew->answers);
}

const char *hf_crew_engine(const struct hf_crew *crew)
{
    return hf_aio_name(crew->workers[0].aio);
}

const char *hf_crew_fallback_reason(const struct hf_crew *crew)
{
    return hf_aio_fallback_reason(crew->workers[0].aio);
}
