/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which disks a back-end has: INQUIRY to every target, REPORT LUNS, READ CAPACITY (SPC-4 §6.6,
 * §6.33; SBC-3 §5.15). Blocks, running the initiator's loop: for programs at their start.
 */
#ifndef HF_INITIATOR_DISCOVERY_H
#define HF_INITIATOR_DISCOVERY_H

#include "initiator/initiator.h"

/* Of the INQUIRY fields, trailing spaces cut, with NUL. */
#define HF_DISK_VENDOR_SIZE  9u
#define HF_DISK_PRODUCT_SIZE 17u
#define HF_DISK_SERIAL_SIZE  65u

struct hf_disk {
    uint8_t target;
    uint16_t lun;
    uint8_t type; /* peripheral device type; 0 = direct access */
    char vendor[HF_DISK_VENDOR_SIZE];
    char product[HF_DISK_PRODUCT_SIZE];
    char serial[HF_DISK_SERIAL_SIZE]; /* empty: no VPD page 80 */
    uint64_t blocks;                  /* 0: no capacity */
    uint32_t block_size_bytes;
    bool read_only; /* mode sense said WP */
};

struct hf_disk_list {
    struct hf_disk *disks; /* caller's */
    unsigned capacity;
    unsigned count;
    bool truncated; /* there are more */
};

/*
 * Targets 0 to 255; gives up looking after 16 absent ones in a row. Needs
 * HF_DISCOVERY_BUFFER_SIZE bytes of registered memory at `buffer` while it runs. 0, or -errno with
 * a sentence (-ETIMEDOUT): then the initiator still has a request of ours, and may only be freed.
 */
#define HF_DISCOVERY_BUFFER_SIZE 8192u
int hf_discovery_run(struct hf_initiator *initiator, void *buffer, uint64_t deadline_ns,
                     struct hf_disk_list *list, struct hf_error *error);

#endif
