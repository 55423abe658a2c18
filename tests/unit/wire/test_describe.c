/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of a protocol trace. */
#include "wire/describe.h"

#include "base/check.h"
#include "cmocka_all.h"

static const char *line_of(const struct hf_message *message)
{
    static char line[HF_MESSAGE_LINE_SIZE];
    struct hf_text text = hf_text_of(line, sizeof(line));

    hf_message_describe(message, &text);
    return line;
}

static void test_features_are_named(void **state)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_FEATURES);

    (void)state;
    message.body.u64 = HF_FEATURE(VERSION_1) | HF_FEATURE(EVENT_IDX) | HF_BIT(60);
    assert_string_equal(line_of(&message),
                        "SET_FEATURES 0x1000000120000000 EVENT_IDX VERSION_1 bit60");
    message = hf_message_reply_u64(HF_REQUEST_GET_PROTOCOL_FEATURES, HF_PROTOCOL_FEATURE(CONFIG));
    assert_string_equal(line_of(&message), "GET_PROTOCOL_FEATURES reply 0x200 CONFIG");
    message = hf_message_reply_u64(HF_REQUEST_SET_FEATURES, 1);
    assert_string_equal(line_of(&message), "SET_FEATURES reply 1");
}

static void test_rings_and_descriptors_are_shown(void **state)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_VRING_KICK);

    (void)state;
    message.body.u64 = 3 | HF_WIRE_NO_FD;
    message.flags |= HF_MESSAGE_NEED_REPLY;
    assert_string_equal(line_of(&message), "SET_VRING_KICK ring=3 no-fd need_reply");
    message.body.u64 = 3;
    message.fd_count = 1;
    assert_string_equal(line_of(&message), "SET_VRING_KICK ring=3 fds=1 need_reply");
    message = hf_message_request(HF_REQUEST_SET_VRING_BASE);
    message.body.state = (struct hf_wire_vring_state){ 2, 77 };
    assert_string_equal(line_of(&message), "SET_VRING_BASE ring=2 num=77");
}

static void test_config_is_shown_in_words_of_four_bytes_and_not_without_end(void **state)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_CONFIG);
    struct hf_wire_config *config = &message.body.config;

    (void)state;
    *config = (struct hf_wire_config){ .offset = 20, .size_bytes = 5, .flags = 1 };
    memcpy(config->data, "\x01\x02\xfe\xff\x80", 5);
    assert_string_equal(line_of(&message), "SET_CONFIG offset=20 size=5 flags=1 0102feff 80");
    config->size_bytes = HF_WIRE_CONFIG_MAX;
    assert_int_equal(strlen(line_of(&message)), strlen("SET_CONFIG offset=20 size=256 flags=1") +
                                                    64 / 4 * strlen(" 00000000"));
}

static void test_every_request_and_reply_has_a_line(void **state)
{
    (void)state;
    for (unsigned i = 1; i < HF_REQUEST_COUNT; i++) {
        struct hf_message message = hf_message_request((enum hf_request)i);
        assert_int_equal(strncmp(line_of(&message), hf_request_name(i), strlen(hf_request_name(i))),
                         0);
        message = hf_message_reply((enum hf_request)i);
        assert_non_null(strstr(line_of(&message), " reply"));
    }
}

static void test_an_unknown_request_is_named_by_its_number(void **state)
{
    struct hf_message message = hf_message_request((enum hf_request)4711);

    (void)state;
    message.size_bytes = 16;
    assert_string_equal(line_of(&message), "request 4711 (16 bytes)");
    message = hf_message_reply_u64((enum hf_request)4711, 1);
    assert_string_equal(line_of(&message), "request 4711 reply 1");
}

static void test_the_longest_line_is_cut_and_ends(void **state)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_MEM_TABLE);

    (void)state;
    memset(&message.body, 0xff, sizeof(message.body));
    message.body.table.count = HF_WIRE_REGIONS_MAX;
    assert_true(strlen(line_of(&message)) < HF_MESSAGE_LINE_SIZE);
    assert_non_null(strstr(line_of(&message), "regions=8 [guest=0xffffffffffffffff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_are_named),
        cmocka_unit_test(test_rings_and_descriptors_are_shown),
        cmocka_unit_test(test_config_is_shown_in_words_of_four_bytes_and_not_without_end),
        cmocka_unit_test(test_an_unknown_request_is_named_by_its_number),
        cmocka_unit_test(test_every_request_and_reply_has_a_line),
        cmocka_unit_test(test_the_longest_line_is_cut_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
