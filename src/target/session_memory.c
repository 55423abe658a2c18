/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session's guest memory. The table is never changed under a worker: a new one is made, the
 * workers change over while they go on, and the old one is unmapped (unmap.h) when no request
 * refers to it. The core has judged the regions as numbers; what is left is whether the files hold
 * them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "os/fd.h"
#include "target/session_parts.h"
#include "target/target.h"

static uint32_t free_slot(const struct hf_session *session)
{
    uint32_t slot = 0;

    while (slot < HF_SESSION_MAPPINGS_MAX && session->mappings[slot].base)
        slot++;
    HF_CHECK(slot < HF_SESSION_MAPPINGS_MAX);
    return slot;
}

int hf_session_map(struct hf_session *session, struct hf_mapping *mapping, int fd,
                   const struct hf_session_part *part)
{
    struct hf_error error = { 0 };

    int failed = hf_mapping_init(mapping, fd, part->offset, part->size_bytes, &error);
    if (failed == 0) {
        failed = hf_guard_add(mapping, &session->nexus.memory_owner);
        if (failed < 0)
            hf_error_set(&error, ENOMEM, "no memory to guard it");
    }
    if (failed == 0)
        return 0;
    hf_session_warn(session, "%s: %s", part->what, error.text);
    hf_session_unmap(mapping);
    return failed;
}

void hf_session_unmap(struct hf_mapping *mapping)
{
    hf_guard_remove(mapping);
    hf_mapping_done(mapping);
}

static bool has_file(const struct hf_session *session, const struct hf_mapping *of)
{
    bool found = hf_mapping_same_file(&session->inflight, of);

    for (uint32_t slot = 0; slot < HF_SESSION_MAPPINGS_MAX && !found; slot++)
        found = hf_mapping_same_file(&session->mappings[slot], of);
    return found;
}

bool hf_session_shares_memory(const struct hf_session *session, const struct hf_session *other)
{
    bool shares = has_file(session, &other->inflight);

    for (uint32_t slot = 0; slot < HF_SESSION_MAPPINGS_MAX && !shares; slot++)
        shares = other->mappings[slot].base && has_file(session, &other->mappings[slot]);
    return shares;
}

static void unmap(struct hf_session *session, uint32_t slot)
{
    hf_session_unmap(&session->mappings[slot]);
}

/* Takes the fd: a mapping needs none. */
static int map_region(struct hf_session *session, struct hf_memory *memory,
                      const struct hf_wire_region *wire, int taken_fd)
{
    HF_AUTO_FD int fd = taken_fd;
    uint32_t slot = free_slot(session);
    struct hf_mapping *mapping = &session->mappings[slot];
    const struct hf_session_part part = { "memory region", wire->mmap_offset, wire->size_bytes };

    int failed = hf_session_map(session, mapping, fd, &part);
    if (failed < 0)
        return failed;
    struct hf_memory_region region = { .guest_address = wire->guest_address,
                                       .user_address = wire->user_address,
                                       .size_bytes = wire->size_bytes,
                                       .mmap_offset = wire->mmap_offset,
                                       .host = mapping->start,
                                       .slot = slot };
    if (hf_memory_add(memory, &region) == HF_MEMORY_FAULT_NONE)
        return 0;
    unmap(session, slot);
    return -EINVAL;
}

/* ---- the change-over ---- */

static void on_dropped(void *context)
{
    struct hf_session *session = context;

    session->unmap = NULL;
    session->orders_awaited--;
    hf_session_post_done(session, 0);
    hf_session_run(session);
    hf_session_settle(session);
}

bool hf_session_unmap_lot(struct hf_session *session, struct hf_unmap *lot)
{
    if (!hf_unmap_begin(lot, session->target->crew, on_dropped, session))
        return false;
    session->unmap = lot;
    session->orders_awaited++;
    return true;
}

/* Answered only when what went is out of reach. True: it will be. */
static bool unmap_dropped(struct hf_session *session)
{
    struct hf_memory_change *change = &session->change;
    struct hf_unmap *lot = hf_unmap_new(change->dropped_count);

    for (unsigned i = 0; i < change->dropped_count; i++)
        hf_unmap_add(lot, &session->mappings[change->dropped[i]]);
    change->dropped_count = 0;
    return hf_session_unmap_lot(session, lot);
}

static void finish(struct hf_session *session)
{
    free(session->change.old);
    session->change.old = NULL;
    if (session->change.dropped_count == 0 || !unmap_dropped(session))
        hf_session_post_done(session, 0);
}

static void on_memory_changed(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session *session = context;

    (void)answer; /* an abandoned queue refers to nothing either once it answers */
    HF_CHECK(session->orders_awaited > 0 && session->change.awaited > 0);
    session->orders_awaited--;
    if (--session->change.awaited == 0)
        finish(session);
    hf_session_run(session);
    hf_session_settle(session);
}

static int translate_all(const struct hf_session *session, const struct hf_memory *next,
                         struct hf_ring *rings)
{
    for (uint16_t i = 0; i < session->back.offer.ring_count; i++) {
        if (session->rings[i].phase != HF_RING_PHASE_SERVED)
            continue;
        int failed = hf_session_ring_translate(session, i, next, &rings[i]);
        if (failed < 0)
            return failed;
    }
    return 0;
}

