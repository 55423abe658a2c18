/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a device: each value that cannot be is refused by its name, and headers may be older or
 * newer than the library (R41, R47, R48, R55). */
#include "../cmocka_all.h"

#include "../frontend/rig.h"

#include "base/check.h"
#include "os/clock.h"

#include <errno.h>
#include <stdlib.h>

static void begin_config(struct hf_device_config *config)
{
    hf_device_config_init(config, sizeof(*config));
    config->socket_path = "/tmp/nobody-listens-here";
}

/* What new says to it; 0: it made a device, which is gone. */
static int judge(const struct hf_device_config *config, struct hf_error *error)
{
    const struct hf_device_ops ops = { .size_bytes = sizeof(ops) };
    struct hf_device *device = (struct hf_device *)1;
    unsigned fds = rig_count_fds();

    *error = (struct hf_error){ 0 };
    int result = hf_device_new(&device, config, &ops, error);
    assert_int_equal(error->code, -result);
    assert_int_equal(error->text[0] != '\0', result < 0);
    assert_int_equal(device == NULL, result < 0);
    hf_device_free(device);
    assert_int_equal(rig_count_fds(), fds);
    return result;
}

static void refuse(const struct hf_device_config *config, int code, const char *named)
{
    struct hf_error error;

    assert_int_equal(judge(config, &error), -code);
    if (strstr(error.text, named) == NULL)
        fail_msg("'%s' is not in: %s", named, error.text);
}

static void accept(const struct hf_device_config *config)
{
    struct hf_error error;

    assert_int_equal(judge(config, &error), 0);
}

/* ---- each field ------------------------------------------------------------------------------ */

#define FIELD(name)                                                                                \
    .offset = offsetof(struct hf_device_config, name),                                             \
    .size_bytes = sizeof(((struct hf_device_config *)NULL)->name)

static const struct {
    size_t offset;
    size_t size_bytes;
    uint64_t value;
    int code; /* 0: it is taken */
    const char *named;
} values[] = {
    { FIELD(num_queues), 0, EINVAL, "num_queues is 0" },
    { FIELD(num_queues), 1, 0, NULL },
    { FIELD(num_queues), HF_NUM_QUEUES_MAX, 0, NULL },
    { FIELD(num_queues), HF_NUM_QUEUES_MAX + 1, EINVAL, "num_queues is 255" },
    { FIELD(num_queues), HF_NUM_QUEUES_AUTO - 1, EINVAL, "num_queues is 4294967294" },
    { FIELD(num_queues), HF_NUM_QUEUES_AUTO, 0, NULL },
    { FIELD(vcpus), UINT32_MAX, 0, NULL },
    { FIELD(virtqueue_size), 0, EINVAL, "virtqueue_size: 0" },
    { FIELD(virtqueue_size), 2, EINVAL, "virtqueue_size: 2" },
    { FIELD(virtqueue_size), 4, 0, NULL },
    { FIELD(virtqueue_size), 100, EINVAL, "virtqueue_size: 100" },
    { FIELD(virtqueue_size), 1024, 0, NULL },
    { FIELD(virtqueue_size), 2048, EINVAL, "virtqueue_size: 2048" },
    { FIELD(max_sectors), 0, EINVAL, "max_sectors" },
    { FIELD(max_sectors), UINT32_MAX, 0, NULL },
    { FIELD(cmd_per_lun), 0, EINVAL, "cmd_per_lun" },
    { FIELD(cmd_per_lun), UINT32_MAX, 0, NULL },
    { FIELD(boot_tpgt), 255, 0, NULL },
    { FIELD(boot_tpgt), 256, EINVAL, "boot_tpgt: 256" },
    { FIELD(t10_pi), 1, EOPNOTSUPP, "t10_pi" },
    { FIELD(realize_retries), HF_RETRIES_FOREVER, 0, NULL },
    { FIELD(dial_timeout_ns), 0, EINVAL, "dial_timeout_ns" },
    { FIELD(reply_timeout_ns), 0, 0, NULL },
    { FIELD(stop_timeout_ns), 0, 0, NULL },
    { FIELD(backoff_first_ns), 0, EINVAL, "back-off: first 0 ns" },
    { FIELD(backoff_first_ns), 251 * HF_NS_PER_MS, EINVAL, "back-off: first 251000000 ns" },
    { FIELD(backoff_last_ns), 0, EINVAL, "last 0 ns" },
    { FIELD(backoff_slow_ns), 0, EINVAL, "slow 0 ns" },
    { FIELD(backoff_reset_ns), 0, 0, NULL },
    { FIELD(outage_limit_ns), UINT64_MAX, 0, NULL },
    { FIELD(fence), HF_FENCE_COUNT, EINVAL, "fence: 4" },
    { FIELD(fence), HF_FENCE_COMMAND, EINVAL, "the fence is a command, and none is given" },
    { FIELD(fence), HF_FENCE_NONE, 0, NULL },
    { FIELD(protocol_mask), UINT64_MAX, 0, NULL },
};

