/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control loop: accepts front-ends, starts what was held back once the lock is ours, frees
 * sessions that let go, ends. One thread, one sd-event loop; nothing in it waits.
 */
#include "target/target.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/log.h"
#include "target/session.h"
#include "target/target_parts.h"
#include "target/worker.h"

/* A predecessor's lock comes free within milliseconds of its death: look often, but only then. */
#define LOCK_SOON_NS        (200 * HF_NS_PER_MS)
#define LOCK_RETRY_NS       (HF_NS_PER_MS / 2)
#define LOCK_RETRY_LATER_NS (10 * HF_NS_PER_MS)
#define ACCEPT_PAUSE_NS     (100 * HF_NS_PER_MS)
#define DRAIN_LIMIT_NS      (10 * HF_NS_PER_S)

static void set_timer(sd_event_source *source, uint64_t deadline_ns)
{
    /* Rounded up: a timer that fires early would only fire again. */
    sd_event_source_set_time(source, deadline_ns / HF_NS_PER_US + 1);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- starting rings ---- */

static struct hf_session *longest_waiting(const struct hf_target *target, uint64_t *since_ns)
{
    struct hf_session *longest = NULL;

    HF_LIST_FOR_EACH (link, &target->sessions) {
        struct hf_session *session = hf_session_of_link(link);
        uint64_t waiting_ns = hf_session_waiting_ns(session);
        if (waiting_ns != 0 && (!longest || waiting_ns < *since_ns)) {
            longest = session;
            *since_ns = waiting_ns;
        }
    }
    return longest;
}

/* Held back for too long, or for ever; NULL: each for its own reason. One that is busy with a
 * message ends only after it. */
static void break_waiting(struct hf_target *target, uint64_t until_ns, const char *why)
{
    HF_LIST_FOR_EACH (link, &target->sessions) {
        struct hf_session *session = hf_session_of_link(link);
        uint64_t since_ns = hf_session_waiting_ns(session);
        if (since_ns != 0 && since_ns <= until_ns)
            hf_session_break(session, why ? why : hf_session_held_why(session));
    }
}

/* What the longest wait is for: the next look, or its end. */
static void wait_on(struct hf_target *target, uint64_t now_ns, const char *why)
{
    uint64_t since_ns = 0;
    uint64_t limit_ns = target->options->lock_wait_ns;

    if (now_ns >= limit_ns)
        break_waiting(target, now_ns - limit_ns, why);
    if (!longest_waiting(target, &since_ns))
        return;
    uint64_t retry_ns = now_ns - since_ns < LOCK_SOON_NS ? LOCK_RETRY_NS : LOCK_RETRY_LATER_NS;
    uint64_t next_ns = since_ns + limit_ns;
    set_timer(target->retry_source, hf_min_u64(next_ns, now_ns + retry_ns));
}

/* Once: later ones wait for nobody who was killed. */
static void tell_lock(struct hf_target *target)
{
    struct hf_error error;

    if (hf_target_stamp("lock-fd", target->lock_fd, target->busy_ns, &error) < 0)
        hf_log(HF_LOG_WARNING, "%s", error.text);
    target->lock_fd = -1;
}

static void start_all(struct hf_target *target, uint64_t now_ns)
{
    bool all = true;

    HF_LIST_FOR_EACH (link, &target->sessions)
        all &= hf_session_start_rings(hf_session_of_link(link));
    if (!all)
        wait_on(target, now_ns, NULL);
}

void hf_target_start_rings(struct hf_target *target)
{
    uint64_t now_ns = hf_clock_ns();
    uint64_t since_ns = 0;

    if (!longest_waiting(target, &since_ns))
        return;
    int failed = hf_lease_try(&target->lease, now_ns);
    if (failed == 0) {
        tell_lock(target);
        start_all(target, now_ns);
    } else if (failed == -EAGAIN) {
        target->busy_ns = now_ns;
        wait_on(target, now_ns, target->lease.why.text);
    } else {
        break_waiting(target, now_ns, target->lease.why.text);
    }
}

static int on_retry(sd_event_source *source, uint64_t time_us, void *context)
{
    (void)source;
    (void)time_us;
    hf_target_start_rings(context);
    return 0;
}

/* ---- sessions ---- */

static void add_session(struct hf_target *target, int socket_fd)
{
    struct hf_session *session = hf_session_new(target, socket_fd, ++target->next_number);

    if (session)
        target->session_count++;
}

static void pause_accept(struct hf_target *target, int failed)
{
    hf_log(HF_LOG_WARNING, "cannot accept a front-end: %s", strerror(-failed));
    sd_event_source_set_enabled(target->accept_source, SD_EVENT_OFF);
    set_timer(target->accept_again_source, hf_clock_ns() + ACCEPT_PAUSE_NS);
}

static int on_accept_again(sd_event_source *source, uint64_t time_us, void *context)
{
    struct hf_target *target = context;

    (void)source;
    (void)time_us;
    if (target->accept_source)
        sd_event_source_set_enabled(target->accept_source, SD_EVENT_ON);
    return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct hf_target *target = context;
    int accepted = hf_listener_accept(&target->listener);

    (void)source;
    (void)fd;
    (void)events;
    if (accepted >= 0)
        add_session(target, accepted);
    else if (accepted == -EMFILE || accepted == -ENFILE || accepted == -ENOMEM ||
             accepted == -ENOBUFS)
        pause_accept(target, accepted);
    return 0;
}

void hf_target_session_gone(struct hf_target *target)
{
    sd_event_source_set_enabled(target->reap_source, SD_EVENT_ONESHOT);
}

static void free_gone(struct hf_target *target)
{
    struct hf_link *link = target->sessions.next;

    while (link != &target->sessions) {
        struct hf_session *session = hf_session_of_link(link);
        link = link->next;
        if (!hf_session_gone(session))
            continue;
        hf_session_free(session);
        target->session_count--;
    }
}

static int on_reap(sd_event_source *source, void *context)
{
    struct hf_target *target = context;

    (void)source;
    free_gone(target);
    if (target->session_count == 0 && (target->stopping || target->single))
        sd_event_exit(target->event, target->status);
    else
        hf_target_start_rings(target);
    return 0;
}

static int on_crew(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct hf_target *target = context;

    (void)source;
    (void)fd;
    (void)events;
    hf_crew_dispatch(target->crew);
    return 0;
}

static int on_memory_lost(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct hf_target *target = context;

    (void)source;
    (void)events;
    hf_event_drain(fd);
    HF_LIST_FOR_EACH (link, &target->sessions)
        hf_session_look_at_memory(hf_session_of_link(link));
    return 0;
}

/* ---- drains ---- */

static int on_slow(sd_event_source *source, uint64_t time_us, void *context)
{
    struct hf_target *target = context;
    uint64_t now_ns = hf_clock_ns();
    uint64_t next_ns = HF_CLOCK_NEVER;

    (void)source;
    (void)time_us;
    HF_LIST_FOR_EACH (link, &target->sessions)
        next_ns =
            hf_min_u64(next_ns, hf_session_tell_slow_drains(hf_session_of_link(link), now_ns));
    if (next_ns != HF_CLOCK_NEVER)
        set_timer(target->slow_source, next_ns);
    return 0;
}

/* What is armed already is due earlier, and then looks at all. */
void hf_target_watch_drain(struct hf_target *target, uint64_t due_ns)
{
    int armed = SD_EVENT_OFF;

    sd_event_source_get_enabled(target->slow_source, &armed);
    if (armed == SD_EVENT_OFF)
        set_timer(target->slow_source, due_ns);
}

/* ---- the end ---- */

/* What is in flight stays recorded in the front-ends' regions: as after SIGKILL. */
_Noreturn void hf_target_leave(struct hf_target *target, const char *why)
{
    hf_log(HF_LOG_ERROR, "%s", why);
    hf_listener_done(&target->listener);
    _exit(1);
}

static bool all_drained(const struct hf_target *target)
{
    HF_LIST_FOR_EACH (link, &target->sessions)
        if (!hf_session_left(hf_session_of_link(link)))
            return false;
    return true;
}

static int on_drain_limit(sd_event_source *source, uint64_t time_us, void *context)
{
    (void)source;
    (void)time_us;
    if (all_drained(context)) /* to unmap takes its time, which has an end */
        return 0;
    hf_target_leave(
        context, "the rings did not drain in time: ends with I/O in flight, which stays recorded");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
    struct hf_target *target = context;

    (void)source;
    (void)info;
    if (target->stopping)
        hf_target_leave(target, "told to end a second time: ends with I/O in flight, which stays "
                                "recorded");
    target->stopping = true;
    sd_notify(false, "STOPPING=1");
    target->accept_source = sd_event_source_disable_unref(target->accept_source);
    hf_listener_done(&target->listener);
    target->listener = (struct hf_listener){ .fd = -1, .lock_fd = -1 };
    HF_LIST_FOR_EACH (link, &target->sessions)
        hf_session_drain(hf_session_of_link(link));
    set_timer(target->drain_source, hf_clock_ns() + DRAIN_LIMIT_NS);
    hf_target_session_gone(target);
    return 0;
}

/* ---- wiring ---- */

static int add_timer(struct hf_target *target, sd_event_source **source,
                     sd_event_time_handler_t handler)
{
    int failed = sd_event_add_time(target->event, source, CLOCK_MONOTONIC, 0, 1, handler, target);

    return failed < 0 ? failed : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int hf_target_wire(struct hf_target *target)
{
    int failed = sd_event_new(&target->event);

    if (failed >= 0)
        failed = sd_event_add_signal(target->event, NULL, SIGTERM, on_signal, target);
    if (failed >= 0)
        failed = sd_event_add_signal(target->event, NULL, SIGINT, on_signal, target);
    if (failed >= 0)
        failed = sd_event_add_io(target->event, NULL, hf_crew_fd(target->crew), EPOLLIN, on_crew,
                                 target);
    if (failed >= 0)
        failed = sd_event_add_io(target->event, NULL, target->memory_lost_fd, EPOLLIN,
                                 on_memory_lost, target);
    if (failed >= 0)
        failed = sd_event_add_defer(target->event, &target->reap_source, on_reap, target);
    if (failed >= 0)
        failed = sd_event_source_set_enabled(target->reap_source, SD_EVENT_OFF);
    if (failed >= 0)
        failed = add_timer(target, &target->retry_source, on_retry);
    if (failed >= 0)
        failed = add_timer(target, &target->accept_again_source, on_accept_again);
    if (failed >= 0)
        failed = add_timer(target, &target->drain_source, on_drain_limit);
    if (failed >= 0)
        failed = add_timer(target, &target->slow_source, on_slow);
    return failed < 0 ? failed : 0;
}

int hf_target_serve_connection(struct hf_target *target, int socket_fd)
{
    target->single = true;
    add_session(target, socket_fd);
    return target->session_count == 1 ? 0 : -ENOMEM;
}

int hf_target_watch_listener(struct hf_target *target)
{
    int failed = sd_event_add_io(target->event, &target->accept_source, target->listener.fd,
                                 EPOLLIN, on_accept, target);

    return failed < 0 ? failed : 0;
}

int hf_target_run(struct hf_target *target)
{
    sd_notify(false, "READY=1");
    int status = sd_event_loop(target->event);

    if (status < 0)
        hf_log(HF_LOG_ERROR, "the control loop broke: %s", strerror(-status));
    return status == 0 ? hf_target_flush(target) : 1;
}
