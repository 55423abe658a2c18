/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue (virtio 1.3 §5.6.6.1), both directions. T10_PI is not offered, so the header
 * has one form. Headers lie in any number of pieces; the data follows them at once:
 *
 *     readable: header (51) data-out      writable: response (108) data-in
 *
 * Byte order is little endian (VERSION_1). Knows no command.
 */
#ifndef HF_VSCSI_REQUEST_H
#define HF_VSCSI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spans.h"
#include "scsi/lun.h"
#include "scsi/opcode.h"

#define HF_VSCSI_REQUEST_SIZE_BYTES  51u
#define HF_VSCSI_RESPONSE_SIZE_BYTES 108u
#define HF_VSCSI_SENSE_SIZE_BYTES    96u

/* Response codes of requests and of control requests. */
enum hf_vscsi_code {
    HF_VSCSI_OK = 0, /* TMF: FUNCTION COMPLETE */
    HF_VSCSI_OVERRUN = 1,
    HF_VSCSI_ABORTED = 2,
    HF_VSCSI_BAD_TARGET = 3,
    HF_VSCSI_RESET = 4,
    HF_VSCSI_BUSY = 5,
    HF_VSCSI_TRANSPORT_FAILURE = 6,
    HF_VSCSI_TARGET_FAILURE = 7,
    HF_VSCSI_NEXUS_FAILURE = 8,
    HF_VSCSI_FAILURE = 9,
    HF_VSCSI_FUNCTION_SUCCEEDED = 10,
    HF_VSCSI_FUNCTION_REJECTED = 11,
    HF_VSCSI_INCORRECT_LUN = 12,
    HF_VSCSI_CODE_COUNT
};

enum hf_vscsi_attribute {
    HF_VSCSI_ATTRIBUTE_SIMPLE,
    HF_VSCSI_ATTRIBUTE_ORDERED,
    HF_VSCSI_ATTRIBUTE_HEAD,
    HF_VSCSI_ATTRIBUTE_ACA,
    HF_VSCSI_ATTRIBUTE_COUNT
};

struct hf_vscsi_request {
    uint8_t lun[HF_LUN_SIZE_BYTES];
    uint64_t tag;
    uint8_t task_attribute; /* all may be served as SIMPLE */
    uint8_t priority;
    uint8_t crn;
    uint8_t cdb[HF_CDB_SIZE_BYTES];
};

struct hf_vscsi_response {
    uint32_t sense_length; /* decoded: at most 96 whatever the device said */
    uint32_t resid;        /* data length of the buffers minus what was transferred */
    uint16_t status_qualifier;
    uint8_t status;   /* enum hf_status */
    uint8_t response; /* enum hf_vscsi_code */
    uint8_t sense[HF_VSCSI_SENSE_SIZE_BYTES];
};

void hf_vscsi_request_encode(const struct hf_vscsi_request *request,
                             uint8_t bytes[static HF_VSCSI_REQUEST_SIZE_BYTES]);
void hf_vscsi_request_decode(const uint8_t bytes[static HF_VSCSI_REQUEST_SIZE_BYTES],
                             struct hf_vscsi_request *request);
/* False if the readable part is shorter than a header: a malformed chain. Data-out is behind it. */
bool hf_vscsi_request_gather(struct hf_spans readable, struct hf_vscsi_request *request);

void hf_vscsi_response_encode(const struct hf_vscsi_response *response,
                              uint8_t bytes[static HF_VSCSI_RESPONSE_SIZE_BYTES]);
void hf_vscsi_response_decode(const uint8_t bytes[static HF_VSCSI_RESPONSE_SIZE_BYTES],
                              struct hf_vscsi_response *response);
/* False (nothing written) if the writable part has no room for it: a malformed chain. */
bool hf_vscsi_response_scatter(struct hf_spans writable, const struct hf_vscsi_response *response);

/* Never NULL; "unknown response" outside the list. */
const char *hf_vscsi_code_name(uint8_t code);

#endif
