/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection to a peer on an epoll loop. */
#include "frontend/channel.h"

#include "base/check.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/frame.h"
#include "os/process.h"
#include "os/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* So many reads in one go; then others of the same loop have their turn. */
#define READS_MAX 64u

/* It stays there. */
static void found(struct hf_channel *channel)
{
    hf_channel_set_mode(channel, HF_CHANNEL_RESTS);
    channel->ops->waiting(channel->ops->host);
}

static void become_ready(struct hf_watch *watch, uint32_t events);

void hf_channel_init(struct hf_channel *channel, enum hf_stream stream, struct hf_loop *loop,
                     const struct hf_channel_ops *ops)
{
    memset(channel, 0, sizeof(*channel));
    channel->stream = stream;
    channel->loop = loop;
    channel->ops = ops;
    channel->fd = -1;
    channel->pidfd = -1;
    channel->watch.ready = become_ready;
}

bool hf_channel_is_open(const struct hf_channel *channel)
{
    return channel->fd >= 0;
}

bool hf_channel_is_sending(const struct hf_channel *channel)
{
    return channel->out.length > 0;
}

static void update_watch(struct hf_channel *channel)
{
    uint32_t events = channel->mode == HF_CHANNEL_RESTS ? 0 : EPOLLIN;

    hf_loop_modify(&channel->watch, hf_channel_is_sending(channel) ? events | EPOLLOUT : events);
}

void hf_channel_set_mode(struct hf_channel *channel, enum hf_channel_mode mode)
{
    if (channel->mode == mode)
        return;
    channel->mode = mode;
    if (channel->watch.loop != NULL)
        update_watch(channel);
}

static void know_peer(struct hf_channel *channel)
{
    struct hf_stream_peer peer = { .pid = 0 };

    channel->found = hf_process_open_peer(channel->fd, &channel->pidfd);
    channel->pid = hf_stream_peer(channel->fd, &peer) == 0 ? (int)peer.pid : 0;
    if (channel->pid != (int)getpid())
        return;
    hf_fd_close(&channel->pidfd);
    channel->found = HF_PROCESS_SELF;
}

int hf_channel_adopt(struct hf_channel *channel, int socket, struct hf_error *error)
{
    HF_AUTO_FD int fd = socket;

    HF_CHECK(!hf_channel_is_open(channel));
    int result = hf_loop_add(channel->loop, &channel->watch, fd, EPOLLIN);
    if (result < 0)
        return hf_error_set(error, -result, "cannot watch the socket: %s", strerror(-result));
    channel->fd = hf_fd_steal(&fd);
    channel->out.length = 0;
    channel->out.fd_count = 0;
    channel->mode = HF_CHANNEL_READS;
    hf_framer_init(&channel->framer, channel->stream);
    know_peer(channel);
    return 0;
}

int hf_channel_open(struct hf_channel *channel, const char *path, struct hf_error *error)
{
    int fd = hf_stream_connect(path, error);

    return fd < 0 ? fd : hf_channel_adopt(channel, fd, error);
}

static void drop_out(struct hf_channel *channel)
{
    hf_fd_close_all(channel->out.fds, channel->out.fd_count);
    channel->out.fd_count = 0;
    channel->out.length = 0;
    channel->out.at = 0;
}

void hf_channel_close(struct hf_channel *channel)
{
    int held[HF_FRAMER_HELD_FDS_MAX];

    if (!hf_channel_is_open(channel))
        return;
    hf_loop_remove(&channel->watch);
    hf_fd_close_all(held, hf_framer_release(&channel->framer, held));
    drop_out(channel);
    hf_fd_close(&channel->fd);
    hf_fd_close(&channel->pidfd);
    channel->pid = 0;
}

int hf_channel_take_pidfd(struct hf_channel *channel)
{
    return hf_fd_steal(&channel->pidfd);
}

