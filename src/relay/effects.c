/* SPDX-License-Identifier: BSD-3-Clause */
/* One function an effect of the relay core. Decides nothing. */
#include "relay/device_private.h"

#include "base/check.h"
#include "os/fd.h"
#include "os/region.h"
#include "ring/inflight.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef void carrier(struct hf_relay_device *device, const struct hf_relay_effect *effect);

static void reply(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    (void)effect;
    hf_relay_vmm_reply(device);
}

static void report(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    hf_relay_vmm_log(device, HF_LOG_WARNING, "%s of the VMM's was refused: %s%s%s",
                     hf_message_name(&device->core.back.request), hf_back_fault_text(effect->fault),
                     effect->result < 0 ? ": " : "",
                     effect->result < 0 ? strerror(-effect->result) : "");
}

static void hang_up(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    if (effect->fault != HF_BACK_FAULT_NONE)
        hf_relay_vmm_log(device, HF_LOG_ERROR, "the VMM is hung up on: %s",
                         hf_back_fault_text(effect->fault));
    hf_relay_vmm_hang_up(device);
}

static void close_it(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    int fd = effect->fd;

    (void)device;
    hf_fd_close(&fd);
}

static void changed(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    (void)effect;
    hf_frontend_changed(device->backend);
    device->look = true;
}

static void ask(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    hf_relay_backend_ask(device, &effect->asked);
    device->look = true;
}

static void cut(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    (void)effect;
    hf_frontend_cut(device->backend);
    device->look = true;
}

static void read_indices(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    const struct hf_wire_vring_addr *place = &device->core.back.rings[effect->ring].addresses;
    struct hf_relay_event event = { .kind = HF_RELAY_EVENT_INDICES,
                                    .ring = effect->ring,
                                    .fd = -1 };

    event.error = -hf_relay_read_indices(hf_frontend_plan(device->backend), place->avail,
                                         place->used, &event.avail, &event.used);
    if (event.error != 0)
        hf_relay_vmm_log(device, HF_LOG_WARNING,
                         "ring %u: its indices cannot be read from the VMM's memory: %s",
                         effect->ring, strerror(event.error));
    hf_relay_device_feed(device, &event);
}

/* As a back-end would make it: all zeros is version 0 of every queue. */
static void make(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    union hf_wire_body body = { .inflight = effect->inflight };
    struct hf_relay_event event = { .kind = HF_RELAY_EVENT_MADE, .body = &body, .fd = -1 };
    struct stat facts;

    body.inflight.mmap_size_bytes =
        body.inflight.queue_count *
        hf_inflight_stride(body.inflight.queue_size, HF_INFLIGHT_ALIGNMENT);
    body.inflight.mmap_offset = 0;
    event.fd = hf_region_create("holdfast-inflight", body.inflight.mmap_size_bytes);
    if (event.fd < 0) {
        event.error = -event.fd;
    } else if (fstat(event.fd, &facts) == 0) {
        device->region_device = facts.st_dev;
        device->region_inode = facts.st_ino;
    }
    hf_relay_device_feed(device, &event);
}

static void look_at(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    const struct hf_wire_inflight *told = &device->core.back.request.body.inflight;
    struct hf_relay_event event = { .kind = HF_RELAY_EVENT_MADE, .fd = -1 };
    int64_t size = hf_region_size(effect->fd);
    struct stat facts;

    if (size < 0 || !hf_fd_is_writable_file(effect->fd) || fstat(effect->fd, &facts) < 0 ||
        told->mmap_offset + told->mmap_size_bytes > (uint64_t)size)
        event.error = EINVAL;
    else
        event.ours = facts.st_ino == device->region_inode && facts.st_dev == device->region_device;
    if (event.error == 0) {
        device->region_device = facts.st_dev;
        device->region_inode = facts.st_ino;
    }
    hf_relay_device_feed(device, &event);
}

static void channel(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    int end = hf_relay_calls_take(device, effect->fd);
    const struct hf_relay_event event = { .kind = HF_RELAY_EVENT_MADE,
                                          .error = end < 0 ? -end : 0,
                                          .fd = end < 0 ? -1 : end };

    hf_relay_device_feed(device, &event);
}

static void undo_channel(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    (void)effect;
    hf_relay_calls_done(device);
}

static void new_epoch(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    hf_relay_vmm_log(device, HF_LOG_INFO, "what was in flight is forgotten: %s", effect->why);
}

static void late(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    hf_relay_device_log(device, HF_LOG_WARNING, "still waiting: %s", effect->why);
}

static carrier *const carriers[HF_RELAY_EFFECT_COUNT] = {
    [HF_RELAY_EFFECT_REPLY] = reply,     [HF_RELAY_EFFECT_REPORT] = report,
    [HF_RELAY_EFFECT_HANG_UP] = hang_up, [HF_RELAY_EFFECT_CLOSE] = close_it,
    [HF_RELAY_EFFECT_CHANGED] = changed, [HF_RELAY_EFFECT_ASK] = ask,
    [HF_RELAY_EFFECT_CUT] = cut,         [HF_RELAY_EFFECT_INDICES] = read_indices,
    [HF_RELAY_EFFECT_MAKE] = make,       [HF_RELAY_EFFECT_LOOK_AT] = look_at,
    [HF_RELAY_EFFECT_CHANNEL] = channel, [HF_RELAY_EFFECT_NEW_EPOCH] = new_epoch,
    [HF_RELAY_EFFECT_LATE] = late,       [HF_RELAY_EFFECT_UNDO_CHANNEL] = undo_channel,
};

void hf_relay_device_carry_out(struct hf_relay_device *device, const struct hf_relay_effect *effect)
{
    HF_CHECK((unsigned)effect->kind < HF_RELAY_EFFECT_COUNT);
    carriers[effect->kind](device, effect);
}
