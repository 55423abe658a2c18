/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptors of the small back-end's rings, for tests of notifications: it counts kicks, and
 * answers each with a call. What it counts, and where the test holds it, is on a board that both
 * processes see.
 */
#ifndef TESTS_FRONTEND_BACKEND_RINGS_H
#define TESTS_FRONTEND_BACKEND_RINGS_H

#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define BACKEND_RINGS 3

struct backend_board {
    unsigned kicks[BACKEND_RINGS];
    unsigned calls[BACKEND_RINGS]; /* SET_VRING_CALL that it was sent */
    uint32_t hold; /* from the test: the request that it does not answer yet; 0: none */
    uint32_t held; /* it got one */
};

/* Memory that a forked child shares; done with it, the test unmaps it. */
struct backend_board *backend_board_new(void);
void backend_board_free(struct backend_board *board);
/* For the test: the back-end has got there, in good time. */
void backend_board_await(const unsigned *counter, unsigned count);
/* What it is to hold from now on; 0 lets it go on. */
void backend_board_hold(struct backend_board *board, uint32_t request);
void backend_board_await_held(struct backend_board *board);

struct backend_rings {
    struct backend_board *board; /* NULL: descriptors are closed as they come */
    bool rings_old_call;         /* a replaced call descriptor is rung once more */
    int kick[BACKEND_RINGS];
    int call[BACKEND_RINGS];
    int old_call;
};

void backend_rings_init(struct backend_rings *rings, struct backend_board *board);
void backend_rings_done(struct backend_rings *rings);
/* Takes the message's descriptors. */
void backend_rings_hear(struct backend_rings *rings, struct hf_message *message);
/* After the answer to it was sent. */
void backend_rings_answered(struct backend_rings *rings);
/* Serves kicks until the connection has something to read. */
void backend_rings_wait(struct backend_rings *rings, int connection);
/* Does not come back while the test holds this request. */
void backend_rings_hold(struct backend_rings *rings, uint32_t request);

#endif
