/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from virtio 1.3 §5.6.6.2, written by hand. */
#include "vscsi/control.h"

#include "split.h"
#include "vscsi/request.h"

#define ABORT_TASK "00 00 00 00 00 00 00 00 01 05 40 00 00 00 00 00 f0 de bc 9a 78 56 34 12"
#define UNIT_RESET "00 00 00 00 05 00 00 00 01 05 40 00 00 00 00 00 00 00 00 00 00 00 00 00"
#define AN_QUERY   "01 00 00 00 01 05 40 00 00 00 00 00 16 00 00 80"

static bool gather(const char *hex, size_t piece, struct hf_vscsi_control *control)
{
    struct split split;
    size_t size_bytes = hex_bytes(hex, split.bytes, SPLIT_MAX);

    return hf_vscsi_control_gather(split_spans(&split, size_bytes, piece), control);
}

static void a_task_management_request_is_read_however_it_is_split(void **state)
{
    struct hf_vscsi_control control;

    (void)state;
    for (size_t piece = 1; piece <= 24; piece++) {
        assert_true(gather(ABORT_TASK, piece, &control));
        assert_int_equal(control.type, HF_VSCSI_CONTROL_TMF);
        assert_int_equal(control.subtype, HF_VSCSI_TMF_ABORT_TASK);
        assert_int_equal(control.lun[1], 5);
        assert_int_equal(control.lun[2], 0x40);
        assert_true(control.tag == 0x123456789abcdef0);
        assert_int_equal(control.events, 0);
    }
    assert_true(gather(UNIT_RESET, 24, &control));
    assert_int_equal(control.subtype, HF_VSCSI_TMF_LOGICAL_UNIT_RESET);
}

static void a_notification_request_is_read_however_it_is_split(void **state)
{
    struct hf_vscsi_control control;

    (void)state;
    for (size_t piece = 1; piece <= 16; piece++) {
        assert_true(gather(AN_QUERY, piece, &control));
        assert_int_equal(control.type, HF_VSCSI_CONTROL_AN_QUERY);
        assert_int_equal(control.lun[1], 5);
        assert_int_equal(control.events, 0x80000016);
        assert_int_equal(control.tag, 0);
    }
}

static void short_requests_are_malformed(void **state)
{
    struct hf_vscsi_control control;
    struct split split;

    (void)state;
    hex_bytes(ABORT_TASK, split.bytes, SPLIT_MAX);
    for (size_t size_bytes = 0; size_bytes < 24; size_bytes++)
        assert_false(hf_vscsi_control_gather(split_spans(&split, size_bytes, 5), &control));
    hex_bytes(AN_QUERY, split.bytes, SPLIT_MAX);
    for (size_t size_bytes = 0; size_bytes < 16; size_bytes++)
        assert_false(hf_vscsi_control_gather(split_spans(&split, size_bytes, 5), &control));
}

static void an_unknown_type_decodes_and_can_be_judged(void **state)
{
    struct hf_vscsi_control control;

    (void)state;
    assert_true(gather("03 00 00 00", 4, &control));
    assert_int_equal(control.type, 3);
    assert_true(gather("03 00 00 00 01 05 40 00 00 00 00 00 16 00 00 80", 16, &control));
    assert_int_equal(control.events, 0); /* it is no AN request */
    assert_true(gather("ff ff ff ff 01 02 03 04", 1, &control));
    assert_true(control.type == 0xffffffff);
}

static void a_task_management_answer_is_one_byte(void **state)
{
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_TMF };
    struct split split;

    (void)state;
    memset(split.bytes, 0xa5, SPLIT_MAX);
    assert_int_equal(hf_vscsi_control_scatter(split_spans(&split, 8, 3), &control, 7,
                                              HF_VSCSI_FUNCTION_REJECTED),
                     1);
    assert_int_equal(split.bytes[0], 11);
    assert_int_equal(split.bytes[1], 0xa5);
    assert_int_equal(hf_vscsi_control_scatter(hf_spans_of(NULL, 0), &control, 0, 0), 0);
}

static void a_notification_answer_is_events_and_one_byte(void **state)
{
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_AN_SUBSCRIBE };
    uint8_t expected[] = { 0x12, 0, 0, 0, 3, 0xa5 };

    (void)state;
    for (size_t piece = 1; piece <= 6; piece++) {
        struct split split;
        memset(split.bytes, 0xa5, SPLIT_MAX);
        assert_int_equal(hf_vscsi_control_scatter(split_spans(&split, 6, piece), &control, 0x12,
                                                  HF_VSCSI_BAD_TARGET),
                         5);
        assert_memory_equal(split.bytes, expected, sizeof(expected));
    }
}

static void an_answer_without_room_is_not_begun(void **state)
{
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_AN_QUERY };
    struct split split;

    (void)state;
    memset(split.bytes, 0xa5, SPLIT_MAX);
    assert_int_equal(hf_vscsi_control_scatter(split_spans(&split, 4, 1), &control, 0, 0), 0);
    assert_int_equal(split.bytes[0], 0xa5);
}

static void requests_are_written_as_they_are_read(void **state)
{
    struct hf_vscsi_control control;
    uint8_t expected[HF_VSCSI_TMF_SIZE_BYTES];
    uint8_t bytes[HF_VSCSI_TMF_SIZE_BYTES];

    (void)state;
    hex_bytes(ABORT_TASK, expected, sizeof(expected));
    assert_true(gather(ABORT_TASK, 24, &control));
    hf_vscsi_tmf_encode(&control, bytes);
    assert_memory_equal(bytes, expected, HF_VSCSI_TMF_SIZE_BYTES);
    hex_bytes(AN_QUERY, expected, sizeof(expected));
    assert_true(gather(AN_QUERY, 24, &control));
    hf_vscsi_an_encode(&control, bytes);
    assert_memory_equal(bytes, expected, HF_VSCSI_AN_SIZE_BYTES);
}

static void functions_have_the_numbers_of_the_specification(void **state)
{
    static const char *const names[] = {
        "ABORT TASK",      "ABORT TASK SET",     "CLEAR ACA",  "CLEAR TASK SET",
        "I_T NEXUS RESET", "LOGICAL UNIT RESET", "QUERY TASK", "QUERY TASK SET",
    };

    (void)state;
    assert_int_equal(HF_VSCSI_TMF_COUNT, 8);
    for (uint32_t subtype = 0; subtype < 8; subtype++)
        assert_string_equal(hf_vscsi_tmf_name(subtype), names[subtype]);
    assert_string_equal(hf_vscsi_tmf_name(8), "unknown task management function");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_management_request_is_read_however_it_is_split),
        cmocka_unit_test(a_notification_request_is_read_however_it_is_split),
        cmocka_unit_test(short_requests_are_malformed),
        cmocka_unit_test(an_unknown_type_decodes_and_can_be_judged),
        cmocka_unit_test(a_task_management_answer_is_one_byte),
        cmocka_unit_test(a_notification_answer_is_events_and_one_byte),
        cmocka_unit_test(an_answer_without_room_is_not_begun),
        cmocka_unit_test(requests_are_written_as_they_are_read),
        cmocka_unit_test(functions_have_the_numbers_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
