/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients on a loop. A client is written to and freed in its own callback only: an answer that
 * comes from elsewhere waits in its output until the socket is ready.
 */
#include "control/server.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/listener.h"
#include "os/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES     4096u
#define ACCEPT_PAUSE_NS HF_NS_PER_S
#define TURN_LINES      16u
#define GRACE_NS        (2 * HF_NS_PER_S)

struct bytes {
    char *start;
    size_t size;
    size_t capacity;
};

struct client {
    struct hf_link link; /* the one that was silent longest first */
    struct hf_control_server *server;
    struct hf_rpc_peer peer;
    struct hf_watch watch;
    struct hf_timer patience;
    int fd;
    struct bytes input;
    size_t taken; /* of input */
    struct bytes output;
    size_t sent; /* of output */
    bool more;   /* lines are left for its next turn */
    bool ended;  /* it will say no more */
    bool broken;
};

struct hf_control_server {
    struct hf_loop *loop;
    const struct hf_rpc_method *methods;
    void *host;
    struct hf_listener listener;
    struct hf_watch watch;
    struct hf_timer accept_again;
    struct hf_link clients;
    unsigned client_count;
};

static struct client *client_of(struct hf_link *link)
{
    return HF_CONTAINER(link, struct client, link);
}

static bool append(struct bytes *bytes, const char *more, size_t size)
{
    size_t wanted = bytes->size + size;

    if (wanted > bytes->capacity) {
        size_t capacity = wanted < CHUNK_BYTES ? CHUNK_BYTES : wanted + wanted / 2;
        char *start = realloc(bytes->start, capacity);
        if (!start)
            return false;
        bytes->start = start;
        bytes->capacity = capacity;
    }
    memcpy(bytes->start + bytes->size, more, size);
    bytes->size += size;
    return true;
}

static void forget(struct bytes *bytes)
{
    free(bytes->start);
    *bytes = (struct bytes){ .start = NULL };
}

static void free_client(struct client *client)
{
    struct hf_control_server *server = client->server;

    hf_rpc_peer_done(&client->peer);
    hf_loop_remove(&client->watch);
    hf_loop_cancel_timer(server->loop, &client->patience);
    hf_list_remove(&client->link);
    server->client_count--;
    hf_fd_close(&client->fd);
    forget(&client->input);
    forget(&client->output);
    free(client);
}

/* ---- output ---- */

static void send_line(struct hf_rpc_peer *peer, const char *line, size_t size_bytes)
{
    struct client *client = HF_CONTAINER(peer, struct client, peer);

    if (client->output.size + size_bytes > HF_CONTROL_OUTPUT_MAX ||
        !append(&client->output, line, size_bytes))
        client->broken = true;
    hf_loop_modify(&client->watch, EPOLLOUT);
}

static void write_some(struct client *client)
{
    while (!client->broken && client->sent < client->output.size) {
        ssize_t sent = hf_stream_send(client->fd, client->output.start + client->sent,
                                      client->output.size - client->sent, NULL, 0);
        if (sent == -EAGAIN)
            return;
        if (sent < 0)
            client->broken = true;
        else
            client->sent += (size_t)sent;
        hf_loop_cancel_timer(client->server->loop, &client->patience);
    }
    client->sent = 0;
    forget(&client->output);
}

/* ---- input ---- */

static void take_line(struct client *client, const char *line, size_t size)
{
    hf_list_remove(&client->link);
    hf_list_append(&client->server->clients, &client->link);
    hf_loop_cancel_timer(client->server->loop, &client->patience);
    if (size > 0)
        hf_rpc_take(&client->peer, line, size);
}

/* The next line, if it is whole, or the last words of one that has ended; NULL: none. */
static const char *next_line(const struct client *client, size_t *size)
{
    const char *start = client->input.start + client->taken;
    size_t left = client->input.size - client->taken;
    const char *end = left > 0 ? memchr(start, '\n', left) : NULL;

    *size = end ? (size_t)(end - start) : left;
    return end || (client->ended && left > 0) || left > HF_CONTROL_LINE_MAX ? start : NULL;
}

static bool take_next(struct client *client)
{
    size_t size = 0;
    const char *line = next_line(client, &size);

    if (!line)
        return false;
    if (size > HF_CONTROL_LINE_MAX) {
        hf_rpc_complain(&client->peer, HF_RPC_INVALID_REQUEST, "a line has at most 1 MiB");
        client->ended = true;
        client->taken = client->input.size;
        return false;
    }
    take_line(client, line, size);
    client->taken += size + 1;
    if (client->taken > client->input.size)
        client->taken = client->input.size;
    return true;
}

/* One line at a time: the next is not looked at before the answer has been taken; a few in a turn:
 * there are others. */
static void take_some(struct client *client)
{
    unsigned lines = 0;
    size_t size = 0;

    client->more = false;
    while (!client->broken && client->output.size == 0 && lines < TURN_LINES && take_next(client)) {
        write_some(client);
        lines++;
    }
    write_some(client);
    client->input.size -= client->taken;
    if (client->taken > 0)
        memmove(client->input.start, client->input.start + client->taken, client->input.size);
    client->taken = 0;
    client->more = next_line(client, &size) != NULL;
}

