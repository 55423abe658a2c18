/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logical unit numbers of one level (SAM-5 §4.7): eight bytes on the wire, a number here. How a
 * transport names the target is not known here.
 */
#ifndef HF_SCSI_LUN_H
#define HF_SCSI_LUN_H

#include <stdint.h>

#define HF_LUN_SIZE_BYTES 8u
#define HF_LUN_MAX        16383u /* 14 bits of flat space addressing */

enum hf_lun_form {
    HF_LUN_FORM_INVALID,     /* a form we do not serve: no such logical unit */
    HF_LUN_FORM_UNIT,        /* peripheral (00 nn) or flat space (40+hi lo) */
    HF_LUN_FORM_REPORT_LUNS, /* well-known logical unit C1 01 */
    HF_LUN_FORM_COUNT
};

/* *number is set for HF_LUN_FORM_UNIT, else 0. Deeper levels (bytes 2-7) must be zero. */
enum hf_lun_form hf_lun_decode(const uint8_t bytes[static HF_LUN_SIZE_BYTES], uint16_t *number);
/* As REPORT LUNS lists it: peripheral below 256, flat space above. number <= HF_LUN_MAX. */
void hf_lun_encode(uint16_t number, uint8_t bytes[static HF_LUN_SIZE_BYTES]);

#endif
