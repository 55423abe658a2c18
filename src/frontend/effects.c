/* SPDX-License-Identifier: BSD-3-Clause */
/* One function an effect. Decides nothing: what comes of an effect goes back as an event. */
#include "frontend/effects.h"

#include "base/check.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <string.h>

/* The first that answers. Where none does, the preferred one's reason counts. */
static int open_channel(struct hf_frontend *frontend)
{
    int result = -EDESTADDRREQ;

    if (frontend->given_fd >= 0)
        return hf_channel_adopt(&frontend->channel, hf_fd_steal(&frontend->given_fd), NULL);
    for (unsigned i = 0; i < frontend->path_count; i++) {
        unsigned at = (frontend->path_first + i) % frontend->path_count;
        int opened = hf_channel_open(&frontend->channel, frontend->paths[at], NULL);

        if (i == 0 || opened >= 0) {
            result = opened;
            frontend->path_at = at;
        }
        if (opened >= 0)
            break;
    }
    return result;
}

/* One that accepts and is of no use must not stand before the others for ever. */
static void choose_next_path(struct hf_frontend *frontend, const struct hf_report *report)
{
    bool useless = report->kind == HF_REPORT_REFUSED || report->stage == HF_STAGE_HANDSHAKE;

    if (report->kind == HF_REPORT_STARTED)
        frontend->path_first = 0;
    else if (report->kind == HF_REPORT_REFUSED || report->kind == HF_REPORT_LOST)
        frontend->path_first = useless ? frontend->path_at + 1 : 0;
}

static void dial(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    struct hf_event event = { .kind = HF_EVENT_DIALED, .dial = effect->dial };

    hf_channel_close(&frontend->channel);
    int result = open_channel(frontend);
    if (result < 0) {
        event.kind = HF_EVENT_DIAL_FAILED;
        event.error = -result;
        event.why = strerror(-result);
        event.fault = result == -EDESTADDRREQ ? HF_FAULT_NO_ADDRESS : HF_FAULT_NONE;
    } else {
        frontend->session_count++;
    }
    hf_frontend_post(frontend, event);
}

static void send(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    (void)effect;
    hf_channel_send(&frontend->channel, &frontend->effects.message);
}

static void hang_up(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    (void)effect;
    /* The peer stays known until it is fenced: hf_frontend_fence comes next and takes it. */
    frontend->parting_pid = frontend->channel.pid;
    frontend->parting_found = frontend->channel.found;
    frontend->parting_pidfd = hf_channel_take_pidfd(&frontend->channel);
    hf_channel_close(&frontend->channel);
}

static void arm(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    if (effect->deadline_ns == 0)
        hf_loop_cancel_timer(&frontend->loop, &frontend->deadline);
    else
        hf_loop_set_timer(&frontend->loop, &frontend->deadline, effect->deadline_ns);
}

static void settle(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    if (effect->fence)
        hf_frontend_writer_lost(frontend);
    else
        hf_frontend_writer_stopped(frontend);
    hf_frontend_fence(frontend, effect->fence);
}

static void convert(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    (void)effect;
    hf_frontend_convert(frontend, &frontend->effects.offer);
}

static void kick_all(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    const struct hf_front *front = &frontend->front;
    uint16_t avail;

    (void)effect;
    for (uint16_t place = 0; place < front->plan.queue_count; place++) {
        uint16_t i = hf_plan_ring_at(&front->plan, place);

        if (!hf_session_ring_started(&front->session, i))
            continue;
        frontend->ops->indices(frontend->ops->host, i, &avail, &frontend->used_at_start[i]);
        if (front->plan.rings[i].kick_fd >= 0)
            hf_event_signal(front->plan.rings[i].kick_fd);
    }
}

static void call_all(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    const struct hf_front *front = &frontend->front;

    (void)effect;
    for (uint16_t i = 0; i < front->plan.queue_count; i++) {
        if (hf_session_ring_started(&front->session, i) && front->plan.rings[i].call_fd >= 0)
            hf_event_signal(front->plan.rings[i].call_fd);
    }
}

static void close_it(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    int fd = effect->fd;

    (void)frontend;
    hf_fd_close(&fd);
}

static void answer(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    const struct hf_message *reply = effect->error == 0 ? &frontend->effects.answer : NULL;

    frontend->ops->answer(frontend->ops->host, effect->number, effect->error, reply);
}

static void report(struct hf_frontend *frontend, const struct hf_effect *effect)
{
    if (effect->report.kind == HF_REPORT_CONNECTED)
        hf_frontend_same_peer(frontend);
    choose_next_path(frontend, &effect->report);
    /* Or the next change of the plan would start it again. */
    if (effect->report.kind == HF_REPORT_FAILED)
        frontend->wanted = false;
    hf_frontend_report(frontend, &effect->report);
}

static void (*const carriers[HF_EFFECT_COUNT])(struct hf_frontend *, const struct hf_effect *) = {
    [HF_EFFECT_DIAL] = dial,         [HF_EFFECT_SEND] = send,         [HF_EFFECT_HANG_UP] = hang_up,
    [HF_EFFECT_ARM] = arm,           [HF_EFFECT_SETTLE] = settle,     [HF_EFFECT_CONVERT] = convert,
    [HF_EFFECT_KICK_ALL] = kick_all, [HF_EFFECT_CALL_ALL] = call_all, [HF_EFFECT_CLOSE] = close_it,
    [HF_EFFECT_ANSWER] = answer,     [HF_EFFECT_REPORT] = report,
};

/* Who hears a report may replace descriptors that the message of the same step carries. A
 * duplicate that fails is found by the channel. */
static void hold_message(struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        message->fds[i] = hf_fd_dup(message->fds[i]);
}

static bool has_message(const struct hf_effects *effects)
{
    for (unsigned i = 0; i < effects->count; i++) {
        if (effects->list[i].kind == HF_EFFECT_SEND)
            return true;
    }
    return false;
}

void hf_frontend_carry_out(struct hf_frontend *frontend)
{
    struct hf_effects *effects = &frontend->effects;
    bool sends = has_message(effects);

    if (sends)
        hold_message(&effects->message);
    for (unsigned i = 0; i < effects->count; i++)
        carriers[effects->list[i].kind](frontend, &effects->list[i]);
    if (sends)
        hf_fd_close_all(effects->message.fds, effects->message.fd_count);
    hf_fd_close(&frontend->parting_pidfd); /* no ring had run: nobody asked for a fence */
}
