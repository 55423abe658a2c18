/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots, lists and the way through a ring; see queue.h. */
#include "initiator/queue.h"

#include "base/check.h"
#include "base/checked.h"
#include "vscsi/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Header and response of one request as they lie in shared memory, the indirect table behind. */
#define HEADER_SIZE             64u
#define RESPONSE_SIZE           128u
#define TABLE_ENTRIES(segments) ((segments) + 2u)

_Static_assert(HF_VSCSI_REQUEST_SIZE_BYTES <= HEADER_SIZE, "header fits");
_Static_assert(HF_VSCSI_RESPONSE_SIZE_BYTES <= RESPONSE_SIZE, "response fits");

struct hf_initiator_slot {
    struct hf_link link; /* free, waiting or offered */
    struct hf_initiator_request *request;
    uint64_t tag;
    uint8_t *shared;
    uint64_t shared_address;
    uint16_t readable_count;
    uint16_t writable_count;
    struct hf_ring_segment segments[TABLE_ENTRIES(HF_INITIATOR_SEGMENTS_MAX)];
};

bool hf_guest_address(const struct hf_guest_region *region, const void *host, size_t size_bytes,
                      uint64_t *guest_address)
{
    uintptr_t start = (uintptr_t)region->host;
    uintptr_t at = (uintptr_t)host;

    if (at < start || !hf_range_inside(at - start, size_bytes, region->size_bytes))
        return false;
    *guest_address = region->guest_address + (at - start);
    return true;
}

static uint64_t slot_bytes(uint16_t segments_max)
{
    uint64_t table = TABLE_ENTRIES((uint64_t)segments_max) * sizeof(struct hf_desc);

    return hf_align_up(HEADER_SIZE + RESPONSE_SIZE + table, 64);
}

uint64_t hf_initiator_queue_bytes(uint16_t depth, uint16_t segments_max)
{
    return depth * slot_bytes(segments_max);
}

static void init_slots(struct hf_initiator_queue *queue, const struct hf_guest_region *arena)
{
    uint64_t stride = slot_bytes(queue->segments_max);

    for (uint16_t i = 0; i < queue->depth; i++) {
        struct hf_initiator_slot *slot = &queue->slots[i];
        slot->shared = arena->host + i * stride;
        slot->shared_address = arena->guest_address + i * stride;
        hf_list_append(&queue->free, &slot->link);
    }
}

int hf_initiator_queue_init(struct hf_initiator_queue *queue,
                            const struct hf_initiator_queue_setup *setup)
{
    *queue = (struct hf_initiator_queue){
        .data = setup->data,
        .ops = setup->ops,
        .kick = hf_bell_of(setup->kick_fd),
        .index = setup->index,
        .depth = setup->depth,
        .segments_max = setup->segments_max,
        .polls = setup->polls,
    };
    hf_list_init(&queue->free);
    hf_list_init(&queue->waiting);
    hf_list_init(&queue->offered);
    queue->slots = calloc(setup->depth, sizeof(*queue->slots));
    queue->driver_slots = calloc(HF_INITIATOR_RING_MAX, sizeof(*queue->driver_slots));
    if (queue->slots == NULL || queue->driver_slots == NULL) {
        hf_initiator_queue_done(queue);
        return -ENOMEM;
    }
    init_slots(queue, &setup->arena);
    return 0;
}

void hf_initiator_queue_done(struct hf_initiator_queue *queue)
{
    free(queue->slots);
    free(queue->driver_slots);
    queue->slots = NULL;
    queue->driver_slots = NULL;
}

/* What was offered goes back before what still waits, the oldest first. */
static void take_back(struct hf_initiator_queue *queue)
{
    while (!hf_list_empty(&queue->offered)) {
        struct hf_link *newest = queue->offered.previous;
        hf_list_remove(newest);
        hf_list_append(queue->waiting.next, newest);
    }
}

void hf_initiator_queue_begin(struct hf_initiator_queue *queue,
                              const struct hf_initiator_ring *ring)
{
    HF_CHECK(ring->ring.size <= HF_INITIATOR_RING_MAX);
    take_back(queue);
    hf_ring_driver_init(&queue->driver, &ring->ring, queue->driver_slots, ring->event_index);
    if (queue->polls)
        hf_ring_driver_disable_call(&queue->driver);
    queue->indirect = ring->indirect;
    queue->running = true;
}

void hf_initiator_queue_pause(struct hf_initiator_queue *queue)
{
    queue->running = false;
}

static struct hf_ring_segment segment_at(uint64_t guest_address, size_t length)
{
    return (struct hf_ring_segment){ .guest_address = guest_address, .length = (uint32_t)length };
}

/* Data segments go behind the header (out) or behind the response (in). */
static int fill_segments(struct hf_initiator_slot *slot, const struct hf_initiator_queue *queue,
                         const struct hf_initiator_request *request)
{
    bool in = request->direction == HF_DIRECTION_IN;
    unsigned data_at = in ? 2 : 1;
    unsigned data_count = request->direction == HF_DIRECTION_NONE ? 0 : request->iov_count;

    slot->segments[0] = segment_at(slot->shared_address, HF_VSCSI_REQUEST_SIZE_BYTES);
    slot->segments[in ? 1 : data_count + 1] =
        segment_at(slot->shared_address + HEADER_SIZE, HF_VSCSI_RESPONSE_SIZE_BYTES);
    for (unsigned i = 0; i < data_count; i++) {
        const struct iovec *iov = &request->iov[i];
        uint64_t address = 0;
        if (iov->iov_len > UINT32_MAX ||
            !hf_guest_address(queue->data, iov->iov_base, iov->iov_len, &address))
            return -EFAULT;
        slot->segments[data_at + i] = segment_at(address, iov->iov_len);
    }
    slot->readable_count = (uint16_t)(in ? 1 : data_count + 1);
    slot->writable_count = (uint16_t)(in ? data_count + 1 : 1);
    return 0;
}

