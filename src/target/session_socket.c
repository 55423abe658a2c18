/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session's socket: cuts requests out of it while the core is settled, sends replies. Neither
 * blocks; a front-end that does not read its replies is not read from either.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "os/fd.h"
#include "os/frame.h"
#include "os/log.h"
#include "os/stream.h"
#include "target/session_parts.h"
#include "target/target.h"
#include "wire/describe.h"

/* Pieces read in one go; then the other front-ends have their turn. */
#define PIECES_PER_TURN 32

static void trace(const struct hf_session *session, const char *arrow,
                  const struct hf_message *message)
{
    char line[HF_MESSAGE_LINE_SIZE];

    if (!session->target->options->trace)
        return;
    struct hf_text text = hf_text_of(line, sizeof(line));
    hf_message_describe(message, &text);
    fprintf(stderr, "trace: front-end %u %s %s\n", session->number, arrow, line);
}

static bool may_read(const struct hf_session *session)
{
    return session->phase == HF_SESSION_PHASE_OPEN && hf_back_settled(&session->back) &&
           session->event_count == 0 && session->out_length == 0;
}

static void flush_out(struct hf_session *session)
{
    while (session->out_sent < session->out_length) {
        bool first = session->out_sent == 0;
        ssize_t sent = hf_stream_send(session->socket_fd, session->out + session->out_sent,
                                      session->out_length - session->out_sent, session->out_fds,
                                      first ? session->out_fd_count : 0);
        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            hf_session_break(session, sent == -EPIPE ? NULL : strerror((int)-sent));
            return;
        }
        session->out_sent += (size_t)sent;
    }
    hf_fd_close_all(session->out_fds, session->out_fd_count);
    session->out_length = session->out_sent = 0;
    session->out_fd_count = 0;
}

void hf_session_send(struct hf_session *session, const struct hf_message *message)
{
    HF_CHECK(session->out_length == 0);
    trace(session, "->", message);
    session->out_length = hf_message_encode(message, session->out, sizeof(session->out));
    HF_CHECK(session->out_length > 0);
    memcpy(session->out_fds, message->fds, sizeof(message->fds[0]) * message->fd_count);
    session->out_fd_count = message->fd_count;
    flush_out(session);
}

static void take_message(struct hf_session *session)
{
    struct hf_back_event event = { .kind = HF_BACK_EVENT_MESSAGE,
                                   .message = &session->message,
                                   .fd = -1 };

    trace(session, "<-", &session->message);
    hf_session_post(session, &event);
    hf_session_run(session);
}

static void break_malformed(struct hf_session *session)
{
    char why[128];

    snprintf(why, sizeof(why), "sent %s", hf_wire_fault_text(session->framer.fault));
    hf_session_break(session, why);
}

/* True if there may be more to read. */
static bool read_piece(struct hf_session *session)
{
    enum hf_frame frame;
    ssize_t size =
        hf_frame_receive(session->socket_fd, &session->framer, &session->message, &frame);

    if (size == -EAGAIN)
        return false;
    if (size <= 0) {
        bool clean = size < 0 || hf_framer_between_messages(&session->framer);
        hf_session_break(session, clean ? NULL : "hung up within a message");
        return false;
    }
    if (frame == HF_FRAME_FAULT)
        break_malformed(session);
    else if (frame == HF_FRAME_MESSAGE)
        take_message(session);
    return frame != HF_FRAME_FAULT;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct hf_session *session = context;

    (void)source;
    (void)fd;
    if (events & EPOLLOUT)
        flush_out(session);
    for (unsigned i = 0; i < PIECES_PER_TURN && may_read(session); i++)
        if (!read_piece(session))
            break;
    /* A peer that is gone does not wait for the answer either. */
    if ((events & (EPOLLHUP | EPOLLERR)) && !may_read(session))
        hf_session_break(session, NULL);
    hf_session_update_watch(session);
    return 0;
}

int hf_session_watch(struct hf_session *session)
{
    return sd_event_add_io(session->target->event, &session->source, session->socket_fd, EPOLLIN,
                           on_socket, session);
}

void hf_session_unwatch(struct hf_session *session)
{
    session->source = sd_event_source_disable_unref(session->source);
}

void hf_session_update_watch(struct hf_session *session)
{
    uint32_t events = may_read(session) ? EPOLLIN : 0;

    if (!session->source)
        return;
    if (session->out_length > 0)
        events |= EPOLLOUT;
    sd_event_source_set_io_events(session->source, events);
}
