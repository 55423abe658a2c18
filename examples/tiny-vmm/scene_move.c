/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine moves into another device: saved here, loaded there. Once with the same memory, as
 * when a VMM is replaced by a newer one; once with a copy of it that was made while the guest ran,
 * as in a migration.
 */
#include "scenes.h"

#include "log.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

#define MOVES       10u
#define COPY_ROUNDS 5u

struct state {
    size_t size_bytes;
    uint8_t *bytes;
};

static void save(const struct vmm *vmm, struct state *state)
{
    struct hf_error error = { 0 };
    int64_t size = hf_device_save(vmm->device, NULL, 0, &error);

    if (size <= 0)
        fail("hf_device_save: %s", error.text);
    state->size_bytes = (size_t)size;
    state->bytes = malloc(state->size_bytes);
    if (state->bytes == NULL)
        fail("no memory");
    if (hf_device_save(vmm->device, state->bytes, state->size_bytes, &error) != size)
        fail("a state of %lld bytes has another size now: %s", (long long)size, error.text);
}

static void load(struct vmm *vmm, struct state *state)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_load(vmm->device, state->bytes, state->size_bytes, &error), 0,
               "hf_device_load", &error);
    free(state->bytes);
}

/* The device that comes next, paused, on memory of its own. */
static struct vmm *prepare(struct place *place, struct memory *memory)
{
    struct vmm *next = place->vmm == &place->vmms[0] ? &place->vmms[1] : &place->vmms[0];
    struct hf_error error = { 0 };

    vmm_init(next, next == &place->vmms[0] ? "vmm" : "other vmm", place->socket_path,
             place_style(place));
    next->runs = false;
    vmm_expect(hf_device_set_vm_running(next->device, false, &error), 0, "hf_device_set_vm_running",
               &error);
    vmm_give_memory(next, memory);
    return next;
}

static struct memory *other_memory(struct place *place)
{
    return place->memory == &place->memories[0] ? &place->memories[1] : &place->memories[0];
}

/* The old device ends; the guest does not notice. */
static void hand_over(struct place *place, struct vmm *next, struct memory *memory)
{
    vmm_done(place->vmm);
    memory_done(place->memory);
    place->vmm = next;
    place->memory = memory;
    vmm_give_guest(next, &place->guest);
}

/* ---- the same memory ------------------------------------------------------------------------- */

static void move(struct place *place, bool load_first)
{
    struct memory *mapped = other_memory(place);
    struct state state;

    memory_map_again(mapped, place->memory);
    struct vmm *next = prepare(place, mapped);
    vmm_pause(place->vmm);
    save(place->vmm, &state);
    if (!load_first)
        vmm_realize(next);
    load(next, &state);
    if (load_first)
        vmm_realize(next);
    hand_over(place, next, mapped);
    vmm_resume(next);
}

void scene_move(struct place *place)
{
    place_begin(place, place_style(place));
    for (unsigned i = 0; i < MOVES; i++) {
        guest_load(&place->guest, place->requests / MOVES);
        vmm_run_to(place->vmm, place->guest.answered + place->requests / MOVES / 4);
        move(place, i % 2 == 0);
    }
    place_end(place);
}

/* What the dead back-end had not answered is answered in another device. */
static void move_while_away(struct place *place)
{
    struct memory *mapped = other_memory(place);
    struct state state;

    memory_map_again(mapped, place->memory);
    struct vmm *next = prepare(place, mapped);
    vmm_ask_for_death(place->vmm);
    if (vmm_pause(place->vmm) || place->vmm->in_flight == 0)
        fail("nothing was in flight: the back-end is too fast for this scene");
    say("the machine moves with %u requests in flight", place->vmm->in_flight);
    save(place->vmm, &state);
    load(next, &state);
    hf_device_realize_begin(next->device);
    hand_over(place, next, mapped);
    vmm_ask_for_start(next, HF_DEVICE_EVENT_CONNECTED);
    vmm_resume(next);
    vmm_drain(next);
}

void scene_move_crash(struct place *place)
{
    place_begin(place, place_style(place));
    for (unsigned i = 0; i < 3; i++) {
        guest_load(&place->guest, 300);
        vmm_run_to(place->vmm, place->guest.answered + 50);
        move_while_away(place);
    }
    place_end(place);
}

/* ---- a copy ---------------------------------------------------------------------------------- */

static bool page_is_due(struct log *log, struct memory_part *part, uint64_t page)
{
    bool by_guest = (part->marks[page] & MEMORY_GUEST_WROTE) != 0;
    bool by_device = log_take(log, part->guest_address / MEMORY_PAGE_BYTES + page);

    part->marks[page] = (uint8_t)(part->marks[page] & ~(unsigned)MEMORY_GUEST_WROTE);
    return by_guest || by_device;
}

/* Forgets that a page is dirty, then copies it: what is written meanwhile comes with the next
 * round. */
static unsigned copy(struct log *log, struct memory *to, struct memory *from, bool all)
{
    unsigned count = 0;

    for (unsigned i = 0; i < from->part_count; i++) {
        for (uint64_t page = 0; page < from->parts[i].size_bytes / MEMORY_PAGE_BYTES; page++) {
            uint64_t at = page * MEMORY_PAGE_BYTES;

            if (!page_is_due(log, &from->parts[i], page) && !all)
                continue;
            memcpy(to->parts[i].host + at, from->parts[i].host + at, MEMORY_PAGE_BYTES);
            count++;
        }
    }
    return count;
}

static void compare(const struct memory *a, const struct memory *b)
{
    for (unsigned i = 0; i < a->part_count; i++) {
        for (uint64_t at = 0; at < a->parts[i].size_bytes; at += MEMORY_PAGE_BYTES) {
            if (memcmp(a->parts[i].host + at, b->parts[i].host + at, MEMORY_PAGE_BYTES) != 0)
                fail("the page at 0x%llx is not as it was: it was written and not logged",
                     (unsigned long long)(a->parts[i].guest_address + at));
        }
    }
}

/* While the guest runs. */
static void copy_ahead(struct place *place, struct log *log, struct memory *copied)
{
    unsigned pages = copy(log, copied, place->memory, true);

    for (unsigned i = 0; i < COPY_ROUNDS; i++) {
        vmm_run_to(place->vmm, place->guest.answered + place->requests / 4 / COPY_ROUNDS);
        pages += copy(log, copied, place->memory, false);
    }
    say("%u pages were copied while the guest ran", pages);
}

static void migrate(struct place *place)
{
    struct memory *copied = other_memory(place);
    struct log log;
    struct state state;

    memory_make_alike(copied, place->memory);
    struct vmm *next = prepare(place, copied);
    vmm_realize(next);
    log_init(&log, place->memory);
    log_begin(&log, place->vmm);
    copy_ahead(place, &log, copied);
    vmm_run_to(place->vmm, place->guest.answered + 1); /* and so there is something in flight */
    vmm_pause(place->vmm);
    say("%u pages were left", copy(&log, copied, place->memory, false));
    compare(place->memory, copied);
    save(place->vmm, &state);
    load(next, &state);
    hand_over(place, next, copied);
    vmm_resume(next);
    log_done(&log);
}

void scene_migrate(struct place *place)
{
    struct hf_error why = { 0 };

    place_begin(place, place_style(place));
    vmm_expect(hf_device_migratable(place->vmm->device, &why), 0, "hf_device_migratable", &why);
    guest_load(&place->guest, UINT32_MAX);
    for (unsigned i = 0; i < 3; i++) {
        vmm_run_to(place->vmm, place->guest.answered + 100);
        migrate(place);
    }
    guest_end_load(&place->guest);
    place_end(place);
}
