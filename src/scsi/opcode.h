/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * THE table of commands: a command we serve is a row here and at most a file with its page. What
 * has no row is refused with INVALID COMMAND OPERATION CODE. Knows no medium.
 */
#ifndef HF_SCSI_OPCODE_H
#define HF_SCSI_OPCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/status.h"

#define HF_CDB_SIZE_BYTES 32u /* virtio 1.3 §5.6.6: cdb_size of the device */

struct hf_cdb;
struct hf_lun_facts;
struct hf_sense;
struct hf_writer;

/* Operation codes (SPC-4 annex E) of the rows. */
enum {
    HF_OP_TEST_UNIT_READY = 0x00,
    HF_OP_REQUEST_SENSE = 0x03,
    HF_OP_READ_6 = 0x08,
    HF_OP_WRITE_6 = 0x0a,
    HF_OP_INQUIRY = 0x12,
    HF_OP_MODE_SENSE_6 = 0x1a,
    HF_OP_START_STOP_UNIT = 0x1b,
    HF_OP_READ_CAPACITY_10 = 0x25,
    HF_OP_READ_10 = 0x28,
    HF_OP_WRITE_10 = 0x2a,
    HF_OP_SYNCHRONIZE_CACHE_10 = 0x35,
    HF_OP_MODE_SENSE_10 = 0x5a,
    HF_OP_READ_16 = 0x88,
    HF_OP_WRITE_16 = 0x8a,
    HF_OP_SYNCHRONIZE_CACHE_16 = 0x91,
    HF_OP_SERVICE_ACTION_IN_16 = 0x9e,
    HF_OP_REPORT_LUNS = 0xa0,
};

#define HF_ACTION_READ_CAPACITY_16 0x10u

enum hf_command_kind {
    HF_COMMAND_ANSWER, /* answered from values: hf_scsi_answer() does it all */
    HF_COMMAND_READ,   /* moves cdb.blocks from the medium, after hf_scsi_transfer_check() */
    HF_COMMAND_WRITE,  /* moves cdb.blocks to the medium, after hf_scsi_transfer_check() */
    HF_COMMAND_FLUSH,  /* all completed writes durable before GOOD, after the same check */
    HF_COMMAND_COUNT
};

enum hf_direction {
    HF_DIRECTION_NONE,
    HF_DIRECTION_IN, /* from the device */
    HF_DIRECTION_OUT,
    HF_DIRECTION_COUNT
};

/* What to do with a command whose earlier run may have happened (CONTRACT §4). */
enum hf_replay {
    HF_REPLAY_EXECUTE,        /* idempotent: run it again */
    HF_REPLAY_UNIT_ATTENTION, /* complete with HF_SENSE_CODE_NEXUS_LOSS, do not run it */
    HF_REPLAY_COUNT
};

/* A big-endian number in the CDB; size_bytes 0 = the command has no such field. */
struct hf_cdb_field {
    uint8_t at;
    uint8_t size_bytes;
};

typedef enum hf_status hf_answer_fn(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                    struct hf_writer *data, struct hf_sense *sense);

struct hf_opcode {
    const char *name;
    uint8_t code;
    bool has_action;
    uint8_t action; /* bits 0-4 of byte 1, if has_action */
    uint8_t size_bytes;
    enum hf_command_kind kind;
    enum hf_direction direction;
    enum hf_replay replay;
    uint8_t lun_kinds;   /* bit (1 << enum hf_lun_kind) = may be sent there */
    bool zero_means_256; /* READ(6), WRITE(6) */
    struct hf_cdb_field lba;
    struct hf_cdb_field length; /* blocks, or allocation length if kind is ANSWER */
    uint8_t usage[16];          /* CDB usage data (SPC-4 §6.35.3): bits a sender may set */
    hf_answer_fn *answer;       /* kind ANSWER only */
};

/* NULL if we do not serve it. `action` is ignored by commands that have none. */
const struct hf_opcode *hf_opcode_find(uint8_t code, uint8_t action);
/* The whole table, for reports and tests; NULL past the end. */
const struct hf_opcode *hf_opcode_at(size_t index);

#endif
