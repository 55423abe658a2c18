/* SPDX-License-Identifier: BSD-3-Clause */
/* The table against a second one, typed from the specification and not derived from the first. */
#include "wire/request.h"

#include "base/check.h"
#include "cmocka_all.h"

#define BIT8    "1, 0 if bit 8 is set"
#define SIZED   "1, 0 if the size is 0"
#define SUCCESS "1, 0 if the value is not 0"

/* Reply: A acknowledged if asked, R always its own, L with LOG_SHMFD, P in postcopy. */
struct expected {
    uint32_t number;
    const char *name;
    const char *payload;
    const char *fds;
    char reply;
    const char *answer;
    const char *answer_fds;
    int gate;
    int feature_gate;
};

static const struct expected front_end[] = {
    { 1, "GET_FEATURES", "none", "0", 'R', "u64", "0", -1, -1 },
    { 2, "SET_FEATURES", "u64", "0", 'A', "u64", "0", -1, -1 },
    { 3, "SET_OWNER", "none", "0", 'A', "u64", "0", -1, -1 },
    { 4, "RESET_OWNER", "none", "0", 'A', "u64", "0", -1, -1 },
    { 5, "SET_MEM_TABLE", "memory table", "1 per region", 'P', "u64", "0", -1, -1 },
    { 6, "SET_LOG_BASE", "log", "0 or 1", 'L', "u64", "0", -1, -1 },
    { 7, "SET_LOG_FD", "none", "1", 'A', "u64", "0", -1, -1 },
    { 8, "SET_VRING_NUM", "vring state", "0", 'A', "u64", "0", -1, -1 },
    { 9, "SET_VRING_ADDR", "vring address", "0", 'A', "u64", "0", -1, -1 },
    { 10, "SET_VRING_BASE", "vring state", "0", 'A', "u64", "0", -1, -1 },
    { 11, "GET_VRING_BASE", "vring state", "0", 'R', "vring state", "0", -1, -1 },
    { 12, "SET_VRING_KICK", "u64", BIT8, 'A', "u64", "0", -1, -1 },
    { 13, "SET_VRING_CALL", "u64", BIT8, 'A', "u64", "0", -1, -1 },
    { 14, "SET_VRING_ERR", "u64", BIT8, 'A', "u64", "0", -1, -1 },
    { 15, "GET_PROTOCOL_FEATURES", "none", "0", 'R', "u64", "0", -1, 30 },
    { 16, "SET_PROTOCOL_FEATURES", "u64", "0", 'A', "u64", "0", -1, 30 },
    { 17, "GET_QUEUE_NUM", "none", "0", 'R', "u64", "0", 0, -1 },
    { 18, "SET_VRING_ENABLE", "vring state", "0", 'A', "u64", "0", -1, 30 },
    { 19, "SEND_RARP", "u64", "0", 'A', "u64", "0", 2, -1 },
    { 20, "NET_SET_MTU", "u64", "0", 'A', "u64", "0", 4, -1 },
    { 21, "SET_BACKEND_REQ_FD", "none", "1", 'A', "u64", "0", 5, -1 },
    { 22, "IOTLB_MSG", "IOTLB", "0", 'R', "u64", "0", -1, 33 },
    { 23, "SET_VRING_ENDIAN", "vring state", "0", 'A', "u64", "0", 6, -1 },
    { 24, "GET_CONFIG", "config", "0", 'R', "config", "0", 9, -1 },
    { 25, "SET_CONFIG", "config", "0", 'A', "u64", "0", 9, -1 },
    { 26, "CREATE_CRYPTO_SESSION", "opaque", "0", 'R', "opaque", "0", 7, -1 },
    { 27, "CLOSE_CRYPTO_SESSION", "u64", "0", 'A', "u64", "0", 7, -1 },
    { 28, "POSTCOPY_ADVISE", "none", "0", 'R', "none", "1", 8, -1 },
    { 29, "POSTCOPY_LISTEN", "none", "0", 'A', "u64", "0", 8, -1 },
    { 30, "POSTCOPY_END", "none", "0", 'R', "u64", "0", 8, -1 },
    { 31, "GET_INFLIGHT_FD", "in-flight", "0", 'R', "in-flight", SIZED, 12, -1 },
    { 32, "SET_INFLIGHT_FD", "in-flight", "1", 'A', "u64", "0", 12, -1 },
    { 33, "GPU_SET_SOCKET", "none", "1", 'A', "u64", "0", -1, -1 },
    { 34, "RESET_DEVICE", "none", "0", 'A', "u64", "0", 13, -1 },
    { 35, "VRING_KICK", "vring state", "0", 'A', "u64", "0", 14, -1 },
    { 36, "GET_MAX_MEM_SLOTS", "none", "0", 'R', "u64", "0", 15, -1 },
    { 37, "ADD_MEM_REG", "memory region", "1", 'P', "u64", "0", 15, -1 },
    { 38, "REM_MEM_REG", "memory region", "0 or 1", 'A', "u64", "0", 15, -1 },
    { 39, "SET_STATUS", "u64", "0", 'A', "u64", "0", 16, -1 },
    { 40, "GET_STATUS", "none", "0", 'R', "u64", "0", 16, -1 },
    { 41, "GET_SHARED_OBJECT", "UUID", "0", 'R', "opaque", "0 or 1", 18, -1 },
    { 42, "SET_DEVICE_STATE_FD", "device state", "1", 'R', "u64", SUCCESS, 19, -1 },
    { 43, "CHECK_DEVICE_STATE", "none", "0", 'R', "u64", "0", 19, -1 },
    { 44, "GET_SHMEM_CONFIG", "none", "0", 'R', "opaque", "0", 22, -1 },
};

