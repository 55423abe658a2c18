/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest: three rings in memory of its own and a ledger. Each request completes once, none that
 * was given up comes back, and an interrupt is the only reason to look. It knows no device.
 */
#ifndef MATRIX_GUEST_H
#define MATRIX_GUEST_H

#include "verdict.h"

#include "os/region.h"
#include "ring/driver.h"

#define MX_QUEUES      3
#define MX_RING_SIZE   8
#define MX_MEMORY      UINT64_C(0x100000) /* guest addresses */
#define MX_MEMORY_SIZE UINT64_C(0x10000)
#define MX_EXTRA       UINT64_C(0x800000) /* comes and goes */
#define MX_EXTRA_SIZE  UINT64_C(0x4000)
#define MX_LOG_SIZE    UINT64_C(0x1000)

struct mx_guest {
    struct mx_verdict *verdict;
    int memory_fd, extra_fd, log_fd;
    struct hf_mapping memory, extra;
    int calls[MX_QUEUES];
    struct hf_ring_driver drivers[MX_QUEUES];
    struct hf_ring_driver_slot slots[MX_QUEUES][MX_RING_SIZE];
    unsigned area; /* where the rings are; new ones are elsewhere */
    unsigned posted, completed, given_up;
};

void mx_guest_init(struct mx_guest *guest, struct mx_verdict *verdict);
void mx_guest_done(struct mx_guest *guest);
/* New rings, in memory that a back-end of the old ones does not know; what was outstanding is
 * given up. */
void mx_guest_lay_out(struct mx_guest *guest);
/* One request; the device is to be kicked. */
void mx_guest_post(struct mx_guest *guest, uint16_t queue);
/* Takes what was answered on rings whose interrupt came; whether there was any. */
bool mx_guest_harvest(struct mx_guest *guest);
/* Which of the eventfds (or -1) rang, by bit, and no longer do. In few system calls: this is most
 * of what the matrix does. */
unsigned mx_rang(const int fds[MX_QUEUES]);
unsigned mx_guest_outstanding(const struct mx_guest *guest);
/* Guest address of a ring's beginning. */
uint64_t mx_guest_ring_address(const struct mx_guest *guest, uint16_t queue);
/* The ring is the guest's present one, and this head is not out. */
bool mx_guest_disowns(const struct mx_guest *guest, uint16_t queue, const void *desc,
                      uint16_t head);

#endif
