/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a back-end: its child, its socket, its session; what it reads and what it answers. */
#include "peer.h"

#include "os/fd.h"
#include "os/frame.h"
#include "os/stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 8

const struct mx_persona mx_persona_good = {
    .features = HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(LOG_ALL) |
                HF_FEATURE(PROTOCOL_FEATURES),
    .protocol = HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |
                HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |
                HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |
                HF_PROTOCOL_FEATURE(LOG_SHMFD),
    .queue_count = MX_QUEUES,
    .slot_count = 8,
    .stride_rounding = 64,
};

void mx_peer_fail(struct mx_process *process, const char *format, ...)
{
    char text[200];
    va_list arguments;

    /* What follows what was refused was sent before the refusal was read. */
    if (process->refuses)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mx_fail(process->peers->verdict, "back-end: %s", text);
}

/* ---- listening ------------------------------------------------------------------------------- */

/* Who listens is who a front-end finds at the other end (SO_PEERCRED). It keeps nothing of what it
 * was born with: a socket that it held too would not be at its end when it is closed. */
static void be_the_child(int listener, int told)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (listen(listener, BACKLOG) < 0 || dup2(told, STDIN_FILENO) < 0 ||
        close_range(STDERR_FILENO, ~0u, 0) < 0 || write(STDIN_FILENO, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static pid_t begin_child(int listener)
{
    int pipe_ends[2];
    char byte;

    if (pipe(pipe_ends) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        be_the_child(listener, pipe_ends[1]);
    close(pipe_ends[1]);
    if (pid > 0 && read(pipe_ends[0], &byte, 1) != 1)
        abort();
    close(pipe_ends[0]);
    return pid;
}

static pid_t listen_here(int listener)
{
    return listen(listener, BACKLOG) < 0 ? -1 : 0;
}

/* Under another name first: who sees the name can connect. */
static int bind_aside(const char *path, char *aside, size_t aside_bytes)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(aside, aside_bytes, "%s.new", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", path);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        hf_fd_close(&fd);
    return fd;
}

static void forget_session(struct mx_process *process)
{
    process->connection = -1;
    process->owned = process->features_set = process->refuses = process->numb = false;
    process->features = process->protocol = 0;
    process->log_fd = -1;
}

/* And with them the memory. */
static void forget_rings(struct mx_process *process)
{
    memset(process->regions, 0, sizeof(process->regions));
    memset(process->rings, 0, sizeof(process->rings));
    for (unsigned i = 0; i < MX_QUEUES; i++)
        process->rings[i].kick_fd = process->rings[i].call_fd = -1;
}

struct mx_process *mx_process_new(struct mx_peers *peers, const struct mx_persona *persona)
{
    struct mx_process *process = &peers->list[peers->count];
    char aside[HF_STREAM_PATH_SIZE];

    if (peers->count == MX_PROCESSES_MAX)
        return NULL;
    memset(process, 0, sizeof(*process));
    process->peers = peers;
    process->persona = *persona;
    forget_session(process);
    forget_rings(process);
    process->listener = bind_aside(peers->path, aside, sizeof(aside));
    if (process->listener < 0)
        return NULL;
    process->pid = peers->own ? listen_here(process->listener) : begin_child(process->listener);
    if (process->pid < 0) {
        hf_fd_close(&process->listener);
        unlink(aside);
        return NULL;
    }
    rename(aside, peers->path);
    process->alive = true;
    peers->count++;
    return process;
}

struct mx_process *mx_process_present(struct mx_peers *peers)
{
    return peers->count == 0 ? NULL : &peers->list[peers->count - 1];
}

bool mx_process_listens(const struct mx_process *process)
{
    return process->alive && process->listener >= 0;
}

static void rename_gone(struct mx_process *process, bool hidden)
{
    const char *path = process->peers->path;
    char gone[HF_STREAM_PATH_SIZE];

    if (process->hidden == hidden)
        return;
    process->hidden = hidden;
    snprintf(gone, sizeof(gone), "%s.gone", path);
    rename(hidden ? path : gone, hidden ? gone : path);
}

void mx_process_listen(struct mx_process *process)
{
    rename_gone(process, false);
}

void mx_process_stop_listening(struct mx_process *process)
{
    rename_gone(process, true);
}

/* ---- the session's end ----------------------------------------------------------------------- */

static void end_rings(struct mx_process *process)
{
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        hf_fd_close(&process->rings[i].kick_fd);
        hf_fd_close(&process->rings[i].call_fd);
    }
    hf_mapping_done(&process->inflight);
    forget_rings(process);
}

void mx_process_hang_up(struct mx_process *process)
{
    int held[HF_FRAMER_HELD_FDS_MAX];

    if (process->connection < 0)
        return;
    hf_fd_close_all(held, hf_framer_release(&process->framer, held));
    hf_fd_close(&process->connection);
    hf_fd_close(&process->log_fd);
    forget_session(process);
    if (process->peers->own)
        end_rings(process);
}

void mx_process_kill(struct mx_process *process)
{
    if (!process->alive)
        return;
    process->alive = false;
    mx_process_hang_up(process);
    end_rings(process);
    hf_fd_close(&process->listener);
    if (process->pid == 0)
        return;
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
}

void mx_process_die_late(struct mx_process *process)
{
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        mx_ring_answer(process, i);
    mx_process_kill(process);
}

static bool was_hung_up_on(const struct mx_process *process)
{
    struct pollfd item = { .fd = process->connection, .events = POLLRDHUP };

    return process->connection < 0 ||
           (poll(&item, 1, 0) > 0 && (item.revents & (POLLRDHUP | POLLHUP)) != 0);
}

bool mx_process_may_write(const struct mx_process *process)
{
    if (process->peers->own && was_hung_up_on(process))
        return false;
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        if (process->alive && process->rings[i].started)
            return true;
    }
    return false;
}

void mx_peers_done(struct mx_peers *peers)
{
    char aside[HF_STREAM_PATH_SIZE];

    for (unsigned i = 0; i < peers->count; i++)
        mx_process_kill(&peers->list[i]);
    snprintf(aside, sizeof(aside), "%s.gone", peers->path);
    unlink(aside);
    unlink(peers->path);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_fd(struct hf_message *reply)
{
    int fd = hf_region_create("extra", 64);

    if (fd >= 0)
        reply->fds[reply->fd_count++] = fd;
}

static void drop_fds(struct hf_message *reply)
{
    hf_fd_close_all(reply->fds, reply->fd_count);
    reply->fd_count = 0;
}

static void make_wrong_region(struct hf_message *reply, enum sim_twist twist)
{
    if (twist == SIM_TWIST_NO_FD || twist == SIM_TWIST_OTHER_KIND || twist == SIM_TWIST_NO_REGION)
        drop_fds(reply);
    if (twist == SIM_TWIST_OTHER_KIND && pipe(reply->fds) == 0) {
        close(reply->fds[1]);
        reply->fd_count = 1;
    }
    if (twist == SIM_TWIST_BAD_REGION)
        reply->body.inflight.mmap_size_bytes = 64;
    if (twist == SIM_TWIST_NO_REGION)
        reply->body.inflight.mmap_size_bytes = 0;
}

static void make_wrong(struct hf_message *reply, enum sim_twist twist)
{
    if (twist == SIM_TWIST_WRONG_NUMBER) {
        drop_fds(reply);
        *reply = hf_message_reply_u64(
            reply->request == HF_REQUEST_SET_OWNER ? HF_REQUEST_GET_FEATURES : HF_REQUEST_SET_OWNER,
            0);
    }
    if (reply->request == HF_REQUEST_GET_INFLIGHT_FD)
        make_wrong_region(reply, twist);
    if (twist == SIM_TWIST_NAK && reply->kind == HF_PAYLOAD_U64)
        reply->body.u64 = 1;
    if (twist == SIM_TWIST_NAK && reply->kind == HF_PAYLOAD_CONFIG)
        *reply = hf_message_reply_empty(HF_REQUEST_GET_CONFIG);
    if (twist == SIM_TWIST_WRONG_RING && reply->kind == HF_PAYLOAD_VRING_STATE)
        reply->body.state.index = (reply->body.state.index + 1) % MX_QUEUES;
    if (twist == SIM_TWIST_WRONG_BASE && reply->kind == HF_PAYLOAD_VRING_STATE)
        reply->body.state.num = (reply->body.state.num + 3u) & UINT16_MAX;
}

/* The length in the header, and the body, are longer or shorter by one byte. */
static size_t resize(uint8_t *bytes, size_t size, int by)
{
    bytes[8] = (uint8_t)(bytes[8] + by);
    bytes[size] = 0;
    return (size_t)((ssize_t)size + by);
}

static void send_all(const struct mx_process *process, const struct hf_message *reply,
                     const uint8_t *bytes, size_t size)
{
    if (process->connection >= 0)
        hf_stream_send(process->connection, bytes, size, reply->fds, reply->fd_count);
}

/* A message that is none of the protocol's cannot be encoded: descriptors are put beside it. */
void mx_peer_reply(struct mx_process *process, struct hf_message *reply, enum sim_twist twist)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX + 1] = { 0 };
    struct hf_message plain = *reply;

    size_t whole = hf_message_encode(&plain, bytes, sizeof(bytes) - 1);
    make_wrong(reply, twist);
    size_t size = hf_message_encode(reply, bytes, sizeof(bytes) - 1);
    if (size == 0)
        size = whole;
    if (twist == SIM_TWIST_EXTRA_FD || twist == SIM_TWIST_EXTRA_FD_RAW)
        add_fd(reply);
    if (twist == SIM_TWIST_LONG || (twist == SIM_TWIST_SHORT && size > HF_WIRE_HEADER_SIZE))
        size = resize(bytes, size, twist == SIM_TWIST_LONG ? 1 : -1);
    send_all(process, reply, bytes, size);
    drop_fds(reply);
}

