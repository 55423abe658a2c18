/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring state machine, and the orders in which real front-ends set rings up. */
#include "session/back.h"

#include "cmocka_all.h"
#include "back_rig.h"

#define BIT30 HF_FEATURE(PROTOCOL_FEATURES)
#define ACK   HF_PROTOCOL_FEATURE(REPLY_ACK)

static void prepare(struct rig *rig)
{
    rig_init(rig);
    rig_negotiate(rig, BIT30, rig->back.offer.protocol_features);
}

static const enum hf_request ring_requests[] = {
    HF_REQUEST_SET_VRING_NUM,  HF_REQUEST_SET_VRING_ADDR,   HF_REQUEST_SET_VRING_BASE,
    HF_REQUEST_GET_VRING_BASE, HF_REQUEST_SET_VRING_KICK,   HF_REQUEST_SET_VRING_CALL,
    HF_REQUEST_SET_VRING_ERR,  HF_REQUEST_SET_VRING_ENABLE,
};

static void test_a_ring_that_is_not_there_is_refused_by_every_request(void **state)
{
    static const uint64_t beyond[] = { RIG_RINGS, 255 };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(ring_requests); i++) {
        for (size_t j = 0; j < HF_ARRAY_COUNT(beyond); j++) {
            struct rig rig;
            prepare(&rig);
            const char *heard = rig_ask(&rig, ring_requests[i], beyond[j], 0);
            assert_non_null(strstr(heard, "(there is no such ring)"));
            rig_expect_no_leak(&rig);
        }
    }
}

static void test_an_index_is_compared_in_full_width(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_non_null(
        strstr(rig_ask(&rig, HF_REQUEST_SET_VRING_NUM, UINT32_C(0x10000), 128), "no such ring"));
    assert_non_null(
        strstr(rig_ask(&rig, HF_REQUEST_SET_VRING_ADDR, UINT32_C(0x100), 0), "no such ring"));
}

/* What real front-ends send for one ring, after features and memory. U: need_reply is not set. */
struct order {
    const char *who;
    const char *words;
};

static const struct order orders[] = {
    { "QEMU", "CALL ERR NUM BASE ADDR KICK CALL ENABLE CALL" },
    { "user-mode Linux", "CALL NUM BASE ADDR KICK ENABLE" },
    { "Cloud Hypervisor", "NUM ADDR BASE CALL KICK ENABLE" },
    { "SPDK", "ENABLE CALL NUM BASE ADDR KICK" },
    { "addresses first", "ADDR NUM ENABLE BASE ERR KICK CALL" },
    { "base left out", "NUM ADDR KICK ENABLE" },
};

static const struct {
    const char *word;
    enum hf_request request;
    uint64_t value;
} vocabulary[] = {
    { "CALL", HF_REQUEST_SET_VRING_CALL, 0 },      { "ERR", HF_REQUEST_SET_VRING_ERR, 0 },
    { "NUM", HF_REQUEST_SET_VRING_NUM, 256 },      { "BASE", HF_REQUEST_SET_VRING_BASE, 9 },
    { "ADDR", HF_REQUEST_SET_VRING_ADDR, 0x4000 }, { "KICK", HF_REQUEST_SET_VRING_KICK, 0 },
    { "ENABLE", HF_REQUEST_SET_VRING_ENABLE, 1 },
};

static void say_word(struct rig *rig, uint16_t ring, const char *word, size_t length)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(vocabulary); i++) {
        if (strlen(vocabulary[i].word) != length || strncmp(vocabulary[i].word, word, length) != 0)
            continue;
        const char *heard = rig_ask(rig, vocabulary[i].request, ring, vocabulary[i].value);
        assert_non_null(strstr(heard, "reply 0"));
        return;
    }
    fail_msg("no word %.*s", (int)length, word);
}

static void test_every_order_in_which_kick_comes_last_runs_the_ring(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(orders); i++) {
        struct rig rig;
        prepare(&rig);
        for (const char *word = orders[i].words; *word;) {
            size_t length = strcspn(word, " ");
            say_word(&rig, 3, word, length);
            word += length + (word[length] == ' ');
        }
        assert_true(hf_back_ring_active(&rig.back, 3));
        assert_int_equal(rig.back.rings[3].size, 256);
        rig_expect_no_leak(&rig);
    }
}

static void test_enabled_and_started_are_two_things(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 1), "reply 0");
    assert_false(hf_back_ring_active(&rig.back, 2));
    rig_start_ring(&rig, 2);
    assert_true(hf_back_ring_active(&rig.back, 2));
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 0),
                        "ring enable 2 0; reply 0");
    assert_true(rig.back.rings[2].started);
    assert_false(hf_back_ring_active(&rig.back, 2));
    rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 2, 0);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 1), "reply 0");
    assert_true(rig.back.rings[2].enabled);
    rig_start_ring(&rig, 4);
    assert_false(hf_back_ring_active(&rig.back, 4)); /* nobody has enabled it */
}

static void test_features_without_bit_30_enable_all_rings(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_do(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(VERSION_1), 0);
    rig_start_ring(&rig, 0);
    rig_start_ring(&rig, 5);
    assert_true(hf_back_ring_active(&rig.back, 0));
    assert_true(hf_back_ring_active(&rig.back, 5));
}

