/* SPDX-License-Identifier: BSD-3-Clause */
/* The event queue (virtio 1.3 §5.6.6.3): 16 bytes to the driver. Knows no reason to send one. */
#ifndef HF_VSCSI_EVENT_H
#define HF_VSCSI_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spans.h"
#include "scsi/lun.h"

#define HF_VSCSI_EVENT_SIZE_BYTES 16u
/* Flag in `event`: earlier ones were dropped for want of a buffer. */
#define HF_VSCSI_EVENTS_MISSED 0x80000000u

enum hf_vscsi_event_type {
    HF_VSCSI_EVENT_NONE = 0,
    HF_VSCSI_EVENT_TRANSPORT_RESET = 1,
    HF_VSCSI_EVENT_ASYNC_NOTIFY = 2,
    HF_VSCSI_EVENT_PARAM_CHANGE = 3,
    HF_VSCSI_EVENT_COUNT
};

/* `reason` of TRANSPORT_RESET. */
enum hf_vscsi_reset_reason {
    HF_VSCSI_RESET_HARD = 0,
    HF_VSCSI_RESET_RESCAN = 1,
    HF_VSCSI_RESET_REMOVED = 2,
    HF_VSCSI_RESET_COUNT
};

struct hf_vscsi_event {
    uint32_t event;
    uint8_t lun[HF_LUN_SIZE_BYTES]; /* hf_vscsi_event_lun_encode() */
    uint32_t reason;
};

/* `reason` of PARAM_CHANGE: asc in the low byte, ascq above it. */
uint32_t hf_vscsi_param_reason(uint8_t asc, uint8_t ascq);
void hf_vscsi_event_encode(const struct hf_vscsi_event *event,
                           uint8_t bytes[static HF_VSCSI_EVENT_SIZE_BYTES]);
void hf_vscsi_event_decode(const uint8_t bytes[static HF_VSCSI_EVENT_SIZE_BYTES],
                           struct hf_vscsi_event *event);
/* False (nothing written) if the buffer is shorter than an event. */
bool hf_vscsi_event_scatter(struct hf_spans writable, const struct hf_vscsi_event *event);
/* Without the MISSED flag; never NULL. */
const char *hf_vscsi_event_name(uint32_t event);

#endif
