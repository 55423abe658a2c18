/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard INQUIRY data (SPC-4 §6.6.2). The vital product data pages are in vital.c. */
#include "scsi/pages.h"

#include "base/check.h"

#define EVPD               0x01u
#define STANDARD_SIZE      96u
#define VERSION_SPC_4      0x06u
#define HISUP_AND_FORMAT_2 0x12u /* REPORT LUNS uses the hierarchical model; format is always 2 */
#define COMMAND_QUEUEING   0x02u

/* Version descriptors (SPC-4 §6.6.2, table 134): SAM-5, SPC-4, SBC-3, no version of them. */
static const uint16_t versions[] = { 0x00a0, 0x0460, 0x04c0 };

/* SPC-4 table 132: 011b with 1Fh = no logical unit can be here; 1Eh = well-known. */
uint8_t hf_peripheral_byte(const struct hf_lun_facts *facts)
{
    static const uint8_t bytes[HF_LUN_KIND_COUNT] = {
        [HF_LUN_KIND_DISK] = 0x00,
        [HF_LUN_KIND_MISSING] = 0x7f,
        [HF_LUN_KIND_REPORT_LUNS] = 0x1e,
    };

    return bytes[facts->kind];
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text[0] != '\0' ? text : otherwise;
}

static void write_head(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    hf_write_u8(data, hf_peripheral_byte(facts));
    hf_write_u8(data, 0); /* not removable */
    hf_write_u8(data, VERSION_SPC_4);
    hf_write_u8(data, HISUP_AND_FORMAT_2);
    hf_write_u8(data, STANDARD_SIZE - 5); /* additional length */
    hf_write_zeros(data, 2);
    hf_write_u8(data, COMMAND_QUEUEING);
}

static void write_standard(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    write_head(data, facts);
    hf_write_padded(data, HF_VENDOR, 8);
    hf_write_padded(data, text_or(facts->product, "DISK"), 16);
    hf_write_padded(data, text_or(facts->revision, "1"), 4);
    hf_write_zeros(data, 22); /* 36..57: vendor specific, clocking */
    for (size_t i = 0; i < HF_ARRAY_COUNT(versions); i++)
        hf_write_be16(data, versions[i]);
    hf_write_zeros(data, STANDARD_SIZE - data->length);
}

enum hf_status hf_answer_inquiry(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                 struct hf_writer *data, struct hf_sense *sense)
{
    if ((cdb->bytes[1] & EVPD) != 0)
        return hf_answer_vital_page(facts, cdb, data, sense);
    if (cdb->bytes[2] != 0)
        return hf_scsi_refuse(sense, hf_sense_of_field(2));
    write_standard(data, facts);
    return HF_STATUS_GOOD;
}
