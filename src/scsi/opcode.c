/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows. Sources: SPC-4 §6 and SBC-3 §5, section of the command named. */
#include "scsi/opcode.h"

#include "base/check.h"
#include "scsi/facts.h"
#include "scsi/pages.h"

#define ON_DISK     (1u << HF_LUN_KIND_DISK)
#define ON_READY    (ON_DISK | 1u << HF_LUN_KIND_REPORT_LUNS)
#define ON_ANYTHING (ON_READY | 1u << HF_LUN_KIND_MISSING)

/*
 * Usage masks: a bit not set here is reserved, obsolete or not supported, and its use is refused
 * with INVALID FIELD IN CDB. That covers RDPROTECT and WRPROTECT (no protection information),
 * RARC, POWER CONDITION, LOEJ (no removable medium), CONTROL with NACA (NORMACA is 0).
 * Allowed without effect: GROUP NUMBER (statistics only), DPO (a hint), IMMED of SYNCHRONIZE CACHE
 * and START STOP UNIT (we answer when it is done: later, but never too early), SYNC_NV (obsolete,
 * older initiators set it).
 *
 * START STOP UNIT keeps no state here: every unit is always started. NO_FLUSH or not, it flushes,
 * as SBC-3 §5.25 wants before a stop. Replayed it is reported, not repeated, as on a disk that
 * would have moved.
 */
