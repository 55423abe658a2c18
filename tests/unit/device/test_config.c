/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of the configuration's values (R54, R55), and what the guest is offered (R58). */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"

#include <errno.h>

static void the_defaults_are_those_of_qemu(void **state)
{
    struct hf_device_config config;

    (void)state;
    memset(&config, 0xa5, sizeof(config));
    hf_device_config_init(&config, sizeof(config));
    assert_int_equal(config.size_bytes, sizeof(config));
    assert_null(config.socket_path);
    assert_int_equal(config.socket_fd, -1);
    assert_int_equal(config.num_queues, UINT32_MAX);
    assert_int_equal(config.virtqueue_size, 128);
    assert_int_equal(config.max_sectors, 0xffff);
    assert_int_equal(config.cmd_per_lun, 128);
    assert_int_equal(config.boot_tpgt, 0);
    assert_true(config.hotplug);
    assert_true(config.param_change);
    assert_false(config.t10_pi);
    assert_int_equal(config.realize_retries, 3);
}

static void and_of_what_qemu_has_not_those_of_the_header(void **state)
{
    struct hf_device_config config;

    (void)state;
    memset(&config, 0xa5, sizeof(config));
    hf_device_config_init(&config, sizeof(config));
    assert_int_equal(config.vcpus, 0);
    assert_false(config.big_endian_guest);
    assert_int_equal(config.dial_timeout_ns, 5000000000);
    assert_int_equal(config.reply_timeout_ns, 10000000000);
    assert_int_equal(config.stop_timeout_ns, 60000000000);
    assert_int_equal(config.backoff_first_ns, 1000000);
    assert_int_equal(config.backoff_last_ns, 250000000);
    assert_int_equal(config.backoff_slow_ns, 2000000000);
    assert_int_equal(config.backoff_reset_ns, 1000000000);
    assert_int_equal(config.outage_limit_ns, 0);
    assert_int_equal(config.fence, HF_FENCE_EXIT);
    assert_null(config.fence_command);
    assert_int_equal(config.protocol_mask, 0);
}

static void make(struct rig *rig, void (*change)(struct hf_device_config *))
{
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    change(&config);
    rig_make(rig, &config);
}

static uint32_t vcpus_of_test, queues_of_test;

static void count_queues(struct hf_device_config *config)
{
    config->vcpus = vcpus_of_test;
    config->num_queues = queues_of_test;
}

static uint32_t queues_with(struct rig *rig, uint32_t num_queues, uint32_t vcpus)
{
    uint8_t bytes[4];

    vcpus_of_test = vcpus;
    queues_of_test = num_queues;
    make(rig, count_queues);
    assert_int_equal(hf_device_read_config(rig->device, 0, bytes, 4), 0);
    uint32_t count = (uint32_t)(bytes[0] | bytes[1] << 8);
    assert_int_equal(hf_device_set_queue(rig->device, (uint16_t)(count + 1), NULL), 0);
    assert_int_equal(hf_device_set_queue(rig->device, (uint16_t)(count + 2), NULL), -EINVAL);
    return count;
}

static void there_is_a_request_queue_for_each_vcpu_within_reason(void **state)
{
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, 0), 1);
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, 1), 1);
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, 5), 5);
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, 254), 254);
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, 300), 254);
    assert_int_equal(queues_with(*state, HF_NUM_QUEUES_AUTO, UINT32_MAX), 254);
    assert_int_equal(queues_with(*state, 7, 3), 7);
}

static void mask_a_feature(struct hf_device_config *config)
{
    config->protocol_mask = HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(RESET_DEVICE);
}

