/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of statuses. */
#include "scsi/status.h"

#include <stddef.h>

#include "base/check.h"

static const struct {
    uint8_t status;
    const char *name;
} names[] = {
    { HF_STATUS_GOOD, "GOOD" },
    { HF_STATUS_CHECK_CONDITION, "CHECK CONDITION" },
    { HF_STATUS_CONDITION_MET, "CONDITION MET" },
    { HF_STATUS_BUSY, "BUSY" },
    { HF_STATUS_RESERVATION_CONFLICT, "RESERVATION CONFLICT" },
    { HF_STATUS_TASK_SET_FULL, "TASK SET FULL" },
    { HF_STATUS_ACA_ACTIVE, "ACA ACTIVE" },
    { HF_STATUS_TASK_ABORTED, "TASK ABORTED" },
};

const char *hf_status_name(uint8_t status)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(names); i++)
        if (names[i].status == status)
            return names[i].name;
    return "unknown status";
}
