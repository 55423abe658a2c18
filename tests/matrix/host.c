/* SPDX-License-Identifier: BSD-3-Clause */
/* The host and its guest: each thing that they do, and what they want from then on. A call that
 * fails for want of descriptors is one that was not made. */
#include "stand.h"

#include <errno.h>
#include <stdlib.h>

#define STATUS_SET_UP                                                                              \
    (HF_VIRTIO_STATUS_ACKNOWLEDGE | HF_VIRTIO_STATUS_DRIVER | HF_VIRTIO_STATUS_FEATURES_OK)
#define STATUS_DRIVER_OK (STATUS_SET_UP | HF_VIRTIO_STATUS_DRIVER_OK)

/* Nothing that is lacking in the table of descriptors is held against the device. */
static bool lacks_descriptors(const struct mx *mx, int64_t result)
{
    return mx->table_full && (result == -EMFILE || result == -ENFILE);
}

static void expect(struct mx *mx, const char *call, int64_t result, int64_t wanted)
{
    mx->result = result;
    if (result != wanted && !lacks_descriptors(mx, result))
        mx_fail(&mx->verdict, "%s: %lld, must be %lld", call, (long long)result, (long long)wanted);
}

/* A start is tried by each change; it fails where the host's side does. */
static void expect_start(struct mx *mx, const char *call, int64_t result)
{
    bool fails = mx_should_run(mx) && result == -EIO && mx->wish.host_fails;

    mx->wish.start_failed = fails || (mx_should_run(mx) && lacks_descriptors(mx, result));
    expect(mx, call, result, fails ? -EIO : 0);
}

int mx_host_bind(void *host, uint16_t queue_count, bool on)
{
    const struct mx *mx = host;

    (void)queue_count;
    return on && mx->wish.host_fails ? -EIO : 0;
}

void mx_host_realize(struct mx *mx)
{
    hf_device_realize_begin(mx->device);
    mx->wish.realized = true;
    mx->result = 0;
}

static void forget_guest(struct mx *mx)
{
    mx->wish.set_up = mx->wish.driver_ok = mx->wish.armed = mx->wish.kicked = false;
    mx->wish.start_failed = false;
    mx->saved_bytes = 0;
    mx_guest_lay_out(&mx->guest);
}

void mx_host_unrealize(struct mx *mx, uint64_t wait_ns)
{
    forget_guest(mx);
    mx->wish.realized = false;
    mx->result = hf_device_unrealize(mx->device, wait_ns, NULL);
}

void mx_host_reset(struct mx *mx)
{
    forget_guest(mx);
    hf_device_reset(mx->device);
    mx->result = 0;
}

static void set_up_queue(struct mx *mx, uint16_t queue)
{
    struct hf_ring_layout layout = hf_ring_layout_of(MX_RING_SIZE);
    uint64_t start = mx_guest_ring_address(&mx->guest, queue);
    struct hf_device_queue setup = { .size = MX_RING_SIZE,
                                     .desc = start,
                                     .avail = start + layout.avail_offset,
                                     .used = start + layout.used_offset };

    expect(mx, "set_queue", hf_device_set_queue(mx->device, queue, &setup), 0);
}

void mx_host_set_up(struct mx *mx, enum mx_guest_kind kind)
{
    uint64_t offered = hf_device_get_features(mx->device);
    uint64_t wanted =
        HF_FEATURE(INDIRECT_DESC) | (kind == MX_GUEST_LEGACY ? 0 : HF_FEATURE(VERSION_1));

    if (mx->wish.set_up)
        mx_host_reset(mx);
    expect(mx, "set_features", hf_device_set_features(mx->device, offered & wanted), 0);
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        set_up_queue(mx, i);
    expect(mx, "set_status", hf_device_set_status(mx->device, STATUS_SET_UP, NULL), 0);
    mx->wish.set_up = true;
    mx->wish.armed = (offered & wanted & HF_FEATURE(VERSION_1)) == 0;
}

void mx_host_driver_ok(struct mx *mx)
{
    if (!mx->wish.set_up)
        mx_host_set_up(mx, MX_GUEST_RUNS);
    mx->wish.driver_ok = true;
    mx->wish.armed = mx->wish.kicked = false;
    expect_start(mx, "DRIVER_OK", hf_device_set_status(mx->device, STATUS_DRIVER_OK, NULL));
}

