/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from virtio 1.3 §5.6.6.1, written by hand. */
#include "vscsi/request.h"

#include "split.h"

#define REQUEST                                                                                    \
    "01 05 40 07 00 00 00 00  f0 de bc 9a 78 56 34 12  02 03 04"                                   \
    "2a 08 00 00 00 01 00 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "   \
    "00 ee"
#define RESPONSE_HEAD "12 00 00 00  78 56 34 12  bc 9a  02  04"

static void expect_the_request(const struct hf_vscsi_request *request)
{
    static const uint8_t lun[HF_LUN_SIZE_BYTES] = { 1, 5, 0x40, 7 };

    assert_memory_equal(request->lun, lun, sizeof(lun));
    assert_true(request->tag == 0x123456789abcdef0);
    assert_int_equal(request->task_attribute, HF_VSCSI_ATTRIBUTE_HEAD);
    assert_int_equal(request->priority, 3);
    assert_int_equal(request->crn, 4);
    assert_int_equal(request->cdb[0], 0x2a);
    assert_int_equal(request->cdb[8], 2);
    assert_int_equal(request->cdb[31], 0xee);
}

static void a_request_is_read_however_it_is_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 60; piece++) {
        struct split split;
        struct hf_vscsi_request request;
        size_t size_bytes = hex_bytes(REQUEST "dd dd", split.bytes, SPLIT_MAX);
        assert_int_equal(size_bytes, 53);
        assert_true(hf_vscsi_request_gather(split_spans(&split, size_bytes, piece), &request));
        expect_the_request(&request);
    }
}

static void a_short_header_is_malformed(void **state)
{
    (void)state;
    for (size_t size_bytes = 0; size_bytes < 51; size_bytes++) {
        struct split split;
        struct hf_vscsi_request request;
        hex_bytes(REQUEST, split.bytes, SPLIT_MAX);
        assert_false(hf_vscsi_request_gather(split_spans(&split, size_bytes, 7), &request));
    }
}

static void a_request_is_written_as_it_is_read(void **state)
{
    uint8_t expected[HF_VSCSI_REQUEST_SIZE_BYTES];
    uint8_t bytes[HF_VSCSI_REQUEST_SIZE_BYTES];
    struct hf_vscsi_request request;

    (void)state;
    assert_int_equal(hex_bytes(REQUEST, expected, sizeof(expected)), 51);
    hf_vscsi_request_decode(expected, &request);
    hf_vscsi_request_encode(&request, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static struct hf_vscsi_response some_response(void)
{
    return (struct hf_vscsi_response){
        .sense_length = 18,
        .resid = 0x12345678,
        .status_qualifier = 0x9abc,
        .status = HF_STATUS_CHECK_CONDITION,
        .response = HF_VSCSI_RESET,
        .sense = { 0x70, [95] = 0xee },
    };
}

static void a_response_has_108_bytes_however_it_is_split(void **state)
{
    struct hf_vscsi_response response = some_response();
    uint8_t expected[HF_VSCSI_RESPONSE_SIZE_BYTES] = { 0 };

    (void)state;
    assert_int_equal(hex_bytes(RESPONSE_HEAD, expected, sizeof(expected)), 12);
    expected[12] = 0x70;
    expected[107] = 0xee;
    for (size_t piece = 1; piece <= 120; piece++) {
        struct split split;
        memset(split.bytes, 0xa5, SPLIT_MAX);
        assert_true(hf_vscsi_response_scatter(split_spans(&split, 120, piece), &response));
        assert_memory_equal(split.bytes, expected, sizeof(expected));
        assert_int_equal(split.bytes[108], 0xa5); /* data-in is left alone */
    }
}

static void a_response_without_room_is_not_begun(void **state)
{
    struct hf_vscsi_response response = some_response();
    struct split split;

    (void)state;
    memset(split.bytes, 0xa5, SPLIT_MAX);
    assert_false(hf_vscsi_response_scatter(split_spans(&split, 107, 10), &response));
    assert_int_equal(split.bytes[0], 0xa5);
    assert_true(hf_vscsi_response_scatter(split_spans(&split, 108, 10), &response));
}

static void a_response_is_read_as_it_is_written(void **state)
{
    struct hf_vscsi_response response = some_response();
    struct hf_vscsi_response back;
    uint8_t bytes[HF_VSCSI_RESPONSE_SIZE_BYTES];

    (void)state;
    hf_vscsi_response_encode(&response, bytes);
    hf_vscsi_response_decode(bytes, &back);
    assert_int_equal(back.sense_length, 18);
    assert_int_equal(back.resid, 0x12345678);
    assert_int_equal(back.status_qualifier, 0x9abc);
    assert_int_equal(back.status, 2);
    assert_int_equal(back.response, 4);
    assert_memory_equal(back.sense, response.sense, sizeof(back.sense));
}

static void a_device_cannot_claim_more_sense_than_there_is(void **state)
{
    struct hf_vscsi_response response = some_response();
    uint8_t bytes[HF_VSCSI_RESPONSE_SIZE_BYTES];

    (void)state;
    response.sense_length = 0xffffffff;
    hf_vscsi_response_encode(&response, bytes);
    hf_vscsi_response_decode(bytes, &response);
    assert_int_equal(response.sense_length, 96);
}

static void response_codes_have_the_numbers_of_the_specification(void **state)
{
    static const char *const names[] = {
        "OK",
        "OVERRUN",
        "ABORTED",
        "BAD TARGET",
        "RESET",
        "BUSY",
        "TRANSPORT FAILURE",
        "TARGET FAILURE",
        "NEXUS FAILURE",
        "FAILURE",
        "FUNCTION SUCCEEDED",
        "FUNCTION REJECTED",
        "INCORRECT LUN",
    };

    (void)state;
    assert_int_equal(HF_VSCSI_CODE_COUNT, 13);
    for (unsigned code = 0; code < 13; code++)
        assert_string_equal(hf_vscsi_code_name((uint8_t)code), names[code]);
    assert_string_equal(hf_vscsi_code_name(13), "unknown response");
    assert_string_equal(hf_vscsi_code_name(255), "unknown response");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_however_it_is_split),
        cmocka_unit_test(a_short_header_is_malformed),
        cmocka_unit_test(a_request_is_written_as_it_is_read),
        cmocka_unit_test(a_response_has_108_bytes_however_it_is_split),
        cmocka_unit_test(a_response_without_room_is_not_begun),
        cmocka_unit_test(a_response_is_read_as_it_is_written),
        cmocka_unit_test(a_device_cannot_claim_more_sense_than_there_is),
        cmocka_unit_test(response_codes_have_the_numbers_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
