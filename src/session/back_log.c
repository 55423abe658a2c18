/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core's dirty log (vhost-user "Migration"). No dirty page may be lost in silence, so with
 * LOG_ALL:
 *
 *   - while any ring is started, a log that is there has a bit for every page of the memory, and
 * for the used rings where they are to be logged;
 *   - while a ring may be served, the log is there.
 *
 * What would break that is refused. A front-end may still start its rings first, disabled, and
 * bring the log before it enables them (QEMU does, when it starts in the middle of a migration).
 */
#include "base/checked.h"
#include "ring/dirty.h"
#include "ring/split.h"
#include "session/back_rows.h"

bool hf_back_logs(const struct hf_back *back)
{
    return (back->features & HF_FEATURE(LOG_ALL)) != 0;
}

/* Regions are in order and apart: the last one ends last. */
static bool memory_covered(uint64_t log_bytes, const struct hf_memory *memory)
{
    if (memory->region_count == 0)
        return true;
    const struct hf_memory_region *last = &memory->regions[memory->region_count - 1];
    return hf_dirty_covers(log_bytes, last->guest_address, last->size_bytes);
}

static bool ring_covered(uint64_t log_bytes, const struct hf_back_ring *ring)
{
    return (ring->addresses.flags & HF_WIRE_VRING_F_LOG) == 0 ||
           hf_dirty_covers(log_bytes, ring->addresses.log, hf_ring_used_bytes(ring->size));
}

static bool all_covered(const struct hf_back *back, uint64_t log_bytes)
{
    for (unsigned i = 0; i < back->offer.ring_count; i++)
        if (back->rings[i].started && !ring_covered(log_bytes, &back->rings[i]))
            return false;
    return memory_covered(log_bytes, &back->memory);
}

static enum hf_back_fault short_unless(bool covered)
{
    return covered ? HF_BACK_FAULT_NONE : HF_BACK_FAULT_LOG_SHORT;
}

enum hf_back_fault hf_back_judge_log_on(const struct hf_back *back)
{
    if (!hf_back_any_started(back))
        return HF_BACK_FAULT_NONE;
    if (back->log.size_bytes == 0)
        return HF_BACK_FAULT_LOG_MISSING;
    return short_unless(all_covered(back, back->log.size_bytes));
}

enum hf_back_fault hf_back_judge_log_memory(const struct hf_back *back,
                                            const struct hf_memory *next)
{
    if (!hf_back_logs(back) || !hf_back_any_started(back) || back->log.size_bytes == 0)
        return HF_BACK_FAULT_NONE;
    return short_unless(memory_covered(back->log.size_bytes, next));
}

enum hf_back_fault hf_back_judge_log_ring(const struct hf_back *back,
                                          const struct hf_back_ring *ring, bool served)
{
    if (!hf_back_logs(back))
        return HF_BACK_FAULT_NONE;
    if (back->log.size_bytes == 0)
        return served ? HF_BACK_FAULT_LOG_MISSING : HF_BACK_FAULT_NONE;
    return short_unless(ring_covered(back->log.size_bytes, ring) &&
                        memory_covered(back->log.size_bytes, &back->memory));
}

/* Without LOG_SHMFD the log would be at an address of the front-end's, which is nothing to us. */
static enum hf_back_fault begin_base(struct hf_back *back, struct hf_back_effects *effects)
{
    const struct hf_wire_log *log = &back->request.body.log;
    uint64_t end = 0;

    if ((back->protocol_features & HF_PROTOCOL_FEATURE(LOG_SHMFD)) == 0)
        return HF_BACK_FAULT_NOT_NEGOTIATED;
    if (back->request.kind != HF_PAYLOAD_LOG || back->request.fd_count != 1 ||
        log->size_bytes == 0 || !hf_add_u64(log->size_bytes, log->mmap_offset, &end))
        return HF_BACK_FAULT_LOG;
    if (hf_back_logs(back) && hf_back_any_started(back) && !all_covered(back, log->size_bytes))
        return HF_BACK_FAULT_LOG_SHORT;
    hf_back_ask(back, effects, HF_BACK_EFFECT_LOG_MAP)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static void commit_base(struct hf_back *back, const struct hf_back_event *done,
                        struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    back->log = back->request.body.log;
}

/* It may be used to tell the front-end that there is something in the log; we do not, and its
 * descriptor is closed. */
static enum hf_back_fault begin_fd(struct hf_back *back, struct hf_back_effects *effects)
{
    (void)back;
    (void)effects;
    return HF_BACK_FAULT_NONE;
}

/* No answer to SET_LOG_BASE says no (what is in it, front-ends do not look at): refused, it ends
 * the session. */
const struct hf_back_row hf_back_log_rows[HF_REQUEST_COUNT] = {
    [HF_REQUEST_SET_LOG_BASE] = { HF_BACK_INDEX_NONE, begin_base, commit_base, NULL },
    [HF_REQUEST_SET_LOG_FD] = { HF_BACK_INDEX_NONE, begin_fd, NULL, NULL },
};
