/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest: a driver for virtio-scsi, and a load that knows at each moment what is on the disk. Each
 * request must be answered once, well and with the right data; else the program ends with what was
 * wrong. It knows its memory and a bell, nothing of the VMM.
 */
#ifndef TINY_GUEST_H
#define TINY_GUEST_H

#include "memory.h"
#include "ring.h"

#include <stdbool.h>
#include <stdint.h>

/* The machine's address map. */
#define GUEST_LOW_ADDRESS   UINT64_C(0x100000) /* rings, headers, answers */
#define GUEST_LOW_BYTES     UINT64_C(0x100000)
#define GUEST_DATA_ADDRESS  UINT64_C(0x40000000)
#define GUEST_DATA_BYTES    UINT64_C(0x200000)

#define GUEST_CONTROL_QUEUE 0u
#define GUEST_EVENT_QUEUE   1u
#define GUEST_FIRST_REQUEST 2u
#define GUEST_QUEUES        4u
#define GUEST_RING_SIZE     128u
#define GUEST_QUEUE_DEPTH   32u /* requests in flight on a queue */
#define GUEST_SLOTS         (GUEST_QUEUE_DEPTH * (GUEST_QUEUES - GUEST_FIRST_REQUEST))
#define GUEST_CHUNKS        256u
#define GUEST_CHUNK_BYTES   8192u
#define GUEST_EVENTS        8u

enum guest_command {
    GUEST_TEST_UNIT_READY,
    GUEST_INQUIRY,
    GUEST_READ,
    GUEST_WRITE,
    GUEST_COMMAND_COUNT
};

struct guest_slot {
    bool busy;
    enum guest_command command;
    unsigned chunk;
    uint32_t generation; /* what is written */
    uint64_t buffer;
};

/* A piece of the disk. What was written and not answered when the guest was reset may be there or
 * not: any generation from `oldest` to `newest`. 0: never written. */
struct guest_chunk {
    uint32_t oldest;
    uint32_t newest;
    bool busy;
};

struct guest {
    struct memory *memory;
    void *host;
    void (*notify)(void *host, uint16_t queue); /* the guest writes the queue's notify register */
    struct ring rings[GUEST_QUEUES];
    unsigned boots;
    struct guest_slot slots[GUEST_SLOTS];
    struct guest_chunk chunks[GUEST_CHUNKS];
    uint64_t buffers; /* where new requests have their data */
    uint64_t random;
    uint64_t wanted; /* requests, from the beginning */
    uint64_t posted;
    uint64_t answered;
    uint64_t interrupts;
    uint64_t events;
    bool control_busy;
    bool has_driver; /* between boot and reset */
};

void guest_init(struct guest *guest, struct memory *memory, uint64_t seed);
/* Its memory is elsewhere from now on; the guest does not notice. */
void guest_move(struct guest *guest, struct memory *memory);

/* Fresh rings, not where the last ones were; whatever was in flight is forgotten. */
void guest_boot(struct guest *guest);
/* The device is there (DRIVER_OK): buffers for events, and the first requests. */
void guest_begin(struct guest *guest);
/* So many more requests, as many at once as there is room for. */
void guest_load(struct guest *guest, uint64_t count);
/* There is no driver any more: nobody takes interrupts, nobody wants answers. */
void guest_halt(struct guest *guest);
/* No new requests. */
void guest_end_load(struct guest *guest);
/* One request, alone on its queue. */
void guest_submit(struct guest *guest, enum guest_command command, unsigned chunk);
void guest_interrupt(struct guest *guest, uint16_t queue);

uint64_t guest_outstanding(const struct guest *guest);
/* Whether one of those outstanding has its data in [from, from + size). */
bool guest_uses(const struct guest *guest, uint64_t from, uint64_t size_bytes);
/* The device may write what it has: used rings and buffers for events. */
void guest_mark_standing(struct guest *guest);
/* Nobody wrote between the buffers. */
void guest_check_gaps(const struct guest *guest, uint64_t buffers);
/* Scribbles over all buffers and answers, as the next operating system may. */
void guest_scribble(struct guest *guest);

#endif
