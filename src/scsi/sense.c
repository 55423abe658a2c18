/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of conditions, what an errno means, and the words for people. */
#include "scsi/sense.h"

#include <errno.h>

#include "base/check.h"

static const struct {
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
    const char *text;
} codes[HF_SENSE_CODE_COUNT] = {
    [HF_SENSE_CODE_NONE] = { HF_SENSE_KEY_NO_SENSE, 0x00, 0x00, "NO ADDITIONAL SENSE INFORMATION" },
    [HF_SENSE_CODE_NOT_READY] = { HF_SENSE_KEY_NOT_READY, 0x04, 0x00,
                                  "LOGICAL UNIT NOT READY, CAUSE NOT REPORTABLE" },
    [HF_SENSE_CODE_NO_MEDIUM] = { HF_SENSE_KEY_NOT_READY, 0x3a, 0x00, "MEDIUM NOT PRESENT" },
    [HF_SENSE_CODE_READ_ERROR] = { HF_SENSE_KEY_MEDIUM_ERROR, 0x11, 0x00,
                                   "UNRECOVERED READ ERROR" },
    [HF_SENSE_CODE_WRITE_ERROR] = { HF_SENSE_KEY_MEDIUM_ERROR, 0x0c, 0x00, "WRITE ERROR" },
    [HF_SENSE_CODE_INTERNAL_TARGET_FAILURE] = { HF_SENSE_KEY_HARDWARE_ERROR, 0x44, 0x00,
                                                "INTERNAL TARGET FAILURE" },
    [HF_SENSE_CODE_INVALID_OPERATION_CODE] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x20, 0x00,
                                               "INVALID COMMAND OPERATION CODE" },
    [HF_SENSE_CODE_LBA_OUT_OF_RANGE] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x21, 0x00,
                                         "LOGICAL BLOCK ADDRESS OUT OF RANGE" },
    [HF_SENSE_CODE_INVALID_FIELD_IN_CDB] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x24, 0x00,
                                             "INVALID FIELD IN CDB" },
    [HF_SENSE_CODE_UNIT_NOT_SUPPORTED] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x25, 0x00,
                                           "LOGICAL UNIT NOT SUPPORTED" },
    [HF_SENSE_CODE_SAVING_NOT_SUPPORTED] = { HF_SENSE_KEY_ILLEGAL_REQUEST, 0x39, 0x00,
                                             "SAVING PARAMETERS NOT SUPPORTED" },
    [HF_SENSE_CODE_NEXUS_LOSS] = { HF_SENSE_KEY_UNIT_ATTENTION, 0x29, 0x07,
                                   "I_T NEXUS LOSS OCCURRED" },
    [HF_SENSE_CODE_WRITE_PROTECTED] = { HF_SENSE_KEY_DATA_PROTECT, 0x27, 0x00, "WRITE PROTECTED" },
    [HF_SENSE_CODE_SPACE_ALLOCATION_FAILED] = { HF_SENSE_KEY_DATA_PROTECT, 0x27, 0x07,
                                                "SPACE ALLOCATION FAILED WRITE PROTECT" },
    [HF_SENSE_CODE_COMMUNICATION_TIMEOUT] = { HF_SENSE_KEY_ABORTED_COMMAND, 0x08, 0x01,
                                              "LOGICAL UNIT COMMUNICATION TIME-OUT" },
    [HF_SENSE_CODE_INSUFFICIENT_RESOURCES] = { HF_SENSE_KEY_ABORTED_COMMAND, 0x55, 0x03,
                                               "INSUFFICIENT RESOURCES" },
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

static const char *const keys[HF_SENSE_KEY_COUNT] = {
    [HF_SENSE_KEY_NO_SENSE] = "NO SENSE",
    [HF_SENSE_KEY_RECOVERED_ERROR] = "RECOVERED ERROR",
    [HF_SENSE_KEY_NOT_READY] = "NOT READY",
    [HF_SENSE_KEY_MEDIUM_ERROR] = "MEDIUM ERROR",
    [HF_SENSE_KEY_HARDWARE_ERROR] = "HARDWARE ERROR",
    [HF_SENSE_KEY_ILLEGAL_REQUEST] = "ILLEGAL REQUEST",
    [HF_SENSE_KEY_UNIT_ATTENTION] = "UNIT ATTENTION",
    [HF_SENSE_KEY_DATA_PROTECT] = "DATA PROTECT",
    [HF_SENSE_KEY_BLANK_CHECK] = "BLANK CHECK",
    [HF_SENSE_KEY_VENDOR_SPECIFIC] = "VENDOR SPECIFIC",
    [HF_SENSE_KEY_COPY_ABORTED] = "COPY ABORTED",
    [HF_SENSE_KEY_ABORTED_COMMAND] = "ABORTED COMMAND",
    [HF_SENSE_KEY_RESERVED] = "RESERVED",
    [HF_SENSE_KEY_VOLUME_OVERFLOW] = "VOLUME OVERFLOW",
    [HF_SENSE_KEY_MISCOMPARE] = "MISCOMPARE",
    [HF_SENSE_KEY_COMPLETED] = "COMPLETED",
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

const char *hf_sense_key_name(uint8_t key)
{
    return key < HF_SENSE_KEY_COUNT ? keys[key] : "unknown sense key";
}

/* NULL if the pair is none of ours. */
static const char *find_text(uint8_t asc, uint8_t ascq)
{
    for (size_t i = 0; i < HF_SENSE_CODE_COUNT; i++)
        if (codes[i].asc == asc && codes[i].ascq == ascq)
            return codes[i].text;
    return NULL;
}

void hf_sense_describe(const struct hf_sense *sense, struct hf_text *text)
{
    const char *words = find_text(sense->asc, sense->ascq);

    hf_text_add(text, "%s, ", hf_sense_key_name(sense->key));
    if (words != NULL)
        hf_text_add(text, "%s ", words);
    hf_text_add(text, "(%02X/%02X)", sense->asc, sense->ascq);
    if (sense->has_field)
        hf_text_add(text, ", CDB byte %u", sense->field_byte);
    if (sense->has_information)
        hf_text_add(text, ", information %llu", (unsigned long long)sense->information);
}
