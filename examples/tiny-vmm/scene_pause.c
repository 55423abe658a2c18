/* SPDX-License-Identifier: BSD-3-Clause */
/* The VM is paused and resumed; the guest is reset. Whenever no ring runs, nobody writes. */
#include "scenes.h"

#include "say.h"

#define PAUSES 20u
#define RESETS 10u

/* For a while, memory stays as it is. */
static void watch_stillness(struct place *place, unsigned ms)
{
    memory_begin_shadow(place->memory);
    vmm_turn_for(place->vmm, ms);
    unsigned changed = memory_pages_changed(place->memory);
    if (changed > 0)
        fail("%u pages of memory changed while no ring ran", changed);
    memory_end_shadow(place->memory);
}

void scene_pause(struct place *place)
{
    unsigned clean = 0;

    place_begin(place, place_style(place));
    for (unsigned i = 0; i < PAUSES; i++) {
        guest_load(&place->guest, place->requests / PAUSES);
        vmm_run_to(place->vmm, place->guest.answered + place->requests / PAUSES / 4);
        clean += vmm_pause(place->vmm);
        watch_stillness(place, 10);
        vmm_resume(place->vmm);
    }
    say("%u pauses, %u of them clean", PAUSES, clean);
    place_end(place);
}

/* H15 of others: a back-end that comes while the VM is paused must not start. */
static void come_back_while_paused(struct place *place)
{
    unsigned started = place->vmm->events[HF_DEVICE_EVENT_STARTED];

    vmm_ask_for_start(place->vmm, HF_DEVICE_EVENT_CONNECTED);
    watch_stillness(place, 200);
    struct hf_device_info info = vmm_info(place->vmm);
    if (info.phase != HF_DEVICE_CONNECTED || info.should_run ||
        place->vmm->events[HF_DEVICE_EVENT_STARTED] != started)
        fail("the VM is paused and the device is %s", hf_device_phase_name(info.phase));
    vmm_resume(place->vmm);
}

static void die_while_paused(struct place *place)
{
    say("the back-end dies while the VM is paused");
    guest_load(&place->guest, 200);
    vmm_run_to(place->vmm, place->guest.answered + 50);
    if (!vmm_pause(place->vmm))
        fail("the pause was not clean");
    vmm_ask_for_death(place->vmm);
    come_back_while_paused(place);
    vmm_drain(place->vmm);
}

static void pause_while_away(struct place *place)
{
    say("the back-end dies, then the VM is paused");
    guest_load(&place->guest, 200);
    vmm_run_to(place->vmm, place->guest.answered + 50);
    vmm_ask_for_death(place->vmm);
    bool clean = vmm_pause(place->vmm);
    if (clean || place->vmm->in_flight == 0)
        fail("nothing was in flight: the back-end is too fast for this scene");
    say("%u requests are in flight", place->vmm->in_flight);
    come_back_while_paused(place);
    vmm_drain(place->vmm);
}

void scene_pause_death(struct place *place)
{
    place_begin(place, place_style(place));
    die_while_paused(place);
    pause_while_away(place);
    place_end(place);
}

/* ---- reset ----------------------------------------------------------------------------------- */

/* The next operating system has other plans with the memory. */
static void use_memory_otherwise(struct place *place)
{
    guest_scribble(&place->guest);
    watch_stillness(place, 10);
}

void scene_reset(struct place *place)
{
    place_begin(place, place_style(place));
    for (unsigned i = 0; i < RESETS; i++) {
        guest_load(&place->guest, place->requests);
        vmm_run_to(place->vmm, place->guest.answered + place->requests / 10);
        vmm_reset(place->vmm);
        use_memory_otherwise(place);
        vmm_boot(place->vmm);
    }
    guest_load(&place->guest, place->requests);
    place_end(place);
}

static void look_for_resubmissions(struct place *place)
{
    unsigned started = place->vmm->events[HF_DEVICE_EVENT_STARTED];

    /* Header, answer and data of the new driver are in other memory. */
    vmm_ask_for_start(place->vmm, HF_DEVICE_EVENT_CONNECTED);
    watch_stillness(place, 200);
    if (place->vmm->events[HF_DEVICE_EVENT_STARTED] != started)
        fail("rings were started for a guest that has no driver");
}

/* After the boot too: rings run again, and only the new driver's few requests may have answers. */
static void boot_and_look(struct place *place)
{
    memory_begin_shadow(place->memory);
    memory_unmark_all(place->memory, MEMORY_DEVICE_MAY_WRITE);
    vmm_boot(place->vmm);
    vmm_turn_for(place->vmm, 200);
    for (unsigned i = 0; i < place->memory->part_count; i++) {
        const struct memory_part *part = &place->memory->parts[i];

        for (uint64_t page = 0; page < part->size_bytes / MEMORY_PAGE_BYTES; page++) {
            bool may = (part->marks[page] & MEMORY_DEVICE_MAY_WRITE) != 0;

            if (!may && memory_page_changed(part, page))
                fail("an old request was answered: 0x%llx changed",
                     (unsigned long long)(part->guest_address + page * MEMORY_PAGE_BYTES));
        }
    }
    memory_end_shadow(place->memory);
}

/* At once, or when the device knows what the dead back-end left. */
static void reset_while_away(struct place *place, bool at_once)
{
    unsigned stopped = place->vmm->events[HF_DEVICE_EVENT_STOPPED];

    guest_load(&place->guest, 1000);
    vmm_run_to(place->vmm, place->guest.answered + 100);
    vmm_ask_for_death(place->vmm);
    if (!at_once)
        vmm_await(place->vmm, HF_DEVICE_EVENT_STOPPED, stopped);
    if (guest_outstanding(&place->guest) == 0)
        fail("nothing was in flight: the back-end is too fast for this scene");
    say("the guest is reset with %llu requests in flight",
        (unsigned long long)guest_outstanding(&place->guest));
    vmm_reset(place->vmm);
    use_memory_otherwise(place);
    look_for_resubmissions(place);
    boot_and_look(place);
    guest_load(&place->guest, place->requests);
    vmm_drain(place->vmm);
}

void scene_reset_away(struct place *place)
{
    place_begin(place, place_style(place));
    reset_while_away(place, true);
    reset_while_away(place, false);
    place_end(place);
}
