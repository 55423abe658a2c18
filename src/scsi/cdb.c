/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoding by the rows of the opcode table. Judges nothing. */
#include "scsi/cdb.h"

#include <string.h>

#define ACTION_MASK 0x1fu
#define FUA         0x08u
#define DPO         0x10u

/* Bits outside the usage mask are no part of the number (READ(6) has 21 bits of LBA). */
static uint64_t field_of(const struct hf_cdb *cdb, struct hf_cdb_field field)
{
    uint64_t value = 0;

    for (size_t i = field.at; i < (size_t)field.at + field.size_bytes; i++)
        value = value << 8 | (cdb->bytes[i] & cdb->opcode->usage[i]);
    return value;
}

static void decode_length(struct hf_cdb *cdb)
{
    const struct hf_opcode *opcode = cdb->opcode;
    uint32_t length = (uint32_t)field_of(cdb, opcode->length);

    if (opcode->kind != HF_COMMAND_ANSWER)
        cdb->blocks = opcode->zero_means_256 && length == 0 ? 256 : length;
    else
        cdb->allocation_length = opcode->length.size_bytes > 0 ? length : UINT32_MAX;
}

static bool moves_blocks(enum hf_command_kind kind)
{
    return kind == HF_COMMAND_READ || kind == HF_COMMAND_WRITE;
}

/* The 6-byte forms have LBA bits where the others have FUA and DPO. */
static void decode_flags(struct hf_cdb *cdb)
{
    if (!moves_blocks(cdb->opcode->kind) || cdb->opcode->size_bytes == 6)
        return;
    cdb->fua = (cdb->bytes[1] & FUA) != 0;
    cdb->dpo = (cdb->bytes[1] & DPO) != 0;
}

void hf_cdb_decode(const uint8_t bytes[static HF_CDB_SIZE_BYTES], struct hf_cdb *cdb)
{
    memset(cdb, 0, sizeof(*cdb));
    cdb->opcode = hf_opcode_find(bytes[0], bytes[1] & ACTION_MASK);
    if (cdb->opcode == NULL) {
        memcpy(cdb->bytes, bytes, HF_CDB_SIZE_BYTES);
        return;
    }
    memcpy(cdb->bytes, bytes, cdb->opcode->size_bytes);
    cdb->lba = field_of(cdb, cdb->opcode->lba);
    decode_length(cdb);
    decode_flags(cdb);
}

enum hf_command_kind hf_cdb_kind(const struct hf_cdb *cdb)
{
    return cdb->opcode != NULL ? cdb->opcode->kind : HF_COMMAND_ANSWER;
}

enum hf_replay hf_cdb_replay(const struct hf_cdb *cdb)
{
    return cdb->opcode != NULL ? cdb->opcode->replay : HF_REPLAY_EXECUTE;
}

const char *hf_cdb_name(const struct hf_cdb *cdb)
{
    return cdb->opcode != NULL ? cdb->opcode->name : "unsupported command";
}

uint8_t hf_cdb_group_size_bytes(uint8_t code)
{
    static const uint8_t sizes[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

    return sizes[code >> 5];
}
