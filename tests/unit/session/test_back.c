/* SPDX-License-Identifier: BSD-3-Clause */
/* The step of the back core: who is answered, who is refused, one message at a time. */
#include "session/back.h"

#include "cmocka_all.h"
#include "back_rig.h"

#define ALL_PROTOCOL (rig.back.offer.protocol_features)
#define BIT30        HF_FEATURE(PROTOCOL_FEATURES)
#define ACK          HF_PROTOCOL_FEATURE(REPLY_ACK)

static void test_an_acknowledgement_needs_the_bit_and_the_feature(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_OWNER, 0, 0), "");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_OWNER, 0, 0), "");
    rig_negotiate(&rig, BIT30, ACK);
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_OWNER, 0, 0), "");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_OWNER, 0, 0), "reply 0");
}

static void test_a_request_with_an_answer_is_answered_once_whatever_it_asks(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, ALL_PROTOCOL);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_QUEUE_NUM, 0, 0), "reply 6");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_GET_QUEUE_NUM, 0, 0), "reply 6");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_GET_VRING_BASE, 1, 0), "reply 1=0");
}

static void test_the_request_that_negotiates_acks_is_acked_if_it_asks(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, ACK, 0), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, 0, 0), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, 0, 0), "");
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, ACK, 0), "");
}

static void test_a_refusal_is_said_if_asked_and_ends_the_session_if_not(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, ALL_PROTOCOL);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_NUM, 0, 100),
                        "report (the ring size is not a power of two, or too large); reply 1");
    assert_true(hf_back_settled(&rig.back));
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 0, 100),
                        "hang up (the ring size is not a power of two, or too large)");
    assert_false(hf_back_settled(&rig.back));
}

/* Requests that are never served here, whatever is negotiated. */
static const enum hf_request strangers[] = {
    HF_REQUEST_SEND_RARP,
    HF_REQUEST_NET_SET_MTU,
    HF_REQUEST_IOTLB_MSG,
    HF_REQUEST_SET_VRING_ENDIAN,
    HF_REQUEST_CREATE_CRYPTO_SESSION,
    HF_REQUEST_CLOSE_CRYPTO_SESSION,
    HF_REQUEST_POSTCOPY_ADVISE,
    HF_REQUEST_POSTCOPY_LISTEN,
    HF_REQUEST_POSTCOPY_END,
    HF_REQUEST_GPU_SET_SOCKET,
    HF_REQUEST_VRING_KICK,
    HF_REQUEST_SET_STATUS,
    HF_REQUEST_GET_STATUS,
    HF_REQUEST_GET_SHARED_OBJECT,
    HF_REQUEST_SET_DEVICE_STATE_FD,
    HF_REQUEST_CHECK_DEVICE_STATE,
    HF_REQUEST_GET_SHMEM_CONFIG,
};

static void test_a_request_that_nobody_serves_is_refused_and_its_descriptors_closed(void **state)
{
    const char *said = "report (not supported here, and not offered); reply 1";
    const char *closed = "close fds; report (not supported here, and not offered); reply 1";

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(strangers); i++) {
        struct rig rig;
        rig_init(&rig);
        rig_negotiate(&rig, BIT30, ALL_PROTOCOL);
        bool own = hf_request_info(strangers[i])->reply == HF_REPLY_OWN;
        const char *heard = rig_ask(&rig, strangers[i], 0, 0);
        if (own)
            assert_non_null(strstr(heard, "hang up (not supported here, and not offered)"));
        else
            assert_string_equal(heard, rig.fds_came > 0 ? closed : said);
        rig_expect_no_leak(&rig);
    }
}

/* Above all that we know: a newer front-end's, which asks; or one that believes it was obeyed. */
static void test_an_unknown_request_is_refused_if_it_asks_and_ends_the_session_if_not(void **state)
{
    static const enum hf_request numbers[] = { (enum hf_request)0, HF_REQUEST_COUNT,
                                               (enum hf_request)4711 };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(numbers); i++) {
        struct rig rig;
        rig_init(&rig);
        assert_string_equal(rig_ask(&rig, numbers[i], 0, 0), "hang up (not a front-end's request)");
        rig_init(&rig);
        rig_negotiate(&rig, BIT30, ALL_PROTOCOL);
        assert_string_equal(rig_ask(&rig, numbers[i], 0, 0),
                            "report (not a front-end's request); reply 1");
        assert_true(hf_back_settled(&rig.back));
        struct hf_message message = rig_message(&rig, numbers[i], 0, 0);
        while (message.fd_count < HF_MESSAGE_FDS_MAX)
            message.fds[message.fd_count++] = rig.next_fd++;
        assert_string_equal(rig_send(&rig, &message),
                            "close fds; hang up (not a front-end's request)");
        rig_expect_no_leak(&rig);
    }
}

/* What each needs before it is legal, and nothing else. */
static const struct {
    enum hf_request request;
    uint64_t needs;
} gated[] = {
    { HF_REQUEST_GET_QUEUE_NUM, HF_PROTOCOL_FEATURE(MQ) },
    { HF_REQUEST_GET_CONFIG, HF_PROTOCOL_FEATURE(CONFIG) },
    { HF_REQUEST_SET_CONFIG, HF_PROTOCOL_FEATURE(CONFIG) },
    { HF_REQUEST_GET_INFLIGHT_FD, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) },
    { HF_REQUEST_SET_INFLIGHT_FD, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) },
    { HF_REQUEST_RESET_DEVICE, HF_PROTOCOL_FEATURE(RESET_DEVICE) },
    { HF_REQUEST_GET_MAX_MEM_SLOTS, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) },
    { HF_REQUEST_ADD_MEM_REG, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) },
    { HF_REQUEST_REM_MEM_REG, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) },
    { HF_REQUEST_SET_BACKEND_REQ_FD, HF_PROTOCOL_FEATURE(BACKEND_REQ) },
};