static void broken(struct hf_channel *channel, enum hf_fault fault, const char *why)
{
    hf_loop_remove(&channel->watch);
    channel->ops->broken(channel->ops->host, fault, why);
}

/* The peer has hung up. What it said before is heard first: which message it did not like shows
 * only from those that it answered. Nothing comes behind that but the end. */
static void hear_the_rest(struct hf_channel *channel)
{
    shutdown(channel->fd, SHUT_RDWR);
}

static void push(struct hf_channel *channel)
{
    struct hf_channel_out *out = &channel->out;

    while (out->at < out->length) {
        ssize_t sent = hf_stream_send(channel->fd, out->bytes + out->at, out->length - out->at,
                                      out->fds, out->fd_count);
        if (sent == -EAGAIN) {
            update_watch(channel);
            return;
        }
        if (sent == -EPIPE || sent == -ECONNRESET) {
            hear_the_rest(channel);
            return;
        }
        if (sent < 0) {
            broken(channel, HF_FAULT_HANGUP, strerror((int)-sent));
            return;
        }
        out->at += (size_t)sent;
        hf_fd_close_all(out->fds, out->fd_count);
        out->fd_count = 0;
    }
    drop_out(channel);
    channel->ops->sent(channel->ops->host);
}

static bool hold_fds(struct hf_channel_out *out, const struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++) {
        int fd = hf_fd_dup(message->fds[i]);

        if (fd < 0)
            return false;
        out->fds[out->fd_count++] = fd;
    }
    return true;
}

void hf_channel_send(struct hf_channel *channel, const struct hf_message *message)
{
    HF_CHECK(hf_channel_is_open(channel) && channel->out.length == 0);
    channel->out.length =
        hf_message_encode(message, channel->out.bytes, sizeof(channel->out.bytes));
    HF_CHECK(channel->out.length > 0);
    channel->out.at = 0;
    if (!hold_fds(&channel->out, message)) {
        broken(channel, HF_FAULT_LOCAL, "no file descriptor left to send a message with");
        return;
    }
    push(channel);
}

/* False when there is nothing more to read now. */
static bool pull(struct hf_channel *channel)
{
    struct hf_message message;
    enum hf_frame frame;
    ssize_t got = hf_frame_receive(channel->fd, &channel->framer, &message, &frame);

    if (got == -EAGAIN)
        return false;
    if (got <= 0) {
        broken(channel, HF_FAULT_HANGUP, got == 0 ? "end of file" : strerror((int)-got));
        return false;
    }
    if (frame == HF_FRAME_FAULT)
        broken(channel, HF_FAULT_MALFORMED, hf_wire_fault_text(channel->framer.fault));
    else if (frame == HF_FRAME_MESSAGE)
        channel->ops->received(channel->ops->host, &message);
    return frame != HF_FRAME_FAULT;
}

/* A callback may have closed this connection, and opened the next. */
static bool still(const struct hf_channel *channel, int fd, const struct hf_watch *watch)
{
    return channel->fd == fd && watch->loop != NULL && channel->mode == HF_CHANNEL_READS;
}

static void become_ready(struct hf_watch *watch, uint32_t events)
{
    struct hf_channel *channel = HF_CONTAINER(watch, struct hf_channel, watch);
    int fd = channel->fd;

    if ((events & EPOLLOUT) != 0) {
        push(channel);
        if (channel->fd == fd && watch->loop != NULL)
            update_watch(channel);
    }
    if (channel->fd == fd && channel->mode != HF_CHANNEL_READS &&
        (events & (EPOLLHUP | EPOLLERR)) != 0)
        broken(channel, HF_FAULT_HANGUP, "end of file");
    else if (channel->fd == fd && channel->mode == HF_CHANNEL_AWAITS && (events & EPOLLIN) != 0)
        found(channel);
    for (unsigned i = 0; i < READS_MAX && still(channel, fd, watch); i++) {
        if (!pull(channel))
            return;
    }
}