static const struct hf_opcode opcodes[] = {
    { .name = "TEST UNIT READY", /* SPC-4 §6.47 */
      .code = HF_OP_TEST_UNIT_READY,
      .size_bytes = 6,
      .lun_kinds = ON_READY,
      .usage = { 0xff },
      .answer = hf_answer_test_unit_ready },
    { .name = "REQUEST SENSE", /* SPC-4 §6.39: DESC */
      .code = HF_OP_REQUEST_SENSE,
      .size_bytes = 6,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_ANYTHING,
      .length = { 4, 1 },
      .usage = { 0xff, 0x01, 0, 0, 0xff },
      .answer = hf_answer_request_sense },
    { .name = "READ(6)", /* SBC-3 §5.11 */
      .code = HF_OP_READ_6,
      .size_bytes = 6,
      .kind = HF_COMMAND_READ,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .zero_means_256 = true,
      .lba = { 1, 3 },
      .length = { 4, 1 },
      .usage = { 0xff, 0x1f, 0xff, 0xff, 0xff } },
    { .name = "WRITE(6)", /* SBC-3 §5.31 */
      .code = HF_OP_WRITE_6,
      .size_bytes = 6,
      .kind = HF_COMMAND_WRITE,
      .direction = HF_DIRECTION_OUT,
      .lun_kinds = ON_DISK,
      .zero_means_256 = true,
      .lba = { 1, 3 },
      .length = { 4, 1 },
      .usage = { 0xff, 0x1f, 0xff, 0xff, 0xff } },
    { .name = "INQUIRY", /* SPC-4 §6.6: EVPD, PAGE CODE */
      .code = HF_OP_INQUIRY,
      .size_bytes = 6,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_ANYTHING,
      .length = { 3, 2 },
      .usage = { 0xff, 0x01, 0xff, 0xff, 0xff },
      .answer = hf_answer_inquiry },
    { .name = "MODE SENSE(6)", /* SPC-4 §6.13: DBD, PC and PAGE CODE, SUBPAGE CODE */
      .code = HF_OP_MODE_SENSE_6,
      .size_bytes = 6,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .length = { 4, 1 },
      .usage = { 0xff, 0x08, 0xff, 0xff, 0xff },
      .answer = hf_answer_mode_sense_6 },
    { .name = "START STOP UNIT", /* SBC-3 §5.25: IMMED, NO_FLUSH, START */
      .code = HF_OP_START_STOP_UNIT,
      .size_bytes = 6,
      .kind = HF_COMMAND_FLUSH,
      .replay = HF_REPLAY_UNIT_ATTENTION,
      .lun_kinds = ON_DISK,
      .usage = { 0xff, 0x01, 0, 0, 0x05 } },
    { .name = "READ CAPACITY(10)", /* SBC-3 §5.15: obsolete LBA and PMI */
      .code = HF_OP_READ_CAPACITY_10,
      .size_bytes = 10,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .lba = { 2, 4 },
      .usage = { 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x01 },
      .answer = hf_answer_read_capacity_10 },
    { .name = "READ(10)", /* SBC-3 §5.12: DPO, FUA */
      .code = HF_OP_READ_10,
      .size_bytes = 10,
      .kind = HF_COMMAND_READ,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .lba = { 2, 4 },
      .length = { 7, 2 },
      .usage = { 0xff, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff } },
    { .name = "WRITE(10)", /* SBC-3 §5.32: DPO, FUA */
      .code = HF_OP_WRITE_10,
      .size_bytes = 10,
      .kind = HF_COMMAND_WRITE,
      .direction = HF_DIRECTION_OUT,
      .lun_kinds = ON_DISK,
      .lba = { 2, 4 },
      .length = { 7, 2 },
      .usage = { 0xff, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff } },
    { .name = "SYNCHRONIZE CACHE(10)", /* SBC-3 §5.26: SYNC_NV, IMMED */
      .code = HF_OP_SYNCHRONIZE_CACHE_10,
      .size_bytes = 10,
      .kind = HF_COMMAND_FLUSH,
      .lun_kinds = ON_DISK,
      .lba = { 2, 4 },
      .length = { 7, 2 },
      .usage = { 0xff, 0x06, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff } },
    { .name = "MODE SENSE(10)", /* SPC-4 §6.14: LLBAA, DBD */
      .code = HF_OP_MODE_SENSE_10,
      .size_bytes = 10,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .length = { 7, 2 },
      .usage = { 0xff, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff },
      .answer = hf_answer_mode_sense_10 },
    { .name = "READ(16)", /* SBC-3 §5.14 */
      .code = HF_OP_READ_16,
      .size_bytes = 16,
      .kind = HF_COMMAND_READ,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .lba = { 2, 8 },
      .length = { 10, 4 },
      .usage = { 0xff, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                 0x1f } },
    { .name = "WRITE(16)", /* SBC-3 §5.34 */
      .code = HF_OP_WRITE_16,
      .size_bytes = 16,
      .kind = HF_COMMAND_WRITE,
      .direction = HF_DIRECTION_OUT,
      .lun_kinds = ON_DISK,
      .lba = { 2, 8 },
      .length = { 10, 4 },
      .usage = { 0xff, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                 0x1f } },
    { .name = "SYNCHRONIZE CACHE(16)", /* SBC-3 §5.27 */
      .code = HF_OP_SYNCHRONIZE_CACHE_16,
      .size_bytes = 16,
      .kind = HF_COMMAND_FLUSH,
      .lun_kinds = ON_DISK,
      .lba = { 2, 8 },
      .length = { 10, 4 },
      .usage = { 0xff, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                 0x1f } },
    { .name = "READ CAPACITY(16)", /* SBC-3 §5.16: obsolete LBA and PMI */
      .code = HF_OP_SERVICE_ACTION_IN_16,
      .has_action = true,
      .action = HF_ACTION_READ_CAPACITY_16,
      .size_bytes = 16,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_DISK,
      .lba = { 2, 8 },
      .length = { 10, 4 },
      .usage = { 0xff, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                 0x01 },
      .answer = hf_answer_read_capacity_16 },
    { .name = "REPORT LUNS", /* SPC-4 §6.33: SELECT REPORT */
      .code = HF_OP_REPORT_LUNS,
      .size_bytes = 12,
      .direction = HF_DIRECTION_IN,
      .lun_kinds = ON_ANYTHING,
      .length = { 6, 4 },
      .usage = { 0xff, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
      .answer = hf_answer_report_luns },
};

const struct hf_opcode *hf_opcode_find(uint8_t code, uint8_t action)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(opcodes); i++)
        if (opcodes[i].code == code && (!opcodes[i].has_action || opcodes[i].action == action))
            return &opcodes[i];
    return NULL;
}

const struct hf_opcode *hf_opcode_at(size_t index)
{
    return index < HF_ARRAY_COUNT(opcodes) ? &opcodes[index] : NULL;
}
