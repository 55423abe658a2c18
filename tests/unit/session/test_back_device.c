/* SPDX-License-Identifier: BSD-3-Clause */
/* Features, config space, in-flight region, reset. */
#include "session/back.h"

#include "cmocka_all.h"
#include "back_rig.h"

#define BIT30 HF_FEATURE(PROTOCOL_FEATURES)

static void prepare(struct rig *rig)
{
    rig_init(rig);
    rig_negotiate(rig, BIT30, rig->back.offer.protocol_features);
}

static const char *send(struct rig *rig, struct hf_message message)
{
    message.flags |= HF_MESSAGE_NEED_REPLY;
    return rig_send(rig, &message);
}

static void test_what_is_offered_is_told(void **state)
{
    struct rig rig;
    char told[64];

    (void)state;
    rig_init(&rig);
    snprintf(told, sizeof(told), "reply %llu", (unsigned long long)rig.back.offer.features);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_FEATURES, 0, 0), told);
}

static void test_features_that_were_not_offered_are_refused(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(RING_PACKED), 0),
                        "report (acknowledges features that were not offered); reply 1");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(NOTIFY_ON_EMPTY), 0),
                        "report (acknowledges features that were not offered); reply 1");
    assert_int_equal(rig.back.features, BIT30);
    assert_non_null(
        strstr(rig_ask(&rig, HF_REQUEST_SET_PROTOCOL_FEATURES, HF_PROTOCOL_FEATURE(STATUS), 0),
               "acknowledges protocol features that were not offered"));
}

static void test_tolerated_features_may_be_acknowledged_and_do_not_count(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig.back.offer.features_tolerated = HF_FEATURE(SCSI_CHANGE) | HF_FEATURE(VERSION_1);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30 | HF_FEATURE(SCSI_CHANGE), 0),
                        "features; reply 0");
    assert_int_equal(rig.back.features, BIT30);
    rig_start_ring(&rig, 0);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30 | HF_FEATURE(SCSI_CHANGE), 0),
                        "features; reply 0");
    assert_int_equal(rig.back.features, BIT30);
}

/* Tolerated says nothing of what is offered. */
static void test_what_is_offered_and_tolerated_counts(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig.back.offer.features_tolerated = HF_FEATURE(VERSION_1);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30 | HF_FEATURE(VERSION_1), 0),
                        "features; reply 0");
    assert_int_equal(rig.back.features, BIT30 | HF_FEATURE(VERSION_1));
}

static void test_features_stay_while_rings_run(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 0);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30, 0), "features; reply 0");
    assert_non_null(strstr(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30 | HF_FEATURE(VERSION_1), 0),
                           "reply 1"));
}

/* Legal, if odd: rings first, features then. Without bit 30 nobody sends ENABLE. */
static void test_rings_that_run_are_enabled_by_features_without_bit_30(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_start_ring(&rig, 1);
    rig_start_ring(&rig, 4);
    assert_false(hf_back_ring_active(&rig.back, 1));
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_FEATURES, 0, 0),
                        "features; ring enable 1 1; ring enable 4 1");
    assert_true(hf_back_ring_active(&rig.back, 1));
    assert_true(hf_back_ring_active(&rig.back, 4));
    assert_false(hf_back_ring_active(&rig.back, 0));
    assert_string_equal(rig_do(&rig, HF_REQUEST_SET_FEATURES, 0, 0), "features");
}

static void test_config_is_answered_inside_and_refused_empty_outside(void **state)
{
    struct rig rig;
    const char *refused = "report (reaches beyond the config space); reply empty";

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_CONFIG, 0, 64), "config get; reply 64 bytes");
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_CONFIG, 60, 4), "config get; reply 4 bytes");
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_CONFIG, 61, 4), refused);
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_CONFIG, UINT32_MAX, 2), refused);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_CONFIG, 20, 4), "config set; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_CONFIG, 61, 4),
                        "report (reaches beyond the config space); reply 1");
    rig.result = -30;
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_CONFIG, 20, 4),
                        "config set; report (could not be carried out); reply 1");
}

static void test_an_inflight_region_is_given_for_counts_that_can_be(void **state)
{
    struct rig rig;
    const char *refused = "report (an in-flight region like that cannot be); reply size 0 fds 0";

    (void)state;
    prepare(&rig);
    assert_string_equal(send(&rig, rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD, 6, 128, 0)),
                        "in-flight create; reply size 4096 fds 1");
    assert_string_equal(send(&rig, rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD, 0, 128, 0)),
                        refused);
    assert_string_equal(send(&rig, rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD, 7, 128, 0)),
                        refused);
    assert_string_equal(send(&rig, rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD, 6, 0, 0)),
                        refused);
    assert_string_equal(send(&rig, rig_inflight(&rig, HF_REQUEST_GET_INFLIGHT_FD, 6, 2048, 0)),
                        refused);
}

