/* SPDX-License-Identifier: BSD-3-Clause */
/* See threads_front.h. */
#include "threads_front.h"

#include "../cmocka_all.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/event.h"
#include "os/fd.h"
#include "os/frame.h"
#include "os/stream.h"
#include "wire/message.h"

#define PATIENCE_MS 20000

#define FEATURES                                                                                   \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(PROTOCOL_FEATURES))
#define PROTOCOL                                                                                   \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |              \
     HF_PROTOCOL_FEATURE(LOG_SHMFD))

/* ---- memory ---- */

static int make_memory(struct hf_mapping *mapping, size_t size_bytes)
{
    struct hf_error error = { 0 };
    int fd = hf_region_create("guest", size_bytes);

    assert_true(fd >= 0);
    assert_int_equal(hf_mapping_init(mapping, fd, 0, size_bytes, &error), 0);
    return fd;
}

static void make_ring(struct front *front, unsigned vring)
{
    struct hf_ring_layout layout = hf_ring_layout_of(FRONT_RING_SIZE);
    uint8_t *at = front->memory.start + FRONT_LANES * FRONT_LANE_BYTES + vring * FRONT_RING_BYTES;

    assert_int_equal(hf_ring_init(&front->rings[vring], FRONT_RING_SIZE, at,
                                  at + layout.avail_offset, at + layout.used_offset),
                     HF_RING_FAULT_NONE);
    front->kick[vring] = hf_event_create();
    front->call[vring] = hf_event_create();
}

void front_init(struct front *front, const char *path, uint64_t number)
{
    *front = (struct front){ .path = path, .number = number, .socket_fd = -1 };
    front->memory_fd = make_memory(&front->memory, FRONT_LANES * FRONT_LANE_BYTES +
                                                       FRONT_VRINGS * FRONT_RING_BYTES);
    front->extra_fd = make_memory(&front->extra, FRONT_LANES * FRONT_LANE_BYTES);
    for (unsigned i = 0; i < FRONT_VRINGS; i++)
        make_ring(front, i);
}

void front_done(struct front *front)
{
    for (unsigned i = 0; i < FRONT_VRINGS; i++) {
        hf_fd_close(&front->kick[i]);
        hf_fd_close(&front->call[i]);
    }
    hf_fd_close_all(front->inflight.fds, front->inflight.fd_count);
    hf_mapping_done(&front->memory);
    hf_mapping_done(&front->extra);
    hf_fd_close(&front->memory_fd);
    hf_fd_close(&front->extra_fd);
    hf_fd_close(&front->socket_fd);
}

void front_touch(const struct hf_mapping *mapping)
{
    for (size_t at = 0; at < mapping->size_bytes; at += sizeof(uint64_t)) {
        volatile uint64_t *word = (volatile uint64_t *)(void *)(mapping->start + at);
        *word = *word;
    }
}

/* ---- messages ---- */

static void wait_for(const struct front *front, short events)
{
    struct pollfd item = { .fd = front->socket_fd, .events = events };

    assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
}

static void send_message(struct front *front, const struct hf_message *message)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    size_t size_bytes = hf_message_encode(message, bytes, sizeof(bytes));

    assert_true(size_bytes > 0);
    wait_for(front, POLLOUT);
    assert_int_equal(
        hf_stream_send(front->socket_fd, bytes, size_bytes, message->fds, message->fd_count),
        (ssize_t)size_bytes);
}

static struct hf_message receive_message(struct front *front)
{
    struct hf_message message;
    enum hf_frame frame;

    do {
        wait_for(front, POLLIN);
        assert_true(hf_frame_receive(front->socket_fd, &front->framer, &message, &frame) > 0);
    } while (frame == HF_FRAME_MORE);
    assert_int_equal(front->framer.fault, HF_WIRE_FAULT_NONE);
    return message;
}

static struct hf_message ask(struct front *front, const struct hf_message *message)
{
    send_message(front, message);
    struct hf_message reply = receive_message(front);
    assert_int_equal(reply.request, message->request);
    return reply;
}

static uint64_t ask_number(struct front *front, enum hf_request request)
{
    struct hf_message message = hf_message_request(request);

    return ask(front, &message).body.u64;
}

/* Acknowledged, once REPLY_ACK is agreed upon. */
static void tell(struct front *front, struct hf_message *message)
{
    message->flags |= HF_MESSAGE_NEED_REPLY;
    struct hf_message reply = ask(front, message);
    if (reply.body.u64 != 0)
        fail_msg("%s was refused", hf_message_name(message));
}

static void tell_number(struct front *front, enum hf_request request, uint64_t number)
{
    struct hf_message message = hf_message_request(request);

    message.body.u64 = number;
    tell(front, &message);
}

static void tell_state(struct front *front, enum hf_request request, unsigned vring, uint32_t num)
{
    struct hf_message message = hf_message_request(request);

    message.body.state = (struct hf_wire_vring_state){ .index = vring, .num = num };
    tell(front, &message);
}

static void tell_fd(struct front *front, enum hf_request request, unsigned vring, int fd)
{
    struct hf_message message = hf_message_request(request);

    message.body.u64 = vring;
    message.fds[0] = fd;
    message.fd_count = 1;
    tell(front, &message);
}

/* ---- memory messages ---- */

static struct hf_wire_region wire_region(const struct hf_mapping *mapping, uint64_t guest_address)
{
    return (struct hf_wire_region){ .guest_address = guest_address,
                                    .size_bytes = mapping->size_bytes,
                                    .user_address = (uint64_t)(uintptr_t)mapping->start };
}

