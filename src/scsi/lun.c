/* SPDX-License-Identifier: BSD-3-Clause */
/* Addressing methods of SAM-5 §4.7.7: 00b peripheral, 01b flat space, 11b extended. */
#include "scsi/lun.h"

#include <string.h>

#include "base/check.h"

#define FLAT_SPACE 0x40u

static const uint8_t lower_levels[HF_LUN_SIZE_BYTES - 2];

enum hf_lun_form hf_lun_decode(const uint8_t bytes[static HF_LUN_SIZE_BYTES], uint16_t *number)
{
    *number = 0;
    if (memcmp(&bytes[2], lower_levels, sizeof(lower_levels)) != 0)
        return HF_LUN_FORM_INVALID;
    if (bytes[0] == 0xc1 && bytes[1] == 0x01)
        return HF_LUN_FORM_REPORT_LUNS;
    /* Peripheral addressing with a bus number would be a unit behind another one. */
    if (bytes[0] != 0 && (bytes[0] & 0xc0) != FLAT_SPACE)
        return HF_LUN_FORM_INVALID;
    *number = (uint16_t)((bytes[0] & 0x3f) << 8 | bytes[1]);
    return HF_LUN_FORM_UNIT;
}

void hf_lun_encode(uint16_t number, uint8_t bytes[static HF_LUN_SIZE_BYTES])
{
    HF_CHECK(number <= HF_LUN_MAX);
    memset(bytes, 0, HF_LUN_SIZE_BYTES);
    bytes[0] = (uint8_t)(number >> 8);
    bytes[1] = (uint8_t)number;
    if (number > 255)
        bytes[0] |= FLAT_SPACE;
}
