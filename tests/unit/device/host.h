/* SPDX-License-Identifier: BSD-3-Clause */
/* A host with all operations: it keeps a diary of what it is asked to do and of the messages sent,
 * in one order, and can fail. One at a time, for the device of a rig. */
#ifndef TESTS_DEVICE_HOST_H
#define TESTS_DEVICE_HOST_H

#include "../frontend/rig.h"

#define HOST_LINES_MAX  400
#define HOST_LINE_SIZE  64
#define HOST_QUEUES_MAX 16

struct host {
    /* "-> SET_VRING_KICK ring=0", "-> SET_VRING_BASE ring=0 num=5", "host 0 on" */
    char lines[HOST_LINES_MAX][HOST_LINE_SIZE];
    unsigned count;
    int bad_queue; /* whose host notifier cannot be switched on; -1: none */
    int bad_code;  /* what it fails with, and guest notifiers with the next two: errno or 0 */
    int guest_code;
    int guest_off_code;
    int host_on[HOST_QUEUES_MAX]; /* how often more on than off */
    int guest_on;
};
extern struct host host;

/* Setup of a test: a rig whose device has all of the host's operations. Ends by rig_end. */
int host_begin(void **state);
/* Connected, and the driver has acknowledged VERSION_1; its three queues are set up; they run. */
void host_connect(struct rig *rig);
void host_set_up(struct rig *rig);
void host_start(struct rig *rig);
void host_settle(struct rig *rig); /* until the back-end has confirmed all */
void host_forget(void);            /* what was written so far */
/* All of it, a line each. */
void host_expect(const char *diary);
/* How many lines begin so. */
unsigned host_times(const char *beginning);
/* The n-th message sent (from 1), without the arrow; NULL: there are fewer. */
const char *host_message(unsigned number);
/* Nothing is on. */
void host_expect_off(void);

#endif