void mx_host_take_driver_away(struct mx *mx)
{
    mx->wish.driver_ok = false;
    expect_start(mx, "status without DRIVER_OK",
                 hf_device_set_status(mx->device, STATUS_SET_UP, NULL));
}

void mx_host_run_vm(struct mx *mx, bool running)
{
    mx->wish.vm_running = running;
    expect_start(mx, running ? "resume" : "pause",
                 hf_device_set_vm_running(mx->device, running, NULL));
}

/* Of the request queue. Only the first one of a legacy driver starts anything. */
void mx_host_kick(struct mx *mx)
{
    bool starts = mx->wish.armed;
    int64_t result;

    mx->wish.kicked = mx->wish.kicked || starts;
    mx->wish.armed = false;
    result = hf_device_kick(mx->device, MX_QUEUES - 1, NULL);
    if (starts)
        expect_start(mx, "the first kick", result);
    else
        expect(mx, "kick", result, 0);
}

void mx_host_post(struct mx *mx, unsigned count)
{
    for (unsigned i = 0; i < count && mx->wish.set_up; i++)
        mx_guest_post(&mx->guest, MX_QUEUES - 1);
    mx_host_kick(mx);
}

void mx_host_add_extra(struct mx *mx)
{
    struct hf_device_memory memory = { .guest_address = MX_EXTRA,
                                       .size_bytes = MX_EXTRA_SIZE,
                                       .host_address = mx->guest.extra.start,
                                       .fd = mx->guest.extra_fd };

    int result = hf_device_add_memory(mx->device, &memory, NULL);

    mx->result = result;
    if (result == -ENOSPC && mx->poor.slot_count == 1)
        return; /* of whom it is connected to */
    expect(mx, "add_memory", result, mx->wish.extra ? -EEXIST : 0);
    mx->wish.extra = mx->wish.extra || result == 0;
}

void mx_host_remove_extra(struct mx *mx)
{
    expect(mx, "remove_memory", hf_device_remove_memory(mx->device, MX_EXTRA, MX_EXTRA_SIZE, NULL),
           mx->wish.extra ? 0 : -ENOENT);
    mx->wish.extra = mx->wish.extra && mx->result != 0;
}

/* It depends on who was there: the table says. */
void mx_host_log(struct mx *mx, bool on)
{
    mx->result = 0;
    if (on)
        mx->result = hf_device_set_log(mx->device, mx->guest.log_fd, 0, MX_LOG_SIZE, NULL);
    else
        hf_device_end_log(mx->device);
    if (mx->result == 0)
        mx->wish.log = on;
}

void mx_host_mask(struct mx *mx, bool masked)
{
    expect(mx, "mask_call", hf_device_mask_call(mx->device, MX_QUEUES - 1, masked), 0);
    if (mx->result == 0)
        mx->wish.masked = masked;
}

/* The host cannot bind its notifiers just now. */
void mx_host_fail_binding(struct mx *mx)
{
    mx->wish.host_fails = true;
    mx_host_driver_ok(mx);
    mx->wish.host_fails = false;
}

void mx_host_save(struct mx *mx)
{
    mx->result = hf_device_save(mx->device, mx->saved, sizeof(mx->saved), NULL);
}

void mx_host_save_and_reset(struct mx *mx)
{
    mx_host_save(mx);
    if (mx->result <= 0)
        return;
    mx->saved_bytes = (size_t)mx->result;
    mx->wish.set_up = mx->wish.driver_ok = false;
    hf_device_reset(mx->device);
}

void mx_host_load(struct mx *mx)
{
    mx->result = hf_device_load(mx->device, mx->saved, mx->saved_bytes, NULL);
    if (mx->result == 0)
        mx->wish.set_up = mx->wish.driver_ok = true;
}

/* Its back-ends are the host's to end. */
void mx_host_free(struct mx *mx)
{
    hf_device_free(mx->device);
    for (unsigned i = 0; i < mx->peers.count; i++)
        mx_process_kill(&mx->peers.list[i]);
    forget_guest(mx);
    mx->wish = (struct mx_wish){ .vm_running = true };
    mx_make_device(mx);
    mx->result = 0;
}

void mx_host_force_stop(struct mx *mx)
{
    hf_device_force_stop(mx->device);
    mx->result = 0;
}
