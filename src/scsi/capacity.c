/* SPDX-License-Identifier: BSD-3-Clause */
/* READ CAPACITY (SBC-3 §5.15, §5.16). No logical block provisioning, no protection. */
#include "scsi/pages.h"

#include "base/checked.h"

#define PMI        0x01u
#define PMI_AT_10  8u
#define PMI_AT_16  14u
#define SIZE_OF_16 32u

static uint64_t last_lba(const struct hf_lun_facts *facts)
{
    return facts->blocks > 0 ? facts->blocks - 1 : 0;
}

/* SBC-2 §5.10: without PMI the LBA shall be zero. With it, there is no boundary but the last. */
static bool asks_rightly(const struct hf_cdb *cdb, uint8_t pmi_at)
{
    return cdb->lba == 0 || (cdb->bytes[pmi_at] & PMI) != 0;
}

enum hf_status hf_answer_read_capacity_10(const struct hf_lun_facts *facts,
                                          const struct hf_cdb *cdb, struct hf_writer *data,
                                          struct hf_sense *sense)
{
    if (!asks_rightly(cdb, PMI_AT_10))
        return hf_scsi_refuse(sense, hf_sense_of_field(2));
    /* All ones: too large for this command, use READ CAPACITY(16). */
    hf_write_be32(data, (uint32_t)hf_min_u64(last_lba(facts), UINT32_MAX));
    hf_write_be32(data, facts->block_size_bytes);
    return HF_STATUS_GOOD;
}

enum hf_status hf_answer_read_capacity_16(const struct hf_lun_facts *facts,
                                          const struct hf_cdb *cdb, struct hf_writer *data,
                                          struct hf_sense *sense)
{
    if (!asks_rightly(cdb, PMI_AT_16))
        return hf_scsi_refuse(sense, hf_sense_of_field(2));
    hf_write_be64(data, last_lba(facts));
    hf_write_be32(data, facts->block_size_bytes);
    hf_write_u8(data, 0);
    hf_write_u8(data, facts->physical_exponent & 0x0f);
    hf_write_zeros(data, SIZE_OF_16 - data->length);
    return HF_STATUS_GOOD;
}
