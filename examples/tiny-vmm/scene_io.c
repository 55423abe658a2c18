/* SPDX-License-Identifier: BSD-3-Clause */
/* A load, in both styles of notifications, and interrupts that are masked for a while. */
#include "scenes.h"

#include "say.h"

#include <poll.h>

enum vmm_style place_style(const struct place *place)
{
    return place->seed % 2 == 0 ? VMM_EVENTFDS : VMM_TRAPPED;
}

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
    vmm_drain(place->vmm);
    guest_check_gaps(&place->guest, GUEST_DATA_ADDRESS);
    struct hf_device_info info = vmm_info(place->vmm);
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

/* By the device, or in our own descriptor, if the back-end had not heard of the mask. */
static bool is_kept(const struct vmm *vmm)
{
    struct pollfd call = { .fd = vmm->call[GUEST_FIRST_REQUEST], .events = POLLIN };

    return hf_device_call_pending(vmm->device, GUEST_FIRST_REQUEST) || poll(&call, 1, 0) == 1;
}

/* An interrupt that comes while the queue is masked is kept, not sent, and sent later. */
static void keep_one(struct place *place)
{
    vmm_mask(place->vmm, GUEST_FIRST_REQUEST, true);
    uint64_t before = place->guest.answered;

    guest_submit(&place->guest, GUEST_WRITE, 7);
    vmm_run(place->vmm, is_kept, "an interrupt to be kept");
    vmm_turn_for(place->vmm, 5);
    if (place->guest.answered != before)
        fail("an interrupt came through the mask");
    vmm_mask(place->vmm, GUEST_FIRST_REQUEST, false);
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

        vmm_mask(place->vmm, queue, true);
        vmm_turn(place->vmm, 1);
        vmm_mask(place->vmm, queue, false);
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
