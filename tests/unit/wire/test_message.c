/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole messages as bytes, written by hand: request, flags, size, body. */
#include "wire/message.h"

#include "base/check.h"
#include "hex.h"

static struct hf_message message;

static enum hf_wire_fault decode(enum hf_stream stream, const char *hex)
{
    uint8_t bytes[512] = { 0 };
    size_t size = hex_bytes(hex, bytes, sizeof(bytes));

    memset(&message, 0xff, sizeof(message));
    return hf_message_decode(stream, bytes, size, &message);
}

static void assert_encodes(const struct hf_message *value, const char *hex)
{
    uint8_t golden[512] = { 0 };
    uint8_t bytes[512] = { 0 };
    size_t size = hex_bytes(hex, golden, sizeof(golden));

    assert_int_equal(hf_message_encode(value, bytes, sizeof(bytes)), size);
    assert_memory_equal(bytes, golden, size);
    assert_int_equal(hf_message_encode(value, bytes, size), size);
    assert_int_equal(hf_message_encode(value, bytes, size - 1), 0);
}

static void a_request_is_number_flags_size_and_body(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_FEATURES);

    (void)state;
    value.body.u64 = UINT64_C(0x140000000);
    assert_encodes(&value, "02000000 01000000 08000000 0000004001000000");
    value.flags |= HF_MESSAGE_NEED_REPLY;
    assert_encodes(&value, "02000000 09000000 08000000 0000004001000000");
}

static void a_request_without_a_body_is_a_header(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_GET_SHMEM_CONFIG);

    (void)state;
    assert_encodes(&value, "2c000000 01000000 00000000");
}

static void replies_we_make_have_flags_of_exactly_5(void **state)
{
    struct hf_message ack = hf_message_reply_u64(HF_REQUEST_SET_OWNER, 1);
    struct hf_message base = hf_message_reply(HF_REQUEST_GET_VRING_BASE);
    struct hf_message refusal = hf_message_reply_empty(HF_REQUEST_GET_CONFIG);
    struct hf_message back = hf_message_backend_reply_u64(HF_BACKEND_REQUEST_VRING_CALL, 0);

    (void)state;
    assert_encodes(&ack, "03000000 05000000 08000000 0100000000000000");
    base.body.state = (struct hf_wire_vring_state){ .index = 2, .num = 9 };
    assert_encodes(&base, "0b000000 05000000 08000000 02000000 09000000");
    assert_encodes(&refusal, "18000000 05000000 00000000");
    assert_encodes(&back, "04000000 05000000 08000000 0000000000000000");
    ack.flags |= HF_MESSAGE_NEED_REPLY;
    assert_int_equal(hf_message_encode(&ack, (uint8_t[64]){ 0 }, 64), 0);
}

static void a_memory_table_is_written_with_as_many_regions_as_it_counts(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_MEM_TABLE);

    (void)state;
    value.body.table.count = 1;
    value.body.table.regions[0] = (struct hf_wire_region){ 1, 2, 3, 4 };
    value.fds[value.fd_count++] = 42;
    assert_encodes(&value, "05000000 01000000 28000000 0100000000000000 0100000000000000"
                           "0200000000000000 0300000000000000 0400000000000000");
}

static void a_built_message_has_no_descriptors(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_VRING_KICK);

    (void)state;
    assert_int_equal(value.fd_count, 0);
    for (int i = 0; i < HF_MESSAGE_FDS_MAX; i++)
        assert_int_equal(value.fds[i], -1);
    assert_string_equal(hf_message_name(&value), "SET_VRING_KICK");
}

static void the_largest_message_fits_the_promised_room(void **state)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    struct hf_message value = hf_message_request(HF_REQUEST_SET_CONFIG);

    (void)state;
    value.body.config.size_bytes = 256;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 12 + 12 + 256);
    value = hf_message_request(HF_REQUEST_SET_MEM_TABLE);
    value.body.table.count = 8;
    value.fd_count = 8;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 12 + 8 + 8 * 32);
}

