/* SPDX-License-Identifier: BSD-3-Clause */
/* What the answer to each row means: it goes into session or plan, or is a fault. */
#include "session/script_rows.h"

#include "base/text.h"

enum hf_fault hf_accept_features(HF_ACCEPT_ARGS)
{
    (void)result;
    (void)detail;
    state->session->offered = reply->body.u64;
    return HF_FAULT_NONE;
}

enum hf_fault hf_accept_protocol_features(HF_ACCEPT_ARGS)
{
    (void)result;
    (void)detail;
    state->session->protocol_offered = reply->body.u64;
    state->session->protocol = reply->body.u64 & state->plan->protocol_wanted;
    return HF_FAULT_NONE;
}

enum hf_fault hf_accept_queue_num(HF_ACCEPT_ARGS)
{
    (void)result;
    (void)detail;
    state->session->queue_count = reply->body.u64;
    return HF_FAULT_NONE;
}

enum hf_fault hf_accept_slots(HF_ACCEPT_ARGS)
{
    (void)result;
    (void)detail;
    state->session->slot_count = reply->body.u64;
    return HF_FAULT_NONE;
}

enum hf_fault hf_accept_config(HF_ACCEPT_ARGS)
{
    (void)state;
    (void)reply;
    (void)result;
    (void)detail;
    return HF_FAULT_NONE;
}

static enum hf_fault refuse_region(const struct hf_message *reply, char *detail)
{
    const struct hf_wire_inflight *region = &reply->body.inflight;
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);

    hf_text_add(&text, "%llu bytes at %llu for %u rings of %u, %u descriptors",
                (unsigned long long)region->mmap_size_bytes,
                (unsigned long long)region->mmap_offset, region->queue_count, region->queue_size,
                reply->fd_count);
    return HF_FAULT_INFLIGHT_INVALID;
}

struct hf_inflight_plan hf_script_offer(const struct hf_message *reply)
{
    const struct hf_wire_inflight *region = &reply->body.inflight;

    return (struct hf_inflight_plan){
        .mmap_size = region->mmap_size_bytes,
        .mmap_offset = region->mmap_offset,
        .queue_count = region->queue_count,
        .queue_size = region->queue_size,
        .fd = reply->fds[0],
    };
}

/* "None" is no fault (vhost-user: size 0), unless there is one that must be handed over,
 * or there must be one. */
static enum hf_fault do_without(struct hf_plan *plan, char *detail)
{
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);

    if (plan->inflight.generation == 0 && !plan->must_track) {
        plan->inflight.absent = true;
        return HF_FAULT_NONE;
    }
    hf_text_add(&text, "it keeps none");
    return HF_FAULT_INFLIGHT_LAYOUT;
}

/* The offset too: yc-libvhost-server takes a region at offset 0 only. */
static bool layout_is_same(const struct hf_inflight_plan *a, const struct hf_inflight_plan *b)
{
    return a->mmap_size == b->mmap_size && a->mmap_offset == b->mmap_offset &&
           a->queue_count == b->queue_count && a->queue_size == b->queue_size;
}

/* What it would use tells how it would read ours. The one in use stays the truth until the copy is
 * complete; who reads it in the same way gets it as it is. */
enum hf_fault hf_accept_inflight(HF_ACCEPT_ARGS)
{
    struct hf_inflight_plan *kept = &state->plan->inflight;

    /* Laid out for rings that are no more, or were not there yet: it is dropped, and asked for
     * again. */
    if (!hf_script_asked_for_all(state))
        return HF_FAULT_NONE;
    if (reply->body.inflight.mmap_size_bytes == 0)
        return do_without(state->plan, detail);
    struct hf_inflight_plan offer = hf_script_offer(reply);
    if (reply->fd_count != 1 ||
        !hf_plan_inflight_is_sane(&offer, hf_plan_tracked_queues(state->plan),
                                  hf_plan_largest_ring(state->plan)))
        return refuse_region(reply, detail);
    if (kept->generation == 0) {
        hf_plan_set_inflight(state->plan, &offer);
        state->plan->promise.protocol_features |= HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
        result->taken = true;
    } else if (!layout_is_same(kept, &offer)) {
        state->session->converting = kept->generation;
        result->converts = true;
    }
    return HF_FAULT_NONE;
}

/* A stopped ring has forgotten all it was told; the region is given anew at each start. */
enum hf_fault hf_accept_base(HF_ACCEPT_ARGS)
{
    static const enum hf_row_id forgotten[] = { HF_ROW_SET_VRING_NUM, HF_ROW_SET_VRING_BASE,
                                                HF_ROW_SET_VRING_ADDR, HF_ROW_SET_VRING_KICK,
                                                HF_ROW_SET_VRING_ENABLE };
    struct hf_ring_told *told = &state->session->rings[result->index];

    if (reply->body.state.index != result->index) {
        struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);

        hf_text_add(&text, "asked for ring %u, answered for ring %u", result->index,
                    reply->body.state.index);
        return HF_FAULT_RING_INDEX;
    }
    for (unsigned i = 0; i < sizeof(forgotten) / sizeof(forgotten[0]); i++)
        told->generation[forgotten[i]] = 0;
    if (hf_plan_ring_is_same(state->plan, result->index))
        state->plan->rings[result->index].base = (uint16_t)reply->body.state.num;
    if (!hf_session_any_started(state->session, state->plan))
        state->session->told[HF_ROW_SET_INFLIGHT_FD] = 0;
    return HF_FAULT_NONE;
}

enum hf_fault hf_accept_barrier(HF_ACCEPT_ARGS)
{
    (void)reply;
    (void)result;
    (void)detail;
    state->session->told[HF_ROW_BARRIER] = 0;
    return HF_FAULT_NONE;
}