static void test_a_running_ring_keeps_size_base_and_addresses(void **state)
{
    struct rig rig;
    const char *refused = "report (may be changed only while the ring is stopped); reply 1";

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 1);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_NUM, 1, 64), refused);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_BASE, 1, 5), refused);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ADDR, 1, 0x20000), refused);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_NUM, 1, 128), "reply 0");
    struct hf_message log = rig_message(&rig, HF_REQUEST_SET_VRING_ADDR, 1, 0x10000);
    log.flags |= HF_MESSAGE_NEED_REPLY;
    log.body.addr.flags = HF_WIRE_VRING_F_LOG;
    assert_string_equal(rig_send(&rig, &log), "reply 0");
}

static void test_call_err_and_enable_change_while_it_runs(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 1);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_CALL, 1, 0), "ring call 1; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ERR, 1, 0), "ring err 1; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_CALL, 1 | HF_WIRE_NO_FD, 0),
                        "ring call 1 no fd; reply 0");
    assert_true(rig.back.rings[1].started);
    rig_expect_no_leak(&rig);
}

static void test_a_started_ring_is_not_started_again(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 1);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 1, 0),
                        "close fds; report (the ring is started already); reply 1");
    rig_expect_no_leak(&rig);
}

static void test_a_ring_without_size_or_addresses_does_not_start(void **state)
{
    struct rig rig;
    const char *refused = "close fds; report (the ring has no size or no addresses yet); reply 1";

    (void)state;
    prepare(&rig);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 1, 0x10000);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 1, 0), refused);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 2, 16);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), refused);
    rig_expect_no_leak(&rig);
}

static void test_a_stopped_ring_answers_its_base_at_once(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 4, 0), "reply 4=0");
    rig_do(&rig, HF_REQUEST_SET_VRING_BASE, 4, 0xffff);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 4, 0), "reply 4=65535");
}

static void test_a_stop_is_answered_when_drained_and_the_ring_goes_on_from_there(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 4);
    rig.base = 1234;
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 4, 0), "ring stop 4; reply 4=1234");
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 4, 0), "reply 4=1234");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 4, 0), "ring start 4; reply 0");
    assert_int_equal(rig.back.rings[4].base, 1234);
}

static void test_a_ring_without_a_kick_descriptor_is_polled(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 0, 16);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 0, 0x10000);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, HF_WIRE_NO_FD, 0),
                        "ring start 0 no fd; reply 0");
}

static const struct {
    enum hf_request request;
    uint64_t value;
    const char *fault;
} impossible[] = {
    { HF_REQUEST_SET_VRING_NUM, 0, "not a power of two" },
    { HF_REQUEST_SET_VRING_NUM, 3, "not a power of two" },
    { HF_REQUEST_SET_VRING_NUM, 2048, "too large" },
    { HF_REQUEST_SET_VRING_NUM, UINT32_MAX, "not a power of two" },
    { HF_REQUEST_SET_VRING_NUM, UINT32_C(0x10000), "too large" },
    { HF_REQUEST_SET_VRING_BASE, 0x10000, "does not fit a split ring" },
    { HF_REQUEST_SET_VRING_ADDR, 0x10008, "not aligned" },
    { HF_REQUEST_SET_VRING_ENABLE, 2, "neither 0 nor 1" },
};

static void test_values_that_cannot_be_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(impossible); i++) {
        struct rig rig;
        prepare(&rig);
        const char *heard = rig_ask(&rig, impossible[i].request, 0, impossible[i].value);
        assert_non_null(strstr(heard, impossible[i].fault));
        assert_non_null(strstr(heard, "reply 1"));
    }
}

static void test_a_start_that_fails_leaves_the_ring_stopped(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 0, 16);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 0, 0x10000);
    rig.result = -14;
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 0, 0),
                        "ring start 0; report (could not be carried out); reply 1");
    assert_false(rig.back.rings[0].started);
    rig_expect_no_leak(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ring_that_is_not_there_is_refused_by_every_request),
        cmocka_unit_test(test_an_index_is_compared_in_full_width),
        cmocka_unit_test(test_every_order_in_which_kick_comes_last_runs_the_ring),
        cmocka_unit_test(test_enabled_and_started_are_two_things),
        cmocka_unit_test(test_features_without_bit_30_enable_all_rings),
        cmocka_unit_test(test_a_running_ring_keeps_size_base_and_addresses),
        cmocka_unit_test(test_call_err_and_enable_change_while_it_runs),
        cmocka_unit_test(test_a_started_ring_is_not_started_again),
        cmocka_unit_test(test_a_ring_without_size_or_addresses_does_not_start),
        cmocka_unit_test(test_a_stopped_ring_answers_its_base_at_once),
        cmocka_unit_test(test_a_stop_is_answered_when_drained_and_the_ring_goes_on_from_there),
        cmocka_unit_test(test_a_ring_without_a_kick_descriptor_is_polled),
        cmocka_unit_test(test_values_that_cannot_be_are_refused),
        cmocka_unit_test(test_a_start_that_fails_leaves_the_ring_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
