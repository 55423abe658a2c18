/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration space (R56), and what a driver may not write there (R57). */
#include "../cmocka_all.h"

#include "../hex.h"
#include "story.h"

#include "os/clock.h"

#include <errno.h>

#define SPACE       HF_DEVICE_CONFIG_SPACE_BYTES
#define NEEDS_RESET HF_VIRTIO_STATUS_NEEDS_RESET

/* num_queues, seg_max, max_sectors, cmd_per_lun, event_info_size, sense_size, cdb_size,
 * max_channel, max_target, max_lun. */
static const char usual[] = "01000000 7e000000 ffff0000 80000000 10000000 60000000 20000000 "
                            "0000 ff00 ff3f0000";

static void expect(const struct rig *rig, const char *hex)
{
    uint8_t expected[SPACE], bytes[SPACE];

    assert_int_equal(hex_bytes(hex, expected, sizeof(expected)), SPACE);
    assert_int_equal(hf_device_read_config(rig->device, 0, bytes, SPACE), 0);
    assert_memory_equal(bytes, expected, SPACE);
}

static void the_space_is_that_of_qemu_byte_by_byte(void **state)
{
    expect(*state, usual);
}

static void make(struct rig *rig, uint32_t virtqueue_size)
{
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.num_queues = 0x12;
    config.virtqueue_size = virtqueue_size;
    config.max_sectors = 0x00345678;
    config.cmd_per_lun = 0x9abc;
    rig_make(rig, &config);
}

/* A chain has a header and a response besides its data, and no more entries than its ring. */
static void the_configuration_is_in_the_space(void **state)
{
    static const char rest[] = "78563400 bc9a0000 10000000 60000000 20000000 0000 ff00 ff3f0000";
    static const struct {
        uint32_t size;
        const char *seg_max;
    } rings[] = { { 4, "02000000" },
                  { 64, "3e000000" },
                  { 128, "7e000000" },
                  { 256, "7e000000" },
                  { 1024, "7e000000" } };
    char hex[128];

    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        snprintf(hex, sizeof(hex), "12000000 %s %s", rings[i].seg_max, rest);
        make(*state, rings[i].size);
        expect(*state, hex);
    }
}

static void any_part_of_it_is_read_and_nothing_beyond(void **state)
{
    struct rig *rig = *state;
    uint8_t whole[SPACE], bytes[SPACE + 8];

    assert_int_equal(hf_device_read_config(rig->device, 0, whole, SPACE), 0);
    for (uint32_t offset = 0; offset <= SPACE + 2; offset++) {
        for (size_t length = 0; length <= SPACE + 2; length++) {
            bool inside = offset + length <= SPACE;

            memset(bytes, 0xa5, sizeof(bytes));
            assert_int_equal(hf_device_read_config(rig->device, offset, bytes, length),
                             inside ? 0 : -EINVAL);
            assert_int_equal(bytes[inside ? length : 0], 0xa5);
            if (inside)
                assert_memory_equal(bytes, whole + offset, length);
        }
    }
    assert_int_equal(hf_device_read_config(rig->device, UINT32_MAX, bytes, 1), -EINVAL);
    assert_int_equal(hf_device_read_config(rig->device, 1, bytes, SIZE_MAX), -EINVAL);
}

/* ---- writes ---------------------------------------------------------------------------------- */

static void what_is_written_elsewhere_is_left(void **state)
{
    struct rig *rig = *state;
    uint8_t byte = 0x5a;

    for (uint32_t offset = 0; offset < SPACE; offset++) {
        if (offset < 20 || offset >= 28)
            assert_int_equal(hf_device_write_config(rig->device, offset, &byte, 1), 0);
    }
    assert_int_equal(hf_device_get_status(rig->device), 0);
    expect(rig, usual);
}

static void what_is_there_already_may_be_written(void **state)
{
    struct rig *rig = *state;
    uint8_t whole[SPACE];

    assert_int_equal(hf_device_read_config(rig->device, 0, whole, SPACE), 0);
    for (uint32_t offset = 0; offset < SPACE; offset++)
        assert_int_equal(
            hf_device_write_config(rig->device, offset, whole + offset, SPACE - offset), 0);
    assert_int_equal(hf_device_get_status(rig->device), 0);
    rig_dispatch_for(rig, 2 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_NEEDS_RESET], 0);
}