static const struct {
    uint16_t queue_count;
    uint16_t queue_size;
    uint64_t size_bytes;
    uint64_t offset;
} impossible[] = {
    { 0, 128, 4096, 0 },
    { 7, 128, 65536, 0 },
    { 6, 0, 65536, 0 },
    { 6, 2048, 1 << 20, 0 },
    { 6, 128, 0, 0 },
    { 6, 128, 6 * (16 + 128 * 16) - 1, 0 },
    { 6, 128, 65536, 4 },
    { 6, 128, 65536, UINT64_MAX - 7 },
    { 6, 128, UINT64_MAX, 4096 },
    { 6, 128, 6 * (11u << 20), 0 },
};

static void test_an_inflight_region_that_cannot_be_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(impossible); i++) {
        struct rig rig;
        prepare(&rig);
        struct hf_message set =
            rig_inflight(&rig, HF_REQUEST_SET_INFLIGHT_FD, impossible[i].queue_count,
                         impossible[i].queue_size, impossible[i].size_bytes);
        set.body.inflight.mmap_offset = impossible[i].offset;
        assert_string_equal(send(&rig, set), "close fds; report (an in-flight region like that "
                                             "cannot be); reply 1");
        rig_expect_no_leak(&rig);
    }
}

static void test_a_region_must_hold_every_ring_that_starts(void **state)
{
    struct rig rig;
    const char *small = "close fds; report (the in-flight region has no room for this ring); "
                        "reply 1";

    (void)state;
    prepare(&rig);
    send(&rig, rig_inflight(&rig, HF_REQUEST_SET_INFLIGHT_FD, 2, 128, 2 * 2112));
    rig_start_ring(&rig, 0);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 1, 256);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 1, 0x20000);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 1, 0), small);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 2, 128);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 2, 0x20000);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), small);
    rig_expect_no_leak(&rig);
}

static void test_a_region_is_not_exchanged_under_running_rings(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 0);
    assert_string_equal(
        send(&rig, rig_inflight(&rig, HF_REQUEST_SET_INFLIGHT_FD, 6, 128, 6 * 2112)),
        "close fds; report (may be changed only while the ring is stopped); reply 1");
    rig_expect_no_leak(&rig);
}

static void test_a_ring_starts_without_a_region_that_was_never_set(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 5);
    assert_true(rig.back.rings[5].started);
}

static void test_a_reset_stops_all_rings_and_forgets_them(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_do(&rig, HF_REQUEST_SET_OWNER, 0, 0);
    send(&rig, rig_inflight(&rig, HF_REQUEST_SET_INFLIGHT_FD, 6, 128, 6 * 2112));
    struct hf_message table = rig_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 4096);
    rig_send(&rig, &table);
    rig_start_ring(&rig, 0);
    rig_start_ring(&rig, 3);
    rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 3, 1);
    rig.patient = true;
    assert_string_equal(rig_ask(&rig, HF_REQUEST_RESET_DEVICE, 0, 0), "ring stop 0; ring stop 3");
    assert_string_equal(rig_answer(&rig, 3), "");
    assert_string_equal(rig_answer(&rig, 0), "reset; reply 0");
    assert_false(rig.back.rings[3].started || rig.back.rings[3].enabled);
    assert_int_equal(rig.back.rings[3].size, 0);
    assert_int_equal(rig.back.inflight.mmap_size_bytes, 0);
    assert_int_equal(rig.back.memory.region_count, 1);
    assert_int_equal(rig.back.features, BIT30);
}

static void test_giving_up_ownership_drops_no_state(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 0);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_RESET_OWNER, 0, 0), "reply 0");
    assert_true(rig.back.rings[0].started);
}

static void test_the_back_end_channel_goes_to_the_edge(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_BACKEND_REQ_FD, 0, 0),
                        "back-end channel; reply 0");
    rig_expect_no_leak(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_offered_is_told),
        cmocka_unit_test(test_features_that_were_not_offered_are_refused),
        cmocka_unit_test(test_tolerated_features_may_be_acknowledged_and_do_not_count),
        cmocka_unit_test(test_what_is_offered_and_tolerated_counts),
        cmocka_unit_test(test_features_stay_while_rings_run),
        cmocka_unit_test(test_rings_that_run_are_enabled_by_features_without_bit_30),
        cmocka_unit_test(test_config_is_answered_inside_and_refused_empty_outside),
        cmocka_unit_test(test_an_inflight_region_is_given_for_counts_that_can_be),
        cmocka_unit_test(test_an_inflight_region_that_cannot_be_is_refused),
        cmocka_unit_test(test_a_region_must_hold_every_ring_that_starts),
        cmocka_unit_test(test_a_region_is_not_exchanged_under_running_rings),
        cmocka_unit_test(test_a_ring_starts_without_a_region_that_was_never_set),
        cmocka_unit_test(test_a_reset_stops_all_rings_and_forgets_them),
        cmocka_unit_test(test_giving_up_ownership_drops_no_state),
        cmocka_unit_test(test_the_back_end_channel_goes_to_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
