/* SPDX-License-Identifier: BSD-3-Clause */
/* Field by field in the order of struct virtio_scsi_req_cmd and _resp. */
#include "vscsi/request.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"

static const char *const names[HF_VSCSI_CODE_COUNT] = {
    [HF_VSCSI_OK] = "OK",
    [HF_VSCSI_OVERRUN] = "OVERRUN",
    [HF_VSCSI_ABORTED] = "ABORTED",
    [HF_VSCSI_BAD_TARGET] = "BAD TARGET",
    [HF_VSCSI_RESET] = "RESET",
    [HF_VSCSI_BUSY] = "BUSY",
    [HF_VSCSI_TRANSPORT_FAILURE] = "TRANSPORT FAILURE",
    [HF_VSCSI_TARGET_FAILURE] = "TARGET FAILURE",
    [HF_VSCSI_NEXUS_FAILURE] = "NEXUS FAILURE",
    [HF_VSCSI_FAILURE] = "FAILURE",
    [HF_VSCSI_FUNCTION_SUCCEEDED] = "FUNCTION SUCCEEDED",
    [HF_VSCSI_FUNCTION_REJECTED] = "FUNCTION REJECTED",
    [HF_VSCSI_INCORRECT_LUN] = "INCORRECT LUN",
};

void hf_vscsi_request_encode(const struct hf_vscsi_request *request,
                             uint8_t bytes[static HF_VSCSI_REQUEST_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_REQUEST_SIZE_BYTES);

    hf_write_bytes(&writer, request->lun, sizeof(request->lun));
    hf_write_le64(&writer, request->tag);
    hf_write_u8(&writer, request->task_attribute);
    hf_write_u8(&writer, request->priority);
    hf_write_u8(&writer, request->crn);
    hf_write_bytes(&writer, request->cdb, sizeof(request->cdb));
}

void hf_vscsi_request_decode(const uint8_t bytes[static HF_VSCSI_REQUEST_SIZE_BYTES],
                             struct hf_vscsi_request *request)
{
    struct hf_reader reader = hf_reader_of(bytes, HF_VSCSI_REQUEST_SIZE_BYTES);

    hf_read_bytes(&reader, request->lun, sizeof(request->lun));
    request->tag = hf_read_le64(&reader);
    request->task_attribute = hf_read_u8(&reader);
    request->priority = hf_read_u8(&reader);
    request->crn = hf_read_u8(&reader);
    hf_read_bytes(&reader, request->cdb, sizeof(request->cdb));
    HF_CHECK(hf_reader_done(&reader));
}

bool hf_vscsi_request_gather(struct hf_spans readable, struct hf_vscsi_request *request)
{
    uint8_t bytes[HF_VSCSI_REQUEST_SIZE_BYTES];

    if (hf_spans_gather(readable, 0, bytes, sizeof(bytes)) < sizeof(bytes))
        return false;
    hf_vscsi_request_decode(bytes, request);
    return true;
}

void hf_vscsi_response_encode(const struct hf_vscsi_response *response,
                              uint8_t bytes[static HF_VSCSI_RESPONSE_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_RESPONSE_SIZE_BYTES);

    hf_write_le32(&writer, response->sense_length);
    hf_write_le32(&writer, response->resid);
    hf_write_le16(&writer, response->status_qualifier);
    hf_write_u8(&writer, response->status);
    hf_write_u8(&writer, response->response);
    hf_write_bytes(&writer, response->sense, sizeof(response->sense));
}

void hf_vscsi_response_decode(const uint8_t bytes[static HF_VSCSI_RESPONSE_SIZE_BYTES],
                              struct hf_vscsi_response *response)
{
    struct hf_reader reader = hf_reader_of(bytes, HF_VSCSI_RESPONSE_SIZE_BYTES);
    uint32_t claimed = hf_read_le32(&reader);

    response->sense_length = (uint32_t)hf_min_u64(claimed, HF_VSCSI_SENSE_SIZE_BYTES);
    response->resid = hf_read_le32(&reader);
    response->status_qualifier = hf_read_le16(&reader);
    response->status = hf_read_u8(&reader);
    response->response = hf_read_u8(&reader);
    hf_read_bytes(&reader, response->sense, sizeof(response->sense));
    HF_CHECK(hf_reader_done(&reader));
}

bool hf_vscsi_response_scatter(struct hf_spans writable, const struct hf_vscsi_response *response)
{
    uint8_t bytes[HF_VSCSI_RESPONSE_SIZE_BYTES];

    if (hf_spans_size(writable) < sizeof(bytes))
        return false;
    hf_vscsi_response_encode(response, bytes);
    hf_spans_scatter(writable, 0, bytes, sizeof(bytes));
    return true;
}

const char *hf_vscsi_code_name(uint8_t code)
{
    return code < HF_VSCSI_CODE_COUNT ? names[code] : "unknown response";
}
