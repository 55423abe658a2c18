/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers are typed from SPC-4 annex F, not from the table. */
#include "scsi/sense.h"

#include <errno.h>

#include "base/check.h"
#include "cmocka_all.h"

static const struct {
    enum hf_sense_code code;
    unsigned number; /* key, asc, ascq */
} numbers[] = {
    { HF_SENSE_CODE_NONE, 0x000000 },
    { HF_SENSE_CODE_NOT_READY, 0x020400 },
    { HF_SENSE_CODE_NO_MEDIUM, 0x023a00 },
    { HF_SENSE_CODE_READ_ERROR, 0x031100 },
    { HF_SENSE_CODE_WRITE_ERROR, 0x030c00 },
    { HF_SENSE_CODE_INTERNAL_TARGET_FAILURE, 0x044400 },
    { HF_SENSE_CODE_INVALID_OPERATION_CODE, 0x052000 },
    { HF_SENSE_CODE_LBA_OUT_OF_RANGE, 0x052100 },
    { HF_SENSE_CODE_INVALID_FIELD_IN_CDB, 0x052400 },
    { HF_SENSE_CODE_UNIT_NOT_SUPPORTED, 0x052500 },
    { HF_SENSE_CODE_SAVING_NOT_SUPPORTED, 0x053900 },
    { HF_SENSE_CODE_NEXUS_LOSS, 0x062907 },
    { HF_SENSE_CODE_WRITE_PROTECTED, 0x072700 },
    { HF_SENSE_CODE_SPACE_ALLOCATION_FAILED, 0x072707 },
    { HF_SENSE_CODE_COMMUNICATION_TIMEOUT, 0x0b0801 },
    { HF_SENSE_CODE_INSUFFICIENT_RESOURCES, 0x0b5503 },
};

static unsigned number_of(struct hf_sense sense)
{
    return (unsigned)sense.key << 16 | (unsigned)sense.asc << 8 | sense.ascq;
}

static void every_condition_has_the_numbers_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(HF_ARRAY_COUNT(numbers), HF_SENSE_CODE_COUNT);
    for (size_t i = 0; i < HF_ARRAY_COUNT(numbers); i++)
        assert_int_equal(number_of(hf_sense_of(numbers[i].code)), numbers[i].number);
}

static void a_failed_disk_is_a_medium_error_of_its_direction(void **state)
{
    (void)state;
    assert_int_equal(number_of(hf_sense_of_errno(EIO, false)), 0x031100);
    assert_int_equal(number_of(hf_sense_of_errno(EIO, true)), 0x030c00);
    assert_int_equal(number_of(hf_sense_of_errno(EILSEQ, false)), 0x031100);
}

static void a_full_or_closed_disk_is_data_protect(void **state)
{
    (void)state;
    assert_int_equal(number_of(hf_sense_of_errno(ENOSPC, true)), 0x072707);
    assert_int_equal(number_of(hf_sense_of_errno(EDQUOT, true)), 0x072707);
    assert_int_equal(number_of(hf_sense_of_errno(EROFS, true)), 0x072700);
    assert_int_equal(number_of(hf_sense_of_errno(EPERM, true)), 0x072700);
    assert_int_equal(number_of(hf_sense_of_errno(ENOSPC, false)), 0x044400);
}

static void a_lost_or_starved_disk_is_named(void **state)
{
    (void)state;
    assert_int_equal(number_of(hf_sense_of_errno(ENODEV, true)), 0x020400);
    assert_int_equal(number_of(hf_sense_of_errno(ENOMEDIUM, false)), 0x023a00);
    assert_int_equal(number_of(hf_sense_of_errno(ETIMEDOUT, false)), 0x0b0801);
    assert_int_equal(number_of(hf_sense_of_errno(ENOMEM, true)), 0x0b5503);
}

static void assert_code(struct hf_sense sense, enum hf_sense_code code)
{
    assert_int_equal(number_of(sense), number_of(hf_sense_of(code)));
}

static void each_condition_of_a_disk_has_an_errno_that_it_comes_from(void **state)
{
    (void)state;
    assert_code(hf_sense_of_errno(EBADMSG, false), HF_SENSE_CODE_READ_ERROR);
    assert_code(hf_sense_of_errno(EUCLEAN, true), HF_SENSE_CODE_WRITE_ERROR);
    assert_code(hf_sense_of_errno(EFBIG, true), HF_SENSE_CODE_SPACE_ALLOCATION_FAILED);
    assert_code(hf_sense_of_errno(EACCES, true), HF_SENSE_CODE_WRITE_PROTECTED);
    assert_code(hf_sense_of_errno(EROFS, false), HF_SENSE_CODE_INTERNAL_TARGET_FAILURE);
    assert_code(hf_sense_of_errno(ENOMEDIUM, true), HF_SENSE_CODE_NO_MEDIUM);
    assert_code(hf_sense_of_errno(ENXIO, false), HF_SENSE_CODE_NOT_READY);
    assert_code(hf_sense_of_errno(ENOLINK, true), HF_SENSE_CODE_COMMUNICATION_TIMEOUT);
    assert_code(hf_sense_of_errno(EAGAIN, false), HF_SENSE_CODE_INSUFFICIENT_RESOURCES);
}

/* Whatever comes out of the kernel, the guest gets an error and never GOOD by accident. */
static void every_errno_has_an_error_key(void **state)
{
    (void)state;
    for (int error = -1; error < 600; error++) {
        assert_in_range(hf_sense_of_errno(error, true).key, 2, 11);
        assert_in_range(hf_sense_of_errno(error, false).key, 2, 11);
    }
    assert_int_equal(number_of(hf_sense_of_errno(12345, true)), 0x044400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_condition_has_the_numbers_of_the_standard),
        cmocka_unit_test(a_failed_disk_is_a_medium_error_of_its_direction),
        cmocka_unit_test(a_full_or_closed_disk_is_data_protect),
        cmocka_unit_test(a_lost_or_starved_disk_is_named),
        cmocka_unit_test(each_condition_of_a_disk_has_an_errno_that_it_comes_from),
        cmocka_unit_test(every_errno_has_an_error_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