static void test_a_gated_request_needs_its_feature_negotiated(void **state)
{
    const char *refused = "(the feature it belongs to is not negotiated)";

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(gated); i++) {
        struct rig rig;
        rig_init(&rig);
        rig_negotiate(&rig, BIT30, ALL_PROTOCOL & ~gated[i].needs);
        assert_non_null(strstr(rig_ask(&rig, gated[i].request, 0, 0), refused));
        rig_expect_no_leak(&rig);
        rig_init(&rig);
        rig_negotiate(&rig, BIT30, gated[i].needs | ACK);
        assert_null(strstr(rig_ask(&rig, gated[i].request, 0, 0), refused));
        rig_expect_no_leak(&rig);
    }
}

static void test_enable_needs_bit_30_acknowledged(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_do(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, ACK, 0);
    assert_non_null(strstr(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 0, 1), "not negotiated"));
    rig_do(&rig, HF_REQUEST_SET_FEATURES, BIT30, 0);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 0, 1), "reply 0");
}

static void test_protocol_features_need_bit_30_only_offered(void **state)
{
    struct rig rig;
    char offered[64];

    (void)state;
    rig_init(&rig);
    snprintf(offered, sizeof(offered), "reply %llu",
             (unsigned long long)rig.back.offer.protocol_features);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_PROTOCOL_FEATURES, 0, 0), offered);
    rig.back.offer.features &= ~BIT30;
    assert_non_null(strstr(rig_do(&rig, HF_REQUEST_GET_PROTOCOL_FEATURES, 0, 0), "hang up"));
}

static void test_the_next_message_waits_until_this_one_is_settled(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, ACK);
    rig_start_ring(&rig, 2);
    rig.patient = true;
    rig.base = 77;
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 2, 0), "ring stop 2");
    assert_false(hf_back_settled(&rig.back));
    assert_string_equal(rig_answer(&rig, 2), "reply 2=77");
    assert_true(hf_back_settled(&rig.back));
}

static void test_an_edge_that_fails_is_a_refusal(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, ACK);
    rig.result = -14;
    struct hf_message table = rig_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 4096);
    table.flags |= HF_MESSAGE_NEED_REPLY;
    assert_string_equal(rig_send(&rig, &table),
                        "memory replace; report (could not be carried out); reply 1");
    assert_int_equal(rig.fault, HF_BACK_FAULT_EDGE);
    assert_int_equal(rig.back.memory.region_count, 0);
    rig_expect_no_leak(&rig);
}

/* A framer lets no such thing through; the core does not depend on that. */
static void test_a_message_that_is_no_request_ends_the_session(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    struct hf_message message = { .request = HF_REQUEST_COUNT,
                                  .flags = HF_MESSAGE_VERSION | HF_MESSAGE_NEED_REPLY,
                                  .fd_count = 1,
                                  .fds = { 99 } };
    assert_string_equal(rig_send(&rig, &message), "close fds; hang up (not a front-end's request)");
    assert_int_equal(rig.fault, HF_BACK_FAULT_NOT_A_REQUEST);
    rig_expect_no_leak(&rig);
}

static void test_after_a_hang_up_nothing_is_heard_any_more(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, ACK);
    rig_start_ring(&rig, 0);
    rig.patient = true;
    rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 0, 0);
    assert_string_equal(rig_hang_up(&rig), "hang up (no fault)");
    assert_string_equal(rig_answer(&rig, 0), "");
    assert_string_equal(rig_hang_up(&rig), "");
}

static void test_every_fault_has_a_sentence_and_every_effect_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_BACK_FAULT_COUNT; i++)
        assert_true(strlen(hf_back_fault_text((enum hf_back_fault)i)) > 5);
    for (unsigned i = 0; i < HF_BACK_EFFECT_COUNT; i++)
        assert_true(strlen(hf_back_effect_name((enum hf_back_effect_kind)i)) > 3);
    assert_non_null(hf_back_fault_text(HF_BACK_FAULT_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_acknowledgement_needs_the_bit_and_the_feature),
        cmocka_unit_test(test_a_request_with_an_answer_is_answered_once_whatever_it_asks),
        cmocka_unit_test(test_the_request_that_negotiates_acks_is_acked_if_it_asks),
        cmocka_unit_test(test_a_refusal_is_said_if_asked_and_ends_the_session_if_not),
        cmocka_unit_test(test_a_request_that_nobody_serves_is_refused_and_its_descriptors_closed),
        cmocka_unit_test(test_an_unknown_request_is_refused_if_it_asks_and_ends_the_session_if_not),
        cmocka_unit_test(test_a_gated_request_needs_its_feature_negotiated),
        cmocka_unit_test(test_enable_needs_bit_30_acknowledged),
        cmocka_unit_test(test_protocol_features_need_bit_30_only_offered),
        cmocka_unit_test(test_the_next_message_waits_until_this_one_is_settled),
        cmocka_unit_test(test_an_edge_that_fails_is_a_refusal),
        cmocka_unit_test(test_a_message_that_is_no_request_ends_the_session),
        cmocka_unit_test(test_after_a_hang_up_nothing_is_heard_any_more),
        cmocka_unit_test(test_every_fault_has_a_sentence_and_every_effect_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
