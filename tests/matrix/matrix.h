/* SPDX-License-Identifier: BSD-3-Clause */
/* The matrix: what may happen (rows), where the device may be (columns), and what must come of it.
 */
#ifndef MATRIX_MATRIX_H
#define MATRIX_MATRIX_H

#include "stand.h"

enum mx_event {
    MX_EVENT_SOCKET_OPENED,
    MX_EVENT_HANDSHAKE_ERROR,
    MX_EVENT_SOCKET_CLOSED,
    MX_EVENT_DRIVER_OK,
    MX_EVENT_RESUME,
    MX_EVENT_PAUSE,
    MX_EVENT_DRIVER_GONE,
    MX_EVENT_EARLY_KICK,
    MX_EVENT_MODERN_KICK,
    MX_EVENT_RESET,
    MX_EVENT_START_FAILS,
    MX_EVENT_HOST_FAILS,
    MX_EVENT_UNREALIZE,
    MX_EVENT_UNREALIZE_AT_ONCE,
    MX_EVENT_MEMORY_ADD,
    MX_EVENT_MEMORY_REMOVE,
    MX_EVENT_LOG_ON,
    MX_EVENT_LOG_OFF,
    MX_EVENT_MASK,
    MX_EVENT_UNMASK,
    MX_EVENT_SAVE,
    MX_EVENT_LOAD,
    MX_EVENT_FORCE_STOP,
    MX_EVENT_REALIZE,
    MX_EVENT_FREE,
    MX_EVENT_COUNT
};

enum mx_state {
    MX_STATE_D, /* disconnected */
    MX_STATE_H, /* handshaking */
    MX_STATE_C, /* connected, no ring runs */
    MX_STATE_R, /* running */
    MX_STATE_P, /* the session is lost, the rings are not yet at rest */
    MX_STATE_COUNT
};

#define MX_ROADS 2u /* to each state */

struct mx_cell {
    const char *text; /* as in the table of the requirements */
    char state;       /* in which the device then is, without any fault */
    bool (*also)(const struct mx *mx);
};

struct mx_row {
    const char *name;
    enum mx_guest_kind guest;
    void (*prepare)(struct mx *mx); /* in the state, before the event; may be NULL */
    void (*happen)(struct mx *mx);
    struct mx_cell cells[MX_STATE_COUNT];
};

extern const struct mx_row mx_rows[MX_EVENT_COUNT];
extern const char *const mx_state_names[MX_STATE_COUNT];

/* roads.c: brings the device there; red if it does not get there. */
void mx_reach(struct mx *mx, enum mx_state state, unsigned road, enum mx_guest_kind guest);
/* The good back-end comes and everything is as the host wants it; then life goes on and ends. */
void mx_conclude(struct mx *mx, bool same_process);

#endif
