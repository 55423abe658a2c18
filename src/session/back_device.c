/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core's requests for the device as a whole: features, owner, config space, in-flight
 * region, reset.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "ring/inflight.h"
#include "session/back_rows.h"

static enum hf_back_fault begin_nothing(struct hf_back *back, struct hf_back_effects *effects)
{
    (void)back;
    (void)effects;
    return HF_BACK_FAULT_NONE;
}

static void commit_get_features(struct hf_back *back, const struct hf_back_event *done,
                                struct hf_back_effects *effects)
{
    (void)done;
    effects->reply.body.u64 = back->offer.features;
}

static void commit_get_protocol(struct hf_back *back, const struct hf_back_event *done,
                                struct hf_back_effects *effects)
{
    (void)done;
    effects->reply.body.u64 = back->offer.protocol_features;
}

static void commit_get_queues(struct hf_back *back, const struct hf_back_event *done,
                              struct hf_back_effects *effects)
{
    (void)done;
    effects->reply.body.u64 = back->offer.ring_count;
}

/* The one feature that may change under a running ring. Without bit 30 rings are enabled besides.
 */
static enum hf_back_fault switch_log(struct hf_back *back, uint64_t wanted,
                                     struct hf_back_effects *effects)
{
    bool logs = (wanted & HF_FEATURE(LOG_ALL)) != 0;
    bool enables = (wanted & HF_FEATURE(PROTOCOL_FEATURES)) == 0;
    bool changes = logs != hf_back_logs(back);
    enum hf_back_fault fault = HF_BACK_FAULT_NONE;

    if (logs && (changes || enables))
        fault = hf_back_judge_log_on(back);
    if (fault == HF_BACK_FAULT_NONE && changes)
        hf_back_ask(back, effects, HF_BACK_EFFECT_LOG_SWITCH)->value = logs;
    return fault;
}

/* Without bit 30 a front-end knows no ENABLE: all rings are enabled from here on (vhost-user "Ring
 * states"). */
static void enable_all(struct hf_back *back, struct hf_back_effects *effects)
{
    for (uint16_t i = 0; i < back->offer.ring_count; i++) {
        if (!back->rings[i].started || back->rings[i].enabled)
            continue;
        struct hf_back_effect *enable = hf_back_ask(back, effects, HF_BACK_EFFECT_RING_ENABLE);
        enable->ring = i;
        enable->value = 1;
    }
}

static enum hf_back_fault begin_set_features(struct hf_back *back, struct hf_back_effects *effects)
{
    back->request.body.u64 &= back->offer.features | ~back->offer.features_tolerated;
    uint64_t wanted = back->request.body.u64;

