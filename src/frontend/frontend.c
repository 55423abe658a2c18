/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of a front-end, and its queue of events: a step is never entered from within a step. */
#include "frontend/frontend.h"

#include "base/check.h"
#include "base/checked.h"
#include "frontend/effects.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/region.h"
#include "wire/describe.h"

#include <errno.h>
#include <string.h>

static void trace(struct hf_frontend *frontend, const char *arrow, const struct hf_message *message)
{
    char line[HF_MESSAGE_LINE_SIZE];
    struct hf_text text = hf_text_of(line, sizeof(line));

    if (frontend->ops->trace == NULL)
        return;
    hf_text_add(&text, "%s ", arrow);
    hf_message_describe(message, &text);
    frontend->ops->trace(frontend->ops->host, line);
}

static bool hands_over_region(const struct hf_frontend *frontend)
{
    const struct hf_effects *effects = &frontend->effects;

    for (unsigned i = 0; i < effects->count; i++) {
        if (effects->list[i].kind == HF_EFFECT_SEND)
            return effects->message.request == HF_REQUEST_SET_INFLIGHT_FD;
    }
    return false;
}

/* When it is taken; one that the host brought (a VMM's), when it is handed over first. The rings
 * are known then, and at rest. */
static void begin_region(struct hf_frontend *frontend, uint64_t generation_before)
{
    uint64_t generation = frontend->front.plan.inflight.generation;
    bool taken = generation != generation_before;

    if (generation == 0 || generation == frontend->begun_region ||
        (!taken && !hands_over_region(frontend)))
        return;
    frontend->begun_region = generation;
    hf_frontend_begin_region(frontend);
}

static void step(struct hf_frontend *frontend, struct hf_event *event)
{
    uint64_t region = frontend->front.plan.inflight.generation;

    event->now_ns = hf_clock_ns();
    hf_front_step(&frontend->front, event, &frontend->effects);
    hf_front_check(&frontend->front);
    begin_region(frontend, region);
    if (frontend->ops->stepped != NULL)
        frontend->ops->stepped(frontend->ops->host);
    hf_frontend_carry_out(frontend);
}

static bool next_event(struct hf_frontend *frontend, struct hf_event *event)
{
    if (frontend->event_count == 0)
        return false;
    *event = frontend->events[frontend->event_head];
    frontend->event_head = (frontend->event_head + 1) % HF_FRONTEND_EVENTS_MAX;
    frontend->event_count--;
    return true;
}

static void drain(struct hf_frontend *frontend)
{
    struct hf_event event;

    if (frontend->stepping)
        return;
    frontend->stepping = true;
    while (next_event(frontend, &event))
        step(frontend, &event);
    frontend->stepping = false;
}

void hf_frontend_post(struct hf_frontend *frontend, struct hf_event event)
{
    unsigned at = (frontend->event_head + frontend->event_count) % HF_FRONTEND_EVENTS_MAX;

    HF_CHECK(frontend->event_count < HF_FRONTEND_EVENTS_MAX);
    frontend->events[at] = event;
    frontend->event_count++;
    drain(frontend);
}

static void channel_sent(void *host)
{
    struct hf_frontend *frontend = host;

    trace(frontend, "->", &frontend->effects.message);
    hf_frontend_post(
        frontend, (struct hf_event){ .kind = HF_EVENT_SENT, .dial = frontend->front.session.dial });
}

static void channel_broken(void *host, enum hf_fault fault, const char *why)
{
    struct hf_frontend *frontend = host;

    if (frontend->ops->trace != NULL)
        frontend->ops->trace(frontend->ops->host, why);
    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_HANGUP,
                                                  .dial = frontend->front.session.dial,
                                                  .fault = fault,
                                                  .why = why });
}

/* What the core keeps for a whole epoch, and hands to each back-end that comes, is one file that
 * can be written and is long enough: every one of them would refuse another, until the guest
 * resets. */
static bool gives_no_region(const struct hf_message *message)
{
    const struct hf_wire_inflight *region = &message->body.inflight;
    uint64_t end;

    if (message->request != HF_REQUEST_GET_INFLIGHT_FD || message->fd_count != 1)
        return false;
    int64_t size = hf_region_size(message->fds[0]);
    return size < 0 || !hf_fd_is_writable_file(message->fds[0]) ||
           !hf_add_u64(region->mmap_offset, region->mmap_size_bytes, &end) || end > (uint64_t)size;
}

