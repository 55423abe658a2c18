/* SPDX-License-Identifier: BSD-3-Clause */
/* Sense on the wire: fixed format (SPC-4 §4.5.3) and descriptor format (§4.5.2). */
#include "scsi/sense.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#define FIXED_CURRENT          0x70u
#define FIXED_DEFERRED         0x71u
#define DESCRIPTOR_CURRENT     0x72u
#define DESCRIPTOR_DEFERRED    0x73u
#define HEADER_SIZE            8u /* of both: up to and with ADDITIONAL SENSE LENGTH */
#define VALID                  0x80u
#define FIELD_VALID_IN_CDB     0xc0u /* SKSV and C/D */
#define DESCRIPTOR_INFORMATION 0x00u
#define DESCRIPTOR_KEY         0x02u

/* Sense key specific: a field pointer, or three zero bytes (§4.5.2.4.2). */
static void write_field_pointer(struct hf_writer *writer, const struct hf_sense *sense)
{
    hf_write_u8(writer, sense->has_field ? FIELD_VALID_IN_CDB : 0);
    hf_write_be16(writer, sense->has_field ? sense->field_byte : 0);
}

void hf_sense_encode_fixed(const struct hf_sense *sense,
                           uint8_t bytes[static HF_SENSE_FIXED_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_SENSE_FIXED_SIZE_BYTES);
    bool valid = sense->has_information && sense->information <= UINT32_MAX;

    hf_write_u8(&writer, (uint8_t)((valid ? VALID : 0) | FIXED_CURRENT));
    hf_write_u8(&writer, 0);
    hf_write_u8(&writer, sense->key & 0x0f);
    hf_write_be32(&writer, valid ? (uint32_t)sense->information : 0);
    hf_write_u8(&writer, HF_SENSE_FIXED_SIZE_BYTES - HEADER_SIZE);
    hf_write_be32(&writer, 0); /* command-specific information */
    hf_write_u8(&writer, sense->asc);
    hf_write_u8(&writer, sense->ascq);
    hf_write_u8(&writer, 0); /* field replaceable unit */
    write_field_pointer(&writer, sense);
}

static void write_information(struct hf_writer *writer, const struct hf_sense *sense)
{
    hf_write_u8(writer, DESCRIPTOR_INFORMATION);
    hf_write_u8(writer, 10);
    hf_write_u8(writer, VALID);
    hf_write_u8(writer, 0);
    hf_write_be64(writer, sense->information);
}

static void write_key_specific(struct hf_writer *writer, const struct hf_sense *sense)
{
    hf_write_u8(writer, DESCRIPTOR_KEY);
    hf_write_u8(writer, 6);
    hf_write_zeros(writer, 2);
    write_field_pointer(writer, sense);
    hf_write_u8(writer, 0);
}

size_t hf_sense_encode_descriptor(const struct hf_sense *sense,
                                  uint8_t bytes[static HF_SENSE_DESCRIPTOR_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_SENSE_DESCRIPTOR_SIZE_BYTES);

    hf_write_u8(&writer, DESCRIPTOR_CURRENT);
    hf_write_u8(&writer, sense->key & 0x0f);
    hf_write_u8(&writer, sense->asc);
    hf_write_u8(&writer, sense->ascq);
    hf_write_be32(&writer, 0); /* three reserved, ADDITIONAL SENSE LENGTH */
    if (sense->has_information)
        write_information(&writer, sense);
    if (sense->has_field)
        write_key_specific(&writer, sense);
    bytes[7] = (uint8_t)(writer.length - HEADER_SIZE);
    return writer.length;
}

static void read_field_pointer(struct hf_reader *reader, struct hf_sense *sense)
{
    uint8_t flags = hf_read_u8(reader);
    uint16_t field = hf_read_be16(reader);

    sense->has_field = !reader->failed && (flags & FIELD_VALID_IN_CDB) == FIELD_VALID_IN_CDB &&
                       sense->key == HF_SENSE_KEY_ILLEGAL_REQUEST;
    sense->field_byte = sense->has_field ? field : 0;
}

static void decode_fixed(struct hf_reader *reader, uint8_t response, struct hf_sense *sense)
{
    hf_read_skip(reader, 1);
    sense->key = hf_read_u8(reader) & 0x0f;
    sense->information = hf_read_be32(reader);
    sense->has_information = !reader->failed && (response & VALID) != 0;
    if (!sense->has_information)
        sense->information = 0;
    hf_read_skip(reader, 1 + 4); /* length, command-specific information */
    sense->asc = hf_read_u8(reader);
    sense->ascq = hf_read_u8(reader);
    hf_read_skip(reader, 1);
    read_field_pointer(reader, sense);
}

static void read_information(struct hf_reader *reader, struct hf_sense *sense)
{
    uint8_t flags = hf_read_u8(reader);

    hf_read_skip(reader, 1);
    sense->information = hf_read_be64(reader);
    sense->has_information = !reader->failed && (flags & VALID) != 0;
    if (!sense->has_information)
        sense->information = 0;
}

/* One descriptor: type, length, body. Those we do not know are stepped over. */
static void decode_one_descriptor(struct hf_reader *reader, struct hf_sense *sense)
{
    uint8_t type = hf_read_u8(reader);
    uint8_t length = hf_read_u8(reader);
    struct hf_reader body = hf_reader_of(reader->at, hf_min_u64(length, reader->left));

    hf_read_skip(reader, length);
    if (reader->failed)
        return;
    if (type == DESCRIPTOR_INFORMATION)
        read_information(&body, sense);
    if (type != DESCRIPTOR_KEY)
        return;
    hf_read_skip(&body, 2);
    read_field_pointer(&body, sense);
}

static void decode_descriptors(struct hf_reader *reader, struct hf_sense *sense)
{
    sense->key = hf_read_u8(reader) & 0x0f;
    sense->asc = hf_read_u8(reader);
    sense->ascq = hf_read_u8(reader);
    hf_read_skip(reader, 4);
    while (!reader->failed && reader->left > 0)
        decode_one_descriptor(reader, sense);
}

/* Bytes behind ADDITIONAL SENSE LENGTH are somebody's old memory. */
static size_t valid_size(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < HEADER_SIZE)
        return size_bytes;
    return (size_t)hf_min_u64(size_bytes, HEADER_SIZE + (size_t)bytes[7]);
}

bool hf_sense_decode(const uint8_t *bytes, size_t size_bytes, struct hf_sense *sense)
{
    *sense = hf_sense_of(HF_SENSE_CODE_NONE);
    if (size_bytes < 3)
        return false;
    struct hf_reader reader = hf_reader_of(bytes, valid_size(bytes, size_bytes));
    uint8_t response = hf_read_u8(&reader);
    uint8_t format = response & 0x7f;

    if (format == FIXED_CURRENT || format == FIXED_DEFERRED)
        decode_fixed(&reader, response, sense);
    else if (format == DESCRIPTOR_CURRENT || format == DESCRIPTOR_DEFERRED)
        decode_descriptors(&reader, sense);
    else
        return false;
    return true;
}
