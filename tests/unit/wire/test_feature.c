/* SPDX-License-Identifier: BSD-3-Clause */
/* The expected lists are typed from the specifications, not from the header. */
#include "wire/feature.h"

#include "base/check.h"
#include "base/text.h"
#include "cmocka_all.h"

static const struct {
    unsigned bit;
    const char *name;
} features[] = {
    { 0, "SCSI_INOUT" },         { 1, "SCSI_HOTPLUG" },
    { 2, "SCSI_CHANGE" },        { 3, "SCSI_T10_PI" },
    { 24, "NOTIFY_ON_EMPTY" },   { 26, "LOG_ALL" },
    { 27, "ANY_LAYOUT" },        { 28, "INDIRECT_DESC" },
    { 29, "EVENT_IDX" },         { 30, "PROTOCOL_FEATURES" },
    { 32, "VERSION_1" },         { 33, "IOMMU_PLATFORM" },
    { 34, "RING_PACKED" },       { 35, "IN_ORDER" },
    { 36, "ORDER_PLATFORM" },    { 37, "SR_IOV" },
    { 38, "NOTIFICATION_DATA" }, { 39, "NOTIF_CONFIG_DATA" },
    { 40, "RING_RESET" },        { 41, "ADMIN_VQ" },
};

static const char *const protocol_features[] = {
    "MQ",
    "LOG_SHMFD",
    "RARP",
    "REPLY_ACK",
    "MTU",
    "BACKEND_REQ",
    "CROSS_ENDIAN",
    "CRYPTO_SESSION",
    "PAGEFAULT",
    "CONFIG",
    "BACKEND_SEND_FD",
    "HOST_NOTIFIER",
    "INFLIGHT_SHMFD",
    "RESET_DEVICE",
    "INBAND_NOTIFICATIONS",
    "CONFIGURE_MEM_SLOTS",
    "STATUS",
    "XEN_MMAP",
    "SHARED_OBJECT",
    "DEVICE_STATE",
    "GET_VRING_BASE_INFLIGHT",
    "GPA_ADDRESSES",
    "SHMEM_MAP",
};

static const char *expected_name(unsigned bit)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(features); i++)
        if (features[i].bit == bit)
            return features[i].name;
    return NULL;
}

static void every_virtio_bit_has_the_name_of_the_specification_or_none(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 100; bit++) {
        const char *expected = expected_name(bit);

        if (expected == NULL)
            assert_null(hf_feature_name(bit));
        else
            assert_string_equal(hf_feature_name(bit), expected);
    }
}

static void every_protocol_bit_from_0_to_22_has_the_name_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(HF_ARRAY_COUNT(protocol_features), 23);
    for (unsigned bit = 0; bit < 23; bit++)
        assert_string_equal(hf_protocol_feature_name(bit), protocol_features[bit]);
    for (unsigned bit = 23; bit < 100; bit++)
        assert_null(hf_protocol_feature_name(bit));
}

static void a_mask_has_the_one_bit_of_its_name(void **state)
{
    (void)state;
    assert_true(HF_FEATURE(VERSION_1) == UINT64_C(0x100000000));
    assert_true(HF_FEATURE(LOG_ALL) == UINT64_C(0x4000000));
    assert_true(HF_FEATURE(PROTOCOL_FEATURES) == UINT64_C(0x40000000));
    assert_true(HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) == 0x1000);
    assert_true(HF_PROTOCOL_FEATURE(MQ) == 1);
}

/* Names of a mask, each behind a space. */
static const char *words(uint64_t mask, const char *(*name)(unsigned bit))
{
    static char buffer[1024];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    for (unsigned bit = 0; bit < 64; bit++) {
        if ((mask & HF_BIT(bit)) != 0)
            hf_text_add(&text, " %s", name(bit));
    }
    return buffer;
}

static void no_virtio_feature_is_used_by_anybody_that_is_not_listed(void **state)
{
    (void)state;
    assert_string_equal(words(hf_features_for(HF_USE_DRIVER), hf_feature_name),
                        " SCSI_INOUT SCSI_HOTPLUG SCSI_CHANGE NOTIFY_ON_EMPTY ANY_LAYOUT"
                        " INDIRECT_DESC EVENT_IDX VERSION_1");
    assert_string_equal(words(hf_features_for(HF_USE_TARGET), hf_feature_name),
                        " LOG_ALL ANY_LAYOUT INDIRECT_DESC EVENT_IDX PROTOCOL_FEATURES VERSION_1");
    assert_string_equal(words(hf_features_for(HF_USE_PASSED), hf_feature_name),
                        " SCSI_INOUT SCSI_HOTPLUG SCSI_CHANGE SCSI_T10_PI NOTIFY_ON_EMPTY LOG_ALL"
                        " ANY_LAYOUT INDIRECT_DESC EVENT_IDX VERSION_1 IN_ORDER ORDER_PLATFORM");
    assert_true(hf_features_for(HF_USE_TOLERATED) == HF_FEATURE(SCSI_CHANGE));
    assert_true(hf_features_for(HF_USE_RELAY) == HF_FEATURE(PROTOCOL_FEATURES));
    assert_true(hf_features_for(HF_USE_FRONTEND) ==
                (HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL)));
}

static void no_protocol_feature_is_used_by_anybody_that_is_not_listed(void **state)
{
    (void)state;
    assert_string_equal(words(hf_protocol_features_for(HF_USE_FRONTEND), hf_protocol_feature_name),
                        " MQ LOG_SHMFD REPLY_ACK CONFIG INFLIGHT_SHMFD RESET_DEVICE"
                        " CONFIGURE_MEM_SLOTS");
    assert_string_equal(words(hf_protocol_features_for(HF_USE_TARGET), hf_protocol_feature_name),
                        " MQ LOG_SHMFD REPLY_ACK BACKEND_REQ CONFIG INFLIGHT_SHMFD RESET_DEVICE"
                        " CONFIGURE_MEM_SLOTS");
    assert_string_equal(words(hf_protocol_features_for(HF_USE_PASSED), hf_protocol_feature_name),
                        " MQ LOG_SHMFD BACKEND_REQ CONFIG INFLIGHT_SHMFD CONFIGURE_MEM_SLOTS");
    assert_string_equal(words(hf_protocol_features_for(HF_USE_RELAY), hf_protocol_feature_name),
                        " REPLY_ACK RESET_DEVICE");
    assert_true(hf_protocol_features_for(HF_USE_DRIVER | HF_USE_TOLERATED) == 0);
}

static void several_uses_together_are_all_their_features(void **state)
{
    (void)state;
    assert_true(hf_protocol_features_for(HF_USE_PASSED | HF_USE_RELAY) ==
                (hf_protocol_features_for(HF_USE_PASSED) | hf_protocol_features_for(HF_USE_RELAY)));
    assert_true(hf_features_for(0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_virtio_bit_has_the_name_of_the_specification_or_none),
        cmocka_unit_test(every_protocol_bit_from_0_to_22_has_the_name_of_the_specification),
        cmocka_unit_test(a_mask_has_the_one_bit_of_its_name),
        cmocka_unit_test(no_virtio_feature_is_used_by_anybody_that_is_not_listed),
        cmocka_unit_test(no_protocol_feature_is_used_by_anybody_that_is_not_listed),
        cmocka_unit_test(several_uses_together_are_all_their_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
