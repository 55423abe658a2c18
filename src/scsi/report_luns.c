/* SPDX-License-Identifier: BSD-3-Clause */
/* REPORT LUNS (SPC-4 §6.33). */
#include "scsi/pages.h"

#include "scsi/lun.h"

/* SELECT REPORT (SPC-4 table 303): which logical units to list. */
enum select_report { SELECT_UNITS, SELECT_WELL_KNOWN, SELECT_ALL, SELECT_COUNT };

static const uint8_t report_luns_unit[HF_LUN_SIZE_BYTES] = { 0xc1, 0x01 };

/* A target has one logical unit, number 0, whichever was asked. */
enum hf_status hf_answer_report_luns(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                     struct hf_writer *data, struct hf_sense *sense)
{
    uint8_t select = cdb->bytes[2];
    uint8_t unit[HF_LUN_SIZE_BYTES];

    (void)facts;
    if (select >= SELECT_COUNT)
        return hf_scsi_refuse(sense, hf_sense_of_field(2));
    hf_lun_encode(0, unit);
    hf_write_be32(data, 0); /* LUN LIST LENGTH, known below */
    hf_write_zeros(data, 4);
    if (select != SELECT_WELL_KNOWN)
        hf_write_bytes(data, unit, sizeof(unit));
    if (select != SELECT_UNITS)
        hf_write_bytes(data, report_luns_unit, sizeof(report_luns_unit));
    hf_write_patch_be32(data, 0, (uint32_t)(data->length - 8));
    return HF_STATUS_GOOD;
}
