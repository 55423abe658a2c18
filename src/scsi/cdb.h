/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command descriptor block, decoded into a value; and built, for the initiator. Any 32 bytes
 * decode: what is wrong with them is said by hf_scsi_answer() and hf_scsi_transfer_check()
 * (response.h), because it depends on the logical unit. Knows no data.
 */
#ifndef HF_SCSI_CDB_H
#define HF_SCSI_CDB_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/opcode.h"

struct hf_cdb {
    const struct hf_opcode *opcode;   /* row of the table; NULL = not supported */
    uint8_t bytes[HF_CDB_SIZE_BYTES]; /* private copy; zero behind the length of the command */
    uint64_t lba;
    uint32_t blocks;            /* READ, WRITE: 0 moves nothing. FLUSH: 0 = to the end */
    uint32_t allocation_length; /* ANSWER; UINT32_MAX where the command has no such field */
    bool fua;                   /* durable before GOOD */
    bool dpo;
};

/* Never fails; `bytes` must be private memory (copied out of the guest once). */
void hf_cdb_decode(const uint8_t bytes[static HF_CDB_SIZE_BYTES], struct hf_cdb *cdb);
/* HF_COMMAND_ANSWER also for what is not supported: the answer is then the refusal. */
enum hf_command_kind hf_cdb_kind(const struct hf_cdb *cdb);
/* HF_REPLAY_EXECUTE also for what is not supported: refusing twice does no harm. */
enum hf_replay hf_cdb_replay(const struct hf_cdb *cdb);
/* "READ(10)", or "unsupported command" */
const char *hf_cdb_name(const struct hf_cdb *cdb);
/* By group code (SPC-4 §4.2.5.1); 0 where the group has no fixed length (3, 6, 7). */
uint8_t hf_cdb_group_size_bytes(uint8_t code);

/* Builders, for the initiator: fill all 32 bytes. */
void hf_cdb_test_unit_ready(uint8_t cdb[static HF_CDB_SIZE_BYTES]);
void hf_cdb_request_sense(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t allocation_length);
void hf_cdb_inquiry(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint16_t allocation_length);
void hf_cdb_inquiry_page(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                         uint16_t allocation_length);
void hf_cdb_report_luns(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t allocation_length);
void hf_cdb_read_capacity_10(uint8_t cdb[static HF_CDB_SIZE_BYTES]);
void hf_cdb_read_capacity_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t allocation_length);
void hf_cdb_mode_sense_6(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                         uint8_t allocation_length);
void hf_cdb_mode_sense_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                          uint16_t allocation_length);
void hf_cdb_read_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba, uint16_t blocks);
void hf_cdb_read_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks);
void hf_cdb_write_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba, uint16_t blocks,
                     bool fua);
void hf_cdb_write_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks,
                     bool fua);
/* The shortest of READ(10)/(16) that holds the numbers; same for WRITE. */
void hf_cdb_read(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks);
void hf_cdb_write(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks, bool fua);
/* blocks 0 = to the end of the medium */
void hf_cdb_synchronize_cache_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba,
                                 uint16_t blocks);
void hf_cdb_synchronize_cache_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba,
                                 uint32_t blocks);

#endif
