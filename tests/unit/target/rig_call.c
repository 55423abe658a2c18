/* SPDX-License-Identifier: BSD-3-Clause */
/* What the guest of the target's tests says: commands into rings, answers out of them. */
#include "rig.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "vscsi/control.h"
#include "vscsi/lun.h"

#define RESPONSE_AT 512u /* in a slot */
#define SEGMENTS    64u

static uint64_t guest_address(const struct rig *rig, const uint8_t *at)
{
    return RIG_GUEST_BASE + (uint64_t)(at - rig->guest);
}

static uint8_t *slot_at(struct rig *rig, unsigned slot)
{
    return rig->guest + (size_t)slot * RIG_SLOT_BYTES;
}

uint8_t *rig_data(struct rig *rig, unsigned slot, const struct rig_command *command)
{
    return slot_at(rig, slot) + RIG_DATA + command->data_offset;
}

struct pieces {
    struct rig *rig;
    struct hf_ring_segment segments[SEGMENTS];
    uint16_t count;
};

static void add_pieces(struct pieces *pieces, uint8_t *at, uint32_t length, uint32_t piece)
{
    while (length > 0) {
        uint32_t now = piece == 0 || piece > length ? length : piece;

        assert_true(pieces->count < SEGMENTS);
        pieces->segments[pieces->count++] = (struct hf_ring_segment){
            .guest_address = guest_address(pieces->rig, at),
            .length = now,
        };
        at += now;
        length -= now;
    }
}

static void add_to_ring(struct rig *rig, struct rig_call *call, struct pieces *pieces,
                        uint16_t readable)
{
    struct hf_ring_driver_request request = {
        .segments = pieces->segments,
        .readable_count = readable,
        .writable_count = (uint16_t)(pieces->count - readable),
        .cookie = call,
    };

    assert_true(hf_ring_driver_add(&rig->rings[call->queue].driver, &request, NULL));
}

void rig_add(struct rig *rig, unsigned queue, struct rig_call *call, unsigned slot,
             const struct rig_command *command)
{
    struct pieces pieces = { .rig = rig };
    struct hf_vscsi_request header = { .tag = command->tag };
    uint8_t *at = slot_at(rig, slot);
    uint16_t readable;

    *call = (struct rig_call){ .slot = slot, .queue = queue };
    hf_vscsi_lun_encode(command->target, command->lun, header.lun);
    memcpy(header.cdb, command->cdb, sizeof(header.cdb));
    hf_vscsi_request_encode(&header, at);
    memset(at + RESPONSE_AT, 0xee, HF_VSCSI_RESPONSE_SIZE_BYTES);
    add_pieces(&pieces, at, HF_VSCSI_REQUEST_SIZE_BYTES, command->header_piece);
    add_pieces(&pieces, rig_data(rig, slot, command), command->data_out, 0);
    readable = pieces.count;
    add_pieces(&pieces, at + RESPONSE_AT, HF_VSCSI_RESPONSE_SIZE_BYTES, command->header_piece);
    add_pieces(&pieces, rig_data(rig, slot, command), command->data_in, 0);
    add_to_ring(rig, call, &pieces, readable);
}

void rig_kick(struct rig *rig, unsigned queue)
{
    struct rig_ring *ring = &rig->rings[queue];

    hf_ring_driver_publish(&ring->driver);
    if (hf_ring_driver_kick_needed(&ring->driver))
        assert_int_equal(eventfd_write(ring->kick, 1), 0);
}

void rig_post(struct rig *rig, unsigned queue, struct rig_call *call, unsigned slot,
              const struct rig_command *command)
{
    rig_add(rig, queue, call, slot, command);
    rig_kick(rig, queue);
}

void rig_post_task(struct rig *rig, struct rig_call *call, unsigned slot, uint32_t subtype,
                   uint64_t tag)
{
    struct pieces pieces = { .rig = rig };
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_TMF,
                                        .subtype = subtype,
                                        .tag = tag };
    uint8_t *at = slot_at(rig, slot);

    *call = (struct rig_call){ .slot = slot };
    hf_vscsi_lun_encode(0, 0, control.lun);
    hf_vscsi_tmf_encode(&control, at);
    at[RESPONSE_AT] = 0xee;
    add_pieces(&pieces, at, HF_VSCSI_TMF_SIZE_BYTES, 0);
    add_pieces(&pieces, at + RESPONSE_AT, 1, 0);
    add_to_ring(rig, call, &pieces, 1);
    rig_kick(rig, 0);
}

/* ---- answers ---- */

static void take(struct rig *rig, const struct hf_ring_driver_completion *completion)
{
    struct rig_call *call = completion->cookie;
    uint8_t *response = slot_at(rig, call->slot) + RESPONSE_AT;

    call->done = true;
    call->times++;
    call->order = rig->answers++;
    call->length = completion->length;
    if (call->queue == 0)
        call->response.response = response[0];
    else
        hf_vscsi_response_decode(response, &call->response);
}

/*
 * The answer of a request lies where the request was mapped; the used index may have been written
 * at the other place. TSan goes by addresses: it sees the order only where both are read.
 */
static void look_at_other(const struct rig *rig, const struct hf_ring *ring)
{
    if (rig->other) {
        const uint8_t *used = rig->other + ((const uint8_t *)ring->used - rig->guest);

        (void)__atomic_load_n((const uint16_t *)(used + 2), __ATOMIC_ACQUIRE);
    }
}

unsigned rig_poll(struct rig *rig)
{
    unsigned count = 0;

    for (unsigned i = 0; i < RIG_QUEUES && !rig->is_target; i++) {
        struct hf_ring_driver_completion completion;

        while (hf_ring_driver_take(&rig->rings[i].driver, &completion)) {
            look_at_other(rig, &rig->rings[i].ring);
            take(rig, &completion);
            count++;
        }
        assert_int_equal(rig->rings[i].driver.fault, HF_RING_FAULT_NONE);
    }
    return count;
}

void rig_wait(struct rig *rig, const struct rig_call *call)
{
    uint64_t end = now_ms() + RIG_PATIENCE_MS;

    while (!call->done) {
        assert_true(now_ms() < end);
        if (rig_poll(rig) == 0)
            usleep(50);
    }
}

void rig_run(struct rig *rig, struct rig_call *call, const struct rig_command *command)
{
    rig_post(rig, 2, call, 0, command);
    rig_wait(rig, call);
}

bool rig_err_rung(struct rig *rig, unsigned queue)
{
    eventfd_t value;

    return eventfd_read(rig->rings[queue].err, &value) == 0;
}

/* ---- commands ---- */

struct rig_command rig_read(uint64_t lba, uint32_t blocks)
{
    struct rig_command command = { .data_in = blocks * 512 };

    hf_cdb_read(command.cdb, lba, blocks);
    return command;
}

struct rig_command rig_write(uint64_t lba, uint32_t blocks, bool fua)
{
    struct rig_command command = { .data_out = blocks * 512 };

    hf_cdb_write(command.cdb, lba, blocks, fua);
    return command;
}

struct rig_command rig_flush(void)
{
    struct rig_command command = { 0 };

    hf_cdb_synchronize_cache_10(command.cdb, 0, 0);
    return command;
}

struct rig_command rig_inquiry(void)
{
    struct rig_command command = { .data_in = 96 };

    hf_cdb_inquiry(command.cdb, 96);
    return command;
}

void rig_assert_good(const struct rig_call *call)
{
    assert_true(call->done);
    assert_int_equal(call->times, 1);
    assert_int_equal(call->response.response, HF_VSCSI_OK);
    assert_int_equal(call->response.status, HF_STATUS_GOOD);
}
