/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "backend_rings.h"

#include "os/event.h"
#include "os/fd.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct backend_board *backend_board_new(void)
{
    void *board = mmap(NULL, sizeof(struct backend_board), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(board != MAP_FAILED);
    return board;
}

void backend_board_free(struct backend_board *board)
{
    munmap(board, sizeof(*board));
}

void backend_board_await(const unsigned *counter, unsigned count)
{
    for (int ms = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < count; ms++) {
        assert_true(ms < PATIENCE_MS);
        usleep(1000);
    }
}

void backend_board_hold(struct backend_board *board, uint32_t request)
{
    __atomic_store_n(&board->held, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&board->hold, request, __ATOMIC_RELEASE);
}

void backend_board_await_held(struct backend_board *board)
{
    backend_board_await(&board->held, 1);
}

void backend_rings_init(struct backend_rings *rings, struct backend_board *board)
{
    *rings = (struct backend_rings){ .board = board, .old_call = -1 };
    for (unsigned i = 0; i < BACKEND_RINGS; i++)
        rings->kick[i] = rings->call[i] = -1;
}

void backend_rings_done(struct backend_rings *rings)
{
    hf_fd_close_all(rings->kick, BACKEND_RINGS);
    hf_fd_close_all(rings->call, BACKEND_RINGS);
    hf_fd_close(&rings->old_call);
}

static void count(unsigned *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
}

static int take_fd(struct hf_message *message)
{
    return message->fd_count == 1 ? hf_fd_steal(&message->fds[0]) : -1;
}

static void take_call(struct backend_rings *rings, unsigned ring, struct hf_message *message)
{
    hf_fd_close(&rings->old_call);
    rings->old_call = rings->call[ring];
    rings->call[ring] = take_fd(message);
    count(&rings->board->calls[ring]);
}

void backend_rings_hear(struct backend_rings *rings, struct hf_message *message)
{
    uint64_t ring = message->body.u64 & HF_WIRE_VRING_MASK;
    bool is_ours = rings->board != NULL && ring < BACKEND_RINGS;

    if (is_ours && message->request == HF_REQUEST_SET_VRING_CALL)
        take_call(rings, (unsigned)ring, message);
    if (is_ours && message->request == HF_REQUEST_SET_VRING_KICK) {
        hf_fd_close(&rings->kick[ring]);
        rings->kick[ring] = take_fd(message);
    }
    hf_fd_close_all(message->fds, message->fd_count);
}

void backend_rings_answered(struct backend_rings *rings)
{
    if (rings->rings_old_call && rings->old_call >= 0)
        hf_event_signal(rings->old_call);
    hf_fd_close(&rings->old_call);
}

static void serve_kick(struct backend_rings *rings, unsigned ring)
{
    if (rings->kick[ring] < 0 || hf_event_drain(rings->kick[ring]) != 0)
        return;
    if (rings->call[ring] >= 0)
        hf_event_signal(rings->call[ring]);
    count(&rings->board->kicks[ring]);
}

void backend_rings_wait(struct backend_rings *rings, int connection)
{
    struct pollfd items[1 + BACKEND_RINGS] = { { .fd = connection, .events = POLLIN } };

    do {
        for (unsigned i = 0; i < BACKEND_RINGS; i++) {
            serve_kick(rings, i);
            items[1 + i] = (struct pollfd){ .fd = rings->kick[i], .events = POLLIN };
        }
        poll(items, 1 + BACKEND_RINGS, -1);
    } while (items[0].revents == 0);
}

void backend_rings_hold(struct backend_rings *rings, uint32_t request)
{
    const uint32_t *hold = rings->board != NULL ? &rings->board->hold : NULL;

    if (hold == NULL || __atomic_load_n(hold, __ATOMIC_ACQUIRE) != request)
        return;
    __atomic_store_n(&rings->board->held, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(hold, __ATOMIC_ACQUIRE) == request)
        usleep(500);
}
