/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory: parts of it come, go, or are set all at once. */
#include "device/device_private.h"

#include "base/check.h"
#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* How many regions the present back-end takes; while there is none, what any must take at last. */
static uint64_t slot_limit(const struct hf_device *device)
{
    const struct hf_session *session = &device->frontend.front.session;

    if (!hf_device_is_connected(device))
        return HF_REGION_COUNT_MAX;
    if ((session->protocol & HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS)) == 0)
        return HF_REGION_COUNT_BASELINE;
    return hf_min_u64(session->slot_count, HF_REGION_COUNT_MAX);
}

static int refuse(struct hf_error *error, int code, const char *doing,
                  const struct hf_device_memory *memory)
{
    return hf_error_set(error, code, "cannot %s memory at 0x%llx, 0x%llx bytes: %s", doing,
                        (unsigned long long)memory->guest_address,
                        (unsigned long long)memory->size_bytes, strerror(code));
}

static struct hf_region_plan as_region(const struct hf_device_memory *memory, int fd)
{
    return (struct hf_region_plan){ .guest_address = memory->guest_address,
                                    .size_bytes = memory->size_bytes,
                                    .user_address = (uintptr_t)memory->host_address,
                                    .mmap_offset = memory->fd_offset,
                                    .fd = fd };
}

/* Pages beyond its end would be written, and not be marked. */
static int judge_log(const struct hf_device *device, const struct hf_device_memory *memory,
                     struct hf_error *error)
{
    uint64_t end;

    if (!hf_add_u64(memory->guest_address, memory->size_bytes, &end) ||
        hf_device_log_covers(device, end))
        return 0;
    return hf_error_set(
        error, EINVAL, "cannot add memory at 0x%llx, 0x%llx bytes: the dirty log is too small",
        (unsigned long long)memory->guest_address, (unsigned long long)memory->size_bytes);
}

/* The back-end would refuse it, and with it this device, for ever. A character device (DAX) does
 * not tell its length. */
static int judge_file(const struct hf_device_memory *memory, struct hf_error *error)
{
    struct stat file;
    uint64_t end;

    if (fstat(memory->fd, &file) < 0)
        return refuse(error, errno, "keep the descriptor of", memory);
    if (S_ISCHR(file.st_mode) || S_ISBLK(file.st_mode))
        return 0;
    if (S_ISREG(file.st_mode) && hf_add_u64(memory->fd_offset, memory->size_bytes, &end) &&
        end <= (uint64_t)file.st_size)
        return 0;
    return hf_error_set(error, EINVAL,
                        "cannot add memory at 0x%llx, 0x%llx bytes: its descriptor is no file that "
                        "holds them at 0x%llx",
                        (unsigned long long)memory->guest_address,
                        (unsigned long long)memory->size_bytes,
                        (unsigned long long)memory->fd_offset);
}

static int add(struct hf_device *device, const struct hf_device_memory *memory,
               struct hf_error *error)
{
    struct hf_region_plan region = as_region(memory, hf_fd_dup(memory->fd));

    if (region.fd < 0)
        return refuse(error, -region.fd, "keep the descriptor of", memory);
    int result = hf_plan_add_region(hf_frontend_plan(&device->frontend), &region);
    if (result < 0) {
        hf_fd_close(&region.fd);
        return refuse(error, -result, "add", memory);
    }
    return 0;
}

static int refuse_slots(const struct hf_device *device, struct hf_error *error)
{
    return hf_error_set(error, ENOSPC, "the back-end takes only %llu memory regions",
                        (unsigned long long)slot_limit(device));
}

/* Rings that start hear of it before. */
static void expect_memory(struct hf_device *device)
{
    if (!hf_device_at_rest(device))
        device->memory_coming = true;
}

int hf_device_add_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         struct hf_error *error)
{
    if (device->frontend.front.plan.region_count >= slot_limit(device))
        return refuse_slots(device, error);
    int result = judge_log(device, memory, error);
    if (result == 0)
        result = judge_file(memory, error);
    if (result == 0)
        result = add(device, memory, error);
    if (result == 0)
        expect_memory(device);
    hf_frontend_changed(&device->frontend);
    return result;
}

static bool holds(const struct hf_region_plan *region, uint64_t guest_address)
{
    return hf_range_inside(guest_address - region->guest_address, 1, region->size_bytes);
}

/* We read the rings ourselves when a back-end is lost. */
static bool holds_a_ring(const struct hf_device *device, const struct hf_region_plan *region)
{
    for (uint16_t i = 0; i < device->frontend.front.plan.queue_count; i++) {
        const struct hf_device_queue *queue = &device->queues[i];

        if (queue->size != 0 && (holds(region, queue->desc) || holds(region, queue->avail) ||
                                 holds(region, queue->used)))
            return true;
    }
    return false;
}

static void take_away(struct hf_device *device, const struct hf_region_plan *region)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);
    int fd = hf_plan_remove_region(plan, region->guest_address, region->size_bytes);

    hf_fd_close(&fd);
    device->memory_leaving = true;
}

static struct hf_device_memory as_memory(const struct hf_region_plan *region)
{
    return (struct hf_device_memory){ .guest_address = region->guest_address,
                                      .size_bytes = region->size_bytes,
                                      .host_address = (void *)(uintptr_t)region->user_address,
                                      .fd = region->fd,
                                      .fd_offset = region->mmap_offset };
}

