/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes from virtio 1.3 §5.6.4, written by hand. */
#include "vscsi/config.h"

#include "hex.h"

/* 4 queues, 126 segments, 65535 sectors, 128 per LUN, 16, 96, 32, channel 0, target 255, 16383 */
#define CONFIG                                                                                     \
    "04 00 00 00 7e 00 00 00 ff ff 00 00 80 00 00 00 10 00 00 00 60 00 00 00 20 00 00 00"          \
    "00 00 ff 00 ff 3f 00 00"
#define TRAILER "48 4f 4c 44 46 41 53 54 01 00 00 00 01 00 00 00"

static void the_defaults_are_laid_out_by_the_specification(void **state)
{
    struct hf_vscsi_config config = hf_vscsi_config_default(4, 126);
    uint8_t expected[HF_VSCSI_CONFIG_SIZE_BYTES];
    uint8_t bytes[HF_VSCSI_CONFIG_SIZE_BYTES];

    (void)state;
    assert_int_equal(hex_bytes(CONFIG, expected, sizeof(expected)), 36);
    hf_vscsi_config_encode(&config, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void a_config_is_read_as_it_is_written(void **state)
{
    struct hf_vscsi_config config = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    struct hf_vscsi_config back;
    uint8_t bytes[HF_VSCSI_CONFIG_SIZE_BYTES];

    (void)state;
    hf_vscsi_config_encode(&config, bytes);
    assert_true(hf_vscsi_config_decode(bytes, sizeof(bytes), &back));
    assert_memory_equal(&back, &config, sizeof(config));
}

static void a_short_config_is_refused_and_a_longer_one_is_not(void **state)
{
    uint8_t bytes[64] = { 0 };
    struct hf_vscsi_config config;

    (void)state;
    hex_bytes(CONFIG, bytes, sizeof(bytes));
    for (size_t size_bytes = 0; size_bytes < 36; size_bytes++)
        assert_false(hf_vscsi_config_decode(bytes, size_bytes, &config));
    assert_true(hf_vscsi_config_decode(bytes, 64, &config));
    assert_int_equal(config.max_lun, 16383);
}

static void the_trailer_stands_right_behind(void **state)
{
    uint8_t whole[HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES];
    uint8_t bytes[HF_VSCSI_TRAILER_SIZE_BYTES];
    struct hf_vscsi_trailer trailer;

    (void)state;
    assert_int_equal(hex_bytes(CONFIG TRAILER, whole, sizeof(whole)), 52);
    hf_vscsi_trailer_encode(HF_VSCSI_TRAILER_FENCED, bytes);
    assert_memory_equal(bytes, &whole[36], sizeof(bytes));
    assert_true(hf_vscsi_trailer_decode(whole, sizeof(whole), &trailer));
    assert_int_equal(trailer.version, 1);
    assert_int_equal(trailer.flags, HF_VSCSI_TRAILER_FENCED);
}

static void a_stranger_has_no_trailer(void **state)
{
    struct hf_vscsi_trailer trailer = { 9, 9 };
    uint8_t whole[HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES];

    (void)state;
    hex_bytes(CONFIG TRAILER, whole, sizeof(whole));
    for (size_t size_bytes = 0; size_bytes < 52; size_bytes++)
        assert_false(hf_vscsi_trailer_decode(whole, size_bytes, &trailer));
    assert_int_equal(trailer.flags, 0);
    for (size_t i = 36; i < 44; i++) {
        whole[i] ^= 0x20;
        assert_false(hf_vscsi_trailer_decode(whole, sizeof(whole), &trailer));
        whole[i] ^= 0x20;
    }
    whole[44] = 0; /* version 0 */
    assert_false(hf_vscsi_trailer_decode(whole, sizeof(whole), &trailer));
    assert_int_equal(trailer.flags, 0);
}

static void a_later_version_keeps_its_flags(void **state)
{
    struct hf_vscsi_trailer trailer;
    uint8_t whole[HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES];

    (void)state;
    hex_bytes(CONFIG TRAILER, whole, sizeof(whole));
    whole[44] = 2;
    whole[48] = 3;
    assert_true(hf_vscsi_trailer_decode(whole, sizeof(whole), &trailer));
    assert_int_equal(trailer.version, 2);
    assert_int_equal(trailer.flags, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_laid_out_by_the_specification),
        cmocka_unit_test(a_config_is_read_as_it_is_written),
        cmocka_unit_test(a_short_config_is_refused_and_a_longer_one_is_not),
        cmocka_unit_test(the_trailer_stands_right_behind),
        cmocka_unit_test(a_stranger_has_no_trailer),
        cmocka_unit_test(a_later_version_keeps_its_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
