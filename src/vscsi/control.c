/* SPDX-License-Identifier: BSD-3-Clause */
/* Task management and asynchronous notification: what a type is made of is a row. */
#include "vscsi/control.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

static const char *const names[HF_VSCSI_TMF_COUNT] = {
    [HF_VSCSI_TMF_ABORT_TASK] = "ABORT TASK",
    [HF_VSCSI_TMF_ABORT_TASK_SET] = "ABORT TASK SET",
    [HF_VSCSI_TMF_CLEAR_ACA] = "CLEAR ACA",
    [HF_VSCSI_TMF_CLEAR_TASK_SET] = "CLEAR TASK SET",
    [HF_VSCSI_TMF_I_T_NEXUS_RESET] = "I_T NEXUS RESET",
    [HF_VSCSI_TMF_LOGICAL_UNIT_RESET] = "LOGICAL UNIT RESET",
    [HF_VSCSI_TMF_QUERY_TASK] = "QUERY TASK",
    [HF_VSCSI_TMF_QUERY_TASK_SET] = "QUERY TASK SET",
};

/* An unknown type has its type field and an answer of one byte; the specification gives no more. */
static const struct {
    size_t readable_bytes;
    size_t writable_bytes;
} sizes[HF_VSCSI_CONTROL_COUNT + 1] = {
    [HF_VSCSI_CONTROL_TMF] = { HF_VSCSI_TMF_SIZE_BYTES, HF_VSCSI_TMF_RESPONSE_SIZE_BYTES },
    [HF_VSCSI_CONTROL_AN_QUERY] = { HF_VSCSI_AN_SIZE_BYTES, HF_VSCSI_AN_RESPONSE_SIZE_BYTES },
    [HF_VSCSI_CONTROL_AN_SUBSCRIBE] = { HF_VSCSI_AN_SIZE_BYTES, HF_VSCSI_AN_RESPONSE_SIZE_BYTES },
    [HF_VSCSI_CONTROL_COUNT] = { sizeof(uint32_t), HF_VSCSI_TMF_RESPONSE_SIZE_BYTES },
};

static size_t row_of(uint32_t type)
{
    return type < HF_VSCSI_CONTROL_COUNT ? type : HF_VSCSI_CONTROL_COUNT;
}

static void read_tmf(struct hf_reader *reader, struct hf_vscsi_control *control)
{
    control->subtype = hf_read_le32(reader);
    hf_read_bytes(reader, control->lun, sizeof(control->lun));
    control->tag = hf_read_le64(reader);
}

static void read_an(struct hf_reader *reader, struct hf_vscsi_control *control)
{
    hf_read_bytes(reader, control->lun, sizeof(control->lun));
    control->events = hf_read_le32(reader);
}

bool hf_vscsi_control_gather(struct hf_spans readable, struct hf_vscsi_control *control)
{
    uint8_t bytes[HF_VSCSI_TMF_SIZE_BYTES];
    size_t size_bytes = hf_spans_gather(readable, 0, bytes, sizeof(bytes));
    struct hf_reader reader = hf_reader_of(bytes, size_bytes);

    memset(control, 0, sizeof(*control));
    control->type = hf_read_le32(&reader);
    if (size_bytes < sizes[row_of(control->type)].readable_bytes || reader.failed)
        return false;
    if (control->type == HF_VSCSI_CONTROL_TMF)
        read_tmf(&reader, control);
    else if (control->type < HF_VSCSI_CONTROL_COUNT)
        read_an(&reader, control);
    return true;
}

size_t hf_vscsi_control_scatter(struct hf_spans writable, const struct hf_vscsi_control *control,
                                uint32_t events_actual, uint8_t code)
{
    uint8_t bytes[HF_VSCSI_AN_RESPONSE_SIZE_BYTES];
    struct hf_writer writer = hf_writer_of(bytes, sizeof(bytes));
    size_t size_bytes = sizes[row_of(control->type)].writable_bytes;

    if (size_bytes == HF_VSCSI_AN_RESPONSE_SIZE_BYTES)
        hf_write_le32(&writer, events_actual);
    hf_write_u8(&writer, code);
    if (hf_spans_size(writable) < size_bytes)
        return 0;
    return hf_spans_scatter(writable, 0, bytes, size_bytes);
}

void hf_vscsi_tmf_encode(const struct hf_vscsi_control *control,
                         uint8_t bytes[static HF_VSCSI_TMF_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_TMF_SIZE_BYTES);

    hf_write_le32(&writer, HF_VSCSI_CONTROL_TMF);
    hf_write_le32(&writer, control->subtype);
    hf_write_bytes(&writer, control->lun, sizeof(control->lun));
    hf_write_le64(&writer, control->tag);
}

void hf_vscsi_an_encode(const struct hf_vscsi_control *control,
                        uint8_t bytes[static HF_VSCSI_AN_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_AN_SIZE_BYTES);

    hf_write_le32(&writer, control->type);
    hf_write_bytes(&writer, control->lun, sizeof(control->lun));
    hf_write_le32(&writer, control->events);
}

const char *hf_vscsi_tmf_name(uint32_t subtype)
{
    return subtype < HF_VSCSI_TMF_COUNT ? names[subtype] : "unknown task management function";
}
