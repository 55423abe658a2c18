/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory comes, is used, goes and is unmapped, under load. */
#include "scenes.h"

#include "say.h"

#include <errno.h>

#define PLUG_ADDRESS UINT64_C(0x80000000)
#define ROUNDS       10u

static bool is_released(const struct vmm *vmm)
{
    return hf_device_memory_released(vmm->device);
}

static bool is_ready(const struct vmm *vmm)
{
    return hf_device_memory_ready(vmm->device);
}

static bool plug_is_unused(const struct vmm *vmm)
{
    return !guest_uses(vmm->guest, PLUG_ADDRESS, GUEST_DATA_BYTES);
}

static void plug(struct place *place)
{
    struct hf_device_memory part =
        vmm_part(memory_add(place->memory, PLUG_ADDRESS, GUEST_DATA_BYTES));
    struct hf_error error = { 0 };

    vmm_expect(hf_device_add_memory(place->vmm->device, &part, &error), 0, "hf_device_add_memory",
               &error);
    vmm_expect(hf_device_add_memory(place->vmm->device, &part, &error), -EEXIST,
               "the same memory twice", &error);
}

/* Two ways to say it. */
static void take_away(struct place *place, bool all_at_once)
{
    struct hf_error error = { 0 };

    if (!all_at_once) {
        vmm_expect(
            hf_device_remove_memory(place->vmm->device, PLUG_ADDRESS, GUEST_DATA_BYTES, &error), 0,
            "hf_device_remove_memory", &error);
        return;
    }
    struct memory rest = *place->memory;
    rest.part_count--;
    vmm_give_memory(place->vmm, &rest);
    place->vmm->memory = place->memory;
}

static void unplug(struct place *place, bool all_at_once)
{
    unsigned released = place->vmm->events[HF_DEVICE_EVENT_MEMORY_RELEASED];

    take_away(place, all_at_once);
    vmm_await(place->vmm, HF_DEVICE_EVENT_MEMORY_RELEASED, released);
    if (!is_released(place->vmm))
        fail("memory was released, and is not");
    memory_remove_last(place->memory);
}

static void refuse_nonsense(struct place *place)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_remove_memory(place->vmm->device, PLUG_ADDRESS, GUEST_DATA_BYTES, &error),
               -ENOENT, "memory that is not there", &error);
    error = (struct hf_error){ 0 };
    vmm_expect(
        hf_device_remove_memory(place->vmm->device, GUEST_LOW_ADDRESS, GUEST_LOW_BYTES, &error),
        -EBUSY, "memory with a ring in it", &error);
}

static void come_and_go(struct place *place, unsigned round)
{
    plug(place);
    /* Before that the guest must not know of it. */
    vmm_run(place->vmm, is_ready, "new memory to be ready");
    place->guest.buffers = PLUG_ADDRESS;
    vmm_run_to(place->vmm, place->guest.answered + place->requests / ROUNDS / 2);
    place->guest.buffers = GUEST_DATA_ADDRESS;
    vmm_run(place->vmm, plug_is_unused, "answers into the memory that goes");
    guest_check_gaps(&place->guest, PLUG_ADDRESS);
    unplug(place, round % 2 == 1);
}

void scene_hotplug(struct place *place)
{
    place_begin(place, place_style(place));
    guest_load(&place->guest, UINT32_MAX);
    for (unsigned i = 0; i < ROUNDS; i++) {
        come_and_go(place, i);
        refuse_nonsense(place);
    }
    guest_end_load(&place->guest);
    place_end(place);
}
