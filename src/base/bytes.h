/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Untrusted bytes go through a reader that remembers failure; bytes for others through a writer
 * that truncates and remembers how long the whole would have been (SCSI allocation length).
 * Neither owns its memory. A failed read gives zero and sticks: judge once, at the end.
 * Suffixes: none = machine native (vhost-user), le = little endian (virtio), be = big endian
 * (SCSI).
 */
#ifndef HF_BASE_BYTES_H
#define HF_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

struct hf_writer {
    uint8_t *start;
    size_t capacity;
    size_t length; /* of the whole; may exceed capacity */
};

struct hf_reader hf_reader_of(const void *bytes, size_t size_bytes);
/* Copies out; on failure fills *into with zeros. */
void hf_read_bytes(struct hf_reader *reader, void *into, size_t size_bytes);
void hf_read_skip(struct hf_reader *reader, size_t size_bytes);
uint8_t hf_read_u8(struct hf_reader *reader);
uint16_t hf_read_u16(struct hf_reader *reader);
uint32_t hf_read_u32(struct hf_reader *reader);
uint64_t hf_read_u64(struct hf_reader *reader);
uint16_t hf_read_le16(struct hf_reader *reader);
uint32_t hf_read_le32(struct hf_reader *reader);
uint64_t hf_read_le64(struct hf_reader *reader);
uint16_t hf_read_be16(struct hf_reader *reader);
uint32_t hf_read_be32(struct hf_reader *reader);
uint64_t hf_read_be64(struct hf_reader *reader);
/* True if nothing failed and nothing is left over: a body must be consumed exactly. */
bool hf_reader_done(const struct hf_reader *reader);

struct hf_writer hf_writer_of(void *bytes, size_t capacity);
void hf_write_bytes(struct hf_writer *writer, const void *bytes, size_t size_bytes);
void hf_write_zeros(struct hf_writer *writer, size_t size_bytes);
/* Text in a field of fixed width, padded with spaces, cut when too long (SPC ASCII fields). */
void hf_write_padded(struct hf_writer *writer, const char *text, size_t width);
void hf_write_u8(struct hf_writer *writer, uint8_t value);
void hf_write_u16(struct hf_writer *writer, uint16_t value);
void hf_write_u32(struct hf_writer *writer, uint32_t value);
void hf_write_u64(struct hf_writer *writer, uint64_t value);
void hf_write_le16(struct hf_writer *writer, uint16_t value);
void hf_write_le32(struct hf_writer *writer, uint32_t value);
void hf_write_le64(struct hf_writer *writer, uint64_t value);
void hf_write_be16(struct hf_writer *writer, uint16_t value);
void hf_write_be24(struct hf_writer *writer, uint32_t value);
void hf_write_be32(struct hf_writer *writer, uint32_t value);
void hf_write_be64(struct hf_writer *writer, uint64_t value);
/* Overwrites bytes already written (a length field known last); beyond capacity it does nothing. */
void hf_write_patch_be16(struct hf_writer *writer, size_t offset, uint16_t value);
void hf_write_patch_be32(struct hf_writer *writer, size_t offset, uint32_t value);
/* How many bytes really lie in memory: min(length, capacity). */
size_t hf_writer_stored(const struct hf_writer *writer);
/* True if everything written fitted. */
bool hf_writer_fits(const struct hf_writer *writer);

#endif