static void read_some(struct client *client)
{
    char chunk[CHUNK_BYTES];
    struct hf_stream_input got;

    /* What was held back must not make it grow beyond one line. */
    if (client->ended || client->input.size > HF_CONTROL_LINE_MAX)
        return;
    ssize_t size = hf_stream_receive(client->fd, chunk, sizeof(chunk), &got);
    hf_stream_input_close(&got); /* nobody asked for descriptors */
    if (size == 0)
        client->ended = true;
    else if (size > 0)
        client->broken |= !append(&client->input, chunk, (size_t)size);
    else if (size != -EAGAIN)
        client->broken = true;
}

/* ---- a client's turn ---- */

static bool is_over(const struct client *client)
{
    return client->broken || (client->ended && client->output.size == 0 &&
                              client->input.size == 0 && client->peer.open_count == 0);
}

/* What it is waited for, and how long. */
static void wait_on(struct client *client)
{
    bool half_done = client->output.size > 0 || client->input.size > 0;
    uint32_t events = client->output.size > 0 || client->more ? EPOLLOUT
                      : client->ended                         ? 0
                                                              : EPOLLIN;

    if (hf_loop_modify(&client->watch, events) < 0)
        client->broken = true;
    if (!half_done)
        hf_loop_cancel_timer(client->server->loop, &client->patience);
    else if (!client->patience.armed)
        hf_loop_set_timer(client->server->loop, &client->patience,
                          hf_clock_ns() + HF_CONTROL_PATIENCE_NS);
}

static void on_client(struct hf_watch *watch, uint32_t events)
{
    struct client *client = HF_CONTAINER(watch, struct client, watch);

    client->broken |= (events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0;
    if ((events & EPOLLIN) != 0)
        read_some(client);
    write_some(client);
    take_some(client);
    if (!is_over(client))
        wait_on(client);
    if (is_over(client))
        free_client(client);
}

static void on_impatience(struct hf_timer *timer)
{
    free_client(HF_CONTAINER(timer, struct client, patience));
}

/* ---- coming ---- */

static struct client *longest_silent(struct hf_control_server *server)
{
    HF_LIST_FOR_EACH (link, &server->clients)
        if (client_of(link)->peer.open_count == 0)
            return client_of(link);
    return NULL;
}

static void add_client(struct hf_control_server *server, int taken_fd)
{
    HF_AUTO_FD int fd = taken_fd;
    struct client *silent = longest_silent(server);

    if (server->client_count >= HF_CONTROL_CLIENTS_MAX && !silent)
        return; /* all of them wait for us */
    struct client *client = calloc(1, sizeof(*client));
    if (!client || hf_loop_add(server->loop, &client->watch, fd, EPOLLIN) < 0) {
        free(client);
        return;
    }
    if (server->client_count >= HF_CONTROL_CLIENTS_MAX)
        free_client(silent);
    client->server = server;
    client->peer =
        (struct hf_rpc_peer){ .methods = server->methods, .host = server->host, .send = send_line };
    hf_rpc_peer_init(&client->peer);
    client->watch.ready = on_client;
    client->patience.expired = on_impatience;
    client->fd = hf_fd_steal(&fd);
    hf_list_append(&server->clients, &client->link);
    server->client_count++;
}

static void on_accept_again(struct hf_timer *timer)
{
    hf_loop_modify(&HF_CONTAINER(timer, struct hf_control_server, accept_again)->watch, EPOLLIN);
}

static void on_knock(struct hf_watch *watch, uint32_t events)
{
    struct hf_control_server *server = HF_CONTAINER(watch, struct hf_control_server, watch);
    int fd = hf_listener_accept(&server->listener);

    (void)events;
    if (fd >= 0) {
        add_client(server, fd);
    } else if (fd != -EAGAIN) { /* no descriptors, no memory: not again at once */
        hf_loop_modify(&server->watch, 0);
        hf_loop_set_timer(server->loop, &server->accept_again, hf_clock_ns() + ACCEPT_PAUSE_NS);
    }
}

struct hf_control_server *hf_control_server_new(struct hf_loop *loop, const char *path,
                                                const struct hf_rpc_method *methods, void *host,
                                                struct hf_error *error)
{
    struct hf_control_server *server = calloc(1, sizeof(*server));

    if (!server) {
        hf_error_set(error, ENOMEM, "no memory for the control socket");
        return NULL;
    }
    *server = (struct hf_control_server){ .loop = loop,
                                          .methods = methods,
                                          .host = host,
                                          .listener = { .fd = -1, .lock_fd = -1 },
                                          .watch = { .ready = on_knock },
                                          .accept_again = { .expired = on_accept_again } };
    hf_list_init(&server->clients);
    int failed = hf_listener_init_mode(&server->listener, path, 0600, GRACE_NS, error);
    if (failed == 0) {
        failed = hf_loop_add(loop, &server->watch, server->listener.fd, EPOLLIN);
        if (failed < 0)
            hf_error_set(error, -failed, "cannot watch the control socket: %s", strerror(-failed));
    }
    if (failed == 0)
        return server;
    hf_control_server_free(server);
    return NULL;
}

void hf_control_server_free(struct hf_control_server *server)
{
    if (!server)
        return;
    while (!hf_list_empty(&server->clients))
        free_client(client_of(server->clients.next));
    hf_loop_cancel_timer(server->loop, &server->accept_again);
    hf_loop_remove(&server->watch);
    hf_listener_done(&server->listener);
    free(server);
}
