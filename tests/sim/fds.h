/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger of descriptors: each number is opened or duplicated once, belongs to somebody, and is
 * closed exactly once. Numbers are never used again, so that a stale one is seen. What a number
 * refers to is an object: a kick eventfd, guest memory, an in-flight region.
 */
#ifndef SIM_FDS_H
#define SIM_FDS_H

#include "verdict.h"

#include <stdint.h>

#define SIM_FDS_MAX   8192
#define SIM_FDS_FIRST 100

enum sim_owner { SIM_OWNER_PLAN, SIM_OWNER_EDGE, SIM_OWNER_PEER, SIM_OWNER_COUNT };

struct sim_fds {
    struct sim_verdict *verdict;
    int count;
    struct {
        bool open;
        uint8_t owner;
        uint16_t object;
    } list[SIM_FDS_MAX];
};

int sim_fd_open(struct sim_fds *fds, unsigned object, enum sim_owner owner);
int sim_fd_dup(struct sim_fds *fds, int fd, enum sim_owner owner);
void sim_fd_give(struct sim_fds *fds, int fd, enum sim_owner owner);
/* -1 is nothing to close. */
void sim_fd_close(struct sim_fds *fds, int fd);
/* What it refers to; 0 for -1, and a failure for one that is not open. */
unsigned sim_fd_object(struct sim_fds *fds, int fd);
unsigned sim_fds_open_count(const struct sim_fds *fds);
/* At the end nothing is open. */
void sim_fds_balance(struct sim_fds *fds);

#endif
