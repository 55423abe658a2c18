/* SPDX-License-Identifier: BSD-3-Clause */
/* Migration: the log of dirty pages, and whether the back-end can keep one (R60). */
#include "device/device_private.h"

#include "base/checked.h"
#include "os/fd.h"
#include "os/region.h"
#include "ring/dirty.h"

#include <errno.h>
#include <string.h>

static int say_nobody_was_there(struct hf_error *error, int code)
{
    return hf_error_set(error, code, "Migration disabled: no back-end was there yet");
}

int hf_device_migratable(const struct hf_device *device, struct hf_error *why)
{
    const struct hf_device_peer *peer = &device->peer;

    if (!device->realized)
        return say_nobody_was_there(why, ENOTCONN);
    if ((peer->offered & HF_FEATURE(LOG_ALL)) == 0)
        return hf_error_set(why, ENOTSUP,
                            "Migration disabled: vhost lacks VHOST_F_LOG_ALL feature.");
    if ((peer->protocol & HF_PROTOCOL_FEATURE(LOG_SHMFD)) == 0)
        return hf_error_set(why, ENOTSUP,
                            "Migration disabled: vhost-user backend lacks "
                            "VHOST_USER_PROTOCOL_F_LOG_SHMFD feature.");
    return 0;
}

bool hf_device_log_covers(const struct hf_device *device, uint64_t end)
{
    const struct hf_log_plan *log = &device->frontend.front.plan.log;

    return log->fd < 0 || hf_dirty_covers(log->size_bytes, 0, end);
}

static uint64_t end_of_memory(const struct hf_plan *plan)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan *region = &plan->regions[i];

        if (region->generation != 0)
            end = hf_max_u64(end, region->guest_address + region->size_bytes);
    }
    return end;
}

static int judge_log(const struct hf_device *device, int fd, uint64_t fd_offset,
                     uint64_t size_bytes, struct hf_error *error)
{
    uint64_t memory = end_of_memory(&device->frontend.front.plan);
    uint64_t least = hf_dirty_bytes(memory);
    int64_t length = hf_region_size(fd);
    uint64_t end;

    if (size_bytes < least || size_bytes == 0)
        return hf_error_set(error, EINVAL,
                            "a log of %llu bytes is too small: guest memory up to 0x%llx takes "
                            "%llu",
                            (unsigned long long)size_bytes, (unsigned long long)memory,
                            (unsigned long long)least);
    if (length < 0 || !hf_add_u64(fd_offset, size_bytes, &end) || end > (uint64_t)length)
        return hf_error_set(error, EINVAL,
                            "the log's descriptor is no file that holds %llu bytes at %llu",
                            (unsigned long long)size_bytes, (unsigned long long)fd_offset);
    return 0;
}

static void change_log(struct hf_device *device, int fd, uint64_t fd_offset, uint64_t size_bytes)
{
    int old = hf_plan_set_log(hf_frontend_plan(&device->frontend), size_bytes, fd_offset, fd);

    hf_fd_close(&old);
    device->log_changing = true;
    hf_frontend_changed(&device->frontend);
}

int hf_device_set_log(struct hf_device *device, int fd, uint64_t fd_offset, uint64_t size_bytes,
                      struct hf_error *error)
{
    int result = hf_device_migratable(device, error);

    if (result == -ENOTCONN)
        return say_nobody_was_there(error, ENOTSUP);
    if (result == 0)
        result = judge_log(device, fd, fd_offset, size_bytes, error);
    if (result < 0)
        return result;
    int duplicate = hf_fd_dup(fd);
    if (duplicate < 0)
        return hf_error_set(error, -duplicate, "cannot keep the log's descriptor: %s",
                            strerror(-duplicate));
    change_log(device, duplicate, fd_offset, size_bytes);
    return 0;
}

void hf_device_end_log(struct hf_device *device)
{
    if (device->frontend.front.plan.log.fd >= 0)
        change_log(device, -1, 0, 0);
}

bool hf_device_log_settled(const struct hf_device *device)
{
    return !device->log_changing;
}
