/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded reader and writer. Knows no format. */
#include "base/bytes.h"

#include <endian.h>
#include <string.h>

struct hf_reader hf_reader_of(const void *bytes, size_t size_bytes)
{
    return (struct hf_reader){ .at = bytes, .left = size_bytes };
}

static bool take(struct hf_reader *reader, size_t size_bytes)
{
    if (reader->failed || size_bytes > reader->left) {
        reader->failed = true;
        return false;
    }
    return true;
}

static void advance(struct hf_reader *reader, size_t size_bytes)
{
    reader->at += size_bytes;
    reader->left -= size_bytes;
}

void hf_read_bytes(struct hf_reader *reader, void *into, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    if (!take(reader, size_bytes)) {
        memset(into, 0, size_bytes);
        return;
    }
    memcpy(into, reader->at, size_bytes);
    advance(reader, size_bytes);
}

void hf_read_skip(struct hf_reader *reader, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    if (take(reader, size_bytes))
        advance(reader, size_bytes);
}

uint8_t hf_read_u8(struct hf_reader *reader)
{
    uint8_t value;

    hf_read_bytes(reader, &value, sizeof(value));
    return value;
}

uint16_t hf_read_u16(struct hf_reader *reader)
{
    uint16_t value;

    hf_read_bytes(reader, &value, sizeof(value));
    return value;
}

uint32_t hf_read_u32(struct hf_reader *reader)
{
    uint32_t value;

    hf_read_bytes(reader, &value, sizeof(value));
    return value;
}

uint64_t hf_read_u64(struct hf_reader *reader)
{
    uint64_t value;

    hf_read_bytes(reader, &value, sizeof(value));
    return value;
}

uint16_t hf_read_le16(struct hf_reader *reader)
{
    return le16toh(hf_read_u16(reader));
}

uint32_t hf_read_le32(struct hf_reader *reader)
{
    return le32toh(hf_read_u32(reader));
}

uint64_t hf_read_le64(struct hf_reader *reader)
{
    return le64toh(hf_read_u64(reader));
}

uint16_t hf_read_be16(struct hf_reader *reader)
{
    return be16toh(hf_read_u16(reader));
}

uint32_t hf_read_be32(struct hf_reader *reader)
{
    return be32toh(hf_read_u32(reader));
}

uint64_t hf_read_be64(struct hf_reader *reader)
{
    return be64toh(hf_read_u64(reader));
}

bool hf_reader_done(const struct hf_reader *reader)
{
    return !reader->failed && reader->left == 0;
}

struct hf_writer hf_writer_of(void *bytes, size_t capacity)
{
    return (struct hf_writer){ .start = bytes, .capacity = capacity };
}

size_t hf_writer_stored(const struct hf_writer *writer)
{
    return writer->length < writer->capacity ? writer->length : writer->capacity;
}

bool hf_writer_fits(const struct hf_writer *writer)
{
    return writer->length <= writer->capacity;
}

static size_t room(const struct hf_writer *writer, size_t size_bytes)
{
    size_t left = writer->capacity - hf_writer_stored(writer);

    return size_bytes < left ? size_bytes : left;
}

void hf_write_bytes(struct hf_writer *writer, const void *bytes, size_t size_bytes)
{
    size_t fitting = room(writer, size_bytes);

    if (fitting > 0)
        memcpy(writer->start + writer->length, bytes, fitting);
    writer->length += size_bytes;
}

void hf_write_zeros(struct hf_writer *writer, size_t size_bytes)
{
    size_t fitting = room(writer, size_bytes);

    if (fitting > 0)
        memset(writer->start + writer->length, 0, fitting);
    writer->length += size_bytes;
}

void hf_write_padded(struct hf_writer *writer, const char *text, size_t width)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < width; i++)
        hf_write_u8(writer, i < length ? (uint8_t)text[i] : (uint8_t)' ');
}

void hf_write_u8(struct hf_writer *writer, uint8_t value)
{
    hf_write_bytes(writer, &value, sizeof(value));
}

void hf_write_u16(struct hf_writer *writer, uint16_t value)
{
    hf_write_bytes(writer, &value, sizeof(value));
}

void hf_write_u32(struct hf_writer *writer, uint32_t value)
{
    hf_write_bytes(writer, &value, sizeof(value));
}

void hf_write_u64(struct hf_writer *writer, uint64_t value)
{
    hf_write_bytes(writer, &value, sizeof(value));
}

void hf_write_le16(struct hf_writer *writer, uint16_t value)
{
    hf_write_u16(writer, htole16(value));
}

void hf_write_le32(struct hf_writer *writer, uint32_t value)
{
    hf_write_u32(writer, htole32(value));
}

void hf_write_le64(struct hf_writer *writer, uint64_t value)
{
    hf_write_u64(writer, htole64(value));
}

void hf_write_be16(struct hf_writer *writer, uint16_t value)
{
    hf_write_u16(writer, htobe16(value));
}

void hf_write_be24(struct hf_writer *writer, uint32_t value)
{
    hf_write_u8(writer, (uint8_t)(value >> 16));
    hf_write_be16(writer, (uint16_t)value);
}

void hf_write_be32(struct hf_writer *writer, uint32_t value)
{
    hf_write_u32(writer, htobe32(value));
}

void hf_write_be64(struct hf_writer *writer, uint64_t value)
{
    hf_write_u64(writer, htobe64(value));
}

static void patch(struct hf_writer *writer, size_t offset, const void *bytes, size_t size_bytes)
{
    struct hf_writer at = { .start = writer->start,
                            .capacity = hf_writer_stored(writer),
                            .length = offset };

    hf_write_bytes(&at, bytes, size_bytes);
}

void hf_write_patch_be16(struct hf_writer *writer, size_t offset, uint16_t value)
{
    uint16_t big = htobe16(value);

    patch(writer, offset, &big, sizeof(big));
}

void hf_write_patch_be32(struct hf_writer *writer, size_t offset, uint32_t value)
{
    uint32_t big = htobe32(value);

    patch(writer, offset, &big, sizeof(big));
}