int hf_device_remove_memory(struct hf_device *device, uint64_t guest_address, uint64_t size_bytes,
                            struct hf_error *error)
{
    const struct hf_plan *plan = &device->frontend.front.plan;
    const struct hf_device_memory wanted = { .guest_address = guest_address,
                                             .size_bytes = size_bytes };

    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan *region = &plan->regions[i];

        if (region->generation == 0 || region->guest_address != guest_address ||
            region->size_bytes != size_bytes)
            continue;
        if (holds_a_ring(device, region))
            return refuse(error, EBUSY, "remove", &wanted);
        take_away(device, region);
        hf_frontend_changed(&device->frontend);
        return 0;
    }
    return refuse(error, ENOENT, "remove", &wanted);
}

bool hf_device_memory_ready(const struct hf_device *device)
{
    return !device->memory_coming;
}

bool hf_device_memory_released(const struct hf_device *device)
{
    return !device->memory_leaving;
}

/* ---- all at once ----------------------------------------------------------------------------- */

static bool is_same(const struct hf_region_plan *region, const struct hf_device_memory *memory)
{
    return region->generation != 0 && region->guest_address == memory->guest_address &&
           region->size_bytes == memory->size_bytes &&
           region->user_address == (uintptr_t)memory->host_address &&
           region->mmap_offset == memory->fd_offset && hf_fd_is_same_file(region->fd, memory->fd);
}

static bool is_among(const struct hf_region_plan *region, const struct hf_device_memory *memory,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_same(region, &memory[i]))
            return true;
    }
    return false;
}

static bool is_there(const struct hf_plan *plan, const struct hf_device_memory *memory)
{
    for (unsigned i = 0; i < plan->region_slots; i++) {
        if (is_same(&plan->regions[i], memory))
            return true;
    }
    return false;
}

/* As the plan does: nothing may fail once something was changed. */
static int judge_part(const struct hf_device *device, const struct hf_device_memory *memory,
                      size_t index, struct hf_error *error)
{
    const struct hf_device_memory *part = &memory[index];
    struct hf_region_plan region = as_region(part, -1);

    if (!hf_plan_region_is_sane(&region))
        return refuse(error, EINVAL, "add", part);
    for (size_t i = 0; i < index; i++) {
        if (hf_ranges_overlap(memory[i].guest_address, memory[i].size_bytes, part->guest_address,
                              part->size_bytes))
            return refuse(error, EEXIST, "add", part);
    }
    int result = judge_file(part, error);
    return result < 0 ? result : judge_log(device, part, error);
}

static int judge_leaving(const struct hf_device *device, const struct hf_device_memory *memory,
                         size_t count, struct hf_error *error)
{
    const struct hf_plan *plan = &device->frontend.front.plan;

    for (unsigned i = 0; i < plan->region_slots; i++) {
        const struct hf_region_plan *region = &plan->regions[i];
        struct hf_device_memory part = as_memory(region);

        if (region->generation != 0 && !is_among(region, memory, count) &&
            holds_a_ring(device, region))
            return refuse(error, EBUSY, "remove", &part);
    }
    return 0;
}

/* Descriptors first: what can fail comes before anything is changed. */
static int duplicate_new(const struct hf_plan *plan, const struct hf_device_memory *memory,
                         size_t count, int *fds)
{
    for (size_t i = 0; i < count; i++) {
        bool is_new = !is_there(plan, &memory[i]);

        fds[i] = is_new ? hf_fd_dup(memory[i].fd) : -1;
        if (is_new && fds[i] < 0) {
            int code = fds[i];

            hf_fd_close_all(fds, (unsigned)i);
            return code;
        }
    }
    return 0;
}

static void replace_all(struct hf_device *device, const struct hf_device_memory *memory,
                        size_t count, const int *fds)
{
    struct hf_plan *plan = hf_frontend_plan(&device->frontend);

    for (unsigned i = 0; i < plan->region_slots; i++) {
        if (plan->regions[i].generation != 0 && !is_among(&plan->regions[i], memory, count))
            take_away(device, &plan->regions[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct hf_region_plan region = as_region(&memory[i], fds[i]);

        if (fds[i] < 0)
            continue;
        HF_CHECK(hf_plan_add_region(plan, &region) == 0);
        expect_memory(device);
    }
}

int hf_device_set_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         size_t count, struct hf_error *error)
{
    int fds[HF_REGION_COUNT_MAX];
    int result = 0;

    if (count > slot_limit(device))
        return refuse_slots(device, error);
    for (size_t i = 0; i < count && result == 0; i++)
        result = judge_part(device, memory, i, error);
    if (result == 0)
        result = judge_leaving(device, memory, count, error);
    if (result < 0)
        return result;
    result = duplicate_new(&device->frontend.front.plan, memory, count, fds);
    if (result < 0)
        return hf_error_set(error, -result, "cannot keep the descriptors of %zu memory parts: %s",
                            count, strerror(-result));
    replace_all(device, memory, count, fds);
    hf_frontend_changed(&device->frontend);
    return 0;
}