static void a_protocol_feature_that_is_masked_is_not_used(void **state)
{
    struct rig *rig = *state;

    make(rig, mask_a_feature);
    pid_t pid = story_backend(rig, NULL);
    rig_start(rig);
    hf_device_reset(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    unsigned told = story_first("-> SET_PROTOCOL_FEATURES");
    assert_null(strstr(story.lines[told], "REPLY_ACK"));
    assert_null(strstr(story.lines[told], "RESET_DEVICE"));
    assert_non_null(strstr(story.lines[told], "INFLIGHT_SHMFD"));
    assert_int_equal(story_times("-> RESET_DEVICE"), 0);
    for (unsigned i = 0; i < story.count; i++)
        assert_null(strstr(story.lines[i], "need_reply"));
    backend_end(pid, true);
}

/* ---- features -------------------------------------------------------------------------------- */

/* What a device of ours knows: scsi's own, and those of any ring. */
#define KNOWN                                                                                      \
    (HF_FEATURE(SCSI_INOUT) | HF_FEATURE(SCSI_HOTPLUG) | HF_FEATURE(SCSI_CHANGE) |                 \
     HF_FEATURE(NOTIFY_ON_EMPTY) | HF_FEATURE(ANY_LAYOUT) | HF_FEATURE(INDIRECT_DESC) |            \
     HF_FEATURE(EVENT_IDX) | HF_FEATURE(VERSION_1))

static uint64_t offered_by(struct rig *rig, uint64_t adds, uint64_t lacks)
{
    struct backend_script script = { .adds = adds, .lacks = lacks };

    rig->events[HF_DEVICE_EVENT_REALIZED] = 0;
    pid_t pid = story_backend(rig, &script);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    uint64_t features = hf_device_get_features(rig->device);
    assert_int_equal(hf_device_unrealize(rig->device, 0, NULL), 0);
    backend_end(pid, true);
    rig_forget_socket(rig);
    return features;
}

static void the_guest_is_offered_each_feature_that_the_back_end_has_and_no_other(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(hf_device_get_features(rig->device), 0);
    assert_int_equal(offered_by(rig, UINT64_MAX, 0), KNOWN);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((KNOWN & HF_BIT(bit)) != 0)
            assert_int_equal(offered_by(rig, UINT64_MAX, HF_BIT(bit)), KNOWN & ~HF_BIT(bit));
    }
    assert_int_equal(hf_device_get_features(rig->device), 0);
}

static void no_hotplug(struct hf_device_config *config)
{
    config->hotplug = false;
}

static void no_param_change(struct hf_device_config *config)
{
    config->param_change = false;
}

static void what_the_configuration_does_not_want_is_not_offered(void **state)
{
    struct rig *rig = *state;

    make(rig, no_hotplug);
    assert_int_equal(offered_by(rig, UINT64_MAX, 0), KNOWN & ~HF_FEATURE(SCSI_HOTPLUG));
    make(rig, no_param_change);
    assert_int_equal(offered_by(rig, UINT64_MAX, 0), KNOWN & ~HF_FEATURE(SCSI_CHANGE));
}

static void the_offer_does_not_change_when_a_richer_back_end_comes(void **state)
{
    struct rig *rig = *state;
    struct backend_script richer = { .adds = HF_FEATURE(SCSI_HOTPLUG) };
    pid_t pid = story_backend(rig, NULL);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    uint64_t features = hf_device_get_features(rig->device);
    backend_end(pid, true);
    pid = story_backend(rig, &richer);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    assert_int_equal(hf_device_get_features(rig->device), features);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(SCSI_HOTPLUG)), -EINVAL);
    backend_end(pid, true);
}

static void a_driver_acknowledges_what_it_was_offered_before_driver_ok(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        bool is_offered = (hf_device_get_features(rig->device) & HF_BIT(bit)) != 0;

        assert_int_equal(hf_device_set_features(rig->device, HF_BIT(bit)),
                         is_offered ? 0 : -EINVAL);
    }
    rig_start(rig);
    story_first("-> SET_FEATURES 0x140000000"); /* and PROTOCOL_FEATURES */
    story_forget();
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), -EBUSY);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    hf_device_reset(rig->device);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(EVENT_IDX)), 0);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_defaults_are_those_of_qemu),
        STORY(and_of_what_qemu_has_not_those_of_the_header),
        STORY(there_is_a_request_queue_for_each_vcpu_within_reason),
        STORY(a_protocol_feature_that_is_masked_is_not_used),
        STORY(the_guest_is_offered_each_feature_that_the_back_end_has_and_no_other),
        STORY(what_the_configuration_does_not_want_is_not_offered),
        STORY(the_offer_does_not_change_when_a_richer_back_end_comes),
        STORY(a_driver_acknowledges_what_it_was_offered_before_driver_ok),
    };

    return cmocka_run_group_tests_name("device/config", tests, NULL, NULL);
}
