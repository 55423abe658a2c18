/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "state_rig.h"

#include "os/clock.h"
#include "ring/inflight.h"

#include <unistd.h>

static void put16(struct rig *rig, size_t offset, uint16_t value)
{
    memcpy(rig->memory.start + offset, &value, sizeof(value));
}

void state_set_up_queues(struct rig *rig)
{
    for (uint16_t queue = 0; queue < RIG_QUEUES; queue += STATE_RING) {
        uint64_t start = RIG_MEMORY + queue * 0x1000u;
        struct hf_device_queue setup = {
            .size = 4, .desc = start, .avail = start + 0x100, .used = start + 0x200
        };

        assert_int_equal(hf_device_set_queue(rig->device, queue, &setup), 0);
        assert_int_equal(hf_device_set_call(rig->device, queue, rig->call), 0);
        put16(rig, queue * 0x1000u + 0x202, STATE_USED_INDEX); /* used->idx */
        put16(rig, queue * 0x1000u + 0x102, STATE_USED_INDEX); /* avail->idx */
    }
}

static void set_up(struct rig *rig, uint64_t features)
{
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_set_features(rig->device, features), 0);
    state_set_up_queues(rig);
    if (features == STATE_LEGACY)
        assert_int_equal(hf_device_kick(rig->device, STATE_RING, NULL), 0);
    else
        assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
}

static void pause_it(struct rig *rig)
{
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    rig_dispatch_for(rig, HF_NS_PER_MS);
}

void state_stop_clean(struct rig *rig, uint64_t features)
{
    struct backend_script script = { .base = STATE_USED_INDEX };
    pid_t pid = story_backend(rig, &script);

    set_up(rig, features);
    pause_it(rig);
    assert_true(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
    backend_end(pid, true);
}

/* What a back-end writes when it takes head 0, which the driver has made available. */
static void leave_in_flight(struct rig *rig)
{
    const struct hf_inflight_plan *region = &rig->device->frontend.front.plan.inflight;
    struct hf_inflight_entry entry = { .inflight = 1, .counter = 1 };

    put16(rig, STATE_RING * 0x1000 + 0x102, STATE_USED_INDEX + 1);
    assert_int_equal(pwrite(region->fd, &entry, sizeof(entry), STATE_RING * 80 + 16),
                     sizeof(entry));
}

void state_crash(struct rig *rig, uint64_t features)
{
    pid_t pid = story_backend(rig, NULL);

    set_up(rig, features);
    leave_in_flight(rig);
    backend_end(pid, true);
    pause_it(rig);
    assert_false(rig->last[HF_DEVICE_EVENT_STOPPED].clean);
}

size_t state_save(const struct rig *rig, uint8_t *bytes)
{
    struct hf_error error = { 0 };
    int64_t size_bytes = hf_device_save(rig->device, bytes, STATE_SIZE_MAX, &error);

    assert_string_equal(error.text, "");
    assert_in_range(size_bytes, 1, STATE_SIZE_MAX);
    return (size_t)size_bytes;
}

void state_make_receiver(struct rig *rig)
{
    story_make_device(rig);
    memset(rig->events, 0, sizeof(rig->events));
    story_forget();
    for (uint16_t queue = 0; queue < RIG_QUEUES; queue++)
        assert_int_equal(hf_device_set_call(rig->device, queue, rig->call), 0);
    assert_int_equal(hf_device_set_vm_running(rig->device, false, NULL), 0);
}

void state_load(struct rig *rig, const uint8_t *bytes, size_t size_bytes)
{
    struct hf_error error = { 0 };
    int result = hf_device_load(rig->device, bytes, size_bytes, &error);

    assert_string_equal(error.text, "");
    assert_int_equal(result, 0);
}

void state_expect_refused(struct rig *rig, const uint8_t *bytes, size_t size_bytes, int code)
{
    static const char prefix[] = "unable to load the device's state: ";
    uint8_t before[STATE_SIZE_MAX], after[STATE_SIZE_MAX];
    unsigned fds = rig_count_fds();
    size_t length = state_save(rig, before);
    struct hf_error error = { 0 };

    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), code);
    assert_int_equal(error.code, -code);
    assert_memory_equal(error.text, prefix, strlen(prefix));
    assert_int_equal(state_save(rig, after), length);
    assert_memory_equal(after, before, length);
    assert_int_equal(rig_count_fds(), fds);
}
