/* SPDX-License-Identifier: BSD-3-Clause */
/* The two logical units that are no disk. */
#include "scsi/facts.h"

const struct hf_lun_facts hf_lun_missing = { .kind = HF_LUN_KIND_MISSING };
const struct hf_lun_facts hf_lun_report_luns = { .kind = HF_LUN_KIND_REPORT_LUNS };
