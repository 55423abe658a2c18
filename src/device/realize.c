/* SPDX-License-Identifier: BSD-3-Clause */
/* Realize and unrealize, and the calls that wait: they poll and dispatch as a host would. */
#include "device/device_private.h"

#include "base/checked.h"
#include "os/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

static uint64_t deadline_of(uint64_t timeout_ns)
{
    uint64_t deadline_ns;

    if (timeout_ns == 0 || !hf_add_u64(hf_clock_ns(), timeout_ns, &deadline_ns))
        return UINT64_MAX;
    return deadline_ns;
}

static int wait_ms(uint64_t now_ns, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX)
        return -1;
    return (int)hf_min_u64((deadline_ns - now_ns + HF_NS_PER_MS - 1) / HF_NS_PER_MS, INT_MAX);
}

/* Dispatches until `arrived`, or until the deadline: false. A signal is not the end. */
static bool wait_for(struct hf_device *device, bool (*arrived)(const struct hf_device *),
                     uint64_t deadline_ns)
{
    struct pollfd item = { .fd = hf_device_fd(device), .events = POLLIN };

    for (;;) {
        uint64_t now_ns = hf_clock_ns();

        if (arrived(device))
            return true;
        if (now_ns >= deadline_ns)
            return false;
        poll(&item, 1, wait_ms(now_ns, deadline_ns));
        hf_device_dispatch(device);
    }
}

static int refuse_waiting(struct hf_error *error)
{
    return hf_error_set(error, EDEADLK, "a call that waits, from within a callback");
}

/* ---- realize --------------------------------------------------------------------------------- */

static bool has_failed(const struct hf_device *device)
{
    return device->frontend.front.phase == HF_PHASE_FAILED;
}

static bool has_ended(const struct hf_device *device)
{
    return device->realized || has_failed(device);
}

static uint32_t tries(const struct hf_device *device)
{
    return device->realize_retries == HF_RETRIES_FOREVER ? 0 : device->realize_retries + 1;
}

void hf_device_realize_begin(struct hf_device *device)
{
    hf_error_clear(&device->trouble);
    if (has_failed(device)) /* it may have been realized long before */
        device->realized = false;
    device->frontend.front.settings.first_tries = tries(device);
    hf_frontend_want(&device->frontend, true);
}

static void hang_up(struct hf_device *device)
{
    hf_frontend_want(&device->frontend, false);
    hf_frontend_flush(&device->frontend);
    device->realized = false;
}

int hf_device_realize(struct hf_device *device, uint64_t timeout_ns, struct hf_error *error)
{
    if (device->realized && !has_failed(device))
        return 0;
    if (device->calling > 0)
        return refuse_waiting(error);
    hf_device_realize_begin(device);
    hf_frontend_flush(&device->frontend); /* leaves FAILED, which would else be the answer */
    if (!wait_for(device, has_ended, deadline_of(timeout_ns))) {
        hang_up(device);
        if (device->trouble.code != 0)
            return hf_error_set(error, ETIMEDOUT, "no back-end in time; the last error was: %s",
                                device->trouble.text);
        return hf_error_set(error, ETIMEDOUT, "no back-end in time");
    }
    if (device->realized)
        return 0;
    return hf_error_set(error, device->trouble.code, "%s", device->trouble.text);
}

/* ---- unrealize, and rest --------------------------------------------------------------------- */

static int tell_how_it_stopped(const struct hf_device *device, struct hf_error *error)
{
    if (device->stopped_clean)
        return 0;
    return hf_error_set(error, EIO, "the rings stopped after a crash: %u requests were in flight",
                        device->last_in_flight);
}

int hf_device_wait_at_rest(struct hf_device *device, uint64_t timeout_ns, struct hf_error *error)
{
    if (device->calling > 0)
        return refuse_waiting(error);
    if (device->run)
        return hf_error_set(error, EBUSY, "the rings were not told to stop");
    if (!wait_for(device, hf_device_at_rest, deadline_of(timeout_ns)))
        return hf_error_set(error, ETIMEDOUT, "the rings did not come to rest in time");
    return tell_how_it_stopped(device, error);
}

int hf_device_unrealize(struct hf_device *device, uint64_t stop_wait_ns, struct hf_error *error)
{
    bool was_at_rest = hf_device_at_rest(device);
    int result = 0;

    if (device->calling > 0 && stop_wait_ns > 0)
        return refuse_waiting(error);
    hf_device_reset(device);
    if (stop_wait_ns > 0)
        result = hf_device_wait_at_rest(device, stop_wait_ns, error);
    else if (!was_at_rest)
        result = hf_error_set(error, ETIMEDOUT, "the rings were not waited for");
    hang_up(device);
    hf_frontend_plan(&device->frontend)->promise.features = 0;
    hf_device_unbind(device);
    return result;
}