static void channel_received(void *host, const struct hf_message *message)
{
    struct hf_frontend *frontend = host;

    trace(frontend, "<-", message);
    if (gives_no_region(message)) {
        int fd = message->fds[0];

        hf_fd_close(&fd);
        channel_broken(frontend, HF_FAULT_INFLIGHT_INVALID, "the descriptor is no such file");
        return;
    }
    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_MESSAGE,
                                                  .dial = frontend->front.session.dial,
                                                  .message = message });
}

static void path_appeared(struct hf_path_watch *watch)
{
    struct hf_frontend *frontend = watch->host;

    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_APPEARED });
}

static void deadline_passed(struct hf_timer *timer)
{
    struct hf_frontend *frontend = HF_CONTAINER(timer, struct hf_frontend, deadline);

    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_TIMER });
}

static bool is_up(const struct hf_frontend *frontend)
{
    return frontend->front.phase != HF_PHASE_DOWN && frontend->front.phase != HF_PHASE_FAILED;
}

static void cut(struct hf_frontend *frontend)
{
    frontend->cut = false;
    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_HANGUP,
                                                  .dial = frontend->front.session.dial,
                                                  .fault = HF_FAULT_CUT });
}

static void grant_wishes(struct hf_timer *timer)
{
    struct hf_frontend *frontend = HF_CONTAINER(timer, struct hf_frontend, wish);
    struct hf_asked asked = frontend->asked;
    bool unwanted = frontend->unwanted;

    frontend->unwanted = false;
    /* Before the changes: after a reset the plan may want the rings already that come after it. */
    frontend->asked = (struct hf_asked){ 0 };
    if (asked.number != 0)
        hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_ASK, .asked = asked });
    if (frontend->changed) {
        frontend->changed = false;
        hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_CHANGED });
    }
    if (frontend->cut)
        cut(frontend);
    if (unwanted || (is_up(frontend) && !frontend->wanted))
        hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_STOP });
    if (frontend->wanted && !is_up(frontend))
        hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_START });
}

static void wish(struct hf_frontend *frontend)
{
    hf_loop_set_timer(&frontend->loop, &frontend->wish, 1);
}

static int watch_paths(struct hf_frontend *frontend, struct hf_loop *loop, struct hf_error *error)
{
    int result = 0;

    for (unsigned i = 0; i < frontend->path_known && result == 0; i++) {
        struct hf_path_watch *watch = &frontend->path_watches[i];

        watch->appeared = path_appeared;
        watch->host = frontend;
        result = hf_path_watch_start(watch, loop, frontend->paths[i], error);
        /* Out of inotify instances or watches: the back-off alone must do. */
        if (result != -ENAMETOOLONG && result != -EINVAL)
            result = 0;
    }
    return result;
}

static void unwatch_paths(struct hf_frontend *frontend)
{
    for (unsigned i = 0; i < frontend->path_known; i++)
        hf_path_watch_stop(&frontend->path_watches[i]);
}

static int take_path(struct hf_frontend *frontend, const char *path, struct hf_error *error)
{
    int result = hf_stream_check_path(path, error);

    if (result == 0 && frontend->path_known == HF_FRONTEND_PATHS_MAX)
        result = hf_error_set(error, E2BIG, "more than %u sockets", HF_FRONTEND_PATHS_MAX);
    if (result == 0)
        memcpy(frontend->paths[frontend->path_known++], path, strlen(path) + 1);
    return result;
}

static int take_paths(struct hf_frontend *frontend, const struct hf_frontend_config *config,
                      struct hf_error *error)
{
    int result = 0;

    if (config->socket_path == NULL && config->socket_fd < 0)
        return hf_error_set(error, EINVAL, "no socket to connect to");
    if (config->socket_path != NULL)
        result = take_path(frontend, config->socket_path, error);
    for (unsigned i = 0; config->more_paths != NULL && config->more_paths[i] != NULL; i++)
        result = result == 0 ? take_path(frontend, config->more_paths[i], error) : result;
    frontend->path_count = config->first_only ? frontend->path_known > 0 : frontend->path_known;
    return result;
}

/* Whoever connected it may have left it blocking. */
static int take_given(struct hf_frontend *frontend, int fd, struct hf_error *error)
{
    int result = fd >= 0 ? hf_stream_prepare(fd, error) : 0;

    if (result == 0)
        frontend->given_fd = fd;
    return result;
}

