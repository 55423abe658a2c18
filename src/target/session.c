/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session's life: events go through the back core one at a time, effects are carried out in
 * order. Nothing re-enters: what an effect answers waits in the queue of events.
 */
#include "target/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/log.h"
#include "os/stream.h"
#include "target/session_parts.h"
#include "target/target.h"
#include "wire/describe.h"

void hf_session_post(struct hf_session *session, const struct hf_back_event *event)
{
    HF_CHECK(session->event_count < HF_BACK_EFFECTS_MAX);
    unsigned at = (session->event_first + session->event_count++) % HF_BACK_EFFECTS_MAX;

    session->events[at] = *event;
}

void hf_session_post_done(struct hf_session *session, int result)
{
    struct hf_back_event event = { .kind = HF_BACK_EVENT_DONE, .result = result, .fd = -1 };

    hf_session_post(session, &event);
}

/* A hostile front-end must not fill the log. */
void hf_session_warn(const struct hf_session *session, const char *format, ...)
{
    struct hf_log_limit *limit = &session->target->log_limit;
    char bytes[512];
    struct hf_text text = hf_text_of(bytes, sizeof(bytes));
    unsigned suppressed;
    va_list arguments;

    if (!hf_log_allowed(limit, hf_clock_ns(), &suppressed))
        return;
    va_start(arguments, format);
    hf_text_add_v(&text, format, arguments);
    va_end(arguments);
    if (suppressed > 0)
        hf_log(HF_LOG_WARNING, "%u warnings about front-ends were left out", suppressed);
    hf_log(HF_LOG_WARNING, "front-end %u: %s", session->number, bytes);
}

/* A refusal, or the end, with its cause. */
static void tell(const struct hf_session *session, const struct hf_back_effect *effect,
                 const char *then)
{
    bool caused = effect->result < 0;
    char bytes[64];
    struct hf_text name = hf_text_of(bytes, sizeof(bytes));

    hf_message_describe_name(&session->back.request, &name);
    hf_session_warn(session, "%s: %s%s%s; %s", bytes, hf_back_fault_text(effect->fault),
                    caused ? ": " : "", caused ? strerror(-effect->result) : "", then);
}

static void reply(struct hf_session *session, const struct hf_back_effect *effect)
{
    (void)effect;
    hf_session_send(session, &session->effects.reply);
}

static void report(struct hf_session *session, const struct hf_back_effect *effect)
{
    tell(session, effect, "refused");
}

static void close_fds(struct hf_session *session, const struct hf_back_effect *effect)
{
    (void)effect;
    hf_fd_close_all(session->back.request.fds, session->back.request.fd_count);
}

/* From here on the core is closed. */
static void hang_up(struct hf_session *session, const struct hf_back_effect *effect)
{
    if (effect->fault != HF_BACK_FAULT_NONE)
        tell(session, effect, "the session ends");
    session->phase = HF_SESSION_PHASE_DYING;
    session->target->dying_count++;
    session->last_before_end = session->target->next_number;
    hf_session_unwatch(session);
    hf_session_rings_leave(session);
    hf_session_settle(session);
}

static hf_session_effect *const carry_out[HF_BACK_EFFECT_COUNT] = {
    [HF_BACK_EFFECT_REPLY] = reply,
    [HF_BACK_EFFECT_REPORT] = report,
    [HF_BACK_EFFECT_CLOSE_FDS] = close_fds,
    [HF_BACK_EFFECT_HANG_UP] = hang_up,
    [HF_BACK_EFFECT_CHANNEL] = hf_session_channel,
    [HF_BACK_EFFECT_RESET] = hf_session_reset,
    [HF_BACK_EFFECT_RING_START] = hf_session_ring_start,
    [HF_BACK_EFFECT_RING_STOP] = hf_session_ring_stop,
    [HF_BACK_EFFECT_RING_ENABLE] = hf_session_ring_enable,
    [HF_BACK_EFFECT_RING_CALL] = hf_session_ring_call,
    [HF_BACK_EFFECT_RING_ERR] = hf_session_ring_err,
    [HF_BACK_EFFECT_RING_LOG] = hf_session_ring_log,
    [HF_BACK_EFFECT_LOG_MAP] = hf_session_log_map,
    [HF_BACK_EFFECT_LOG_SWITCH] = hf_session_log_switch,
    [HF_BACK_EFFECT_MEMORY_REPLACE] = hf_session_memory_replace,
    [HF_BACK_EFFECT_MEMORY_ADD] = hf_session_memory_add,
    [HF_BACK_EFFECT_MEMORY_REMOVE] = hf_session_memory_remove,
    [HF_BACK_EFFECT_INFLIGHT_CREATE] = hf_session_inflight_create,
    [HF_BACK_EFFECT_INFLIGHT_ADOPT] = hf_session_inflight_adopt,
    [HF_BACK_EFFECT_FEATURES] = hf_session_features,
    [HF_BACK_EFFECT_CONFIG_GET] = hf_session_config_get,
    [HF_BACK_EFFECT_CONFIG_SET] = hf_session_config_set,
};