static void what_is_not_a_message_of_its_stream_is_not_written(void **state)
{
    uint8_t bytes[512];
    struct hf_message value = hf_message_request(HF_REQUEST_SET_FEATURES);

    (void)state;
    value.kind = HF_PAYLOAD_VRING_STATE;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 0);
    value = hf_message_request(HF_REQUEST_SET_FEATURES);
    value.flags = HF_MESSAGE_VERSION | HF_MESSAGE_REPLY;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 0);
    value = hf_message_request(HF_REQUEST_SET_FEATURES);
    value.request = 45;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 0);
    value = hf_message_request(HF_REQUEST_SET_INFLIGHT_FD);
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 0);
    value = hf_message_request(HF_REQUEST_SET_CONFIG);
    value.body.config.size_bytes = 257;
    assert_int_equal(hf_message_encode(&value, bytes, sizeof(bytes)), 0);
}

static void a_decoded_message_says_all_that_was_in_it(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "08000000 09000000 08000000 02000000 80000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.stream, HF_STREAM_REQUESTS);
    assert_int_equal(message.request, HF_REQUEST_SET_VRING_NUM);
    assert_true(hf_message_needs_reply(&message));
    assert_int_equal(message.kind, HF_PAYLOAD_VRING_STATE);
    assert_int_equal(message.size_bytes, 8);
    assert_int_equal(message.body.state.index, 2);
    assert_int_equal(message.body.state.num, 128);
    assert_int_equal(message.fd_count, 0);
    assert_int_equal(message.fds[0], -1);
}

static void the_same_number_is_another_request_on_the_other_channel(void **state)
{
    (void)state;
    assert_int_equal(
        decode(HF_STREAM_BACKEND_REQUESTS, "04000000 01000000 08000000 01000000 00000000"),
        HF_WIRE_FAULT_NONE);
    assert_string_equal(hf_message_name(&message), "VRING_CALL");
    assert_int_equal(decode(HF_STREAM_REQUESTS, "04000000 01000000 08000000 01000000 00000000"),
                     HF_WIRE_FAULT_LENGTH);
    assert_string_equal(hf_message_name(&message), "RESET_OWNER");
}

static void only_version_1_is_understood(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 00000000 00000000"),
                     HF_WIRE_FAULT_VERSION);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 02000000 00000000"),
                     HF_WIRE_FAULT_VERSION);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 03000000 00000000"),
                     HF_WIRE_FAULT_VERSION);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 01000000 00000000"), HF_WIRE_FAULT_NONE);
}

static void the_reply_bit_must_be_that_of_the_stream(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "03000000 05000000 00000000"),
                     HF_WIRE_FAULT_NOT_A_REQUEST);
    assert_int_equal(decode(HF_STREAM_BACKEND_REQUESTS, "02000000 05000000 00000000"),
                     HF_WIRE_FAULT_NOT_A_REQUEST);
    assert_int_equal(decode(HF_STREAM_REPLIES, "03000000 01000000 08000000 0000000000000000"),
                     HF_WIRE_FAULT_NOT_A_REPLY);
    assert_int_equal(
        decode(HF_STREAM_BACKEND_REPLIES, "03000000 09000000 08000000 0000000000000000"),
        HF_WIRE_FAULT_NOT_A_REPLY);
}

static void need_reply_echoed_in_a_reply_is_tolerated(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REPLIES, "03000000 0d000000 08000000 0100000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_true(message.body.u64 == 1);
}

static void reserved_flags_are_refused(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 11000000 00000000"), HF_WIRE_FAULT_FLAGS);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 01000080 00000000"), HF_WIRE_FAULT_FLAGS);
}

/* So that it can be refused, and the stream goes on. */
static void a_request_with_an_unknown_number_is_a_message_with_any_body(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "2d000000 09000000 00000000"), 0);
    assert_int_equal(message.request, 45);
    assert_true(hf_message_needs_reply(&message));
    assert_string_equal(hf_message_name(&message), "unknown");
    assert_int_equal(decode(HF_STREAM_REQUESTS, "00000000 01000000 05000000 0102030405"), 0);
    assert_int_equal(message.kind, HF_PAYLOAD_OPAQUE);
    assert_int_equal(message.size_bytes, 5);
    assert_int_equal(decode(HF_STREAM_BACKEND_REQUESTS, "0b000000 01000000 00000000"), 0);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "2d000000 01000000 01100000"),
                     HF_WIRE_FAULT_TOO_LONG);
}

