/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A front-end that speaks one message at a time and waits for each answer, its guest's memory, and
 * the rings in it. Ring memory is shared with a target in this process (one_mapping.h). It knows
 * messages, not what the guest asks for (threads_driver.h). One thread speaks.
 */
#ifndef TESTS_TARGET_THREADS_FRONT_H
#define TESTS_TARGET_THREADS_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "os/region.h"
#include "ring/split.h"
#include "threads_target.h"
#include "wire/framer.h"

#define FRONT_VRINGS       (THREADS_QUEUES + 2)
#define FRONT_RING_SIZE    64
#define FRONT_RING_BYTES   16384u
#define FRONT_LANES        32u /* places for a request, in the memory and in the extra memory */
#define FRONT_LANE_BYTES   4096u

#define FRONT_MEMORY_GUEST UINT64_C(0x10000000)
#define FRONT_EXTRA_GUEST  UINT64_C(0x40000000)

struct front {
    const char *path;
    uint64_t number;     /* each has blocks of its own */
    unsigned unit_count; /* of the target */
    int socket_fd;
    struct hf_framer framer;
    int memory_fd;
    int extra_fd;
    struct hf_mapping memory; /* lanes, then rings */
    struct hf_mapping extra;  /* lanes only; comes and goes */
    struct hf_ring rings[FRONT_VRINGS];
    int kick[FRONT_VRINGS];
    int call[FRONT_VRINGS];
    struct hf_message inflight; /* what GET_INFLIGHT_FD answered, its descriptor in it */
};

void front_init(struct front *front, const char *path, uint64_t number);
void front_done(struct front *front);

/* Handshake, in-flight region, memory; no ring runs. The region is made once and kept. */
void front_connect(struct front *front);
/* The socket is closed for writing; returns when the target has closed it too, which says that it
 * has let go of the memory. */
void front_leave(struct front *front);
/* Waits until the target closes the socket. */
void front_wait_end(struct front *front);

/* NUM, BASE, ADDR, KICK, CALL, ENABLE. */
void front_start_ring(struct front *front, unsigned vring, uint16_t base);
void front_start_all(struct front *front);
/* GET_VRING_BASE */
uint16_t front_stop_ring(struct front *front, unsigned vring);
void front_enable(struct front *front, unsigned vring, bool enabled);
/* Another descriptor of the same eventfd. */
void front_renew_call(struct front *front, unsigned vring);
void front_add_extra(struct front *front);
void front_remove_extra(struct front *front);
/* SET_MEM_TABLE with the memory, and with the extra one too. */
void front_set_table(struct front *front, bool extra);

/* SET_LOG_BASE: a log from page 0 on, long enough for all the memory there can be. */
void front_set_log(struct front *front, int fd, size_t size_bytes);
/* SET_FEATURES, with LOG_ALL or without. */
void front_switch_log(struct front *front, bool on);
#define FRONT_LOG_BYTES ((FRONT_EXTRA_GUEST + (UINT64_C(16) << 20)) / 4096 / 8)

/* Writes to all of it as nobody may who is not alone with it: not atomically. */
void front_touch(const struct hf_mapping *mapping);

#endif
