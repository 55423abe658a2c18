/* SPDX-License-Identifier: BSD-3-Clause */
/* Status of a command (SAM-5 §5.3.1). Values are those on the wire. */
#ifndef HF_SCSI_STATUS_H
#define HF_SCSI_STATUS_H

#include <stdint.h>

enum hf_status {
    HF_STATUS_GOOD = 0x00,
    HF_STATUS_CHECK_CONDITION = 0x02,
    HF_STATUS_CONDITION_MET = 0x04,
    HF_STATUS_BUSY = 0x08,
    HF_STATUS_RESERVATION_CONFLICT = 0x18,
    HF_STATUS_TASK_SET_FULL = 0x28,
    HF_STATUS_ACA_ACTIVE = 0x30,
    HF_STATUS_TASK_ABORTED = 0x40,
};

#endif