static const struct expected back_end[] = {
    { 1, "IOTLB_MSG", "IOTLB", "0", 'A', "u64", "0", -1, 33 },
    { 2, "CONFIG_CHANGE_MSG", "none", "0", 'A', "u64", "0", 9, -1 },
    { 3, "VRING_HOST_NOTIFIER_MSG", "vring area", BIT8, 'A', "u64", "0", 11, -1 },
    { 4, "VRING_CALL", "vring state", "0", 'A', "u64", "0", 14, -1 },
    { 5, "VRING_ERR", "vring state", "0", 'A', "u64", "0", 14, -1 },
    { 6, "SHARED_OBJECT_ADD", "UUID", "0", 'A', "u64", "0", 18, -1 },
    { 7, "SHARED_OBJECT_REMOVE", "UUID", "0", 'A', "u64", "0", 18, -1 },
    { 8, "SHARED_OBJECT_LOOKUP", "UUID", "0", 'R', "u64", SUCCESS, 18, -1 },
    { 9, "SHMEM_MAP", "shared memory map", "1", 'A', "u64", "0", 22, -1 },
    { 10, "SHMEM_UNMAP", "shared memory map", "0", 'A', "u64", "0", 22, -1 },
};

static char reply_letter(enum hf_reply reply)
{
    static const char letters[HF_REPLY_COUNT] = { [HF_REPLY_ACK] = 'A',
                                                  [HF_REPLY_OWN] = 'R',
                                                  [HF_REPLY_LOG_SHMFD] = 'L',
                                                  [HF_REPLY_POSTCOPY] = 'P' };

    return letters[reply];
}

static void compare(const struct hf_request_info *info, const struct expected *expected)
{
    assert_non_null(info);
    assert_string_equal(info->name, expected->name);
    assert_string_equal(hf_payload_name(info->request.payload), expected->payload);
    assert_string_equal(hf_fds_text(info->request.fds), expected->fds);
    assert_int_equal(reply_letter(info->reply), expected->reply);
    assert_string_equal(hf_payload_name(info->answer.payload), expected->answer);
    assert_string_equal(hf_fds_text(info->answer.fds), expected->answer_fds);
    assert_int_equal(info->gate, expected->gate);
    assert_int_equal(info->feature_gate, expected->feature_gate);
}

static void each_front_end_request_is_as_specified(void **state)
{
    (void)state;
    assert_int_equal(HF_ARRAY_COUNT(front_end), 44);
    for (uint32_t i = 0; i < 44; i++) {
        assert_int_equal(front_end[i].number, i + 1);
        compare(hf_request_info(i + 1), &front_end[i]);
        assert_string_equal(hf_request_name(i + 1), front_end[i].name);
    }
}

static void each_back_end_request_is_as_specified(void **state)
{
    (void)state;
    assert_int_equal(HF_ARRAY_COUNT(back_end), 10);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(back_end[i].number, i + 1);
        compare(hf_backend_request_info(i + 1), &back_end[i]);
        assert_string_equal(hf_backend_request_name(i + 1), back_end[i].name);
    }
}

static void numbers_outside_the_tables_are_unknown(void **state)
{
    static const uint32_t numbers[] = { 0, 45, 46, 0x7fffffff, 0x80000000, 0xffffffff };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(numbers); i++) {
        assert_null(hf_request_info(numbers[i]));
        assert_null(hf_stream_info(HF_STREAM_REPLIES, numbers[i]));
        assert_int_equal(hf_stream_shape(HF_STREAM_REQUESTS, numbers[i])->fds, HF_FDS_ANY);
        assert_int_equal(hf_stream_shape(HF_STREAM_REPLIES, numbers[i])->payload, HF_PAYLOAD_U64);
        assert_string_equal(hf_request_name(numbers[i]), "unknown");
    }
    assert_null(hf_backend_request_info(0));
    assert_null(hf_backend_request_info(11));
    assert_string_equal(hf_backend_request_name(11), "unknown");
}

