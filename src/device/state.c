/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Save and load: what a device at rest is, as bytes (docs/device-state.md). After a crash the
 * in-flight region goes with it, or what was in flight would be lost. The bytes are hostile.
 */
#include "device/device_private.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "frontend/effects.h"
#include "os/fd.h"
#include "os/region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_VERSION      1u
#define STATE_CLEAN        0x1u
#define STATE_FEATURES_SET 0x2u /* the driver wrote them */
#define STATE_FLAGS        (STATE_CLEAN | STATE_FEATURES_SET)
/* Without the bytes of the region. */
#define HEAD_BYTES(queue_count) (40u + 32u * (queue_count) + 24u)
/* Where in its file a region may begin. */
#define OFFSET_MAX (UINT64_C(1) << 30)

static const uint8_t magic[8] = { 'H', 'F', 'D', 'E', 'V', 'I', 'C', 'E' };

struct state_ring {
    struct hf_device_queue queue;
    uint16_t base;
};

struct state {
    uint32_t flags;
    uint8_t status;
    enum hf_early_kick early_kick;
    uint32_t in_flight;
    uint64_t reserved; /* all that is to be 0, ored */
    uint64_t features;
    uint64_t offered;
    uint16_t queue_count;
    struct state_ring rings[HF_QUEUE_COUNT_MAX];
    struct hf_inflight_plan inflight; /* mmap_size 0: none */
    const uint8_t *region;            /* its bytes */
};

/* ---- save ------------------------------------------------------------------------------------ */

static void write_ring(struct hf_writer *writer, const struct hf_device_queue *queue, uint16_t base)
{
    hf_write_le16(writer, queue->size);
    hf_write_le16(writer, base);
    hf_write_zeros(writer, 4);
    hf_write_le64(writer, queue->desc);
    hf_write_le64(writer, queue->avail);
    hf_write_le64(writer, queue->used);
}

static void write_head(const struct hf_device *device, struct hf_writer *writer)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    hf_write_bytes(writer, magic, sizeof(magic));
    hf_write_le32(writer, STATE_VERSION);
    hf_write_le32(writer, (device->stopped_clean ? STATE_CLEAN : 0) |
                              (plan->features_generation != 0 ? STATE_FEATURES_SET : 0));
    hf_write_le64(writer, plan->features);
    hf_write_le64(writer, plan->promise.features);
    hf_write_u8(writer, device->status);
    hf_write_u8(writer, (uint8_t)device->early_kick);
    hf_write_le16(writer, plan->queue_count);
    hf_write_le32(writer, device->stopped_clean ? 0 : device->last_in_flight);
    for (uint16_t i = 0; i < plan->queue_count; i++)
        write_ring(writer, &device->queues[i], plan->rings[i].base);
}

static bool region_goes_along(const struct hf_device *device)
{
    return !device->stopped_clean && device->frontend.front.plan.inflight.fd >= 0;
}

static void write_region_head(const struct hf_device *device, struct hf_writer *writer)
{
    static const struct hf_inflight_plan none = { .fd = -1 };
    const struct hf_inflight_plan *region =
        region_goes_along(device) ? &device->frontend.front.plan.inflight : &none;

    hf_write_le64(writer, region->mmap_size);
    hf_write_le64(writer, region->mmap_offset);
    hf_write_le16(writer, region->queue_count);
    hf_write_le16(writer, region->queue_size);
    hf_write_zeros(writer, 4);
}

static int judge_saving(const struct hf_device *device, struct hf_error *error)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    if (device->run)
        return hf_error_set(error, EBUSY, "the rings were not told to stop");
    if (!hf_device_at_rest(device))
        return hf_error_set(error, EBUSY, "the rings are not at rest");
    if (region_goes_along(device) && (plan->inflight.mmap_size > HF_FRONTEND_REGION_SIZE_MAX ||
                                      plan->inflight.mmap_offset > OFFSET_MAX))
        return hf_error_set(error, EFBIG, "the in-flight region is too large to save");
    return 0;
}

static int copy_region(const struct hf_inflight_plan *region, uint8_t *into, struct hf_error *error)
{
    ssize_t got = pread(region->fd, into, region->mmap_size, (off_t)region->mmap_offset);

    if (got == (ssize_t)region->mmap_size)
        return 0;
    return hf_error_set(error, EIO, "cannot read the in-flight region: %s",
                        got < 0 ? strerror(errno) : "it is shorter than it was");
}

int64_t hf_device_save(const struct hf_device *device, void *state, size_t size_bytes,
                       struct hf_error *error)
{
    const struct hf_inflight_plan *region = &device->frontend.front.plan.inflight;
    uint64_t region_bytes = region_goes_along(device) ? region->mmap_size : 0;
    uint64_t whole = HEAD_BYTES(device->frontend.front.plan.queue_count) + region_bytes;
    struct hf_writer writer = hf_writer_of(state, size_bytes);
    int result = judge_saving(device, error);

