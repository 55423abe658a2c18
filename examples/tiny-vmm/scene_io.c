/* SPDX-License-Identifier: BSD-3-Clause */
/* A load, in both styles of notifications, and interrupts that are masked for a while. */
#include "scenes.h"

#include "say.h"

void place_begin(struct place *place, enum vmm_style style)
{
    place->memory = &place->memories[0];
    place->vmm = &place->vmms[0];
    *place->memory = (struct memory){ .part_count = 0 };
    memory_add(place->memory, GUEST_LOW_ADDRESS, GUEST_LOW_BYTES);
    memory_add(place->memory, GUEST_DATA_ADDRESS, GUEST_DATA_BYTES);
    guest_init(&place->guest, place->memory, place->seed);
    vmm_init(place->vmm, "vmm", place->socket_path, style);
    vmm_give_memory(place->vmm, place->memory);
    vmm_give_guest(place->vmm, &place->guest);
    vmm_realize(place->vmm);
    vmm_boot(place->vmm);
}

void place_end(struct place *place)
{
    struct hf_device_info info = vmm_info(place->vmm);

    vmm_drain(place->vmm);
    guest_check_gaps(&place->guest, GUEST_DATA_ADDRESS);
    say("%llu requests answered, %llu interrupts, %llu events, %llu losses of a back-end",
        (unsigned long long)place->guest.answered, (unsigned long long)place->guest.interrupts,
        (unsigned long long)place->guest.events, (unsigned long long)info.losses);
    vmm_done(place->vmm);
    memory_done(place->memory);
}

static void load(struct place *place, enum vmm_style style)
{
    place_begin(place, style);
    guest_load(&place->guest, place->requests);
    place_end(place);
}

void scene_io(struct place *place)
{
    load(place, VMM_EVENTFDS);
}

void scene_trapped(struct place *place)
{
    load(place, VMM_TRAPPED);
}

/* ---- masks ----------------------------------------------------------------------------------- */

static void mask(struct place *place, uint16_t queue, bool masked)
{
    vmm_expect(hf_device_mask_call(place->vmm->device, queue, masked), 0, "hf_device_mask_call",
               NULL);
}

static bool is_kept(const struct vmm *vmm)
{
    return hf_device_call_pending(vmm->device, GUEST_FIRST_REQUEST);
}

/* An interrupt that comes while the queue is masked is kept, not sent, and sent later. */
static void keep_one(struct place *place)
{
    mask(place, GUEST_FIRST_REQUEST, true);
    /* One that was on its way may still come; then there is none. */
    vmm_turn_for(place->vmm, 5);
    uint64_t before = place->guest.answered;

    guest_submit(&place->guest, GUEST_WRITE, 7);
    vmm_run(place->vmm, is_kept, "an interrupt to be kept");
    vmm_turn_for(place->vmm, 5);
    if (place->guest.answered != before)
        fail("an interrupt came through the mask");
    mask(place, GUEST_FIRST_REQUEST, false);
    vmm_drain(place->vmm);
    if (hf_device_call_pending(place->vmm->device, GUEST_FIRST_REQUEST))
        fail("an interrupt is kept where nothing is masked");
}

/* The load goes on by interrupts alone: one that is lost would end it. */
static void flicker(struct place *place)
{
    guest_load(&place->guest, place->requests);
    for (unsigned i = 0; i < 200; i++) {
        uint16_t queue = (uint16_t)(GUEST_FIRST_REQUEST + i % 2);

        mask(place, queue, true);
        vmm_turn(place->vmm, 1);
        mask(place, queue, false);
        vmm_turn(place->vmm, 1);
    }
    vmm_drain(place->vmm);
}

static void masks(struct place *place, enum vmm_style style)
{
    place_begin(place, style);
    for (unsigned i = 0; i < 20; i++)
        keep_one(place);
    flicker(place);
    place_end(place);
}

void scene_mask(struct place *place)
{
    masks(place, VMM_EVENTFDS);
    say("the same without descriptors of the host's");
    masks(place, VMM_TRAPPED);
}