static void a_value_that_cannot_be_is_refused_by_name_and_value(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(values); i++) {
        struct hf_device_config config;

        begin_config(&config);
        memcpy((char *)&config + values[i].offset, &values[i].value, values[i].size_bytes);
        if (values[i].code == 0)
            accept(&config);
        else
            refuse(&config, values[i].code, values[i].named);
    }
}

static void without_a_socket_there_is_no_device(void **state)
{
    struct hf_device_config config;

    (void)state;
    begin_config(&config);
    config.socket_path = NULL;
    refuse(&config, EINVAL, "vhost-user-scsi: missing socket");
    config.socket_path = "";
    refuse(&config, EINVAL, "path is empty");
}

/* 107 bytes fit. */
static void a_path_that_fits_no_socket_address_is_refused(void **state)
{
    struct hf_device_config config;
    char path[200];

    (void)state;
    begin_config(&config);
    memset(path, 'x', sizeof(path));
    config.socket_path = path;
    path[108] = '\0';
    refuse(&config, ENAMETOOLONG, "108 bytes long");
    path[107] = '\0';
    accept(&config);
}

/* The host's strings may go after the call. */
static void a_device_keeps_copies(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_device_config config;
    struct hf_front_settings settings = rig_settings();
    char path[sizeof(rig->path)];
    char command[] = "true";

    rig_configure(rig, &settings, &config);
    memcpy(path, rig->path, sizeof(path));
    config.socket_path = path;
    config.fence = HF_FENCE_COMMAND;
    config.fence_command = command;
    rig_make(rig, &config);
    memset(path, 'x', sizeof(path) - 1);
    memset(command, 'x', sizeof(command) - 1);
    memset(&config, 0xff, sizeof(config));
    pid_t pid = backend_start(rig->path, &script);
    assert_int_equal(hf_device_realize(rig->device, 0, NULL), 0);
    assert_string_equal(rig->device->fence_command, "true");
    backend_end(pid, true);
}

/* Sums with them must not begin anew at 0. */
static void times_may_be_longer_than_any_life(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_front_settings settings = rig_settings();

    settings.dial_timeout_ns = settings.reply_timeout_ns = settings.stop_timeout_ns = UINT64_MAX;
    settings.outage_limit_ns = settings.backoff_reset_ns = UINT64_MAX;
    settings.backoff_last_ns = settings.backoff_slow_ns = UINT64_MAX;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
    assert_int_not_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, HF_FAULT_TIMEOUT);
    assert_int_equal(hf_device_unrealize(rig->device, 10 * HF_NS_PER_S, NULL), 0);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], 0);
    backend_end(pid, true);
}

/* ---- older and newer hosts ------------------------------------------------------------------- */

struct newer_config {
    struct hf_device_config known;
    uint64_t unknown[4];
};

static void a_newer_configuration_is_taken_while_it_asks_for_nothing_new(void **state)
{
    struct newer_config config = { 0 };

    (void)state;
    hf_device_config_init(&config.known, sizeof(config));
    assert_int_equal(config.known.size_bytes, sizeof(config));
    assert_int_equal(config.known.virtqueue_size, 128);
    config.known.socket_path = "/tmp/nobody-listens-here";
    accept(&config.known);
    for (unsigned i = 0; i < HF_ARRAY_COUNT(config.unknown); i++) {
        config.unknown[i] = 1;
        refuse(&config.known, E2BIG, "fields set that this library does not know");
        config.unknown[i] = 0;
    }
}