int hf_frontend_init(struct hf_frontend *frontend, const struct hf_frontend_config *config,
                     const struct hf_frontend_ops *ops, struct hf_error *error)
{
    static const struct hf_channel_ops channel_ops = { .sent = channel_sent,
                                                       .received = channel_received,
                                                       .broken = channel_broken };
    int result;

    memset(frontend, 0, sizeof(*frontend));
    result = take_paths(frontend, config, error);
    if (result < 0)
        return result;
    result = hf_loop_init(&frontend->loop);
    if (result < 0)
        return hf_error_set(error, -result, "cannot make an epoll loop: %s", strerror(-result));
    frontend->ops = ops;
    frontend->fence = config->fence;
    frontend->fence_command = config->fence_command;
    frontend->given_fd = -1;
    hf_front_init(&frontend->front, &config->settings, config->queue_count);
    frontend->front.plan.protocol_wanted = config->protocol_wanted;
    frontend->channel_ops = channel_ops;
    frontend->channel_ops.host = frontend;
    hf_channel_init(&frontend->channel, HF_STREAM_REPLIES, &frontend->loop, &frontend->channel_ops);
    frontend->fencing.pidfd = -1;
    frontend->fencing.command_pidfd = -1;
    frontend->parting_pidfd = -1;
    frontend->writer_pidfd = -1;
    frontend->deadline.expired = deadline_passed;
    frontend->wish.expired = grant_wishes;
    result = watch_paths(frontend, config->path_loop != NULL ? config->path_loop : &frontend->loop,
                         error);
    if (result == 0)
        result = take_given(frontend, config->socket_fd, error);
    if (result < 0) {
        unwatch_paths(frontend);
        hf_loop_done(&frontend->loop);
    }
    return result;
}

static void close_plan(struct hf_plan *plan)
{
    for (unsigned i = 0; i < HF_QUEUE_COUNT_MAX; i++) {
        hf_fd_close(&plan->rings[i].kick_fd);
        hf_fd_close(&plan->rings[i].call_fd);
        hf_fd_close(&plan->rings[i].err_fd);
    }
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++)
        hf_fd_close(&plan->regions[i].fd);
    hf_fd_close(&plan->inflight.fd);
    hf_fd_close(&plan->log.fd);
    hf_fd_close(&plan->channel_fd);
}

void hf_frontend_done(struct hf_frontend *frontend)
{
    HF_CHECK(!frontend->stepping);
    hf_frontend_fence_done(frontend);
    hf_frontend_fence_forget(frontend);
    hf_channel_close(&frontend->channel);
    hf_fd_close(&frontend->given_fd);
    hf_fd_close(&frontend->parting_pidfd);
    hf_fd_close(&frontend->writer_pidfd);
    unwatch_paths(frontend);
    hf_loop_cancel_timer(&frontend->loop, &frontend->deadline);
    hf_loop_cancel_timer(&frontend->loop, &frontend->wish);
    close_plan(&frontend->front.plan);
    hf_loop_done(&frontend->loop);
}

int hf_frontend_fd(const struct hf_frontend *frontend)
{
    return hf_loop_fd(&frontend->loop);
}

const char *hf_frontend_path(const struct hf_frontend *frontend)
{
    return frontend->path_count > 0 ? frontend->paths[frontend->path_at] : "";
}

void hf_frontend_dial_all(struct hf_frontend *frontend)
{
    frontend->path_count = frontend->path_known;
}

void hf_frontend_dispatch(struct hf_frontend *frontend)
{
    if (!frontend->stepping)
        hf_loop_dispatch(&frontend->loop, 0);
}

void hf_frontend_want(struct hf_frontend *frontend, bool wanted)
{
    frontend->wanted = wanted;
    frontend->unwanted |= !wanted;
    wish(frontend);
}

struct hf_plan *hf_frontend_plan(struct hf_frontend *frontend)
{
    return &frontend->front.plan;
}

void hf_frontend_changed(struct hf_frontend *frontend)
{
    frontend->changed = true;
    wish(frontend);
}

void hf_frontend_flush(struct hf_frontend *frontend)
{
    if (frontend->stepping)
        return;
    hf_loop_cancel_timer(&frontend->loop, &frontend->wish);
    grant_wishes(&frontend->wish);
}

bool hf_frontend_is_settled(struct hf_frontend *frontend)
{
    return !frontend->changed && frontend->event_count == 0 && !frontend->stepping &&
           hf_front_is_settled(&frontend->front);
}

void hf_frontend_cut(struct hf_frontend *frontend)
{
    frontend->cut = true;
    wish(frontend);
}

int64_t hf_frontend_ask(struct hf_frontend *frontend, const struct hf_asked *asked)
{
    if (frontend->asked.number != 0 || frontend->front.asked.number != 0)
        return -EBUSY;
    frontend->asked = *asked;
    frontend->last_asked += frontend->last_asked == UINT32_MAX ? 2 : 1; /* 0: none is waiting */
    frontend->asked.number = frontend->last_asked;
    wish(frontend);
    return frontend->asked.number;
}