static void feed(struct hf_session *session, struct hf_back_event *event)
{
    if (session->phase != HF_SESSION_PHASE_OPEN) {
        hf_fd_close(&event->fd);
        return;
    }
    hf_back_step(&session->back, event, &session->effects);
    for (unsigned i = 0; i < session->effects.count; i++) {
        const struct hf_back_effect *effect = &session->effects.items[i];
        carry_out[effect->kind](session, effect);
    }
}

void hf_session_run(struct hf_session *session)
{
    if (session->running)
        return;
    session->running = true;
    while (session->event_count > 0) {
        struct hf_back_event event = session->events[session->event_first];

        session->event_first = (session->event_first + 1) % HF_BACK_EFFECTS_MAX;
        session->event_count--;
        feed(session, &event);
    }
    session->running = false;
    hf_session_update_watch(session);
}

void hf_session_settle(struct hf_session *session)
{
    if (session->phase != HF_SESSION_PHASE_DYING || session->queue_count > 0 ||
        session->orders_awaited > 0)
        return;
    session->phase = HF_SESSION_PHASE_UNMAPPING;
    session->target->dying_count--;
    hf_target_session_gone(session->target); /* who waits for the memory may go on */
    hf_session_memory_leave(session);
}

void hf_session_now_gone(struct hf_session *session)
{
    session->phase = HF_SESSION_PHASE_GONE;
    hf_target_session_gone(session->target);
}

void hf_session_break(struct hf_session *session, const char *why)
{
    const struct hf_back_event event = { .kind = HF_BACK_EVENT_HANG_UP, .fd = -1 };

    if (session->phase != HF_SESSION_PHASE_OPEN || session->breaking)
        return;
    session->breaking = true;
    if (why)
        hf_session_warn(session, "%s; the session ends", why);
    hf_session_post(session, &event);
    hf_session_run(session);
}

void hf_session_look_at_memory(struct hf_session *session)
{
    if (hf_guard_lost(&session->nexus.memory_owner))
        hf_session_break(session, "its memory or its dirty log is not there any more (a file cut "
                                  "short, a full tmpfs, no huge page left)");
}

void hf_session_drain(struct hf_session *session)
{
    session->graceful = true;
    hf_session_break(session, NULL);
}

bool hf_session_gone(const struct hf_session *session)
{
    return session->phase == HF_SESSION_PHASE_GONE;
}

bool hf_session_left(const struct hf_session *session)
{
    return session->phase >= HF_SESSION_PHASE_UNMAPPING;
}

bool hf_session_dying(const struct hf_session *session)
{
    return session->phase == HF_SESSION_PHASE_DYING;
}

struct hf_session *hf_session_of_link(struct hf_link *link)
{
    return HF_CONTAINER(link, struct hf_session, link);
}

static void report_queue(void *context, unsigned queue_index, bool broken, const char *text)
{
    hf_session_warn(context, "ring %u%s: %s", queue_index, broken ? " is broken" : "", text);
}

static void init(struct hf_session *session, struct hf_target *target, unsigned number)
{
    struct hf_stream_peer peer = { 0 };

    session->target = target;
    session->number = number;
    if (hf_stream_peer(session->socket_fd, &peer) == 0)
        session->peer_pid = peer.pid;
    hf_list_append(&target->sessions, &session->link);
    hf_framer_init(&session->framer, HF_STREAM_REQUESTS);
    hf_back_init(&session->back, &target->offer);
    hf_session_rings_init(session);
    session->nexus.units = target->units;
    session->nexus.unit_count = target->unit_count;
    session->nexus.report = report_queue;
    session->nexus.context = session;
    session->nexus.memory_owner.wake_fd = target->memory_lost_fd;
}

struct hf_session *hf_session_new(struct hf_target *target, int socket_fd, unsigned number)
{
    struct hf_session *session = calloc(1, sizeof(*session));

    if (!session) {
        hf_log(HF_LOG_WARNING, "no memory for another front-end");
        hf_fd_close(&socket_fd);
        return NULL;
    }
    session->socket_fd = socket_fd;
    session->channel_fd = session->inflight_fd = session->inflight_lock_fd = -1;
    init(session, target, number);
    int failed = hf_session_watch(session);
    if (failed < 0) {
        hf_log(HF_LOG_WARNING, "front-end %u: cannot watch its socket: %s", number,
               strerror(-failed));
        hf_session_free(session);
        return NULL;
    }
    hf_log(HF_LOG_INFO, "front-end %u: connected, process %d", number, session->peer_pid);
    return session;
}

/* Guest memory first, the socket last: who sees the end of the socket may rely on the rest. */
void hf_session_free(struct hf_session *session)
{
    int held[HF_FRAMER_HELD_FDS_MAX];

    hf_session_unwatch(session);
    hf_session_memory_done(session);
    hf_session_forget_inflight(session);
    hf_session_rings_close(session);
    hf_fd_close_all(held, hf_framer_release(&session->framer, held));
    hf_fd_close_all(session->out_fds, session->out_fd_count);
    hf_fd_close(&session->channel_fd);
    hf_fd_close(&session->socket_fd);
    hf_list_remove(&session->link);
    free(session);
}