/* Takes `next` on success. What is in change->dropped goes when the old table is out of use. */
static int change_over(struct hf_session *session, struct hf_memory *next)
{
    struct hf_ring rings[HF_BACK_RINGS_MAX];
    struct hf_memory_change *change = &session->change;

    int failed = translate_all(session, next, rings);
    if (failed < 0)
        return failed;
    change->old = session->memory;
    session->memory = next;
    for (uint16_t i = 0; i < session->back.offer.ring_count; i++) {
        if (session->rings[i].phase != HF_RING_PHASE_SERVED)
            continue;
        change->awaited++;
        session->orders_awaited++;
        (change->dropped_count > 0 ? hf_queue_set_memory : hf_queue_extend_memory)(
            session->rings[i].queue, next, &rings[i],
            (struct hf_queue_reply){ .call = on_memory_changed, .context = session });
    }
    if (change->awaited == 0)
        finish(session);
    return 0;
}

static void give_up(struct hf_session *session, struct hf_memory *next, int failed)
{
    session->change.dropped_count = 0;
    free(next);
    hf_session_post_done(session, failed);
}

static struct hf_memory *copy_table(const struct hf_memory *memory)
{
    struct hf_memory *copy = calloc(1, sizeof(*copy));

    if (copy && memory)
        *copy = *memory;
    return copy;
}

static void drop(struct hf_memory_change *change, uint32_t slot)
{
    change->dropped[change->dropped_count++] = slot;
}

/* ---- requests ---- */

static void unmap_table(struct hf_session *session, const struct hf_memory *memory)
{
    for (uint32_t i = 0; i < memory->region_count; i++)
        unmap(session, memory->regions[i].slot);
}

static int map_table(struct hf_session *session, struct hf_memory *next)
{
    struct hf_message *request = &session->back.request;
    int failed = 0;

    for (uint32_t i = 0; i < request->body.table.count && failed == 0; i++)
        failed = map_region(session, next, &request->body.table.regions[i],
                            hf_fd_steal(&request->fds[i]));
    hf_fd_close_all(request->fds, request->fd_count);
    return failed;
}

void hf_session_memory_replace(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_memory *next = copy_table(NULL);
    int failed = next ? map_table(session, next) : -ENOMEM;

    (void)effect;
    if (!next)
        hf_fd_close_all(session->back.request.fds, session->back.request.fd_count);
    for (uint32_t i = 0; session->memory && i < session->memory->region_count; i++)
        drop(&session->change, session->memory->regions[i].slot);
    if (failed == 0)
        failed = change_over(session, next);
    if (failed == 0)
        return;
    if (next)
        unmap_table(session, next);
    give_up(session, next, failed);
}

void hf_session_memory_add(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_memory *next = copy_table(session->memory);
    int fd = effect->fd;

    if (!next) {
        hf_fd_close(&fd);
        give_up(session, next, -ENOMEM);
        return;
    }
    int failed = map_region(session, next, &session->back.request.body.region, fd);
    if (failed == 0)
        failed = change_over(session, next); /* cannot fail: nothing was taken away */
    if (failed < 0)
        give_up(session, next, failed);
}

void hf_session_memory_remove(struct hf_session *session, const struct hf_back_effect *effect)
{
    const struct hf_wire_region *wire = &session->back.request.body.region;
    const struct hf_memory_region like = { .guest_address = wire->guest_address,
                                           .user_address = wire->user_address,
                                           .size_bytes = wire->size_bytes };
    struct hf_memory *next = copy_table(session->memory);
    struct hf_memory_region removed;

    (void)effect;
    if (!next) {
        give_up(session, next, -ENOMEM);
        return;
    }
    HF_CHECK(hf_memory_remove(next, &like, &removed) == HF_MEMORY_FAULT_NONE);
    drop(&session->change, removed.slot);
    int failed = change_over(session, next);
    if (failed < 0)
        give_up(session, next, failed);
}

static void on_left(void *context)
{
    struct hf_session *session = context;

    session->unmap = NULL;
    hf_session_now_gone(session);
}

void hf_session_memory_leave(struct hf_session *session)
{
    struct hf_unmap *lot = hf_unmap_new(HF_SESSION_MAPPINGS_MAX + 2);

    for (uint32_t slot = 0; slot < HF_SESSION_MAPPINGS_MAX; slot++)
        hf_unmap_add(lot, &session->mappings[slot]);
    hf_unmap_add(lot, &session->log);
    hf_unmap_add(lot, &session->old_log);
    if (hf_unmap_begin(lot, session->target->crew, on_left, session))
        session->unmap = lot;
    else
        hf_session_now_gone(session);
}

void hf_session_memory_done(struct hf_session *session)
{
    if (session->unmap)
        hf_unmap_abandon(session->unmap);
    for (uint32_t slot = 0; slot < HF_SESSION_MAPPINGS_MAX; slot++)
        unmap(session, slot);
    hf_session_unmap(&session->log);
    hf_session_unmap(&session->old_log);
    free(session->memory);
    free(session->change.old);
}
