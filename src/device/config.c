/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: defaults, judgement, and what becomes of each value. Names and defaults are
 * QEMU's vhost-user-scsi's. */
#include "device/device_private.h"

#include "base/check.h"
#include "base/checked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_SIZE_MIN 4u
#define RING_SIZE_MAX 1024u
/* One descriptor for the request's header and one for its response: the rest may be data. */
#define SEGMENTS_DEFAULT 126u
#define SEGMENTS_BESIDE  2u
#define TIME_MAX_NS      (UINT64_C(1) << 62)

static const struct hf_device_config defaults = {
    .size_bytes = sizeof(struct hf_device_config),
    .socket_fd = -1,
    .num_queues = HF_NUM_QUEUES_AUTO,
    .virtqueue_size = 128,
    .max_sectors = 0xffff,
    .cmd_per_lun = 128,
    .hotplug = true,
    .param_change = true,
    .realize_retries = 3,
    .dial_timeout_ns = 5 * HF_NS_PER_S,
    .reply_timeout_ns = 10 * HF_NS_PER_S,
    .stop_timeout_ns = 60 * HF_NS_PER_S,
    .backoff_first_ns = HF_NS_PER_MS,
    .backoff_last_ns = 250 * HF_NS_PER_MS,
    .backoff_slow_ns = 2 * HF_NS_PER_S,
    .backoff_reset_ns = HF_NS_PER_S,
    .fence = HF_FENCE_EXIT,
};

void hf_device_config_init(struct hf_device_config *config, size_t size_bytes)
{
    memset(config, 0, size_bytes);
    memcpy(config, &defaults, (size_t)hf_min_u64(size_bytes, sizeof(defaults)));
    config->size_bytes = size_bytes;
}

