/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sense as a value: what is wrong (key, asc, ascq), where (information, field pointer), and both
 * formats on the wire (SPC-4 §4.5). Owns nothing; knows no command.
 */
#ifndef HF_SCSI_SENSE_H
#define HF_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_SENSE_FIXED_SIZE_BYTES      18u
#define HF_SENSE_DESCRIPTOR_SIZE_BYTES 32u /* header, information and field pointer descriptors */

enum hf_sense_key {
    HF_SENSE_KEY_NO_SENSE,
    HF_SENSE_KEY_RECOVERED_ERROR,
    HF_SENSE_KEY_NOT_READY,
    HF_SENSE_KEY_MEDIUM_ERROR,
    HF_SENSE_KEY_HARDWARE_ERROR,
    HF_SENSE_KEY_ILLEGAL_REQUEST,
    HF_SENSE_KEY_UNIT_ATTENTION,
    HF_SENSE_KEY_DATA_PROTECT,
    HF_SENSE_KEY_BLANK_CHECK,
    HF_SENSE_KEY_VENDOR_SPECIFIC,
    HF_SENSE_KEY_COPY_ABORTED,
    HF_SENSE_KEY_ABORTED_COMMAND,
    HF_SENSE_KEY_RESERVED,
    HF_SENSE_KEY_VOLUME_OVERFLOW,
    HF_SENSE_KEY_MISCOMPARE,
    HF_SENSE_KEY_COMPLETED,
    HF_SENSE_KEY_COUNT
};

/* Every condition we report, by name; the bytes are in one table in sense.c. */
enum hf_sense_code {
    HF_SENSE_CODE_NONE,
    HF_SENSE_CODE_NOT_READY,               /* 2/04/00 */
    HF_SENSE_CODE_NO_MEDIUM,               /* 2/3A/00 */
    HF_SENSE_CODE_READ_ERROR,              /* 3/11/00 */
    HF_SENSE_CODE_WRITE_ERROR,             /* 3/0C/00 */
    HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, /* 4/44/00 */
    HF_SENSE_CODE_INVALID_OPERATION_CODE,  /* 5/20/00 */
    HF_SENSE_CODE_LBA_OUT_OF_RANGE,        /* 5/21/00 */
    HF_SENSE_CODE_INVALID_FIELD_IN_CDB,    /* 5/24/00 */
    HF_SENSE_CODE_UNIT_NOT_SUPPORTED,      /* 5/25/00 */
    HF_SENSE_CODE_SAVING_NOT_SUPPORTED,    /* 5/39/00 */
    HF_SENSE_CODE_NEXUS_LOSS,              /* 6/29/07, CONTRACT: not idempotent and replayed */
    HF_SENSE_CODE_WRITE_PROTECTED,         /* 7/27/00 */
    HF_SENSE_CODE_SPACE_ALLOCATION_FAILED, /* 7/27/07 */
    HF_SENSE_CODE_COMMUNICATION_TIMEOUT,   /* B/08/01 */
    HF_SENSE_CODE_INSUFFICIENT_RESOURCES,  /* B/55/03 */
    HF_SENSE_CODE_COUNT
};

struct hf_sense {
    uint8_t key; /* enum hf_sense_key */
    uint8_t asc;
    uint8_t ascq;
    bool has_information;
    uint64_t information; /* READ and WRITE: the first LBA in error */
    bool has_field;       /* which byte of the CDB is wrong (SPC-4 §4.5.2.4.2) */
    uint16_t field_byte;
};

struct hf_sense hf_sense_of(enum hf_sense_code code);
/* INVALID FIELD IN CDB with the place. */
struct hf_sense hf_sense_of_field(uint16_t cdb_byte);
/*
 * What a failed system call on the disk means to the guest. `error` is a positive errno (unknown
 * ones become INTERNAL TARGET FAILURE), `writing` tells a write or flush from a read.
 */
struct hf_sense hf_sense_of_errno(int error, bool writing);

/* Fixed format, current error (70h), 18 bytes. Information above 32 bits is left out (VALID 0). */
void hf_sense_encode_fixed(const struct hf_sense *sense,
                           uint8_t bytes[static HF_SENSE_FIXED_SIZE_BYTES]);
/* Descriptor format (72h); returns the length, at most HF_SENSE_DESCRIPTOR_SIZE_BYTES. */
size_t hf_sense_encode_descriptor(const struct hf_sense *sense,
                                  uint8_t bytes[static HF_SENSE_DESCRIPTOR_SIZE_BYTES]);
/*
 * Either format, from a device that is not trusted: what is missing reads as zero. False if it is
 * no sense data at all (unknown response code, no key); then *sense is NONE.
 */
bool hf_sense_decode(const uint8_t *bytes, size_t size_bytes, struct hf_sense *sense);

#endif
