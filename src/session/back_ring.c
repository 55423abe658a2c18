/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core's ring requests (vhost-user "Ring states", protocol of the front-ends in the wild:
 * KICK comes last for a ring, all else in any order, ENABLE and CALL before or after it).
 */
#include <string.h>

#include "ring/inflight.h"
#include "ring/split.h"
#include "session/back_rows.h"

static enum hf_back_fault begin_size(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_back_ring *ring = hf_back_present_ring(back);
    uint32_t size = back->request.body.state.num;

    (void)effects;
    if (!hf_ring_size_valid(size) || size > back->offer.ring_size_max)
        return HF_BACK_FAULT_RING_SIZE;
    if (ring->started && size != ring->size)
        return HF_BACK_FAULT_RING_RUNNING;
    ring->size = (uint16_t)size;
    return HF_BACK_FAULT_NONE;
}

static bool aligned(const struct hf_wire_vring_addr *addresses)
{
    return addresses->desc % HF_RING_ALIGN_DESC == 0 &&
           addresses->avail % HF_RING_ALIGN_AVAIL == 0 && addresses->used % HF_RING_ALIGN_USED == 0;
}

static bool same_place(const struct hf_wire_vring_addr *a, const struct hf_wire_vring_addr *b)
{
    return a->desc == b->desc && a->avail == b->avail && a->used == b->used;
}

static bool same_log(const struct hf_wire_vring_addr *a, const struct hf_wire_vring_addr *b)
{
    return a->flags == b->flags && a->log == b->log;
}

/* On a running ring only the log fields may differ; they tell where its used ring is logged. */
static enum hf_back_fault change_log(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_back_ring next = *hf_back_present_ring(back);
    bool same = same_log(&back->request.body.addr, &next.addresses);

    next.addresses = back->request.body.addr;
    enum hf_back_fault fault = hf_back_judge_log_ring(back, &next, false);
    if (fault == HF_BACK_FAULT_NONE && !same && hf_back_logs(back))
        hf_back_ask(back, effects, HF_BACK_EFFECT_RING_LOG);
    return fault;
}

static enum hf_back_fault begin_addresses(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_back_ring *ring = hf_back_present_ring(back);
    const struct hf_wire_vring_addr *addresses = &back->request.body.addr;
    enum hf_back_fault fault = HF_BACK_FAULT_NONE;

    if (!aligned(addresses))
        return HF_BACK_FAULT_RING_ADDRESS;
    if (ring->started && !same_place(addresses, &ring->addresses))
        return HF_BACK_FAULT_RING_RUNNING;
    if (ring->started)
        fault = change_log(back, effects);
    if (fault != HF_BACK_FAULT_NONE)
        return fault;
    ring->addresses = *addresses;
    ring->addressed = true;
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_base(struct hf_back *back, struct hf_back_effects *effects)
{
    struct hf_back_ring *ring = hf_back_present_ring(back);
    uint32_t base = back->request.body.state.num;

    (void)effects;
    if (base > UINT16_MAX)
        return HF_BACK_FAULT_RING_BASE;
    if (ring->started)
        return HF_BACK_FAULT_RING_RUNNING;
    ring->base = (uint16_t)base;
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_get_base(struct hf_back *back, struct hf_back_effects *effects)
{
    if (hf_back_present_ring(back)->started)
        hf_back_ask(back, effects, HF_BACK_EFFECT_RING_STOP);
    return HF_BACK_FAULT_NONE;
}

/* A stopped or untouched ring answers at once, with what it was told (hazard H50). */
static void commit_get_base(struct hf_back *back, const struct hf_back_event *done,
                            struct hf_back_effects *effects)
{
    (void)done;
    effects->reply.body.state.index = back->present_ring;
    effects->reply.body.state.num = hf_back_present_ring(back)->base;
}

/* Negotiated but never set is legal (hazard H57); a region that was set must hold every ring. */
static bool region_holds(const struct hf_back *back)
{
    const struct hf_wire_inflight *inflight = &back->inflight;
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    if (inflight->mmap_size_bytes == 0)
        return true;
    if (back->present_ring >= inflight->queue_count ||
        hf_inflight_region_init(&region, NULL, inflight->mmap_size_bytes, inflight->queue_count))
        return false;
    return hf_inflight_region_queue(&region, back->present_ring,
                                    back->rings[back->present_ring].size,
                                    &queue) == HF_INFLIGHT_FAULT_NONE;
}

static enum hf_back_fault begin_kick(struct hf_back *back, struct hf_back_effects *effects)
{
    const struct hf_back_ring *ring = hf_back_present_ring(back);

    if (ring->started)
        return HF_BACK_FAULT_RING_STARTED;
    if (ring->size == 0 || !ring->addressed)
        return HF_BACK_FAULT_RING_UNSET;
    if (!region_holds(back))
        return HF_BACK_FAULT_INFLIGHT_SMALL;
    enum hf_back_fault fault = hf_back_judge_log_ring(back, ring, ring->enabled);
    if (fault != HF_BACK_FAULT_NONE)
        return fault;
    struct hf_back_effect *start = hf_back_ask(back, effects, HF_BACK_EFFECT_RING_START);
    start->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static void commit_kick(struct hf_back *back, const struct hf_back_event *done,
                        struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    hf_back_present_ring(back)->started = true;
}

static enum hf_back_fault begin_call(struct hf_back *back, struct hf_back_effects *effects)
{
    hf_back_ask(back, effects, HF_BACK_EFFECT_RING_CALL)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_err(struct hf_back *back, struct hf_back_effects *effects)
{
    hf_back_ask(back, effects, HF_BACK_EFFECT_RING_ERR)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_enable(struct hf_back *back, struct hf_back_effects *effects)
{
    uint32_t wanted = back->request.body.state.num;

    if (wanted > 1)
        return HF_BACK_FAULT_RING_STATE;
    if (!hf_back_present_ring(back)->started)
        return HF_BACK_FAULT_NONE;
    enum hf_back_fault fault =
        hf_back_judge_log_ring(back, hf_back_present_ring(back), wanted == 1);
    if (fault == HF_BACK_FAULT_NONE)
        hf_back_ask(back, effects, HF_BACK_EFFECT_RING_ENABLE)->value = wanted;
    return fault;
}

static void commit_enable(struct hf_back *back, const struct hf_back_event *done,
                          struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    hf_back_present_ring(back)->enabled = back->request.body.state.num == 1;
}

const struct hf_back_row hf_back_ring_rows[HF_REQUEST_COUNT] = {
    [HF_REQUEST_SET_VRING_NUM] = { HF_BACK_INDEX_STATE, begin_size, NULL, NULL },
    [HF_REQUEST_SET_VRING_ADDR] = { HF_BACK_INDEX_ADDRESS, begin_addresses, NULL, NULL },
    [HF_REQUEST_SET_VRING_BASE] = { HF_BACK_INDEX_STATE, begin_base, NULL, NULL },
    [HF_REQUEST_GET_VRING_BASE] = { HF_BACK_INDEX_STATE, begin_get_base, commit_get_base, NULL },
    [HF_REQUEST_SET_VRING_KICK] = { HF_BACK_INDEX_U64, begin_kick, commit_kick, NULL },
    [HF_REQUEST_SET_VRING_CALL] = { HF_BACK_INDEX_U64, begin_call, NULL, NULL },
    [HF_REQUEST_SET_VRING_ERR] = { HF_BACK_INDEX_U64, begin_err, NULL, NULL },
    [HF_REQUEST_SET_VRING_ENABLE] = { HF_BACK_INDEX_STATE, begin_enable, commit_enable, NULL },
};
