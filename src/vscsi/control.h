/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.3 §5.6.6.2): task management (24 bytes in, 1 out) and asynchronous
 * notification (16 in, 5 out). Knows no task.
 */
#ifndef HF_VSCSI_CONTROL_H
#define HF_VSCSI_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spans.h"
#include "scsi/lun.h"

#define HF_VSCSI_TMF_SIZE_BYTES          24u
#define HF_VSCSI_TMF_RESPONSE_SIZE_BYTES 1u
#define HF_VSCSI_AN_SIZE_BYTES           16u
#define HF_VSCSI_AN_RESPONSE_SIZE_BYTES  5u

enum hf_vscsi_control_type {
    HF_VSCSI_CONTROL_TMF = 0,
    HF_VSCSI_CONTROL_AN_QUERY = 1,
    HF_VSCSI_CONTROL_AN_SUBSCRIBE = 2,
    HF_VSCSI_CONTROL_COUNT
};

enum hf_vscsi_tmf {
    HF_VSCSI_TMF_ABORT_TASK = 0,
    HF_VSCSI_TMF_ABORT_TASK_SET = 1,
    HF_VSCSI_TMF_CLEAR_ACA = 2,
    HF_VSCSI_TMF_CLEAR_TASK_SET = 3,
    HF_VSCSI_TMF_I_T_NEXUS_RESET = 4,
    HF_VSCSI_TMF_LOGICAL_UNIT_RESET = 5,
    HF_VSCSI_TMF_QUERY_TASK = 6,
    HF_VSCSI_TMF_QUERY_TASK_SET = 7,
    HF_VSCSI_TMF_COUNT
};

struct hf_vscsi_control {
    uint32_t type;    /* enum hf_vscsi_control_type; an unknown one decodes, judge it */
    uint32_t subtype; /* TMF: enum hf_vscsi_tmf; an unknown one decodes, judge it */
    uint8_t lun[HF_LUN_SIZE_BYTES];
    uint64_t tag;    /* TMF only */
    uint32_t events; /* AN only: the event bits asked for */
};

/* The readable part. False if it is shorter than its type needs: a malformed chain. */
bool hf_vscsi_control_gather(struct hf_spans readable, struct hf_vscsi_control *control);
/*
 * The writable part: for a TMF one byte, for AN event_actual and one byte (no event is supported:
 * `events` 0). Returns the bytes written, 0 if there is no room: a malformed chain. For an unknown
 * type one byte, as for a TMF.
 */
size_t hf_vscsi_control_scatter(struct hf_spans writable, const struct hf_vscsi_control *control,
                                uint32_t events_actual, uint8_t code);
/* For the initiator. */
void hf_vscsi_tmf_encode(const struct hf_vscsi_control *control,
                         uint8_t bytes[static HF_VSCSI_TMF_SIZE_BYTES]);
void hf_vscsi_an_encode(const struct hf_vscsi_control *control,
                        uint8_t bytes[static HF_VSCSI_AN_SIZE_BYTES]);

/* Never NULL; "unknown task management function" outside the list. */
const char *hf_vscsi_tmf_name(uint32_t subtype);

#endif
