/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's driver in a thread of its own: two request queues, twelve requests at once, blocks
 * written by one queue and read back by the other. It goes on whatever happens on the socket; what
 * it knows it knows from its rings. Its bells are system calls that ThreadSanitizer does not know,
 * so that they wake, and order nothing.
 */
#ifndef TESTS_TARGET_THREADS_DRIVER_H
#define TESTS_TARGET_THREADS_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring/driver.h"
#include "threads_front.h"

#define DRIVER_LANES  12u
#define DRIVER_QUEUES 2u

/* One request after another: writes a generation of its own blocks, reads it back. */
struct driver_lane {
    struct driver *driver;
    unsigned number;
    uint32_t generation;
    bool reading;
    bool is_extra; /* its data is in the extra memory */
};

struct driver_line {
    unsigned vring;
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot slots[FRONT_RING_SIZE];
};

struct driver {
    struct front *front;
    unsigned number; /* 0 or 1: of the two drivers of a front-end */
    pthread_t thread;
    struct driver_line lines[DRIVER_QUEUES];
    struct driver_lane lanes[DRIVER_LANES];
    unsigned out; /* requests */
    atomic_bool ends;
    atomic_bool parks;  /* wanted */
    atomic_bool parked; /* is so: the thread touches nothing */
    atomic_bool may_use_extra;
    atomic_bool may_be_reset; /* a request may be answered with RESET; it is done again then */
    atomic_uint extra_out;
    atomic_uint answered;
    atomic_uint resets;
    _Atomic(const char *) failure;
};

/* The rings are new: all zeros. */
void driver_start(struct driver *driver, struct front *front, unsigned number);
/* Waits until all its requests are answered. Fails the test with what it saw go wrong. */
void driver_stop(struct driver *driver);
/* Returns when the driver touches nothing any more; what is in its rings stays there. */
void driver_park(struct driver *driver);
void driver_unpark(struct driver *driver);
/* Waits for so many answers more. */
void driver_wait_answers(struct driver *driver, unsigned count);
/* From its return on no request has data in the extra memory. */
void driver_leave_extra(struct driver *driver);

#endif