    if (result < 0)
        return result;
    if (size_bytes < whole)
        return (int64_t)whole;
    write_head(device, &writer);
    write_region_head(device, &writer);
    HF_CHECK(writer.length + region_bytes == whole);
    if (region_bytes > 0)
        result = copy_region(region, (uint8_t *)state + writer.length, error);
    return result < 0 ? result : (int64_t)whole;
}

/* ---- load ------------------------------------------------------------------------------------ */

static void read_ring(struct hf_reader *reader, struct state *state, struct state_ring *ring)
{
    ring->queue.size = hf_read_le16(reader);
    ring->base = hf_read_le16(reader);
    state->reserved |= hf_read_le32(reader);
    ring->queue.desc = hf_read_le64(reader);
    ring->queue.avail = hf_read_le64(reader);
    ring->queue.used = hf_read_le64(reader);
}

static int read_head(struct hf_reader *reader, struct state *state, struct hf_error *error)
{
    uint8_t found[sizeof(magic)];

    hf_read_bytes(reader, found, sizeof(found));
    if (memcmp(found, magic, sizeof(magic)) != 0)
        return hf_error_set(error, EINVAL, "not the state of a device");
    uint32_t version = hf_read_le32(reader);
    if (version != STATE_VERSION)
        return hf_error_set(error, EINVAL, "state of version %u, only %u is known", version,
                            STATE_VERSION);
    state->flags = hf_read_le32(reader);
    state->features = hf_read_le64(reader);
    state->offered = hf_read_le64(reader);
    state->status = hf_read_u8(reader);
    state->early_kick = (enum hf_early_kick)hf_read_u8(reader);
    state->queue_count = hf_read_le16(reader);
    state->in_flight = hf_read_le32(reader);
    return 0;
}

static void read_region(struct hf_reader *reader, struct state *state)
{
    state->inflight.mmap_size = hf_read_le64(reader);
    state->inflight.mmap_offset = hf_read_le64(reader);
    state->inflight.queue_count = hf_read_le16(reader);
    state->inflight.queue_size = hf_read_le16(reader);
    state->reserved |= hf_read_le32(reader);
    state->region = reader->at;
    hf_read_skip(reader, state->inflight.mmap_size);
}

static int parse(const struct hf_device *device, struct hf_reader *reader, struct state *state,
                 struct hf_error *error)
{
    uint16_t count = device->frontend.front.plan.queue_count;
    int result = read_head(reader, state, error);

    if (result < 0)
        return result;
    if (!reader->failed && state->queue_count != count)
        return hf_error_set(error, EINVAL, "the state is of %u queues, the device has %u",
                            state->queue_count, count);
    for (uint16_t i = 0; i < count; i++)
        read_ring(reader, state, &state->rings[i]);
    read_region(reader, state);
    if (!hf_reader_done(reader))
        return hf_error_set(error, EINVAL, "the state is cut short, or too long");
    return 0;
}

/* Each device has one state, and each state one form. */
static int judge_form(const struct state *state, struct hf_error *error)
{
    bool clean = (state->flags & STATE_CLEAN) != 0;

    if ((state->flags & ~STATE_FLAGS) != 0 || state->reserved != 0)
        return hf_error_set(error, EINVAL, "what is reserved is not 0");
    if ((unsigned)state->early_kick >= HF_EARLY_KICK_COUNT)
        return hf_error_set(error, EINVAL, "an unknown kind of early kick: %d",
                            (int)state->early_kick);
    if ((state->flags & STATE_FEATURES_SET) == 0 && state->features != 0)
        return hf_error_set(error, EINVAL, "features 0x%llx, which were not written",
                            (unsigned long long)state->features);
    if (clean && (state->in_flight != 0 || state->inflight.mmap_size != 0))
        return hf_error_set(error, EINVAL, "clean, and yet there are requests in flight");
    return 0;
}

static int judge_features(const struct hf_device *device, const struct state *state,
                          struct hf_error *error)
{
    uint64_t possible = device->realized ? hf_device_get_features(device) : device->can;

    if ((state->features & ~state->offered) != 0)
        return hf_error_set(error, EINVAL, "features 0x%llx were acknowledged and not offered",
                            (unsigned long long)(state->features & ~state->offered));
    if ((state->offered & ~possible) != 0)
        return hf_error_set(error, EPROTONOSUPPORT, "this device does not offer features 0x%llx",
                            (unsigned long long)(state->offered & ~possible));
    return 0;
}

