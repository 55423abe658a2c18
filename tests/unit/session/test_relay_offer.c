/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM is offered of what a back-end offers. */
#include "session/relay.h"

#include "cmocka_all.h"

#define RINGS 3u
#define NEVER_FEATURES                                                                             \
    (HF_FEATURE(IOMMU_PLATFORM) | HF_FEATURE(RING_PACKED) | HF_FEATURE(NOTIFICATION_DATA) |        \
     HF_FEATURE(NOTIF_CONFIG_DATA) | HF_FEATURE(RING_RESET) | HF_FEATURE(ADMIN_VQ) |               \
     HF_FEATURE(SR_IOV))
#define NEVER_PROTOCOL                                                                             \
    (HF_PROTOCOL_FEATURE(PAGEFAULT) | HF_PROTOCOL_FEATURE(INBAND_NOTIFICATIONS) |                  \
     HF_PROTOCOL_FEATURE(HOST_NOTIFIER) | HF_PROTOCOL_FEATURE(STATUS) |                            \
     HF_PROTOCOL_FEATURE(BACKEND_SEND_FD) | HF_PROTOCOL_FEATURE(GET_VRING_BASE_INFLIGHT))

/* A back-end that offers all there is, and with which all of it was negotiated. */
static struct hf_session everything(void)
{
    struct hf_session session;

    hf_session_init(&session, 1);
    session.offered = session.protocol_offered = session.protocol = ~UINT64_C(0);
    session.queue_count = 5;
    session.slot_count = 9;
    return session;
}

static struct hf_back_offer offer_of(const struct hf_session *session, bool answers_config)
{
    return hf_relay_promise_of(session, RINGS, answers_config).offer;
}

static void what_a_crash_would_not_survive_is_never_offered(void **state)
{
    struct hf_session session = everything();
    struct hf_back_offer offer = offer_of(&session, true);

    (void)state;
    assert_true((offer.features & NEVER_FEATURES) == 0);
    assert_true((offer.protocol_features & NEVER_PROTOCOL) == 0);
}

/* Bits 24 to 49 are virtio's own, named or yet to be: what they will mean is not known here. */
static void a_feature_without_a_name_is_passed_only_if_it_is_the_device_types(void **state)
{
    struct hf_session session = everything();
    struct hf_back_offer offer = offer_of(&session, false);

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        if (hf_feature_name(bit) == NULL)
            assert_int_equal((offer.features & HF_BIT(bit)) != 0, bit < 24 || bit >= 50);
    }
    assert_true((offer.features & HF_FEATURE(VERSION_1)) != 0);
    assert_true((offer.features & HF_FEATURE(SCSI_HOTPLUG)) != 0);
}

static void of_a_back_end_that_offers_nothing_remains_what_is_ours(void **state)
{
    struct hf_session session;

    (void)state;
    hf_session_init(&session, 1);
    struct hf_relay_promise promise = hf_relay_promise_of(&session, RINGS, false);
    assert_true(promise.offer.features == HF_FEATURE(PROTOCOL_FEATURES));
    assert_true(promise.offer.protocol_features ==
                (HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(RESET_DEVICE)));
    assert_true(promise.protocol_features == 0);
    assert_int_equal(promise.offer.ring_count, RINGS);
    assert_int_equal(promise.offer.memory_slots, 8);
}

static void a_config_space_of_ours_is_offered_and_asked_of_no_back_end(void **state)
{
    struct hf_session session;

    (void)state;
    hf_session_init(&session, 1);
    struct hf_relay_promise promise = hf_relay_promise_of(&session, RINGS, true);
    assert_true((promise.offer.protocol_features & HF_PROTOCOL_FEATURE(CONFIG)) != 0);
    assert_true((promise.protocol_features & HF_PROTOCOL_FEATURE(CONFIG)) == 0);
}

static void what_is_passed_on_a_later_back_end_must_have(void **state)
{
    struct hf_session session = everything();
    struct hf_relay_promise promise = hf_relay_promise_of(&session, RINGS, false);
    const uint64_t ours = HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(RESET_DEVICE);

    (void)state;
    assert_true(promise.protocol_features == (promise.offer.protocol_features & ~ours));
    assert_int_equal(promise.offer.ring_count, 5);
    assert_int_equal(promise.offer.memory_slots, 9);
    assert_true(hf_relay_protocol_wanted() == promise.offer.protocol_features);
}

static void a_back_end_without_queues_is_no_reason_to_stop(void **state)
{
    static struct hf_front front;
    static struct hf_relay relay;
    const struct hf_relay_settings settings = { .reply_timeout_ns = 1 };
    struct hf_session session = everything();

    (void)state;
    session.queue_count = 0;
    struct hf_relay_promise promise = hf_relay_promise_of(&session, RINGS, false);
    hf_front_init(&front, &hf_front_settings_default, 1);
    hf_relay_init(&relay, &settings, &front);
    hf_relay_begin(&relay, &promise);
    assert_int_equal(front.plan.promise.queue_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_crash_would_not_survive_is_never_offered),
        cmocka_unit_test(a_feature_without_a_name_is_passed_only_if_it_is_the_device_types),
        cmocka_unit_test(of_a_back_end_that_offers_nothing_remains_what_is_ours),
        cmocka_unit_test(a_config_space_of_ours_is_offered_and_asked_of_no_back_end),
        cmocka_unit_test(what_is_passed_on_a_later_back_end_must_have),
        cmocka_unit_test(a_back_end_without_queues_is_no_reason_to_stop),
    };

    return cmocka_run_group_tests_name("session/relay_offer", tests, NULL, NULL);
}
