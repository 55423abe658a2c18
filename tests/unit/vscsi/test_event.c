/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from virtio 1.3 §5.6.6.3, written by hand. */
#include "vscsi/event.h"

#include "split.h"

#define RESIZED "03 00 00 80 01 02 00 00 00 00 00 00 2a 09 00 00"

static struct hf_vscsi_event resized(void)
{
    return (struct hf_vscsi_event){
        .event = HF_VSCSI_EVENT_PARAM_CHANGE | HF_VSCSI_EVENTS_MISSED,
        .lun = { 1, 2 },
        .reason = hf_vscsi_param_reason(0x2a, 0x09),
    };
}

static void an_event_is_written_however_the_buffer_is_split(void **state)
{
    struct hf_vscsi_event event = resized();
    uint8_t expected[HF_VSCSI_EVENT_SIZE_BYTES];

    (void)state;
    assert_int_equal(hex_bytes(RESIZED, expected, sizeof(expected)), 16);
    for (size_t piece = 1; piece <= 20; piece++) {
        struct split split;
        memset(split.bytes, 0xa5, SPLIT_MAX);
        assert_true(hf_vscsi_event_scatter(split_spans(&split, 20, piece), &event));
        assert_memory_equal(split.bytes, expected, sizeof(expected));
        assert_int_equal(split.bytes[16], 0xa5);
    }
}

static void an_event_without_room_is_not_begun(void **state)
{
    struct hf_vscsi_event event = resized();
    struct split split;

    (void)state;
    memset(split.bytes, 0xa5, SPLIT_MAX);
    assert_false(hf_vscsi_event_scatter(split_spans(&split, 15, 4), &event));
    assert_int_equal(split.bytes[0], 0xa5);
    assert_true(hf_vscsi_event_scatter(split_spans(&split, 16, 4), &event));
}

static void an_event_is_read_as_it_is_written(void **state)
{
    struct hf_vscsi_event event;
    uint8_t bytes[HF_VSCSI_EVENT_SIZE_BYTES];

    (void)state;
    hex_bytes(RESIZED, bytes, sizeof(bytes));
    hf_vscsi_event_decode(bytes, &event);
    assert_true(event.event == 0x80000003);
    assert_int_equal(event.lun[1], 2);
    assert_int_equal(event.reason, 0x092a);
}

static void events_have_the_numbers_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(hf_vscsi_event_name(0), "NO EVENT");
    assert_string_equal(hf_vscsi_event_name(1), "TRANSPORT RESET");
    assert_string_equal(hf_vscsi_event_name(2), "ASYNC NOTIFY");
    assert_string_equal(hf_vscsi_event_name(3), "PARAM CHANGE");
    assert_string_equal(hf_vscsi_event_name(4), "unknown event");
    assert_string_equal(hf_vscsi_event_name(0x80000000), "NO EVENT");
    assert_string_equal(hf_vscsi_event_name(0x80000001), "TRANSPORT RESET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_written_however_the_buffer_is_split),
        cmocka_unit_test(an_event_without_room_is_not_begun),
        cmocka_unit_test(an_event_is_read_as_it_is_written),
        cmocka_unit_test(events_have_the_numbers_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