static void a_stream_selects_table_and_half(void **state)
{
    (void)state;
    assert_ptr_equal(hf_stream_shape(HF_STREAM_REQUESTS, 4), &hf_request_info(4)->request);
    assert_ptr_equal(hf_stream_shape(HF_STREAM_REPLIES, 4), &hf_request_info(4)->answer);
    assert_ptr_equal(hf_stream_shape(HF_STREAM_BACKEND_REQUESTS, 4),
                     &hf_backend_request_info(4)->request);
    assert_ptr_equal(hf_stream_shape(HF_STREAM_BACKEND_REPLIES, 4),
                     &hf_backend_request_info(4)->answer);
    assert_int_equal(hf_stream_shape(HF_STREAM_BACKEND_REQUESTS, 44)->payload, HF_PAYLOAD_OPAQUE);
}

/* Only these differ from "one body": everything else must not be lenient. */
static void only_bodies_that_real_peers_vary_have_alternatives(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 44; i++) {
        uint32_t request = i == 6 ? HF_BIT(HF_PAYLOAD_U64) : 0;
        uint32_t answer = 0;

        answer = i == 5 ? HF_BIT(HF_PAYLOAD_MEM_TABLE) : answer;
        answer = i == 6 ? HF_BIT(HF_PAYLOAD_NONE) | HF_BIT(HF_PAYLOAD_LOG) : answer;
        answer = i == 24 ? HF_BIT(HF_PAYLOAD_NONE) : answer;
        answer = i == 37 ? HF_BIT(HF_PAYLOAD_MEM_REGION) : answer;
        assert_int_equal(hf_request_info(i)->request.also, request);
        assert_int_equal(hf_request_info(i)->answer.also, answer);
    }
}

static void each_rule_of_descriptors_and_answers_has_words_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < HF_FDS_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(hf_fds_text((enum hf_fds)a), hf_fds_text((enum hf_fds)b));
    for (unsigned a = 0; a < HF_REPLY_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(hf_reply_text((enum hf_reply)a),
                                    hf_reply_text((enum hf_reply)b));
    assert_string_equal(hf_reply_text(HF_REPLY_OWN), "always");
    assert_string_equal(hf_fds_text(HF_FDS_COUNT), "?");
    assert_string_equal(hf_reply_text(HF_REPLY_COUNT), "?");
    for (unsigned a = 0; a < HF_RELAY_RULE_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(hf_relay_rule_text((enum hf_relay_rule)a),
                                    hf_relay_rule_text((enum hf_relay_rule)b));
    assert_string_equal(hf_relay_rule_text(HF_RELAY_RULE_RECORDED), "recorded");
    assert_string_equal(hf_relay_rule_text(HF_RELAY_RULE_COUNT), "?");
}

static bool answered(uint32_t request, bool need_reply, uint64_t protocol_features)
{
    return hf_request_is_answered(hf_request_info(request), need_reply, protocol_features);
}

static void an_acknowledgement_needs_the_feature_and_the_flag(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 44; i++) {
        bool own = front_end[i].reply == 'R';

        assert_int_equal(answered(i + 1, false, 0), own);
        assert_int_equal(answered(i + 1, true, 0), own);
        assert_int_equal(answered(i + 1, false, 1u << 3), own);
        assert_true(answered(i + 1, true, 1u << 3));
        assert_int_equal(answered(i + 1, true, ~(UINT64_C(1) << 3)), own || i + 1 == 6);
    }
}

static void set_log_base_is_always_answered_once_log_shmfd_is_negotiated(void **state)
{
    (void)state;
    assert_true(answered(6, false, 1u << 1));
    assert_false(answered(6, false, ~(UINT64_C(1) << 1)));
}

static void a_request_is_allowed_by_the_bit_of_its_gate_alone(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 44; i++) {
        const struct hf_request_info *info = hf_request_info(i + 1);
        int gate = front_end[i].gate;
        int feature_gate = front_end[i].feature_gate;
        uint64_t protocol_bit = gate < 0 ? 0 : UINT64_C(1) << gate;
        uint64_t feature_bit = feature_gate < 0 ? 0 : UINT64_C(1) << feature_gate;

        assert_true(hf_request_allowed(info, feature_bit, protocol_bit));
        assert_int_equal(hf_request_allowed(info, ~feature_bit, ~protocol_bit),
                         gate < 0 && feature_gate < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_front_end_request_is_as_specified),
        cmocka_unit_test(each_back_end_request_is_as_specified),
        cmocka_unit_test(numbers_outside_the_tables_are_unknown),
        cmocka_unit_test(a_stream_selects_table_and_half),
        cmocka_unit_test(only_bodies_that_real_peers_vary_have_alternatives),
        cmocka_unit_test(each_rule_of_descriptors_and_answers_has_words_of_its_own),
        cmocka_unit_test(an_acknowledgement_needs_the_feature_and_the_flag),
        cmocka_unit_test(set_log_base_is_always_answered_once_log_shmfd_is_negotiated),
        cmocka_unit_test(a_request_is_allowed_by_the_bit_of_its_gate_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