static void a_reply_with_an_unknown_number_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REPLIES, "2d000000 05000000 08000000 0100000000000000"),
                     HF_WIRE_FAULT_UNKNOWN_REQUEST);
    assert_int_equal(decode(HF_STREAM_BACKEND_REPLIES, "0b000000 05000000 00000000"),
                     HF_WIRE_FAULT_UNKNOWN_REQUEST);
}

static void a_request_with_an_unknown_number_can_be_refused(void **state)
{
    struct hf_message refusal = hf_message_reply_u64((enum hf_request)4711, 1);
    uint8_t bytes[64];

    (void)state;
    assert_int_equal(hf_message_encode(&refusal, bytes, sizeof(bytes)), 20);
    assert_memory_equal(bytes, "\x67\x12\0\0\5\0\0\0\x8\0\0\0\1\0\0\0\0\0\0", 20);
}

static void bytes_before_or_beyond_the_message_are_refused(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, ""), HF_WIRE_FAULT_LENGTH);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 01000000 000000"), HF_WIRE_FAULT_LENGTH);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "01000000 01000000 00000000 00"),
                     HF_WIRE_FAULT_LENGTH);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "02000000 01000000 08000000 00000000000000"),
                     HF_WIRE_FAULT_LENGTH);
}

static void count_and_length_must_agree(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "05000000 01000000 08000000 0100000000000000"),
                     HF_WIRE_FAULT_CONTENT);
    assert_int_equal(
        decode(HF_STREAM_REQUESTS, "18000000 01000000 0d000000 00000000 02000000 00000000 00"),
        HF_WIRE_FAULT_CONTENT);
}

static void a_size_beyond_the_limit_is_told_from_a_wrong_one(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "02000000 01000000 00100000"),
                     HF_WIRE_FAULT_LENGTH);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "02000000 01000000 01100000"),
                     HF_WIRE_FAULT_TOO_LONG);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "02000000 01000000 ffffffff"),
                     HF_WIRE_FAULT_TOO_LONG);
}

static void set_log_base_is_answered_with_0_8_or_16_bytes(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REPLIES, "06000000 05000000 00000000"), HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_NONE);
    assert_int_equal(decode(HF_STREAM_REPLIES, "06000000 05000000 08000000 0000000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_U64);
    assert_int_equal(decode(HF_STREAM_REPLIES, "06000000 05000000 10000000"
                                               "0100000000000000 0200000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_LOG);
    assert_true(message.body.log.mmap_offset == 2);
    assert_int_equal(decode(HF_STREAM_REPLIES, "06000000 05000000 04000000 00000000"),
                     HF_WIRE_FAULT_LENGTH);
}

static void set_log_base_without_log_shmfd_is_a_u64(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REQUESTS, "06000000 01000000 08000000 0700000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_U64);
    assert_true(message.body.u64 == 7);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "06000000 01000000 00000000"),
                     HF_WIRE_FAULT_LENGTH);
}

static void an_empty_reply_is_only_legal_where_it_means_something(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REPLIES, "18000000 05000000 00000000"), HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_NONE);
    assert_int_equal(decode(HF_STREAM_REQUESTS, "18000000 01000000 00000000"),
                     HF_WIRE_FAULT_LENGTH);
    assert_int_equal(decode(HF_STREAM_REPLIES, "01000000 05000000 00000000"), HF_WIRE_FAULT_LENGTH);
}

