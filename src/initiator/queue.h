/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request queue as a guest keeps it: slots for headers and responses in shared memory, the
 * requests that wait, and those the device has. What must be remembered is in private memory, in
 * the order of submission, so that the queue can begin again on a fresh ring. It knows rings and
 * virtio-scsi framing, no sockets: somebody else gives it memory and a bell.
 */
#ifndef HF_INITIATOR_QUEUE_H
#define HF_INITIATOR_QUEUE_H

#include "base/list.h"
#include "os/event.h"
#include "ring/driver.h"
#include "scsi/opcode.h"
#include "scsi/sense.h"
#include "vscsi/request.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define HF_INITIATOR_DEPTH_MAX    1024u
#define HF_INITIATOR_SEGMENTS_MAX 64u
#define HF_INITIATOR_RING_MAX     1024u /* what back-ends take (SPDK, DPDK) */

struct hf_initiator_slot;

struct hf_initiator_result {
    uint8_t response; /* enum hf_vscsi_code; 0xff: the device wrote none */
    uint8_t status;   /* enum hf_status, if the response is OK */
    uint32_t resid;
    struct hf_sense sense; /* key 0 where there was none */
};

struct hf_initiator_request {
    uint8_t target;
    uint16_t lun;
    uint8_t cdb[HF_CDB_SIZE_BYTES];
    enum hf_direction direction;
    const struct iovec *iov; /* borrowed until done */
    unsigned iov_count;
    void (*done)(struct hf_initiator_request *request, const struct hf_initiator_result *result);
    /* Below: of the queue. */
    struct hf_initiator_slot *slot;
};

static inline bool hf_initiator_good(const struct hf_initiator_result *result)
{
    return result->response == HF_VSCSI_OK && result->status == HF_STATUS_GOOD;
}

/* Memory that the device sees, mapped here. */
struct hf_guest_region {
    uint8_t *host;
    uint64_t guest_address;
    uint64_t size_bytes;
    int fd;
};

/* The guest address of host bytes; false if they are not all in the region. */
bool hf_guest_address(const struct hf_guest_region *region, const void *host, size_t size_bytes,
                      uint64_t *guest_address);

struct hf_initiator_queue_ops {
    void *host;
    /* A used element for a head that is not outstanding was skipped, or the ring is broken. */
    void (*fault)(void *host, uint16_t queue, enum hf_ring_fault fault);
};

struct hf_initiator_queue {
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot *driver_slots; /* HF_INITIATOR_RING_MAX of them */
    struct hf_initiator_slot *slots;          /* depth of them */
    const struct hf_guest_region *data;
    struct hf_initiator_queue_ops ops;
    struct hf_bell kick;
    struct hf_link free;
    struct hf_link waiting; /* accepted, not yet shown to the device; oldest first */
    struct hf_link offered; /* with the device, in the order it was offered */
    uint64_t tag;
    uint16_t index;
    uint16_t depth;
    uint16_t segments_max;
    unsigned outstanding; /* waiting and offered */
    bool indirect;
    bool running; /* there is a ring to offer on */
    bool polls;
};

struct hf_initiator_queue_setup {
    uint16_t index;
    uint16_t depth;
    uint16_t segments_max;
    bool polls;
    const struct hf_guest_region *data; /* where requests' buffers are; borrowed */
    struct hf_guest_region arena;       /* hf_initiator_queue_bytes() of the queue's own */
    int kick_fd;                        /* borrowed */
    struct hf_initiator_queue_ops ops;
};

/* Bytes of shared memory for headers, responses and indirect tables. */
uint64_t hf_initiator_queue_bytes(uint16_t depth, uint16_t segments_max);
/* 0 or -ENOMEM. */
int hf_initiator_queue_init(struct hf_initiator_queue *queue,
                            const struct hf_initiator_queue_setup *setup);
void hf_initiator_queue_done(struct hf_initiator_queue *queue);

struct hf_initiator_ring {
    struct hf_ring ring; /* at most HF_INITIATOR_RING_MAX entries */
    bool indirect;
    bool event_index;
};

/*
 * A fresh ring: everything outstanding is to be offered again, in the order it was submitted, with
 * the next push. The device must not touch the old ring any more.
 */
void hf_initiator_queue_begin(struct hf_initiator_queue *queue,
                              const struct hf_initiator_ring *ring);
/* Nothing is offered until the next begin; what the device still publishes may be taken. */
void hf_initiator_queue_pause(struct hf_initiator_queue *queue);

/* See hf_initiator_submit. */
int hf_initiator_queue_submit(struct hf_initiator_queue *queue,
                              struct hf_initiator_request *request);
/* Shows what waits to the device, as far as there is room, and rings the bell where needed. */
void hf_initiator_queue_push(struct hf_initiator_queue *queue);
/* Completes what the device published, at most `limit`; returns how many. */
unsigned hf_initiator_queue_take(struct hf_initiator_queue *queue, unsigned limit);
/* Asks for a call. True if something is there already: take again. */
bool hf_initiator_queue_listen(struct hf_initiator_queue *queue);

#endif
