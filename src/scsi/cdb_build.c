/* SPDX-License-Identifier: BSD-3-Clause */
/* Building commands, for the initiator. Each writer holds a whole CDB: nothing can be cut. */
#include "scsi/cdb.h"

#include <string.h>

#include "base/bytes.h"

#define EVPD 0x01u
#define FUA  0x08u

/* A writer behind the operation code and the byte after it; the rest of the CDB is zero. */
static struct hf_writer begin(uint8_t *cdb, uint8_t code, uint8_t second)
{
    struct hf_writer writer = hf_writer_of(cdb, HF_CDB_SIZE_BYTES);

    memset(cdb, 0, HF_CDB_SIZE_BYTES);
    hf_write_u8(&writer, code);
    hf_write_u8(&writer, second);
    return writer;
}

/* READ, WRITE, SYNCHRONIZE CACHE with ten bytes are laid out alike. */
static void build_10(struct hf_writer writer, uint32_t lba, uint16_t blocks)
{
    hf_write_be32(&writer, lba);
    hf_write_u8(&writer, 0); /* group number */
    hf_write_be16(&writer, blocks);
}

static void build_16(struct hf_writer writer, uint64_t lba, uint32_t blocks)
{
    hf_write_be64(&writer, lba);
    hf_write_be32(&writer, blocks);
}

static bool fits_10(uint64_t lba, uint32_t blocks)
{
    return lba <= UINT32_MAX && blocks <= UINT16_MAX;
}

void hf_cdb_test_unit_ready(uint8_t cdb[static HF_CDB_SIZE_BYTES])
{
    begin(cdb, HF_OP_TEST_UNIT_READY, 0);
}

void hf_cdb_request_sense(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t allocation_length)
{
    begin(cdb, HF_OP_REQUEST_SENSE, 0);
    cdb[4] = allocation_length;
}

void hf_cdb_inquiry(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint16_t allocation_length)
{
    struct hf_writer writer = begin(cdb, HF_OP_INQUIRY, 0);

    hf_write_u8(&writer, 0);
    hf_write_be16(&writer, allocation_length);
}

void hf_cdb_inquiry_page(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                         uint16_t allocation_length)
{
    struct hf_writer writer = begin(cdb, HF_OP_INQUIRY, EVPD);

    hf_write_u8(&writer, page);
    hf_write_be16(&writer, allocation_length);
}

void hf_cdb_report_luns(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t allocation_length)
{
    struct hf_writer writer = begin(cdb, HF_OP_REPORT_LUNS, 0);

    hf_write_zeros(&writer, 4); /* SELECT REPORT 0: all but well-known logical units */
    hf_write_be32(&writer, allocation_length);
}

void hf_cdb_read_capacity_10(uint8_t cdb[static HF_CDB_SIZE_BYTES])
{
    begin(cdb, HF_OP_READ_CAPACITY_10, 0);
}

void hf_cdb_read_capacity_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t allocation_length)
{
    build_16(begin(cdb, HF_OP_SERVICE_ACTION_IN_16, HF_ACTION_READ_CAPACITY_16), 0,
             allocation_length);
}

void hf_cdb_mode_sense_6(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                         uint8_t allocation_length)
{
    begin(cdb, HF_OP_MODE_SENSE_6, 0);
    cdb[2] = page;
    cdb[4] = allocation_length;
}

void hf_cdb_mode_sense_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint8_t page,
                          uint16_t allocation_length)
{
    struct hf_writer writer = begin(cdb, HF_OP_MODE_SENSE_10, 0);

    hf_write_u8(&writer, page);
    hf_write_zeros(&writer, 4);
    hf_write_be16(&writer, allocation_length);
}

void hf_cdb_read_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba, uint16_t blocks)
{
    build_10(begin(cdb, HF_OP_READ_10, 0), lba, blocks);
}

void hf_cdb_read_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks)
{
    build_16(begin(cdb, HF_OP_READ_16, 0), lba, blocks);
}

void hf_cdb_write_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba, uint16_t blocks, bool fua)
{
    build_10(begin(cdb, HF_OP_WRITE_10, fua ? FUA : 0), lba, blocks);
}

void hf_cdb_write_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks, bool fua)
{
    build_16(begin(cdb, HF_OP_WRITE_16, fua ? FUA : 0), lba, blocks);
}

void hf_cdb_read(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks)
{
    if (fits_10(lba, blocks))
        hf_cdb_read_10(cdb, (uint32_t)lba, (uint16_t)blocks);
    else
        hf_cdb_read_16(cdb, lba, blocks);
}

void hf_cdb_write(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba, uint32_t blocks, bool fua)
{
    if (fits_10(lba, blocks))
        hf_cdb_write_10(cdb, (uint32_t)lba, (uint16_t)blocks, fua);
    else
        hf_cdb_write_16(cdb, lba, blocks, fua);
}

void hf_cdb_synchronize_cache_10(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint32_t lba,
                                 uint16_t blocks)
{
    build_10(begin(cdb, HF_OP_SYNCHRONIZE_CACHE_10, 0), lba, blocks);
}

void hf_cdb_synchronize_cache_16(uint8_t cdb[static HF_CDB_SIZE_BYTES], uint64_t lba,
                                 uint32_t blocks)
{
    build_16(begin(cdb, HF_OP_SYNCHRONIZE_CACHE_16, 0), lba, blocks);
}
