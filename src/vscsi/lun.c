/* SPDX-License-Identifier: BSD-3-Clause */
/* The first two bytes name transport and target, the rest is a single-level LUN moved up. */
#include "vscsi/lun.h"

#include <string.h>

#define SINGLE_LEVEL 0x01u

struct hf_vscsi_address hf_vscsi_lun_decode(const uint8_t bytes[static HF_LUN_SIZE_BYTES])
{
    struct hf_vscsi_address address = { .form = HF_LUN_FORM_INVALID };
    uint8_t unit[HF_LUN_SIZE_BYTES] = { 0 };

    if (bytes[0] != SINGLE_LEVEL) {
        /* C1 01 00 ...: the well-known unit of the whole device, no target named. */
        if (hf_lun_decode(bytes, &address.lun) == HF_LUN_FORM_REPORT_LUNS)
            address.form = HF_LUN_FORM_REPORT_LUNS;
        address.lun = 0;
        return address;
    }
    memcpy(unit, &bytes[2], HF_LUN_SIZE_BYTES - 2);
    address.target = bytes[1];
    address.form = hf_lun_decode(unit, &address.lun);
    return address;
}

void hf_vscsi_event_lun_encode(uint8_t target, uint16_t lun,
                               uint8_t bytes[static HF_LUN_SIZE_BYTES])
{
    uint8_t unit[HF_LUN_SIZE_BYTES];

    hf_lun_encode(lun, unit);
    bytes[0] = SINGLE_LEVEL;
    bytes[1] = target;
    memcpy(&bytes[2], unit, HF_LUN_SIZE_BYTES - 2);
}

void hf_vscsi_lun_encode(uint8_t target, uint16_t lun, uint8_t bytes[static HF_LUN_SIZE_BYTES])
{
    hf_vscsi_event_lun_encode(target, lun, bytes);
    bytes[2] |= 0x40;
}