static int judge_rings(const struct hf_device *device, const struct state *state,
                       struct hf_error *error)
{
    for (uint16_t i = 0; i < state->queue_count; i++) {
        int result = hf_device_judge_ring(device, i, &state->rings[i].queue);

        if (result < 0)
            return hf_error_set(error, -result, "ring %u: %s", i, strerror(-result));
    }
    return 0;
}

static bool region_is_possible(const struct state *state)
{
    const struct hf_inflight_plan *region = &state->inflight;
    uint16_t largest = 0;

    for (uint16_t i = 0; i < state->queue_count; i++)
        largest = (uint16_t)hf_max_u64(largest, state->rings[i].queue.size);
    if (region->mmap_size == 0)
        return region->mmap_offset == 0 && region->queue_count == 0 && region->queue_size == 0;
    return region->mmap_size <= HF_FRONTEND_REGION_SIZE_MAX && region->mmap_offset <= OFFSET_MAX &&
           hf_plan_inflight_is_sane(region, state->queue_count, largest);
}

static int judge_region(const struct state *state, struct hf_error *error)
{
    const struct hf_inflight_plan *region = &state->inflight;

    if (!region_is_possible(state))
        return hf_error_set(error, EINVAL,
                            "an in-flight region that cannot be: %llu bytes at %llu for %u rings "
                            "of %u",
                            (unsigned long long)region->mmap_size,
                            (unsigned long long)region->mmap_offset, region->queue_count,
                            region->queue_size);
    return 0;
}

static int judge(const struct hf_device *device, const struct state *state, struct hf_error *error)
{
    int result = judge_form(state, error);

    if (result == 0)
        result = judge_features(device, state, error);
    if (result == 0)
        result = judge_rings(device, state, error);
    if (result == 0)
        result = judge_region(state, error);
    return result;
}

static int make_region(struct state *state, struct hf_error *error)
{
    struct hf_inflight_plan *region = &state->inflight;

    region->fd = -1;
    if (region->mmap_size == 0)
        return 0;
    HF_AUTO_FD int fd =
        hf_region_create("holdfast-inflight", region->mmap_offset + region->mmap_size);
    if (fd < 0)
        return hf_error_set(error, -fd, "no memory for the in-flight region: %s", strerror(-fd));
    ssize_t put = pwrite(fd, state->region, region->mmap_size, (off_t)region->mmap_offset);
    if (put != (ssize_t)region->mmap_size)
        return hf_error_set(error, put < 0 ? errno : EIO, "cannot write the in-flight region");
    region->fd = hf_fd_steal(&fd);
    return 0;
}

static void take_region(struct hf_plan *plan, const struct hf_inflight_plan *region)
{
    if (region->fd < 0)
        return;
    hf_plan_set_inflight(plan, region);
    plan->promise.protocol_features |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
}

static void take(struct hf_device *device, const struct state *state)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);

    hf_device_end_epoch(device);
    plan->promise.features = state->offered;
    hf_plan_forget_features(plan);
    if ((state->flags & STATE_FEATURES_SET) != 0)
        hf_plan_set_features(plan, state->features);
    for (uint16_t i = 0; i < state->queue_count; i++)
        hf_device_lay_ring(device, i, &state->rings[i].queue, state->rings[i].base);
    take_region(plan, &state->inflight);
    device->status = state->status;
    device->early_kick = state->early_kick;
    device->reset_untold = (state->status & HF_VIRTIO_STATUS_NEEDS_RESET) != 0;
    device->stopped_clean = (state->flags & STATE_CLEAN) != 0;
    device->last_in_flight = state->in_flight;
}

static int load(struct hf_device *device, const void *bytes, size_t size_bytes, struct state *state,
                struct hf_error *error)
{
    struct hf_reader reader = hf_reader_of(bytes, size_bytes);
    int result = parse(device, &reader, state, error);

    if (result == 0)
        result = judge(device, state, error);
    if (result == 0)
        result = make_region(state, error);
    if (result < 0) {
        hf_error_prefix(error, "unable to load the device's state");
        return result;
    }
    take(device, state);
    return hf_device_apply(device, error);
}

int hf_device_load(struct hf_device *device, const void *state, size_t size_bytes,
                   struct hf_error *error)
{
    if (device->run || !hf_device_at_rest(device) ||
        (device->status & HF_VIRTIO_STATUS_DRIVER_OK) != 0)
        return hf_error_set(error, EBUSY, "the device is in use: reset it first");
    struct state *parsed = calloc(1, sizeof(*parsed));
    if (parsed == NULL)
        return hf_error_set(error, ENOMEM, "no memory to load the device's state");
    int result = load(device, state, size_bytes, parsed, error);
    free(parsed);
    return result;
}