static bool is_zero(const uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* A host compiled with older headers gives a shorter one, with newer headers a longer one. */
static int read_config(struct hf_device_config *config, const struct hf_device_config *given,
                       struct hf_error *error)
{
    size_t known = (size_t)hf_min_u64(given->size_bytes, sizeof(*config));

    if (given->size_bytes < offsetof(struct hf_device_config, num_queues))
        return hf_error_set(error, EINVAL,
                            "the configuration was not begun with hf_device_config_init");
    if (!is_zero((const uint8_t *)given + known, given->size_bytes - known))
        return hf_error_set(error, E2BIG,
                            "the configuration has fields set that this library does not know");
    *config = defaults;
    memcpy(config, given, known);
    return 0;
}

static int judge_queues(const struct hf_device_config *config, struct hf_error *error)
{
    if (config->num_queues == 0 || config->num_queues > HF_NUM_QUEUES_MAX)
        return hf_error_set(error, EINVAL,
                            "invalid number of queues: num_queues is %u, must be from 1 to %u",
                            config->num_queues, HF_NUM_QUEUES_MAX);
    if (config->virtqueue_size < RING_SIZE_MIN || config->virtqueue_size > RING_SIZE_MAX ||
        (config->virtqueue_size & (config->virtqueue_size - 1)) != 0)
        return hf_error_set(error, EINVAL,
                            "invalid virtqueue_size: %u, must be a power of two from %u to %u",
                            config->virtqueue_size, RING_SIZE_MIN, RING_SIZE_MAX);
    return 0;
}

static int judge_fence(const struct hf_device_config *config, struct hf_error *error)
{
    if ((unsigned)config->fence >= HF_FENCE_COUNT)
        return hf_error_set(error, EINVAL, "unknown fence: %d", (int)config->fence);
    if (config->fence == HF_FENCE_COMMAND && config->fence_command == NULL)
        return hf_error_set(error, EINVAL, "the fence is a command, and none is given");
    return 0;
}

static int judge_disk(const struct hf_device_config *config, struct hf_error *error)
{
    if (config->t10_pi)
        return hf_error_set(error, EOPNOTSUPP,
                            "t10_pi is not supported: no protection information is passed through");
    if (config->boot_tpgt > 255)
        return hf_error_set(error, EINVAL, "invalid boot_tpgt: %u, must be from 0 to 255",
                            config->boot_tpgt);
    if (config->max_sectors == 0 || config->cmd_per_lun == 0)
        return hf_error_set(error, EINVAL, "%s must not be 0",
                            config->max_sectors == 0 ? "max_sectors" : "cmd_per_lun");
    return 0;
}

static int judge_times(const struct hf_device_config *config, struct hf_error *error)
{
    if (config->backoff_first_ns == 0 || config->backoff_last_ns < config->backoff_first_ns ||
        config->backoff_slow_ns == 0)
        return hf_error_set(error, EINVAL,
                            "invalid back-off: first %llu ns, last %llu ns, slow %llu ns; none may "
                            "be 0, and the last not shorter than the first",
                            (unsigned long long)config->backoff_first_ns,
                            (unsigned long long)config->backoff_last_ns,
                            (unsigned long long)config->backoff_slow_ns);
    if (config->dial_timeout_ns == 0)
        return hf_error_set(error, EINVAL, "dial_timeout_ns must not be 0");
    return 0;
}

static int judge(const struct hf_device_config *config, struct hf_error *error)
{
    static int (*const judges[])(const struct hf_device_config *,
                                 struct hf_error *) = { judge_queues, judge_fence, judge_disk,
                                                        judge_times };
    int result = 0;

    if (config->socket_path == NULL && config->socket_fd < 0)
        return hf_error_set(error, EINVAL,
                            "vhost-user-scsi: missing socket: neither socket_path "
                            "nor socket_fd is given");
    for (unsigned i = 0; i < HF_ARRAY_COUNT(judges) && result == 0; i++)
        result = judges[i](config, error);
    return result;
}

/* Some mean "for ever" by the largest number: a sum with the clock must not begin anew at 0. */
static uint64_t bounded(uint64_t time_ns)
{
    return hf_min_u64(time_ns, TIME_MAX_NS);
}

static struct hf_front_settings settings_of(const struct hf_device_config *config)
{
    return (struct hf_front_settings){
        .dial_timeout_ns = bounded(config->dial_timeout_ns),
        .reply_timeout_ns = bounded(config->reply_timeout_ns),
        .stop_timeout_ns = bounded(config->stop_timeout_ns),
        .backoff_first_ns = bounded(config->backoff_first_ns),
        .backoff_last_ns = bounded(config->backoff_last_ns),
        .backoff_slow_ns = bounded(config->backoff_slow_ns),
        .backoff_reset_ns = bounded(config->backoff_reset_ns),
        .outage_limit_ns = bounded(config->outage_limit_ns),
    };
}

/* It is ours: a back-end need not have CONFIG. No chain fits a ring that is shorter than it. */
static void make_space(struct hf_device *device, const struct hf_device_config *config)
{
    uint64_t segments = hf_min_u64(SEGMENTS_DEFAULT, config->virtqueue_size - SEGMENTS_BESIDE);
    struct hf_vscsi_config space = hf_vscsi_config_default(config->num_queues, (uint32_t)segments);

    space.max_sectors = config->max_sectors;
    space.cmd_per_lun = config->cmd_per_lun;
    hf_vscsi_config_encode(&space, device->space);
}

static void make_plan(struct hf_device *device, const struct hf_device_config *config)
{
    device->can = hf_features_for(HF_USE_DRIVER);
    if (!config->hotplug)
        device->can &= ~HF_FEATURE(SCSI_HOTPLUG);
    if (!config->param_change)
        device->can &= ~HF_FEATURE(SCSI_CHANGE);
    device->realize_retries = config->realize_retries;
    device->boot_target = config->boot_tpgt;
    device->ring_size_max = (uint16_t)config->virtqueue_size;
    device->big_endian_guest = config->big_endian_guest;
}

int hf_device_take_config(struct hf_device *device, const struct hf_device_config *given,
                          struct hf_frontend_config *frontend, struct hf_error *error)
{
    struct hf_device_config config;
    int result = read_config(&config, given, error);

    if (result < 0)
        return result;
    if (config.num_queues == HF_NUM_QUEUES_AUTO)
        config.num_queues = (uint32_t)hf_min_u64(hf_max_u64(config.vcpus, 1), HF_NUM_QUEUES_MAX);
    result = judge(&config, error);
    if (result < 0)
        return result;
    if (config.fence_command != NULL) {
        device->fence_command = strdup(config.fence_command);
        if (device->fence_command == NULL)
            return hf_error_set(error, ENOMEM, "no memory for a device");
    }
    make_space(device, &config);
    make_plan(device, &config);
    *frontend = (struct hf_frontend_config){
        .socket_path = config.socket_path,
        .socket_fd = config.socket_fd,
        .queue_count = (uint16_t)(config.num_queues + HF_VSCSI_QUEUE_REQUEST),
        .protocol_wanted = hf_protocol_features_for(HF_USE_FRONTEND) & ~config.protocol_mask,
        .fence = config.fence,
        .fence_command = device->fence_command,
        .settings = settings_of(&config),
    };
    return 0;
}
