/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of conditions, and what an errno means. */
#include "scsi/sense.h"

#include <errno.h>

#include "base/check.h"

static const struct {
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
} codes[HF_SENSE_CODE_COUNT] = {
    [HF_SENSE_CODE_NONE] = { HF_SENSE_KEY_NO_SENSE, 0x00, 0x00 },
    [HF_SENSE_CODE_NOT_READY] = { HF_SENSE_KEY_NOT_READY, 0x04, 0x00 },
    [HF_SENSE_CODE_NO_MEDIUM] = { HF_SENSE_KEY_NOT_READY, 0x3a, 0x00 },
    [HF_SENSE_CODE_READ_ERROR] = { HF_SENSE_KEY_MEDIUM_ERROR, 0x11, 0x00 },
    [HF_SENSE_CODE_WRITE_ERROR] = { HF_SENSE_KEY_MEDIUM_ERROR, 0x0c, 0x00 },
    [HF_SENSE_CODE_INTERNAL_TARGET_FAILURE] = { HF_SENSE_KEY_HARDWARE_ERROR, 0x44, 0x00 },
    [HF_SENSE_CODE_INVALID_OPERATION_CODE] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x20, 0x00 },
    [HF_SENSE_CODE_LBA_OUT_OF_RANGE] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x21, 0x00 },
    [HF_SENSE_CODE_INVALID_FIELD_IN_CDB] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x24, 0x00 },
    [HF_SENSE_CODE_UNIT_NOT_SUPPORTED] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x25, 0x00 },
    [HF_SENSE_CODE_SAVING_NOT_SUPPORTED] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x39, 0x00 },
    [HF_SENSE_CODE_NEXUS_LOSS] = { HF_SENSE_KEY_UNIT_ATTENTION, 0x29, 0x07 },
    [HF_SENSE_CODE_WRITE_PROTECTED] = { HF_SENSE_KEY_DATA_PROTECT, 0x27, 0x00 },
    [HF_SENSE_CODE_SPACE_ALLOCATION_FAILED] = { HF_SENSE_KEY_DATA_PROTECT, 0x27, 0x07 },
    [HF_SENSE_CODE_COMMUNICATION_TIMEOUT] = { HF_SENSE_KEY_ABORTED_COMMAND, 0x08, 0x01 },
    [HF_SENSE_CODE_INSUFFICIENT_RESOURCES] = { HF_SENSE_KEY_ABORTED_COMMAND, 0x55, 0x03 },
};

/*
 * Words chosen by what the guest then does: MEDIUM ERROR fails this request at once, DATA PROTECT
 * says that writing is over, ABORTED COMMAND is retried, NOT READY and HARDWARE ERROR fail it.
 */
static const struct {
    int error;
    enum hf_sense_code reading;
    enum hf_sense_code writing;
} errors[] = {
    { EIO, HF_SENSE_CODE_READ_ERROR, HF_SENSE_CODE_WRITE_ERROR },
    { ENODATA, HF_SENSE_CODE_READ_ERROR, HF_SENSE_CODE_WRITE_ERROR }, /* Linux: medium error */
    { EILSEQ, HF_SENSE_CODE_READ_ERROR, HF_SENSE_CODE_WRITE_ERROR },  /* Linux: bad checksum */
    { EBADMSG, HF_SENSE_CODE_READ_ERROR, HF_SENSE_CODE_WRITE_ERROR }, /* file system checksum */
    { EUCLEAN, HF_SENSE_CODE_READ_ERROR, HF_SENSE_CODE_WRITE_ERROR }, /* file system damaged */
    { ENOSPC, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_SPACE_ALLOCATION_FAILED },
    { EDQUOT, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_SPACE_ALLOCATION_FAILED },
    { EFBIG, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_SPACE_ALLOCATION_FAILED },
    { EROFS, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_WRITE_PROTECTED },
    { EPERM, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_WRITE_PROTECTED },
    { EACCES, HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, HF_SENSE_CODE_WRITE_PROTECTED },
    { ENOMEDIUM, HF_SENSE_CODE_NO_MEDIUM, HF_SENSE_CODE_NO_MEDIUM },
    { ENODEV, HF_SENSE_CODE_NOT_READY, HF_SENSE_CODE_NOT_READY },
    { ENXIO, HF_SENSE_CODE_NOT_READY, HF_SENSE_CODE_NOT_READY },
    { ETIMEDOUT, HF_SENSE_CODE_COMMUNICATION_TIMEOUT, HF_SENSE_CODE_COMMUNICATION_TIMEOUT },
    { ENOLINK, HF_SENSE_CODE_COMMUNICATION_TIMEOUT, HF_SENSE_CODE_COMMUNICATION_TIMEOUT },
    { ENOMEM, HF_SENSE_CODE_INSUFFICIENT_RESOURCES, HF_SENSE_CODE_INSUFFICIENT_RESOURCES },
    { EAGAIN, HF_SENSE_CODE_INSUFFICIENT_RESOURCES, HF_SENSE_CODE_INSUFFICIENT_RESOURCES },
};

struct hf_sense hf_sense_of(enum hf_sense_code code)
{
    HF_CHECK((unsigned)code < HF_SENSE_CODE_COUNT);
    return (struct hf_sense){ .key = codes[code].key,
                              .asc = codes[code].asc,
                              .ascq = codes[code].ascq };
}

struct hf_sense hf_sense_of_field(uint16_t cdb_byte)
{
    struct hf_sense sense = hf_sense_of(HF_SENSE_CODE_INVALID_FIELD_IN_CDB);

    sense.has_field = true;
    sense.field_byte = cdb_byte;
    return sense;
}

struct hf_sense hf_sense_of_errno(int error, bool writing)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(errors); i++)
        if (errors[i].error == error)
            return hf_sense_of(writing ? errors[i].writing : errors[i].reading);
    return hf_sense_of(HF_SENSE_CODE_INTERNAL_TARGET_FAILURE);
}