    if ((wanted & ~back->offer.features) != 0)
        return HF_BACK_FAULT_FEATURES;
    if (((wanted ^ back->features) & ~HF_FEATURE(LOG_ALL)) != 0 && hf_back_any_started(back))
        return HF_BACK_FAULT_RING_RUNNING;
    enum hf_back_fault fault = switch_log(back, wanted, effects);
    if (fault != HF_BACK_FAULT_NONE)
        return fault;
    hf_back_ask(back, effects, HF_BACK_EFFECT_FEATURES);
    if ((wanted & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
        enable_all(back, effects);
    return HF_BACK_FAULT_NONE;
}

static void commit_set_features(struct hf_back *back, const struct hf_back_event *done,
                                struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    back->features = back->request.body.u64;
    for (unsigned i = 0; i < back->offer.ring_count; i++)
        if ((back->features & HF_FEATURE(PROTOCOL_FEATURES)) == 0)
            back->rings[i].enabled = true;
}

static enum hf_back_fault begin_set_protocol(struct hf_back *back, struct hf_back_effects *effects)
{
    (void)effects;
    if ((back->request.body.u64 & ~back->offer.protocol_features) != 0)
        return HF_BACK_FAULT_PROTOCOL;
    back->protocol_features = back->request.body.u64;
    return HF_BACK_FAULT_NONE;
}

/* size 0: there is none, which the front-end accepts. */
static void refuse_inflight(struct hf_message *reply)
{
    reply->body.inflight.mmap_size_bytes = 0;
}

static bool counts_possible(const struct hf_back *back, const struct hf_wire_inflight *inflight)
{
    return inflight->queue_count >= 1 && inflight->queue_count <= back->offer.ring_count &&
           inflight->queue_size >= 1 && inflight->queue_size <= back->offer.ring_size_max;
}

static enum hf_back_fault begin_get_inflight(struct hf_back *back, struct hf_back_effects *effects)
{
    if (!counts_possible(back, &back->request.body.inflight))
        return HF_BACK_FAULT_INFLIGHT;
    hf_back_ask(back, effects, HF_BACK_EFFECT_INFLIGHT_CREATE);
    return HF_BACK_FAULT_NONE;
}

static void commit_get_inflight(struct hf_back *back, const struct hf_back_event *done,
                                struct hf_back_effects *effects)
{
    (void)back;
    effects->reply.body.inflight = done->body->inflight;
    effects->reply.fds[0] = done->fd;
    effects->reply.fd_count = 1;
}

/* Far beyond what any back-end gives out (256 packed rings of 1024: 8 MiB); who maps and unmaps it
 * shall not be long about it. */
#define INFLIGHT_MAX_BYTES (UINT64_C(64) << 20)

/* As numbers: the edge compares with the length of the file, the rings' start with their sizes. */
static bool region_possible(const struct hf_wire_inflight *inflight)
{
    struct hf_inflight_region region;
    uint64_t end;

    return inflight->mmap_offset % 8 == 0 && inflight->mmap_size_bytes <= INFLIGHT_MAX_BYTES &&
           hf_add_u64(inflight->mmap_offset, inflight->mmap_size_bytes, &end) &&
           hf_inflight_region_init(&region, NULL, inflight->mmap_size_bytes,
                                   inflight->queue_count) == HF_INFLIGHT_FAULT_NONE &&
           region.stride_bytes >= hf_inflight_stride(inflight->queue_size, 1);
}

static enum hf_back_fault begin_set_inflight(struct hf_back *back, struct hf_back_effects *effects)
{
    const struct hf_wire_inflight *inflight = &back->request.body.inflight;

    if (hf_back_any_started(back))
        return HF_BACK_FAULT_RING_RUNNING;
    if (!counts_possible(back, inflight) || !region_possible(inflight))
        return HF_BACK_FAULT_INFLIGHT;
    hf_back_ask(back, effects, HF_BACK_EFFECT_INFLIGHT_ADOPT)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

static void commit_set_inflight(struct hf_back *back, const struct hf_back_event *done,
                                struct hf_back_effects *effects)
{
    (void)done;
    (void)effects;
    back->inflight = back->request.body.inflight;
}

static bool config_inside(const struct hf_back *back)
{
    const struct hf_wire_config *config = &back->request.body.config;

    return hf_range_inside(config->offset, config->size_bytes, back->offer.config_bytes);
}

static enum hf_back_fault begin_get_config(struct hf_back *back, struct hf_back_effects *effects)
{
    if (!config_inside(back))
        return HF_BACK_FAULT_CONFIG_RANGE;
    hf_back_ask(back, effects, HF_BACK_EFFECT_CONFIG_GET);
    return HF_BACK_FAULT_NONE;
}

static void commit_get_config(struct hf_back *back, const struct hf_back_event *done,
                              struct hf_back_effects *effects)
{
    (void)back;
    effects->reply.body.config = done->body->config;
}

static void refuse_config(struct hf_message *reply)
{
    *reply = hf_message_reply_empty(HF_REQUEST_GET_CONFIG);
}

static enum hf_back_fault begin_set_config(struct hf_back *back, struct hf_back_effects *effects)
{
    if (!config_inside(back))
        return HF_BACK_FAULT_CONFIG_RANGE;
    hf_back_ask(back, effects, HF_BACK_EFFECT_CONFIG_SET);
    return HF_BACK_FAULT_NONE;
}

static enum hf_back_fault begin_set_channel(struct hf_back *back, struct hf_back_effects *effects)
{
    hf_back_ask(back, effects, HF_BACK_EFFECT_CHANNEL)->fd = hf_back_take_fd(back);
    return HF_BACK_FAULT_NONE;
}

/* The rings first, drained, then the rest of the device. */
static enum hf_back_fault begin_reset(struct hf_back *back, struct hf_back_effects *effects)
{
    for (uint16_t i = 0; i < back->offer.ring_count; i++)
        if (back->rings[i].started)
            hf_back_ask(back, effects, HF_BACK_EFFECT_RING_STOP)->ring = i;
    return HF_BACK_FAULT_NONE;
}

/* Owner, memory, negotiation and dirty log stay; so do call and err descriptors, which QEMU sends
 * only once. The epoch is over, and its in-flight region with it. */
static void commit_reset(struct hf_back *back, const struct hf_back_event *done,
                         struct hf_back_effects *effects)
{
    (void)done;
    memset(back->rings, 0, sizeof(back->rings));
    memset(&back->inflight, 0, sizeof(back->inflight));
    hf_back_add(effects, HF_BACK_EFFECT_RESET, 0);
}

const struct hf_back_row hf_back_device_rows[HF_REQUEST_COUNT] = {
    [HF_REQUEST_GET_FEATURES] = { HF_BACK_INDEX_NONE, begin_nothing, commit_get_features, NULL },
    [HF_REQUEST_SET_FEATURES] = { HF_BACK_INDEX_NONE, begin_set_features, commit_set_features,
                                  NULL },
    [HF_REQUEST_SET_OWNER] = { HF_BACK_INDEX_NONE, begin_nothing, NULL, NULL },
    /* Deprecated; no state is dropped (vhost-user, VHOST_USER_RESET_OWNER). */
    [HF_REQUEST_RESET_OWNER] = { HF_BACK_INDEX_NONE, begin_nothing, NULL, NULL },
    [HF_REQUEST_GET_PROTOCOL_FEATURES] = { HF_BACK_INDEX_NONE, begin_nothing, commit_get_protocol,
                                           NULL },
    [HF_REQUEST_SET_PROTOCOL_FEATURES] = { HF_BACK_INDEX_NONE, begin_set_protocol, NULL, NULL },
    [HF_REQUEST_SET_BACKEND_REQ_FD] = { HF_BACK_INDEX_NONE, begin_set_channel, NULL, NULL },
    [HF_REQUEST_GET_QUEUE_NUM] = { HF_BACK_INDEX_NONE, begin_nothing, commit_get_queues, NULL },
    [HF_REQUEST_GET_CONFIG] = { HF_BACK_INDEX_NONE, begin_get_config, commit_get_config,
                                refuse_config },
    [HF_REQUEST_SET_CONFIG] = { HF_BACK_INDEX_NONE, begin_set_config, NULL, NULL },
    [HF_REQUEST_GET_INFLIGHT_FD] = { HF_BACK_INDEX_NONE, begin_get_inflight, commit_get_inflight,
                                     refuse_inflight },
    [HF_REQUEST_SET_INFLIGHT_FD] = { HF_BACK_INDEX_NONE, begin_set_inflight, commit_set_inflight,
                                     NULL },
    [HF_REQUEST_RESET_DEVICE] = { HF_BACK_INDEX_NONE, begin_reset, commit_reset, NULL },
};
