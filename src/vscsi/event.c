/* SPDX-License-Identifier: BSD-3-Clause */
/* struct virtio_scsi_event. */
#include "vscsi/event.h"

#include "base/bytes.h"
#include "base/check.h"

static const char *const names[HF_VSCSI_EVENT_COUNT] = {
    [HF_VSCSI_EVENT_NONE] = "NO EVENT",
    [HF_VSCSI_EVENT_TRANSPORT_RESET] = "TRANSPORT RESET",
    [HF_VSCSI_EVENT_ASYNC_NOTIFY] = "ASYNC NOTIFY",
    [HF_VSCSI_EVENT_PARAM_CHANGE] = "PARAM CHANGE",
};

uint32_t hf_vscsi_param_reason(uint8_t asc, uint8_t ascq)
{
    return (uint32_t)asc | (uint32_t)ascq << 8;
}

void hf_vscsi_event_encode(const struct hf_vscsi_event *event,
                           uint8_t bytes[static HF_VSCSI_EVENT_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_EVENT_SIZE_BYTES);

    hf_write_le32(&writer, event->event);
    hf_write_bytes(&writer, event->lun, sizeof(event->lun));
    hf_write_le32(&writer, event->reason);
}

void hf_vscsi_event_decode(const uint8_t bytes[static HF_VSCSI_EVENT_SIZE_BYTES],
                           struct hf_vscsi_event *event)
{
    struct hf_reader reader = hf_reader_of(bytes, HF_VSCSI_EVENT_SIZE_BYTES);

    event->event = hf_read_le32(&reader);
    hf_read_bytes(&reader, event->lun, sizeof(event->lun));
    event->reason = hf_read_le32(&reader);
    HF_CHECK(hf_reader_done(&reader));
}

bool hf_vscsi_event_scatter(struct hf_spans writable, const struct hf_vscsi_event *event)
{
    uint8_t bytes[HF_VSCSI_EVENT_SIZE_BYTES];

    if (hf_spans_size(writable) < sizeof(bytes))
        return false;
    hf_vscsi_event_encode(event, bytes);
    hf_spans_scatter(writable, 0, bytes, sizeof(bytes));
    return true;
}

const char *hf_vscsi_event_name(uint32_t event)
{
    uint32_t type = event & ~HF_VSCSI_EVENTS_MISSED;

    return type < HF_VSCSI_EVENT_COUNT ? names[type] : "unknown event";
}
