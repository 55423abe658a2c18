/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A SCSI request: header, unit, CDB, then an answer out of values or I/O between the medium and the
 * guest's buffers; at the end one response. virtio 1.3 §5.6.6.1.
 */
#include "target/request.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "scsi/response.h"
#include "target/serve.h"
#include "target/worker_state.h"
#include "vscsi/lun.h"

/* ---- the end ---- */

static uint32_t data_size(const struct hf_request *request)
{
    uint64_t size = request->readable_bytes - HF_VSCSI_REQUEST_SIZE_BYTES +
                    request->writable_bytes - HF_VSCSI_RESPONSE_SIZE_BYTES;

    return (uint32_t)hf_min_u64(size, UINT32_MAX);
}

/* For the dirty log: the response, and so much of the data behind it. A read that fails or is ended
 * may have written all the same, so this never goes back. */
static void note_written(struct hf_request *request, uint64_t data_bytes)
{
    request->written_bytes =
        hf_max_u64(request->written_bytes, HF_VSCSI_RESPONSE_SIZE_BYTES + data_bytes);
}

static void respond(struct hf_request *request, struct hf_vscsi_response *response,
                    uint64_t moved_in, uint64_t moved_out)
{
    struct hf_queue_counters *counters = &request->queue->counters;
    uint32_t size = data_size(request);

    response->resid = size - (uint32_t)hf_min_u64(moved_in + moved_out, size);
    note_written(request, moved_in);
    hf_vscsi_response_scatter(request->writable, response);
    if (response->response != HF_VSCSI_OK || response->status != HF_STATUS_GOOD)
        hf_counter_add(&counters->errors, 1);
    hf_counter_add(&counters->bytes_read, moved_in);
    hf_counter_add(&counters->bytes_written, moved_out);
    hf_serve_finish(request, (uint32_t)(HF_VSCSI_RESPONSE_SIZE_BYTES + moved_in));
}

static void respond_code(struct hf_request *request, enum hf_vscsi_code code)
{
    struct hf_vscsi_response response = { .response = (uint8_t)code };

    respond(request, &response, 0, 0);
}

static void respond_status(struct hf_request *request, enum hf_status status,
                           const struct hf_sense *sense)
{
    struct hf_vscsi_response response = { .status = (uint8_t)status };

    if (status == HF_STATUS_CHECK_CONDITION) {
        response.sense_length = HF_SENSE_FIXED_SIZE_BYTES;
        hf_sense_encode_fixed(sense, response.sense);
    }
    respond(request, &response, 0, 0);
}

static void respond_good(struct hf_request *request, uint64_t moved_in, uint64_t moved_out)
{
    struct hf_vscsi_response response = { .status = HF_STATUS_GOOD };

    respond(request, &response, moved_in, moved_out);
}

/* ---- medium I/O ---- */

static void io_failed(struct hf_request *request, int error)
{
    bool writing = hf_cdb_kind(&request->cdb) != HF_COMMAND_READ;
    struct hf_sense sense = hf_sense_of_errno(error, writing);

    respond_status(request, HF_STATUS_CHECK_CONDITION, &sense);
}

static void io_done(struct hf_unit_io *io, int result)
{
    struct hf_request *request = HF_CONTAINER(io, struct hf_request, io);
    bool reading = io->action == HF_UNIT_ACTION_READ;

    request->in_unit = false;
    if (result == -EFAULT) /* not the medium: the kernel did not find the guest's buffers */
        hf_guard_lose(&request->queue->nexus->memory_owner);
    if (request->queue->abandoned)
        hf_serve_finish(request, 0);
    else if (request->killed)
        respond_code(request, (enum hf_vscsi_code)request->killed);
    else if (result < 0)
        io_failed(request, -result);
    else
        respond_good(request, reading ? io->length_bytes : 0, reading ? 0 : io->length_bytes);
}

static void submit(struct hf_request *request, enum hf_unit_action action, struct hf_spans data,
                   uint64_t size_bytes)
{
    const struct hf_lun_facts *facts = &request->unit->facts;
    bool reading = action == HF_UNIT_ACTION_READ;
    size_t header = reading ? HF_VSCSI_RESPONSE_SIZE_BYTES : HF_VSCSI_REQUEST_SIZE_BYTES;
    struct iovec *into = request->iov + request->readable.count + request->writable.count;
    struct hf_unit_io *io = &request->io;

    io->action = action;
    io->durable = request->cdb.fua || (!reading && !facts->write_cache);
    io->cancelled = false;
    io->iov = into;
    io->iov_count = (unsigned)hf_spans_slice(data, header, size_bytes, into, data.count);
    io->offset_bytes = request->cdb.lba * facts->block_size_bytes;
    io->length_bytes = size_bytes;
    io->done = io_done;
    request->in_unit = true;
    if (reading)
        note_written(request, size_bytes);
    hf_unit_submit(request->unit, &request->queue->worker->lane, io);
}

