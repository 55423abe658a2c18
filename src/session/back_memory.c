/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core's memory requests: judges tables and regions as numbers, before anything is mapped.
 */
#include "session/back_rows.h"

static const enum hf_back_fault faults[HF_MEMORY_FAULT_COUNT] = {
    [HF_MEMORY_FAULT_NONE] = HF_BACK_FAULT_NONE,
    [HF_MEMORY_FAULT_EMPTY] = HF_BACK_FAULT_REGION_EMPTY,
    [HF_MEMORY_FAULT_WRAPS] = HF_BACK_FAULT_REGION_WRAPS,
    [HF_MEMORY_FAULT_OVERLAP] = HF_BACK_FAULT_REGION_OVERLAPS,
    [HF_MEMORY_FAULT_FULL] = HF_BACK_FAULT_REGION_SLOTS,
    [HF_MEMORY_FAULT_ABSENT] = HF_BACK_FAULT_REGION_UNKNOWN,
};

static struct hf_memory_region region_of(const struct hf_wire_region *wire)
{
    return (struct hf_memory_region){ .guest_address = wire->guest_address,
                                      .user_address = wire->user_address,
                                      .size_bytes = wire->size_bytes,
                                      .mmap_offset = wire->mmap_offset };
}

static void commit_next(struct hf_back *back, const struct hf_back_event *done,
                        struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    back->memory = back->next;
}

/* No region at all is legal: some front-ends empty the table so. */
static enum hf_back_fault begin_replace(struct hf_back *back, struct hf_back_effects *effects)
{
    const struct hf_wire_mem_table *table = &back->request.body.table;

    hf_memory_init(&back->next);
    for (uint32_t i = 0; i < table->count; i++) {
        struct hf_memory_region region = region_of(&table->regions[i]);
        enum hf_memory_fault fault = hf_memory_add(&back->next, &region);
        if (fault != HF_MEMORY_FAULT_NONE)
            return faults[fault];
    }
    enum hf_back_fault log_fault = hf_back_judge_log_memory(back, &back->next);
    if (log_fault != HF_BACK_FAULT_NONE)
        return log_fault;
    hf_back_ask(back, effects, HF_BACK_EFFECT_MEMORY_REPLACE);
    hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_add(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_memory_region region = region_of(&back->request.body.region);

    if (back->memory.region_count >= back->offer.memory_slots)
        return HF_BACK_FAULT_REGION_SLOTS;
    back->next = back->memory;
    enum hf_memory_fault fault = hf_memory_add(&back->next, &region);
    if (fault != HF_MEMORY_FAULT_NONE)
        return faults[fault];
    enum hf_back_fault log_fault = hf_back_judge_log_memory(back, &back->next);
    if (log_fault != HF_BACK_FAULT_NONE)
        return log_fault;
    hf_back_ask(back, effects, HF_BACK_EFFECT_MEMORY_ADD)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

/* A descriptor may come along from some front-ends; it is closed. */
static enum hf_back_fault begin_remove(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_memory_region region = region_of(&back->request.body.region);

    back->next = back->memory;
    enum hf_memory_fault fault = hf_memory_remove(&back->next, &region, NULL);
    if (fault != HF_MEMORY_FAULT_NONE)
        return faults[fault];
    hf_back_ask(back, effects, HF_BACK_EFFECT_MEMORY_REMOVE);
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_slots(struct hf_back *back, struct hf_back_effects *effects)
{
    (void)back;
    (void)effects;
    return HF_BACK_FAULT_NONE;
}

static void commit_slots(struct hf_back *back, const struct hf_back_event *done,
                         struct hf_back_effects *effects)
{
    (void)done;
    effects->reply.body.u64 = back->offer.memory_slots;
}

const struct hf_back_row hf_back_memory_rows[HF_REQUEST_COUNT] = {
    [HF_REQUEST_SET_MEM_TABLE] = { HF_BACK_INDEX_NONE, begin_replace, commit_next, NULL },
    [HF_REQUEST_ADD_MEM_REG] = { HF_BACK_INDEX_NONE, begin_add, commit_next, NULL },
    [HF_REQUEST_REM_MEM_REG] = { HF_BACK_INDEX_NONE, begin_remove, commit_next, NULL },
    [HF_REQUEST_GET_MAX_MEM_SLOTS] = { HF_BACK_INDEX_NONE, begin_slots, commit_slots, NULL },
};