static void a_memory_table_is_acknowledged_or_returned_in_postcopy(void **state)
{
    (void)state;
    assert_int_equal(decode(HF_STREAM_REPLIES, "05000000 05000000 08000000 0100000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_U64);
    assert_true(message.body.u64 == 1);
    assert_int_equal(decode(HF_STREAM_REPLIES, "05000000 05000000 28000000 0100000000000000"
                                               "0100000000000000 0200000000000000"
                                               "0300000000000000 0400000000000000"),
                     HF_WIRE_FAULT_NONE);
    assert_int_equal(message.kind, HF_PAYLOAD_MEM_TABLE);
}

static void give_enough_fds(struct hf_message *value)
{
    while (hf_message_judge_fds(value) == HF_WIRE_FAULT_FDS_TOO_FEW)
        value->fds[value->fd_count++] = 3;
}

static void each_message_of_the_table_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (int stream = 0; stream < HF_STREAM_COUNT; stream++)
        for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
            const struct hf_shape *shape = hf_stream_shape((enum hf_stream)stream, request);
            uint8_t bytes[512] = { 0 };
            struct hf_message back;

            if (hf_stream_info((enum hf_stream)stream, request) == NULL ||
                shape->payload == HF_PAYLOAD_OPAQUE)
                continue;
            struct hf_message value = { .stream = (enum hf_stream)stream,
                                        .request = request,
                                        .flags = stream % 2 == 0 ? 1 : 5,
                                        .kind = shape->payload };
            memset(&value.body, 0, sizeof(value.body));
            give_enough_fds(&value);
            size_t size = hf_message_encode(&value, bytes, sizeof(bytes));
            assert_true(size >= 12);
            assert_int_equal(hf_message_decode(value.stream, bytes, size, &back), 0);
            assert_int_equal(back.request, request);
            assert_int_equal(back.kind, value.kind);
            assert_int_equal(back.size_bytes, size - 12);
            assert_memory_equal(&back.body, &value.body, sizeof(back.body));
        }
}

/* Judges 0, 1, 2 and 3 descriptors; '-' too few, '+' too many, '=' right. */
static void assert_fds(const struct hf_message *value, const char *verdicts)
{
    struct hf_message copy = *value;

    for (unsigned count = 0; count < 4; count++) {
        enum hf_wire_fault expected = verdicts[count] == '-'   ? HF_WIRE_FAULT_FDS_TOO_FEW
                                      : verdicts[count] == '+' ? HF_WIRE_FAULT_FDS_TOO_MANY
                                                               : HF_WIRE_FAULT_NONE;

        copy.fd_count = count;
        assert_int_equal(hf_message_judge_fds(&copy), expected);
    }
}

static void a_message_without_descriptors_refuses_them(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_FEATURES);

    (void)state;
    assert_fds(&value, "=+++");
    value = hf_message_reply_u64(HF_REQUEST_SET_INFLIGHT_FD, 0);
    assert_fds(&value, "=+++");
}

static void one_descriptor_is_one(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_INFLIGHT_FD);

    (void)state;
    assert_fds(&value, "-=++");
    value = hf_message_request(HF_REQUEST_SET_BACKEND_REQ_FD);
    assert_fds(&value, "-=++");
}

static void bit_8_says_that_no_descriptor_comes(void **state)
{
    static const enum hf_request requests[] = { HF_REQUEST_SET_VRING_KICK,
                                                HF_REQUEST_SET_VRING_CALL,
                                                HF_REQUEST_SET_VRING_ERR };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(requests); i++) {
        struct hf_message value = hf_message_request(requests[i]);

        value.body.u64 = 0xff;
        assert_fds(&value, "-=++");
        value.body.u64 = 0x1ff;
        assert_fds(&value, "=+++");
    }
}

static void a_host_notifier_has_bit_8_in_its_area(void **state)
{
    struct hf_message value =
        hf_message_backend_request(HF_BACKEND_REQUEST_VRING_HOST_NOTIFIER_MSG);

    (void)state;
    assert_fds(&value, "-=++");
    value.body.area.index = HF_WIRE_NO_FD;
    assert_fds(&value, "=+++");
}

static void a_memory_table_brings_one_descriptor_per_region(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_SET_MEM_TABLE);

    (void)state;
    assert_fds(&value, "=+++");
    value.body.table.count = 2;
    assert_fds(&value, "--=+");
}