int hf_initiator_queue_submit(struct hf_initiator_queue *queue,
                              struct hf_initiator_request *request)
{
    if (hf_list_empty(&queue->free))
        return -EAGAIN;
    if (request->iov_count > queue->segments_max)
        return -E2BIG;
    struct hf_initiator_slot *slot = HF_CONTAINER(queue->free.next, struct hf_initiator_slot, link);
    int ret = fill_segments(slot, queue, request);
    if (ret < 0)
        return ret;
    slot->request = request;
    slot->tag = ((uint64_t)queue->index << 48) | ++queue->tag;
    request->slot = slot;
    hf_list_remove(&slot->link);
    hf_list_append(&queue->waiting, &slot->link);
    queue->outstanding++;
    return 0;
}

/* Header and response are written again for every offer: the response is poisoned, so that one the
 * device never wrote cannot read as GOOD. */
static void write_header(const struct hf_initiator_slot *slot)
{
    struct hf_vscsi_request header = { .tag = slot->tag };

    hf_vscsi_lun_encode(slot->request->target, slot->request->lun, header.lun);
    memcpy(header.cdb, slot->request->cdb, sizeof(header.cdb));
    hf_vscsi_request_encode(&header, slot->shared);
    memset(slot->shared + HEADER_SIZE, 0xff, HF_VSCSI_RESPONSE_SIZE_BYTES);
}

static bool offer(struct hf_initiator_queue *queue, struct hf_initiator_slot *slot)
{
    struct hf_ring_driver_request chain = {
        .segments = slot->segments,
        .readable_count = slot->readable_count,
        .writable_count = slot->writable_count,
        .cookie = slot,
    };

    if (queue->indirect) {
        chain.indirect = (void *)(slot->shared + HEADER_SIZE + RESPONSE_SIZE);
        chain.indirect_address = slot->shared_address + HEADER_SIZE + RESPONSE_SIZE;
    }
    write_header(slot);
    return hf_ring_driver_add(&queue->driver, &chain, NULL);
}

void hf_initiator_queue_push(struct hf_initiator_queue *queue)
{
    if (!queue->running || hf_list_empty(&queue->waiting))
        return;
    while (!hf_list_empty(&queue->waiting)) {
        struct hf_link *link = queue->waiting.next;
        if (!offer(queue, HF_CONTAINER(link, struct hf_initiator_slot, link)))
            break;
        hf_list_remove(link);
        hf_list_append(&queue->offered, link);
    }
    hf_ring_driver_publish(&queue->driver);
    if (hf_ring_driver_kick_needed(&queue->driver))
        hf_bell_ring(&queue->kick);
}

static void read_response(const struct hf_initiator_slot *slot, struct hf_initiator_result *result)
{
    uint8_t bytes[HF_VSCSI_RESPONSE_SIZE_BYTES];
    struct hf_vscsi_response response;

    memcpy(bytes, slot->shared + HEADER_SIZE, sizeof(bytes));
    hf_vscsi_response_decode(bytes, &response);
    *result = (struct hf_initiator_result){ .response = response.response,
                                            .status = response.status,
                                            .resid = response.resid };
    if (response.response == HF_VSCSI_OK && response.sense_length > 0)
        hf_sense_decode(response.sense, response.sense_length, &result->sense);
}

static void complete(struct hf_initiator_queue *queue, struct hf_initiator_slot *slot)
{
    struct hf_initiator_request *request = slot->request;
    struct hf_initiator_result result;

    read_response(slot, &result);
    hf_list_remove(&slot->link);
    hf_list_append(&queue->free, &slot->link);
    slot->request = NULL;
    request->slot = NULL;
    queue->outstanding--;
    request->done(request, &result);
}

/* True if the ring can go on. */
static bool tell_fault(struct hf_initiator_queue *queue)
{
    enum hf_ring_fault fault = queue->driver.fault;
    bool goes_on = hf_ring_driver_skip(&queue->driver);

    if (!goes_on)
        queue->running = false;
    if (queue->ops.fault != NULL)
        queue->ops.fault(queue->ops.host, queue->index, fault);
    return goes_on;
}

unsigned hf_initiator_queue_take(struct hf_initiator_queue *queue, unsigned limit)
{
    struct hf_ring_driver_completion completion;
    unsigned count = 0;

    if (queue->driver.slots == NULL)
        return 0;
    for (unsigned step = 0; step < limit && queue->driver.fault == HF_RING_FAULT_NONE; step++) {
        if (hf_ring_driver_take(&queue->driver, &completion)) {
            complete(queue, completion.cookie);
            count++;
        } else if (queue->driver.fault == HF_RING_FAULT_NONE || !tell_fault(queue)) {
            break;
        }
    }
    return count;
}

bool hf_initiator_queue_listen(struct hf_initiator_queue *queue)
{
    if (queue->polls || queue->driver.slots == NULL)
        return false;
    return hf_ring_driver_enable_call(&queue->driver);
}