/* What an older host does not know has its default: here all behind the path. */
static void an_older_configuration_has_the_defaults_of_what_it_lacks(void **state)
{
    union {
        struct hf_device_config whole;
        uint8_t bytes[sizeof(struct hf_device_config)];
    } config;
    size_t size = offsetof(struct hf_device_config, vcpus);

    (void)state;
    memset(config.bytes, 0xff, sizeof(config.bytes));
    hf_device_config_init(&config.whole, size);
    assert_int_equal(config.bytes[size], 0xff);
    config.whole.socket_path = "/tmp/nobody-listens-here";
    accept(&config.whole);
    config.whole.size_bytes = sizeof(config.whole);
    refuse(&config.whole, EINVAL, "virtqueue_size: 4294967295");
}

static void a_configuration_that_was_not_begun_is_refused(void **state)
{
    struct hf_device_config config;
    struct hf_error error = { 0 };
    struct hf_device *device;
    const struct hf_device_ops ops = { .size_bytes = 0 };

    (void)state;
    begin_config(&config);
    assert_int_equal(hf_device_new(&device, &config, &ops, &error), -EINVAL);
    assert_string_equal(error.text, "the size of the operations is not set");
    assert_null(device);
    config.size_bytes = 0;
    refuse(&config, EINVAL, "hf_device_config_init");
    config.size_bytes = sizeof(config.size_bytes);
    refuse(&config, EINVAL, "hf_device_config_init");
}

static unsigned told;

static void hear(void *host, const struct hf_device_event *event)
{
    (void)host;
    (void)event;
    told++;
}

static void must_not_be_asked(void *host, uint16_t queue)
{
    (void)host;
    (void)queue;
    fail();
}

/* An operation behind the host's end is none, whatever lies there. */
static void older_operations_end_where_the_host_says(void **state)
{
    struct hf_device_ops ops = { .size_bytes = offsetof(struct hf_device_ops, trace),
                                 .event = hear,
                                 .interrupt = must_not_be_asked };
    struct hf_device_config config;
    struct hf_device *device;

    (void)state;
    begin_config(&config);
    config.realize_retries = 0;
    assert_int_equal(hf_device_new(&device, &config, &ops, NULL), 0);
    assert_null(device->ops.interrupt);
    assert_int_equal(hf_device_realize(device, 0, NULL), -ECONNREFUSED);
    assert_int_equal(told, 2);
    hf_device_free(device);
}

/* A host that is told nothing, has no memory, no queue, no back-end. */
static void a_device_may_do_without_any_operation(void **state)
{
    const struct hf_device_ops ops = { .size_bytes = sizeof(ops) };
    struct hf_device_config config;
    struct hf_device *device;
    struct hf_error error = { 0 };

    (void)state;
    begin_config(&config);
    assert_int_equal(hf_device_new(&device, &config, &ops, NULL), 0);
    assert_int_equal(hf_device_realize(device, 0, &error), -ECONNREFUSED);
    assert_non_null(strstr(error.text, "/tmp/nobody-listens-here"));
    assert_int_equal(hf_device_set_status(device, 15, NULL), 0);
    assert_int_equal(hf_device_unrealize(device, HF_NS_PER_S, NULL), 0);
    hf_device_free(device);
    hf_device_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_cannot_be_is_refused_by_name_and_value),
        cmocka_unit_test(without_a_socket_there_is_no_device),
        cmocka_unit_test(a_path_that_fits_no_socket_address_is_refused),
        cmocka_unit_test_setup_teardown(a_device_keeps_copies, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(times_may_be_longer_than_any_life, rig_begin, rig_end),
        cmocka_unit_test(a_newer_configuration_is_taken_while_it_asks_for_nothing_new),
        cmocka_unit_test(an_older_configuration_has_the_defaults_of_what_it_lacks),
        cmocka_unit_test(a_configuration_that_was_not_begun_is_refused),
        cmocka_unit_test(older_operations_end_where_the_host_says),
        cmocka_unit_test(a_device_may_do_without_any_operation),
    };

    return cmocka_run_group_tests_name("device/new", tests, NULL, NULL);
}
