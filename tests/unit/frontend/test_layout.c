/* SPDX-License-Identifier: BSD-3-Clause */
/* Back-ends that lay the in-flight region out differently, in processes of their own: what one had
 * in flight is in flight for the next. */
#include "../cmocka_all.h"

#include "rig.h"

#include "base/checked.h"
#include "device/device_private.h"
#include "ring/inflight.h"
#include "ring/split.h"

#include <unistd.h>

#define RING_SIZE 16u
#define LEAST     (16u + 16u * RING_SIZE)

static const struct hf_inflight_plan *region_of(const struct rig *rig)
{
    return &hf_frontend_plan(&rig->device->frontend)->inflight;
}

static off_t entry_at(const struct rig *rig, unsigned queue, unsigned head)
{
    const struct hf_inflight_plan *region = region_of(rig);

    return (off_t)(region->mmap_offset + queue * (region->mmap_size / region->queue_count) + 16 +
                   head * sizeof(struct hf_inflight_entry));
}

/* The driver offers a request, and the back-end has taken it. */
static void fetch(struct rig *rig, unsigned queue, unsigned head)
{
    struct hf_ring_layout layout = hf_ring_layout_of(RING_SIZE);
    uint8_t *ring = (uint8_t *)rig->memory.start + queue * hf_align_up(layout.size_bytes, 64);
    struct hf_inflight_entry entry = { .inflight = 1, .counter = 7 };

    ring[layout.avail_offset + 2] = 1;
    assert_int_equal(pwrite(region_of(rig)->fd, &entry, sizeof(entry), entry_at(rig, queue, head)),
                     sizeof(entry));
}

static void expect_in_flight(const struct rig *rig, unsigned queue, unsigned head)
{
    struct hf_inflight_entry entry;

    assert_int_equal(pread(region_of(rig)->fd, &entry, sizeof(entry), entry_at(rig, queue, head)),
                     sizeof(entry));
    assert_int_equal(entry.inflight, 1);
    assert_int_equal(entry.counter, 7);
}

static void what_was_in_flight_survives_every_change_of_layout(void **state)
{
    static const uint16_t pads[] = { 48, 48, 0, 240, 16 };
    struct rig *rig = *state;
    struct backend_script script = { .pads = 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    fetch(rig, 2, 5);
    for (unsigned i = 0; i < sizeof(pads) / sizeof(pads[0]); i++) {
        backend_end(pid, true);
        script.pads = pads[i];
        pid = backend_start(rig->path, &script);
        rig_until(rig, HF_DEVICE_EVENT_STARTED, i + 2);
        assert_int_equal(rig->last[HF_DEVICE_EVENT_STARTED].in_flight, 1);
        assert_int_equal(region_of(rig)->mmap_size, RIG_QUEUES * (LEAST + pads[i]));
        expect_in_flight(rig, 2, 5);
    }
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REFUSED], 0);
    backend_end(pid, true);
}

/* It may be finishing the record of the session that ended, and the copy would not have that. */
static void a_process_that_lives_is_not_copied_from(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .pads = 0, .pads_later = 48 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    fetch(rig, 2, 5);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REFUSED].fault, HF_FAULT_INFLIGHT_LAYOUT);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], "may still live"));
    assert_int_equal(region_of(rig)->mmap_size, RIG_QUEUES * LEAST);
    backend_end(pid, true);
    script.pads = 48;
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(region_of(rig)->mmap_size, RIG_QUEUES * (LEAST + 48));
    expect_in_flight(rig, 2, 5);
    backend_end(pid, true);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(what_was_in_flight_survives_every_change_of_layout),
        WITH_RIG(a_process_that_lives_is_not_copied_from),
    };

    return cmocka_run_group_tests_name("frontend/layout", tests, NULL, NULL);
}