/* Enough room in the buffers for what the CDB asks? */
static bool fits(const struct hf_request *request, enum hf_command_kind kind, uint64_t size_bytes)
{
    if (kind == HF_COMMAND_READ)
        return size_bytes <= request->writable_bytes - HF_VSCSI_RESPONSE_SIZE_BYTES;
    if (kind == HF_COMMAND_WRITE)
        return size_bytes <= request->readable_bytes - HF_VSCSI_REQUEST_SIZE_BYTES;
    return true;
}

static void transfer(struct hf_request *request, enum hf_command_kind kind)
{
    const struct hf_lun_facts *facts = &request->unit->facts;
    struct hf_sense sense;
    enum hf_status status = hf_scsi_transfer_check(facts, &request->cdb, &sense);
    uint64_t size_bytes = hf_scsi_transfer_size_bytes(facts, &request->cdb);

    if (status != HF_STATUS_GOOD)
        respond_status(request, status, &sense);
    else if (!fits(request, kind, size_bytes))
        respond_code(request, HF_VSCSI_OVERRUN);
    else if (kind == HF_COMMAND_FLUSH)
        submit(request, HF_UNIT_ACTION_FLUSH, request->readable, 0);
    else if (size_bytes == 0)
        respond_good(request, 0, 0);
    else if (kind == HF_COMMAND_READ)
        submit(request, HF_UNIT_ACTION_READ, request->writable, size_bytes);
    else
        submit(request, HF_UNIT_ACTION_WRITE, request->readable, size_bytes);
}

/* ---- the beginning ---- */

static void answer(struct hf_request *request, const struct hf_lun_facts *facts)
{
    uint8_t bytes[HF_SCSI_ANSWER_SIZE_MAX];
    struct hf_writer data = hf_writer_of(bytes, sizeof(bytes));
    struct hf_sense sense;
    enum hf_status status = hf_scsi_answer(facts, &request->cdb, &data, &sense);
    size_t size = hf_writer_stored(&data);

    if (status != HF_STATUS_GOOD) {
        respond_status(request, status, &sense);
    } else if (size > request->writable_bytes - HF_VSCSI_RESPONSE_SIZE_BYTES) {
        respond_code(request, HF_VSCSI_OVERRUN);
    } else {
        hf_spans_scatter(request->writable, HF_VSCSI_RESPONSE_SIZE_BYTES, bytes, size);
        respond_good(request, size, 0);
    }
}

static struct hf_unit *find_unit(const struct hf_nexus *nexus,
                                 const struct hf_vscsi_address *address)
{
    if (address->target >= nexus->unit_count || !nexus->units[address->target])
        return NULL;
    return address->lun == 0 ? nexus->units[address->target] : hf_unit_missing();
}

static void execute(struct hf_request *request, const struct hf_lun_facts *facts)
{
    enum hf_command_kind kind = hf_cdb_kind(&request->cdb);
    struct hf_sense nexus_loss = hf_sense_of(HF_SENSE_CODE_NEXUS_LOSS);

    if (request->replayed && hf_cdb_replay(&request->cdb) == HF_REPLAY_UNIT_ATTENTION)
        respond_status(request, HF_STATUS_CHECK_CONDITION, &nexus_loss);
    else if (kind == HF_COMMAND_ANSWER)
        answer(request, facts);
    else
        transfer(request, kind);
}

void hf_request_begin(struct hf_request *request)
{
    struct hf_vscsi_address address;
    struct hf_vscsi_request header;

    if (request->writable_bytes < HF_VSCSI_RESPONSE_SIZE_BYTES ||
        !hf_vscsi_request_gather(request->readable, &header)) {
        hf_serve_malformed(request, "no room for a request header and a response");
        return;
    }
    request->tag = header.tag;
    address = hf_vscsi_lun_decode(header.lun);
    request->unit = find_unit(request->queue->nexus, &address);
    if (address.form == HF_LUN_FORM_INVALID || !request->unit) {
        respond_code(request, HF_VSCSI_BAD_TARGET);
        return;
    }
    if (address.form == HF_LUN_FORM_REPORT_LUNS)
        request->unit = hf_unit_missing();
    if (request->readable_bytes > HF_VSCSI_REQUEST_SIZE_BYTES &&
        request->writable_bytes > HF_VSCSI_RESPONSE_SIZE_BYTES) {
        respond_code(request, HF_VSCSI_FAILURE); /* INOUT is not offered */
        return;
    }
    hf_cdb_decode(header.cdb, &request->cdb);
    execute(request,
            address.form == HF_LUN_FORM_REPORT_LUNS ? &hf_lun_report_luns : &request->unit->facts);
}

void hf_request_kill(struct hf_request *request, enum hf_vscsi_code code)
{
    if (!request->killed)
        request->killed = (uint8_t)code;
    if (request->in_unit)
        hf_unit_cancel(request->unit, &request->io);
}
