/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of features. */
#include "target/feature_mask.h"

#include "base/check.h"
#include "cmocka_all.h"
#include "wire/feature.h"

static void test_names_in_any_case_and_numbers_add_up(void **state)
{
    uint64_t mask = HF_PROTOCOL_FEATURE(MQ);

    (void)state;
    assert_int_equal(
        hf_feature_mask_parse(&hf_protocol_feature_set, "inflight_shmfd,REPLY_ACK", &mask, NULL),
        0);
    assert_int_equal(mask, HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) |
                               HF_PROTOCOL_FEATURE(REPLY_ACK));
    assert_int_equal(hf_feature_mask_parse(&hf_protocol_feature_set, "0x8000,512", &mask, NULL), 0);
    assert_true(mask & HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
    assert_true(mask & HF_PROTOCOL_FEATURE(CONFIG));
}

/* What --print-capabilities prints. */
static void test_names_with_dashes_are_the_same_names(void **state)
{
    uint64_t mask = 0;

    (void)state;
    assert_int_equal(hf_feature_mask_parse(&hf_protocol_feature_set,
                                           "inflight-shmfd,configure-mem-slots", &mask, NULL),
                     0);
    assert_int_equal(mask, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) |
                               HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
    assert_int_equal(hf_feature_mask_parse(&hf_virtio_feature_set, "event-idx", &mask, NULL), 0);
    assert_true(hf_feature_mask_parse(&hf_protocol_feature_set, "inflight-", &mask, NULL) < 0);
    assert_true(hf_feature_mask_parse(&hf_protocol_feature_set, "m-q", &mask, NULL) < 0);
}

static void test_what_is_neither_is_named(void **state)
{
    static const char *const lists[] = {
        "", ",", "MQ,", "NOPE", "0xfffffffffffffffff", "-1", "8x"
    };
    struct hf_error error = { 0 };
    uint64_t mask = 0;

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(lists); i++)
        assert_true(hf_feature_mask_parse(&hf_protocol_feature_set, lists[i], &mask, &error) < 0);
    hf_feature_mask_parse(&hf_protocol_feature_set, "MQ,NOPE,CONFIG", &mask, &error);
    assert_non_null(strstr(error.text, "NOPE"));
    assert_null(strstr(error.text, "MQ"));
}

static void test_each_set_has_its_own_names(void **state)
{
    struct hf_error error = { 0 };
    uint64_t mask = 0;

    (void)state;
    assert_int_equal(hf_feature_mask_parse(&hf_virtio_feature_set, "event_idx", &mask, NULL), 0);
    assert_int_equal(mask, HF_FEATURE(EVENT_IDX));
    assert_true(hf_feature_mask_parse(&hf_virtio_feature_set, "MQ", &mask, &error) < 0);
    assert_non_null(strstr(error.text, "--mask-features: MQ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_in_any_case_and_numbers_add_up),
        cmocka_unit_test(test_names_with_dashes_are_the_same_names),
        cmocka_unit_test(test_what_is_neither_is_named),
        cmocka_unit_test(test_each_set_has_its_own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
