/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How virtio-scsi names a logical unit (virtio 1.3 §5.6.6.1): 01 TT LL LL 00 00 00 00, or the
 * REPORT LUNS well-known unit C1 01 00 ... Knows no target that exists.
 */
#ifndef HF_VSCSI_LUN_H
#define HF_VSCSI_LUN_H

#include <stdint.h>

#include "scsi/lun.h"

struct hf_vscsi_address {
    enum hf_lun_form form; /* INVALID: answer BAD_TARGET */
    uint8_t target;        /* 0 for C1 01 without a target */
    uint16_t lun;
};

struct hf_vscsi_address hf_vscsi_lun_decode(const uint8_t bytes[static HF_LUN_SIZE_BYTES]);
/* For requests, as Linux sends it: flat space always. */
void hf_vscsi_lun_encode(uint8_t target, uint16_t lun, uint8_t bytes[static HF_LUN_SIZE_BYTES]);
/* For events, as Linux reads them: flat space only from 256 on (as REPORT LUNS lists it). */
void hf_vscsi_event_lun_encode(uint8_t target, uint16_t lun,
                               uint8_t bytes[static HF_LUN_SIZE_BYTES]);

#endif
