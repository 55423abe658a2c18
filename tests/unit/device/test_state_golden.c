/* SPDX-License-Identifier: BSD-3-Clause */
/* docs/device-state.md, by files written by hand from it. */
#include "../cmocka_all.h"

#include "../ring/golden.h"
#include "state_rig.h"

#include <errno.h>

static void expect(struct rig *rig, const char *name)
{
    uint8_t golden[STATE_SIZE_MAX], saved[STATE_SIZE_MAX];
    size_t length = golden_read(name, golden, sizeof(golden));

    assert_int_equal(state_save(rig, saved), length);
    assert_memory_equal(saved, golden, length);
}

static void load(struct rig *rig, const char *name)
{
    uint8_t golden[STATE_SIZE_MAX];
    size_t length = golden_read(name, golden, sizeof(golden));

    state_make_receiver(rig);
    state_load(rig, golden, length);
}

static void a_device_that_stopped_clean_is_saved_as_documented(void **state)
{
    state_stop_clean(*state, STATE_MODERN);
    expect(*state, "device-state-clean");
}

static void a_device_that_crashed_is_saved_as_documented(void **state)
{
    state_crash(*state, STATE_LEGACY);
    expect(*state, "device-state-crash");
}

static void a_documented_clean_state_is_loaded_field_by_field(void **state)
{
    struct rig *rig = *state;
    const struct hf_plan *plan = &rig->device->frontend.front.plan;

    load(rig, "device-state-clean");
    plan = &rig->device->frontend.front.plan;
    assert_int_equal(plan->features, STATE_MODERN);
    assert_int_equal(hf_device_get_features(rig->device), STATE_MODERN | HF_FEATURE(EVENT_IDX));
    assert_int_equal(hf_device_get_status(rig->device), 15);
    assert_int_equal(plan->rings[2].size, 4);
    assert_int_equal(plan->rings[2].base, STATE_USED_INDEX);
    assert_int_equal(plan->rings[2].used_guest_address, 0x102200);
    assert_int_equal(plan->rings[2].desc_address, (uintptr_t)rig->memory.start + 0x2000);
    assert_int_equal(plan->rings[2].avail_address, (uintptr_t)rig->memory.start + 0x2100);
    assert_int_equal(plan->rings[1].size, 0);
    assert_int_equal(plan->inflight.fd, -1);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 1, NULL), 0);
}

static void a_documented_crash_is_loaded_field_by_field(void **state)
{
    struct rig *rig = *state;
    struct hf_error error;

    load(rig, "device-state-crash");
    const struct hf_plan *plan = &rig->device->frontend.front.plan;
    assert_int_equal(plan->features, STATE_LEGACY);
    assert_int_equal(hf_device_get_status(rig->device), 3);
    assert_int_equal(rig->device->early_kick, HF_EARLY_KICK_STARTED);
    assert_int_equal(plan->inflight.mmap_size, 240);
    assert_int_equal(plan->inflight.queue_count, 3);
    assert_int_equal(plan->inflight.queue_size, 4);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 1, &error), -EIO);
    assert_string_equal(error.text, "the rings stopped after a crash: 1 requests were in flight");
}

static void documented_states_are_saved_again_as_they_are(void **state)
{
    load(*state, "device-state-clean");
    expect(*state, "device-state-clean");
    load(*state, "device-state-crash");
    expect(*state, "device-state-crash");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_device_that_stopped_clean_is_saved_as_documented),
        STORY(a_device_that_crashed_is_saved_as_documented),
        STORY(a_documented_clean_state_is_loaded_field_by_field),
        STORY(a_documented_crash_is_loaded_field_by_field),
        STORY(documented_states_are_saved_again_as_they_are),
    };

    return cmocka_run_group_tests_name("device/state golden", tests, NULL, NULL);
}
