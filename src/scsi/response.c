/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order of judgement: is there a logical unit, does it serve the command, is the CDB well
 * formed, and last what the command itself wants. Knows no page.
 */
#include "scsi/response.h"

#include "base/check.h"
#include "base/checked.h"
#include "scsi/pages.h"

enum hf_status hf_scsi_refuse(struct hf_sense *sense, struct hf_sense why)
{
    *sense = why;
    return HF_STATUS_CHECK_CONDITION;
}

static const struct hf_lun_facts *present(const struct hf_lun_facts *facts)
{
    return facts != NULL ? facts : &hf_lun_missing;
}

static bool served_by(const struct hf_lun_facts *facts, const struct hf_cdb *cdb)
{
    return cdb->opcode != NULL && (cdb->opcode->lun_kinds >> facts->kind & 1) != 0;
}

/* A bit outside the usage mask of its row: the first wrong byte is named. */
static enum hf_status check_usage(const struct hf_cdb *cdb, struct hf_sense *sense)
{
    for (uint8_t i = 1; i < cdb->opcode->size_bytes; i++)
        if ((cdb->bytes[i] & ~cdb->opcode->usage[i]) != 0)
            return hf_scsi_refuse(sense, hf_sense_of_field(i));
    return HF_STATUS_GOOD;
}

/* SPC-4 §4.6.2 (incorrect logical unit), then the operation code, then its fields. */
static enum hf_status admit(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                            struct hf_sense *sense)
{
    if (served_by(facts, cdb))
        return check_usage(cdb, sense);
    if (facts->kind == HF_LUN_KIND_MISSING)
        return hf_scsi_refuse(sense, hf_sense_of(HF_SENSE_CODE_UNIT_NOT_SUPPORTED));
    return hf_scsi_refuse(sense, hf_sense_of(HF_SENSE_CODE_INVALID_OPERATION_CODE));
}

enum hf_status hf_scsi_answer(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                              struct hf_writer *data, struct hf_sense *sense)
{
    HF_CHECK(hf_cdb_kind(cdb) == HF_COMMAND_ANSWER && data->length == 0);
    enum hf_status status = admit(present(facts), cdb, sense);

    if (status != HF_STATUS_GOOD)
        return status;
    data->capacity = (size_t)hf_min_u64(data->capacity, cdb->allocation_length);
    return cdb->opcode->answer(present(facts), cdb, data, sense);
}

static enum hf_status check_cache_bits(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                       struct hf_sense *sense)
{
    if ((cdb->fua || cdb->dpo) && !facts->dpofua)
        return hf_scsi_refuse(sense, hf_sense_of_field(1));
    return HF_STATUS_GOOD;
}

/* SBC-3 §4.17 (write protection), §5.12 (range), §6.6.4 (MAXIMUM TRANSFER LENGTH). */
static enum hf_status check_medium(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                   struct hf_sense *sense)
{
    bool limited = facts->max_transfer_blocks > 0 && cdb->opcode->kind != HF_COMMAND_FLUSH;

    if (cdb->opcode->kind == HF_COMMAND_WRITE && facts->read_only)
        return hf_scsi_refuse(sense, hf_sense_of(HF_SENSE_CODE_WRITE_PROTECTED));
    if (!hf_range_inside(cdb->lba, cdb->blocks, facts->blocks))
        return hf_scsi_refuse(sense, hf_sense_of(HF_SENSE_CODE_LBA_OUT_OF_RANGE));
    if (limited && cdb->blocks > facts->max_transfer_blocks)
        return hf_scsi_refuse(sense, hf_sense_of_field(cdb->opcode->length.at));
    return HF_STATUS_GOOD;
}

enum hf_status hf_scsi_transfer_check(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                      struct hf_sense *sense)
{
    HF_CHECK(hf_cdb_kind(cdb) != HF_COMMAND_ANSWER);
    enum hf_status status = admit(present(facts), cdb, sense);

    if (status == HF_STATUS_GOOD)
        status = check_cache_bits(facts, cdb, sense);
    if (status == HF_STATUS_GOOD)
        status = check_medium(facts, cdb, sense);
    return status;
}

uint64_t hf_scsi_transfer_size_bytes(const struct hf_lun_facts *facts, const struct hf_cdb *cdb)
{
    return (uint64_t)cdb->blocks * facts->block_size_bytes;
}