static void change_extra(struct front *front, enum hf_request request, unsigned fd_count)
{
    struct hf_message message = hf_message_request(request);

    message.body.region = wire_region(&front->extra, FRONT_EXTRA_GUEST);
    message.fds[0] = front->extra_fd;
    message.fd_count = fd_count;
    tell(front, &message);
}

void front_add_extra(struct front *front)
{
    change_extra(front, HF_REQUEST_ADD_MEM_REG, 1);
}

void front_remove_extra(struct front *front)
{
    change_extra(front, HF_REQUEST_REM_MEM_REG, 0);
}

void front_set_table(struct front *front, bool extra)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_MEM_TABLE);

    message.fd_count = message.body.table.count = extra ? 2 : 1;
    message.body.table.regions[0] = wire_region(&front->memory, FRONT_MEMORY_GUEST);
    message.body.table.regions[1] = wire_region(&front->extra, FRONT_EXTRA_GUEST);
    message.fds[0] = front->memory_fd;
    message.fds[1] = front->extra_fd;
    tell(front, &message);
}

static void set_inflight(struct front *front)
{
    struct hf_message message = hf_message_request(HF_REQUEST_GET_INFLIGHT_FD);

    message.body.inflight.queue_count = FRONT_VRINGS;
    message.body.inflight.queue_size = FRONT_RING_SIZE;
    if (front->inflight.fd_count == 0)
        front->inflight = ask(front, &message);
    assert_int_equal(front->inflight.fd_count, 1);
    message = hf_message_request(HF_REQUEST_SET_INFLIGHT_FD);
    message.body.inflight = front->inflight.body.inflight;
    message.fds[0] = front->inflight.fds[0];
    message.fd_count = 1;
    tell(front, &message);
}

void front_set_log(struct front *front, int fd, size_t size_bytes)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_LOG_BASE);

    message.body.log.size_bytes = size_bytes;
    message.fds[0] = fd;
    message.fd_count = 1;
    tell(front, &message);
}

void front_switch_log(struct front *front, bool on)
{
    tell_number(front, HF_REQUEST_SET_FEATURES, FEATURES | (on ? HF_FEATURE(LOG_ALL) : 0));
}

/* ---- sessions ---- */

void front_connect(struct front *front)
{
    struct hf_message protocol = hf_message_request(HF_REQUEST_SET_PROTOCOL_FEATURES);
    struct hf_error error = { 0 };

    front->socket_fd = hf_stream_connect(front->path, &error);
    if (front->socket_fd < 0)
        fail_msg("%s", error.text);
    hf_framer_init(&front->framer, HF_STREAM_REPLIES);
    assert_int_equal(ask_number(front, HF_REQUEST_GET_FEATURES) & FEATURES, FEATURES);
    assert_int_equal(ask_number(front, HF_REQUEST_GET_PROTOCOL_FEATURES) & PROTOCOL, PROTOCOL);
    protocol.body.u64 = PROTOCOL;
    send_message(front, &protocol);
    tell_number(front, HF_REQUEST_SET_FEATURES, FEATURES);
    struct hf_message owner = hf_message_request(HF_REQUEST_SET_OWNER);
    tell(front, &owner);
    set_inflight(front);
    front_set_table(front, true);
}

void front_wait_end(struct front *front)
{
    struct hf_stream_input input;

    wait_for(front, POLLIN);
    assert_int_equal(hf_stream_receive(front->socket_fd, front->framer.body, 1, &input), 0);
    hf_fd_close(&front->socket_fd);
}

void front_leave(struct front *front)
{
    shutdown(front->socket_fd, SHUT_WR);
    front_wait_end(front);
}

/* ---- rings ---- */

static void set_addresses(struct front *front, unsigned vring)
{
    const struct hf_ring *ring = &front->rings[vring];
    struct hf_message message = hf_message_request(HF_REQUEST_SET_VRING_ADDR);

    message.body.addr = (struct hf_wire_vring_addr){
        .index = vring,
        .desc = (uint64_t)(uintptr_t)ring->desc,
        .avail = (uint64_t)(uintptr_t)ring->avail,
        .used = (uint64_t)(uintptr_t)ring->used,
    };
    tell(front, &message);
}

void front_start_ring(struct front *front, unsigned vring, uint16_t base)
{
    tell_state(front, HF_REQUEST_SET_VRING_NUM, vring, FRONT_RING_SIZE);
    tell_state(front, HF_REQUEST_SET_VRING_BASE, vring, base);
    set_addresses(front, vring);
    tell_fd(front, HF_REQUEST_SET_VRING_KICK, vring, front->kick[vring]);
    tell_fd(front, HF_REQUEST_SET_VRING_CALL, vring, front->call[vring]);
    front_enable(front, vring, true);
}

void front_start_all(struct front *front)
{
    for (unsigned i = 0; i < FRONT_VRINGS; i++)
        front_start_ring(front, i, hf_ring_used_index(&front->rings[i]));
}

uint16_t front_stop_ring(struct front *front, unsigned vring)
{
    struct hf_message message = hf_message_request(HF_REQUEST_GET_VRING_BASE);

    message.body.state.index = vring;
    struct hf_message reply = ask(front, &message);
    assert_int_equal(reply.body.state.index, vring);
    return (uint16_t)reply.body.state.num;
}

void front_enable(struct front *front, unsigned vring, bool enabled)
{
    tell_state(front, HF_REQUEST_SET_VRING_ENABLE, vring, enabled);
}

void front_renew_call(struct front *front, unsigned vring)
{
    tell_fd(front, HF_REQUEST_SET_VRING_CALL, vring, front->call[vring]);
}
