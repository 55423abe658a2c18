/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend.h"

#include "os/event.h"
#include "os/fd.h"
#include "os/frame.h"
#include "os/listener.h"
#include "os/region.h"
#include "os/stream.h"
#include "vscsi/config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEATURES                                                                                   \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(PROTOCOL_FEATURES))
#define PROTOCOL                                                                                   \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |              \
     HF_PROTOCOL_FEATURE(RESET_DEVICE))

struct server {
    const struct backend_script *script;
    int connection;
    int count;
    int connections;
    struct backend_rings rings;
    int region;  /* the last one made; an own reference while it is sent */
    bool broken; /* the front-end has hung up meanwhile */
};

static void send_reply(struct server *server, const struct hf_message *reply)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    size_t size = hf_message_encode(reply, bytes, sizeof(bytes));

    if (size == 0)
        _exit(3);
    server->broken =
        hf_stream_send(server->connection, bytes, size, reply->fds, reply->fd_count) < 0;
}

static uint64_t protocol_of(const struct backend_script *script)
{
    return (PROTOCOL | script->adds_protocol) & ~script->lacks_protocol;
}

static uint64_t number_for(const struct server *server, uint32_t request)
{
    switch (request) {
    case HF_REQUEST_GET_FEATURES:
        return (FEATURES | server->script->adds) & ~server->script->lacks;
    case HF_REQUEST_GET_PROTOCOL_FEATURES:
        return protocol_of(server->script);
    case HF_REQUEST_GET_QUEUE_NUM:
        return server->script->queues != 0 ? server->script->queues : 3;
    case HF_REQUEST_GET_MAX_MEM_SLOTS:
        return server->script->slots != 0 ? server->script->slots : 32;
    default:
        return 0;
    }
}

/* Nobody may write to it any more. */
static int make_sealed(uint64_t size)
{
    int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0)
        abort();
    return fd;
}

static int make_region(const struct server *server, uint64_t size)
{
    if (server->script->region == BACKEND_REGION_SEALED)
        return make_sealed(size);
    if (server->script->region == BACKEND_REGION_EVENTFD)
        return hf_event_create();
    return hf_region_create("in-flight",
                            size - (server->script->region == BACKEND_REGION_SHORT ? 1 : 0));
}

static void give_region(struct server *server, const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_INFLIGHT_FD);
    uint64_t pads = server->connections > 1 ? server->script->pads_later : server->script->pads;
    uint64_t size = (uint64_t)message->body.inflight.queue_count *
                    (16u + 16u * (uint64_t)message->body.inflight.queue_size + pads);

    hf_fd_close(&server->region);
    reply.body.inflight = message->body.inflight;
    if (server->script->region == BACKEND_REGION_NONE) {
        send_reply(server, &reply);
        return;
    }
    server->region = make_region(server, size);
    reply.body.inflight.mmap_size_bytes = size;
    reply.fds[0] = server->region;
    reply.fd_count = 1;
    send_reply(server, &reply);
}

static void give_base(struct server *server, const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_VRING_BASE);

    reply.body.state.index = message->body.state.index;
    reply.body.state.num = server->script->base;
    if (!server->script->keeps_base)
        send_reply(server, &reply);
}

/* The front-end would have it of no request, as a reply to none. */
static void send_stray(struct server *server)
{
    struct hf_message reply = hf_message_reply_u64(HF_REQUEST_GET_STATUS, 0);

    send_reply(server, &reply);
}

static void give_config(struct server *server, const struct hf_message *message)
{
    struct hf_message reply = hf_message_reply(HF_REQUEST_GET_CONFIG);
    const struct hf_vscsi_config config = hf_vscsi_config_default(1, 126);

    reply.body.config.offset = message->body.config.offset;
    reply.body.config.size_bytes = server->script->config_bytes;
    hf_vscsi_config_encode(&config, reply.body.config.data);
    hf_vscsi_trailer_encode(server->script->trailer_flags,
                            reply.body.config.data + HF_VSCSI_CONFIG_SIZE_BYTES);
    send_reply(server, &reply);
}

static void acknowledge(struct server *server, const struct hf_message *message, bool naks)
{
    struct hf_message reply = hf_message_reply_u64(
        (enum hf_request)message->request,
        naks && hf_message_needs_reply(message) ? 1 : number_for(server, message->request));

    send_reply(server, &reply);
}

static void answer(struct server *server, const struct hf_message *message, bool naks)
{
    const struct hf_request_info *info = hf_request_info(message->request);

    if (message->request == HF_REQUEST_GET_INFLIGHT_FD) {
        give_region(server, message);
    } else if (message->request == HF_REQUEST_GET_VRING_BASE) {
        give_base(server, message);
    } else if (message->request == HF_REQUEST_GET_CONFIG) {
        give_config(server, message);
    } else if (hf_request_is_answered(info, hf_message_needs_reply(message),
                                      protocol_of(server->script))) {
        acknowledge(server, message, naks);
    }
}

static int swept_to(const struct server *server)
{
    return server->script->sweeps > 0 ? 1 + (server->connections - 1) % server->script->sweeps : 0;
}

/* False: the connection is over. */
static bool obey(struct server *server, struct hf_message *message)
{
    const struct backend_script *script = server->script;
    bool good = script->good_from != 0 && server->connections >= script->good_from;
    int count = good ? -1 : ++server->count;

    backend_rings_hear(&server->rings, message);
    backend_rings_hold(&server->rings, message->request);
    if (count == script->dies_at)
        _exit(0);
    if (count == script->closes_at || count == swept_to(server) ||
        message->request == script->closes_on)
        return false;
    if (count == script->strays_at)
        send_stray(server);
    else if (script->silent_at == 0 || count < script->silent_at)
        answer(server, message, count == script->naks_at);
    backend_rings_answered(&server->rings);
    return !server->broken;
}

static bool read_some(struct server *server, struct hf_framer *framer)
{
    struct hf_message message;
    enum hf_frame frame;

    if (hf_frame_receive(server->connection, framer, &message, &frame) <= 0)
        return false;
    if (frame == HF_FRAME_FAULT) {
        fprintf(stderr, "the front-end sent %s\n", hf_wire_fault_text(framer->fault));
        _exit(4);
    }
    return frame != HF_FRAME_MESSAGE || obey(server, &message);
}

static void wait_for(int fd)
{
    struct pollfd item = { .fd = fd, .events = POLLIN };

    poll(&item, 1, -1);
}

static void serve(struct server *server)
{
    struct hf_framer framer;

    server->connections++;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    backend_rings_init(&server->rings, server->script->board);
    server->rings.rings_old_call = server->script->rings_old_call;
    do {
        backend_rings_wait(&server->rings, server->connection);
    } while (read_some(server, &framer));
    backend_rings_done(&server->rings);
    hf_fd_close(&server->connection);
    server->count = 0;
    server->broken = false;
}

static void run(const char *path, const struct backend_script *script)
{
    struct hf_listener listener;
    struct hf_error error;
    struct server server = { .script = script, .region = -1 };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (hf_listener_init(&listener, path, 5000000000u, &error) < 0) {
        fprintf(stderr, "back-end: %s\n", error.text);
        _exit(2);
    }
    for (;;) {
        wait_for(listener.fd);
        server.connection = hf_listener_accept(&listener);
        if (server.connection >= 0)
            serve(&server);
    }
}

pid_t backend_start(const char *path, const struct backend_script *script)
{
    pid_t pid = fork();

    if (pid == 0)
        run(path, script);
    return pid;
}

void backend_end(pid_t pid, bool kill_it)
{
    if (kill_it)
        kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
