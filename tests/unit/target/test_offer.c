/* SPDX-License-Identifier: BSD-3-Clause */
/* What is offered, and the config space. */
#include "target/offer.h"

#include "base/check.h"
#include "cmocka_all.h"
#include "target/unit.h"
#include "vscsi/config.h"

static const struct hf_target_options plain = { .queues = 4 };

static void test_the_offer_is_what_the_manual_says(void **state)
{
    struct hf_back_offer offer = hf_target_offer(&plain);

    (void)state;
    assert_int_equal(offer.features, HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) |
                                         HF_FEATURE(EVENT_IDX) | HF_FEATURE(ANY_LAYOUT) |
                                         HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL));
    assert_int_equal(offer.features_tolerated, HF_FEATURE(SCSI_CHANGE));
    /* Not STATUS (hazard H31: some front-ends take it and never send DRIVER_OK), and not
     * GET_VRING_BASE_INFLIGHT (H18: a stop drains). */
    assert_int_equal(offer.protocol_features,
                     HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |
                         HF_PROTOCOL_FEATURE(BACKEND_REQ) | HF_PROTOCOL_FEATURE(CONFIG) |
                         HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |
                         HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(LOG_SHMFD));
    assert_int_equal(offer.ring_count, 6);
    assert_true(offer.memory_slots >= 509);
}

static void test_what_is_masked_is_not_offered(void **state)
{
    struct hf_target_options masked = plain;

    (void)state;
    masked.masked_protocol_features =
        HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(REPLY_ACK);
    assert_int_equal(hf_target_offer(&masked).protocol_features,
                     hf_target_offer(&plain).protocol_features & ~masked.masked_protocol_features);
    masked.masked_features = HF_FEATURE(EVENT_IDX);
    assert_int_equal(hf_target_offer(&masked).features,
                     hf_target_offer(&plain).features & ~HF_FEATURE(EVENT_IDX));
}

static void test_logging_is_offered_only_with_a_way_for_the_log_to_come(void **state)
{
    struct hf_target_options masked = plain;

    (void)state;
    masked.masked_protocol_features = HF_PROTOCOL_FEATURE(LOG_SHMFD);
    assert_int_equal(hf_target_offer(&masked).features & HF_FEATURE(LOG_ALL), 0);
}

static void test_the_config_space_tells_queues_targets_and_the_fence(void **state)
{
    uint8_t bytes[HF_WIRE_CONFIG_MAX];
    struct hf_vscsi_config config;
    struct hf_vscsi_trailer trailer;

    (void)state;
    hf_target_fill_config(&plain, 3, bytes);
    assert_true(hf_vscsi_config_decode(bytes, sizeof(bytes), &config));
    assert_int_equal(config.num_queues, 4);
    assert_int_equal(config.max_target, 2);
    assert_int_equal(config.sense_size, 96);
    assert_int_equal(config.cdb_size, 32);
    assert_true(hf_vscsi_trailer_decode(bytes, sizeof(bytes), &trailer));
    assert_int_equal((trailer.flags & HF_VSCSI_TRAILER_FENCED) != 0, !hf_unit_lock_disabled());
    for (size_t i = HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_offer_is_what_the_manual_says),
        cmocka_unit_test(test_what_is_masked_is_not_offered),
        cmocka_unit_test(test_logging_is_offered_only_with_a_way_for_the_log_to_come),
        cmocka_unit_test(test_the_config_space_tells_queues_targets_and_the_fence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
