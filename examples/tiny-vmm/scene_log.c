/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dirty log, page by page. The guest knows which pages it gave to the device to write, and
 * which of them hold answers; the shadow of its memory knows what it wrote itself.
 */
#include "scenes.h"

#include "log.h"
#include "say.h"

#define ROUNDS 5u

struct tally {
    unsigned logged;
    unsigned changed;
};

static void look_at_page(const struct log *log, const struct memory_part *part, uint64_t page,
                         struct tally *tally)
{
    uint64_t address = part->guest_address + page * MEMORY_PAGE_BYTES;
    bool logged = log_has(log, address / MEMORY_PAGE_BYTES);
    bool changed = memory_page_changed(part, page);

    if (changed && !logged)
        fail("the page at 0x%llx was changed and is not in the log", (unsigned long long)address);
    if ((part->marks[page] & MEMORY_DEVICE_WROTE) != 0 && !logged)
        fail("an answer came into the page at 0x%llx, which is not in the log",
             (unsigned long long)address);
    if (logged && (part->marks[page] & MEMORY_DEVICE_MAY_WRITE) == 0)
        fail("the page at 0x%llx is in the log, and nobody was to write there",
             (unsigned long long)address);
    tally->logged += logged;
    tally->changed += changed;
}

static void compare(const struct log *log, const struct memory *memory)
{
    struct tally tally = { 0 };

    for (unsigned i = 0; i < memory->part_count; i++) {
        const struct memory_part *part = &memory->parts[i];

        for (uint64_t page = 0; page < part->size_bytes / MEMORY_PAGE_BYTES; page++)
            look_at_page(log, part, page, &tally);
    }
    if (log_count(log) != tally.logged)
        fail("the log has %llu pages, %u of them in memory", (unsigned long long)log_count(log),
             tally.logged);
    say("%u pages were changed by the back-end, %u are in its log", tally.changed, tally.logged);
}

static void begin_to_look(struct place *place)
{
    memory_unmark_all(place->memory, MEMORY_DEVICE_WROTE);
    memory_unmark_all(place->memory, MEMORY_DEVICE_MAY_WRITE);
    guest_mark_standing(&place->guest);
    memory_begin_shadow(place->memory);
}

static void log_a_load(struct place *place, struct log *log)
{
    begin_to_look(place);
    log_begin(log, place->vmm);
    guest_load(&place->guest, place->requests / ROUNDS);
    vmm_drain(place->vmm);
    vmm_pause(place->vmm);
    compare(log, place->memory);
}

static void log_no_more(struct place *place, const struct log *log)
{
    log_end(place->vmm);
    uint64_t before = log_count(log);

    memory_end_shadow(place->memory);
    vmm_resume(place->vmm);
    guest_load(&place->guest, place->requests / ROUNDS);
    vmm_drain(place->vmm);
    if (log_count(log) != before)
        fail("pages are logged after the log was ended");
}

void scene_log(struct place *place)
{
    struct hf_error why = { 0 };

    place_begin(place, place_style(place));
    vmm_expect(hf_device_migratable(place->vmm->device, &why), 0, "hf_device_migratable", &why);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct log log;

        log_init(&log, place->memory);
        log_a_load(place, &log);
        log_no_more(place, &log);
        log_done(&log);
    }
    place_end(place);
}
