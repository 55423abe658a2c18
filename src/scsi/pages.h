/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The answers, one file each; the opcode table names them. Each gets a CDB that fits its usage
 * mask and a writer already cut to the allocation length; each writes the whole and lets the
 * writer truncate. Only for files of this folder.
 */
#ifndef HF_SCSI_PAGES_H
#define HF_SCSI_PAGES_H

#include "scsi/response.h"

/* Sets *sense and returns CHECK CONDITION, so that `return hf_scsi_refuse(...)` reads well. */
enum hf_status hf_scsi_refuse(struct hf_sense *sense, struct hf_sense why);

hf_answer_fn hf_answer_inquiry;
hf_answer_fn hf_answer_vital_page; /* INQUIRY with EVPD */
hf_answer_fn hf_answer_mode_sense_6;
hf_answer_fn hf_answer_mode_sense_10;
hf_answer_fn hf_answer_read_capacity_10;
hf_answer_fn hf_answer_read_capacity_16;
hf_answer_fn hf_answer_report_luns;
hf_answer_fn hf_answer_request_sense;
hf_answer_fn hf_answer_test_unit_ready;

#define HF_VENDOR "HOLDFAST" /* T10 vendor identification, 8 characters */

/* Byte 0 of INQUIRY data: peripheral qualifier and device type. */
uint8_t hf_peripheral_byte(const struct hf_lun_facts *facts);

#endif
