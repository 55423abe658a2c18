/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a split virtqueue, with its in-flight record: fetch heads, walk chains,
 * answer in any order and in batches. It knows nothing of SCSI, of threads or of eventfds: it says
 * when a call is needed, somebody else writes it.
 *
 * All state of a ring is in one struct hf_ring_device, which one worker owns at a time. Nothing
 * blocks, nothing allocates. Between fetch and settle it may be killed at any instruction.
 *
 *     hf_ring_device_start(&device, &setup);
 *     hf_ring_device_recover(&device, &queue, &recovery);      if there is a region
 *     ... the recovery's requests, in order, then:
 *     for (;;) {
 *         while (hf_ring_device_fetch(&device, &head))
 *             hf_ring_device_walk(&device, &chain, head) ...
 *         ... when some are done, in any order:
 *         hf_ring_device_complete(&device, elements, count);
 *         if (hf_ring_device_call_needed(&device)) write the call eventfd
 *         ... nothing left to do:
 *         if (!hf_ring_device_enable_kick(&device)) sleep
 *     }
 */
#ifndef HF_RING_DEVICE_H
#define HF_RING_DEVICE_H

#include "ring/chain.h"
#include "ring/dirty.h"
#include "ring/inflight.h"
#include "ring/split.h"

struct hf_ring_device_setup {
    struct hf_ring ring;
    const struct hf_memory *memory; /* borrowed while the ring runs */
    uint16_t base;                  /* SET_VRING_BASE: next avail index */
    bool event_index;               /* VIRTIO_F_EVENT_IDX negotiated */
    bool indirect;                  /* VIRTIO_F_INDIRECT_DESC negotiated */
};

struct hf_ring_device {
    struct hf_ring ring;
    const struct hf_memory *memory;    /* may be exchanged while no chain of it is in use */
    struct hf_inflight_queue inflight; /* .header NULL: not tracked */
    bool event_index;
    bool indirect;
    bool called;           /* a call decision was made since start */
    uint16_t last_avail;   /* next avail entry to fetch; GET_VRING_BASE answers this when drained */
    uint16_t avail_seen;   /* avail->idx at the last look */
    uint16_t used_index;   /* what we published */
    uint16_t called_index; /* used_index at the last call decision */
    uint16_t last_batch;   /* our copy of last_batch_head: shared memory is not asked */
    uint64_t counter;      /* of the next fetch */
    struct hf_dirty_log log;  /* of our writes to the used ring; no bits: they are not logged */
    uint64_t log_address;     /* at which the log has its first byte */
    enum hf_ring_fault fault; /* sticky: the driver broke the ring, nothing is fetched any more */
};

/*
 * Begins at setup->base, untracked, and rewrites the notification state (used->flags, avail_event),
 * so that what a dead predecessor left there does no harm: kicks are enabled afterwards. Fetch once
 * after this without waiting for a kick. The first call decision after a start is always yes.
 */
void hf_ring_device_start(struct hf_ring_device *device, const struct hf_ring_device_setup *setup);

/*
 * Once, after start and before the first fetch: settles and recovers the queue and tracks in-flight
 * requests from here on. recovery->requests (caller's, ring.size of them) are to be executed before
 * anything fetched. The base is replaced by used->idx + count. On a fault the device stays
 * untracked and must not be used.
 */
enum hf_inflight_fault hf_ring_device_recover(struct hf_ring_device *device,
                                              const struct hf_inflight_queue *queue,
                                              struct hf_inflight_recovery *recovery);

/*
 * From here on every write to the used ring is marked in the log, whose first byte stands for
 * `address` (vhost-user: log_guest_addr of the ring); and the whole ring is marked now, since the
 * start has written to it, and a predecessor may have died between a write and its mark. Without
 * bits: nothing is marked any more. A start forgets the log.
 */
void hf_ring_device_set_log(struct hf_ring_device *device, const struct hf_dirty_log *log,
                            uint64_t address);

/* Is there a head to fetch? Cheap when there is; looks at shared memory when there is not. */
bool hf_ring_device_pending(struct hf_ring_device *device);

/*
 * Takes the next head and records it in flight. False if there is none, or if the driver broke the
 * ring (device->fault). Heads are below ring.size, and never more than ring.size are out. Without
 * an in-flight record a hostile driver can post a head that is still out: the caller must not mind.
 */
bool hf_ring_device_fetch(struct hf_ring_device *device, uint16_t *head);
/*
 * The same without the mark, for buffers that are fetched only to be answered at once (event
 * queue): a kill in between leaves the buffer with the driver. Answer it before fetching the next
 * one.
 */
bool hf_ring_device_fetch_unmarked(struct hf_ring_device *device, uint16_t *head);

/* The chain of a fetched or recovered head; see ring/chain.h. */
enum hf_ring_fault hf_ring_device_walk(const struct hf_ring_device *device,
                                       struct hf_ring_chain *chain, uint16_t head);

/*
 * Answers count heads with one publication: links them as the last batch, publishes, clears their
 * marks, settles. elements[i].id are heads that were fetched or recovered and not yet answered,
 * each once; count <= ring.size. All data written for them must be in guest memory before.
 */
void hf_ring_device_complete(struct hf_ring_device *device, const struct hf_used_element *elements,
                             uint16_t count);

/*
 * After complete: does the driver want a call for what was published since the last time this was
 * asked? Contains the full fence.
 */
bool hf_ring_device_call_needed(struct hf_ring_device *device);

/* "No kicks please", while polling. A hint; kicks may still come. */
void hf_ring_device_disable_kick(struct hf_ring_device *device);
/*
 * Asks for a kick at the next head. True if one is there already (the caller fetches and does not
 * sleep): contains the fence and the second look. A broken ring has
 * nothing pending.
 */
bool hf_ring_device_enable_kick(struct hf_ring_device *device);

/* Heads fetched or recovered and not yet answered. */
static inline uint16_t hf_ring_device_outstanding(const struct hf_ring_device *device)
{
    return (uint16_t)(device->last_avail - device->used_index);
}

#endif