static void a_removed_region_may_bring_a_descriptor(void **state)
{
    struct hf_message value = hf_message_request(HF_REQUEST_REM_MEM_REG);

    (void)state;
    assert_fds(&value, "==++");
}

static void an_inflight_region_comes_with_a_descriptor_unless_refused(void **state)
{
    struct hf_message value = hf_message_reply(HF_REQUEST_GET_INFLIGHT_FD);

    (void)state;
    assert_fds(&value, "=+++");
    value.body.inflight.mmap_size_bytes = 4096;
    assert_fds(&value, "-=++");
}

static void a_device_state_descriptor_comes_neither_with_an_error_nor_with_bit_8(void **state)
{
    struct hf_message value = hf_message_reply(HF_REQUEST_SET_DEVICE_STATE_FD);

    (void)state;
    assert_fds(&value, "-=++");
    value.body.u64 = HF_WIRE_NO_FD;
    assert_fds(&value, "=+++");
    value.body.u64 = 1;
    assert_fds(&value, "=+++");
}

static void an_unknown_request_may_have_any_number_of_descriptors(void **state)
{
    struct hf_message value = hf_message_request((enum hf_request)99);

    (void)state;
    for (value.fd_count = 0; value.fd_count <= HF_MESSAGE_FDS_MAX; value.fd_count++)
        assert_int_equal(hf_message_judge_fds(&value), HF_WIRE_FAULT_NONE);
    assert_int_equal(hf_message_judge_fds(&value), HF_WIRE_FAULT_FDS_TOO_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_number_flags_size_and_body),
        cmocka_unit_test(a_request_without_a_body_is_a_header),
        cmocka_unit_test(replies_we_make_have_flags_of_exactly_5),
        cmocka_unit_test(a_memory_table_is_written_with_as_many_regions_as_it_counts),
        cmocka_unit_test(a_built_message_has_no_descriptors),
        cmocka_unit_test(the_largest_message_fits_the_promised_room),
        cmocka_unit_test(what_is_not_a_message_of_its_stream_is_not_written),
        cmocka_unit_test(a_decoded_message_says_all_that_was_in_it),
        cmocka_unit_test(the_same_number_is_another_request_on_the_other_channel),
        cmocka_unit_test(only_version_1_is_understood),
        cmocka_unit_test(the_reply_bit_must_be_that_of_the_stream),
        cmocka_unit_test(need_reply_echoed_in_a_reply_is_tolerated),
        cmocka_unit_test(reserved_flags_are_refused),
        cmocka_unit_test(a_request_with_an_unknown_number_is_a_message_with_any_body),
        cmocka_unit_test(a_reply_with_an_unknown_number_is_refused),
        cmocka_unit_test(a_request_with_an_unknown_number_can_be_refused),
        cmocka_unit_test(bytes_before_or_beyond_the_message_are_refused),
        cmocka_unit_test(count_and_length_must_agree),
        cmocka_unit_test(a_size_beyond_the_limit_is_told_from_a_wrong_one),
        cmocka_unit_test(set_log_base_is_answered_with_0_8_or_16_bytes),
        cmocka_unit_test(set_log_base_without_log_shmfd_is_a_u64),
        cmocka_unit_test(an_empty_reply_is_only_legal_where_it_means_something),
        cmocka_unit_test(a_memory_table_is_acknowledged_or_returned_in_postcopy),
        cmocka_unit_test(each_message_of_the_table_survives_the_way_there_and_back),
        cmocka_unit_test(a_message_without_descriptors_refuses_them),
        cmocka_unit_test(one_descriptor_is_one),
        cmocka_unit_test(bit_8_says_that_no_descriptor_comes),
        cmocka_unit_test(a_host_notifier_has_bit_8_in_its_area),
        cmocka_unit_test(a_memory_table_brings_one_descriptor_per_region),
        cmocka_unit_test(a_removed_region_may_bring_a_descriptor),
        cmocka_unit_test(an_inflight_region_comes_with_a_descriptor_unless_refused),
        cmocka_unit_test(a_device_state_descriptor_comes_neither_with_an_error_nor_with_bit_8),
        cmocka_unit_test(an_unknown_request_may_have_any_number_of_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
