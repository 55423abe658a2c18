/* SPDX-License-Identifier: BSD-3-Clause */
/* What state the unit is in: TEST UNIT READY, REQUEST SENSE. It keeps none. */
#include "scsi/pages.h"

#define DESC 0x01u

enum hf_status hf_answer_test_unit_ready(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                         struct hf_writer *data, struct hf_sense *sense)
{
    (void)facts, (void)cdb, (void)data, (void)sense; /* what can be addressed is ready */
    return HF_STATUS_GOOD;
}

/*
 * Sense goes out with the CHECK CONDITION it belongs to (autosense), so none is ever pending. A
 * missing logical unit says so here, with status GOOD (SPC-4 §6.39).
 */
enum hf_status hf_answer_request_sense(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                       struct hf_writer *data, struct hf_sense *sense)
{
    bool missing = facts->kind == HF_LUN_KIND_MISSING;
    struct hf_sense pending =
        hf_sense_of(missing ? HF_SENSE_CODE_UNIT_NOT_SUPPORTED : HF_SENSE_CODE_NONE);
    uint8_t bytes[HF_SENSE_DESCRIPTOR_SIZE_BYTES];
    size_t size_bytes = HF_SENSE_FIXED_SIZE_BYTES;

    (void)sense;
    if ((cdb->bytes[1] & DESC) != 0)
        size_bytes = hf_sense_encode_descriptor(&pending, bytes);
    else
        hf_sense_encode_fixed(&pending, bytes);
    hf_write_bytes(data, bytes, size_bytes);
    return HF_STATUS_GOOD;
}
