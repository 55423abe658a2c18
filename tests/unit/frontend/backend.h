/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back-end of the smallest kind, in a process of its own: answers the handshake and does no I/O.
 * It can be told where to misbehave.
 */
#ifndef TESTS_FRONTEND_BACKEND_H
#define TESTS_FRONTEND_BACKEND_H

#include "backend_rings.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct backend_script {
    enum {
        BACKEND_REGION_GOOD,
        BACKEND_REGION_SHORT,
        BACKEND_REGION_EVENTFD,
        BACKEND_REGION_SEALED,
        BACKEND_REGION_NONE /* size 0 */
    } region;
    int dies_at;   /* exits on the message with this number (from 1); 0: never */
    int closes_at; /* closes the connection there, and takes the next one; 0: never */
    int sweeps;    /* closes each connection a message later than the last, up to this one, and then
                      from the first again; 0: does not */
    int silent_at; /* does not answer from there on; 0: never */
    int naks_at;   /* refuses it, if it is to be acknowledged; 0: never */
    int strays_at; /* answers another request instead; 0: never */
    int good_from; /* the connection (from 1) from which on it does none of these; 0: none */
    uint64_t adds; /* virtio features offered besides the usual */
    uint64_t adds_protocol;
    uint64_t lacks;          /* virtio features not offered */
    uint64_t lacks_protocol; /* and protocol features */
    uint64_t queues;         /* 0: three */
    uint64_t slots;          /* of memory; 0: 32 */
    uint16_t base;           /* what GET_VRING_BASE answers */
    bool keeps_base;         /* never answers it */
    uint8_t config_bytes;    /* of the answer to GET_CONFIG, of ours with the trailer; 0: empty */
    uint32_t trailer_flags;
    uint32_t closes_on;          /* a request: it closes the connection there; 0: none */
    bool rings_old_call;         /* rings a replaced call descriptor, behind the acknowledgement */
    struct backend_board *board; /* it serves kicks, and may be held; NULL: neither */
    /* Bytes of each queue of an in-flight region beyond the least; `pads_later` on connections
     * after the first. */
    uint16_t pads;
    uint16_t pads_later;
};

/* Forks; the child listens on `path` and serves until it is killed or dies by its script. */
pid_t backend_start(const char *path, const struct backend_script *script);
/* SIGKILL (if `kill_it`) and reap. */
void backend_end(pid_t pid, bool kill_it);

#endif