static void each_byte_of_the_two_sizes_needs_a_reset_when_it_changes(void **state)
{
    struct rig *rig = *state;

    for (uint32_t offset = 20; offset < 28; offset++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t byte;

            assert_int_equal(hf_device_read_config(rig->device, offset, &byte, 1), 0);
            byte ^= (uint8_t)(1u << bit);
            assert_int_equal(hf_device_write_config(rig->device, offset, &byte, 1), -EOPNOTSUPP);
            assert_int_equal(hf_device_get_status(rig->device), NEEDS_RESET);
            expect(rig, usual);
            hf_device_reset(rig->device);
            assert_int_equal(hf_device_get_status(rig->device), 0);
        }
    }
}

static void nothing_is_written_beyond_the_end(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[SPACE + 4] = { 0 };

    assert_int_equal(hf_device_write_config(rig->device, 0, bytes, SPACE + 1), -EINVAL);
    assert_int_equal(hf_device_write_config(rig->device, SPACE, bytes, 1), -EINVAL);
    assert_int_equal(hf_device_write_config(rig->device, UINT32_MAX, bytes, 1), -EINVAL);
    assert_int_equal(hf_device_write_config(rig->device, 24, bytes, SIZE_MAX), -EINVAL);
    assert_int_equal(hf_device_write_config(rig->device, SPACE, bytes, 0), 0);
    assert_int_equal(hf_device_get_status(rig->device), 0);
}

static const uint8_t wrong_sizes[8] = { 0x40, 0, 0, 0, 0x10, 0, 0, 0 };

static void spoil(struct rig *rig)
{
    assert_int_equal(hf_device_write_config(rig->device, 20, wrong_sizes, 8), -EOPNOTSUPP);
}

static void the_rings_stop_until_the_guest_resets_the_device(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    spoil(rig);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_NEEDS_RESET], 0); /* in a dispatch */
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    assert_int_equal(hf_device_get_status(rig->device), 15 | NEEDS_RESET);
    assert_int_equal(hf_device_kick(rig->device, 2, NULL), 0);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    assert_int_equal(hf_device_set_status(rig->device, 0, NULL), 0);
    rig_ask_to_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(hf_device_get_status(rig->device), 15);
    backend_end(pid, true);
}

static void that_a_reset_is_needed_is_told_once(void **state)
{
    struct rig *rig = *state;

    spoil(rig);
    spoil(rig);
    rig_until(rig, HF_DEVICE_EVENT_NEEDS_RESET, 1);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_NEEDS_RESET], 1);
    assert_string_equal(rig->text[HF_DEVICE_EVENT_NEEDS_RESET],
                        "the device needs a reset: the driver set a sense_size or cdb_size that is "
                        "not supported");
}

static void a_reset_before_it_was_told_is_all_that_was_needed(void **state)
{
    struct rig *rig = *state;

    spoil(rig);
    hf_device_reset(rig->device);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_NEEDS_RESET], 0);
}

static void it_needs_a_reset_whether_a_back_end_is_there_or_not(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    spoil(rig);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_space_is_that_of_qemu_byte_by_byte),
        STORY(the_configuration_is_in_the_space),
        STORY(any_part_of_it_is_read_and_nothing_beyond),
        STORY(what_is_written_elsewhere_is_left),
        STORY(what_is_there_already_may_be_written),
        STORY(each_byte_of_the_two_sizes_needs_a_reset_when_it_changes),
        STORY(nothing_is_written_beyond_the_end),
        STORY(the_rings_stop_until_the_guest_resets_the_device),
        STORY(that_a_reset_is_needed_is_told_once),
        STORY(a_reset_before_it_was_told_is_all_that_was_needed),
        STORY(it_needs_a_reset_whether_a_back_end_is_there_or_not),
    };

    return cmocka_run_group_tests_name("device/space", tests, NULL, NULL);
}