void mx_process_send_bytes(struct mx_process *process, const void *bytes, size_t size_bytes)
{
    if (process->alive && process->connection >= 0)
        hf_stream_send(process->connection, bytes, size_bytes, NULL, 0);
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool stays_silent(enum sim_twist twist)
{
    return twist == SIM_TWIST_CLOSE || twist == SIM_TWIST_CRASH || twist == SIM_TWIST_STOP ||
           twist == SIM_TWIST_CRASH_TORN;
}

static void send_one_too_many(struct mx_process *process)
{
    struct hf_message again = hf_message_reply_u64(HF_REQUEST_GET_QUEUE_NUM, 1);

    mx_peer_reply(process, &again, SIM_TWIST_NONE);
}

/* What follows once the message has been carried out and answered, or has not. */
static void misbehave(struct mx_process *process, enum sim_twist twist)
{
    if (twist == SIM_TWIST_CRASH_TORN)
        mx_ring_tear(process);
    if (twist == SIM_TWIST_CLOSE || twist == SIM_TWIST_CLOSE_AFTER)
        mx_process_hang_up(process);
    if (twist == SIM_TWIST_CRASH || twist == SIM_TWIST_CRASH_AFTER || twist == SIM_TWIST_CRASH_TORN)
        mx_process_kill(process);
    if (twist == SIM_TWIST_STOP)
        process->frozen = true;
    if (twist == SIM_TWIST_TWICE)
        send_one_too_many(process);
}

static void receive(struct mx_process *process, struct hf_message *message)
{
    struct mx_peers *peers = process->peers;
    bool lost = false, acknowledges = true;
    struct hf_message ack = hf_message_reply_u64((enum hf_request)message->request, 0);

    peers->messages++;
    peers->seen[message->request % HF_REQUEST_COUNT]++;
    enum sim_twist twist = peers->judge(peers->context, process, message, &lost);
    if (twist == SIM_TWIST_NAK)
        process->refuses = true;
    process->numb = process->numb || lost;
    if (process->numb || !process->alive || process->connection < 0) {
        drop_fds(message);
        return;
    }
    if (process->refuses && hf_message_needs_reply(message))
        ack.body.u64 = 1;
    else
        acknowledges =
            mx_peer_obey(process, message, stays_silent(twist) ? SIM_TWIST_CLOSE : twist);
    drop_fds(message);
    if (acknowledges && hf_message_needs_reply(message) && !stays_silent(twist))
        mx_peer_reply(process, &ack, twist);
    misbehave(process, twist);
    peers->served(peers->context, process);
}

static void accept_one(struct mx_process *process)
{
    process->connection = accept4(process->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (process->connection < 0)
        return;
    end_rings(process);
    hf_framer_init(&process->framer, HF_STREAM_REQUESTS);
}

static bool read_one(struct mx_process *process)
{
    struct hf_message message;
    enum hf_frame frame;
    ssize_t got = hf_frame_receive(process->connection, &process->framer, &message, &frame);

    if (got == -EAGAIN)
        return false;
    if (got <= 0) {
        mx_process_hang_up(process);
        end_rings(process);
        return true;
    }
    if (frame == HF_FRAME_FAULT) {
        if (process->framer.fault != HF_WIRE_FAULT_FDS_TRUNCATED)
            mx_peer_fail(process, "the device sent %s", hf_wire_fault_text(process->framer.fault));
        mx_process_hang_up(process);
    }
    if (frame == HF_FRAME_MESSAGE)
        receive(process, &message);
    return true;
}

static bool pump(struct mx_process *process)
{
    bool any = false;

    if (!process->alive || process->frozen)
        return false;
    if (process->connection < 0) {
        accept_one(process);
        any = process->connection >= 0;
    }
    while (process->connection >= 0 && !process->deaf && !process->frozen && read_one(process))
        any = true;
    return (process->alive && !process->frozen && mx_rings_serve(process)) || any;
}

bool mx_peers_pump(struct mx_peers *peers)
{
    bool any = false;

    for (unsigned i = 0; i < peers->count; i++)
        any = pump(&peers->list[i]) || any;
    return any;
}
