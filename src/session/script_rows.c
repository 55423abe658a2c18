/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows, in the order the specification and the back-ends in use want them, and what each wants
 * told. How messages are filled is in script_fill.c, what answers mean in script_accept.c.
 */
#include "session/script_rows.h"

#include "base/checked.h"

bool hf_session_has(const struct hf_session *session, uint64_t protocol_feature)
{
    return (session->protocol & protocol_feature) != 0;
}

static uint64_t always(HF_ROW_ARGS)
{
    (void)state;
    (void)index;
    return 1;
}

static uint64_t with_protocol_features(HF_ROW_ARGS)
{
    (void)index;
    return (state->session->offered & HF_FEATURE(PROTOCOL_FEATURES)) != 0;
}

static uint64_t with_mq(HF_ROW_ARGS)
{
    (void)index;
    return hf_session_has(state->session, HF_PROTOCOL_FEATURE(MQ));
}

static uint64_t with_slots(HF_ROW_ARGS)
{
    (void)index;
    return hf_session_has(state->session, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
}

static uint64_t channel_given(HF_ROW_ARGS)
{
    (void)index;
    if (!hf_session_has(state->session, HF_PROTOCOL_FEATURE(BACKEND_REQ)))
        return 0;
    return state->plan->channel_generation;
}

static uint64_t config_asked(HF_ROW_ARGS)
{
    (void)index;
    return state->asked->request == HF_REQUEST_GET_CONFIG ? state->asked->number : 0;
}

static uint64_t config_change_asked(HF_ROW_ARGS)
{
    (void)index;
    return state->asked->request == HF_REQUEST_SET_CONFIG ? state->asked->number : 0;
}

static uint64_t reset_asked(HF_ROW_ARGS)
{
    (void)index;
    if (hf_session_any_started(state->session, state->plan))
        return 0;
    return state->asked->request == HF_REQUEST_RESET_DEVICE ? state->asked->number : 0;
}

/* A ring without one is told so: DPDK and SPDK make a ring at this message, find the in-flight
 * region only of rings they have, and start none that was not given a call. */
static uint64_t call_given(HF_ROW_ARGS)
{
    const struct hf_ring_plan *ring = &state->plan->rings[index];

    return ring->call_generation == 0 && ring->size != 0 ? 1 : ring->call_generation;
}

static uint64_t err_given(HF_ROW_ARGS)
{
    return state->plan->rings[index].err_generation;
}

static uint64_t features_acknowledged(HF_ROW_ARGS)
{
    const struct hf_plan *plan = state->plan;

    (void)index;
    if (plan->features_generation == 0)
        return 0;
    return hf_max_u64(plan->features_generation, plan->log.toggle_generation);
}

/* The rings may start: wanted, acknowledged, and the old back-end is surely harmless. */
static bool may_start(const struct hf_script_state *state)
{
    const struct hf_plan *plan = state->plan;

    return plan->run && !plan->settle_owed && !state->session->stopping &&
           plan->features_generation != 0;
}

static bool any_ring_set_up(const struct hf_plan *plan)
{
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (plan->rings[i].size != 0)
            return true;
    }
    return false;
}

static bool tracks_inflight(const struct hf_script_state *state)
{
    return may_start(state) && any_ring_set_up(state->plan) &&
           hf_session_has(state->session, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD));
}

uint16_t hf_script_region_size(const struct hf_plan *plan)
{
    uint16_t kept = plan->inflight.generation != 0 ? plan->inflight.queue_size : 0;

    return (uint16_t)hf_max_u64(hf_plan_largest_ring(plan), kept);
}

bool hf_script_asked_for_all(const struct hf_script_state *state)
{
    uint64_t asked = state->session->told[HF_ROW_GET_INFLIGHT_FD];
    uint16_t largest = hf_plan_largest_ring(state->plan);

    return hf_script_asked_epoch(asked) == state->plan->epoch &&
           (hf_script_asked_size(asked) >= largest ||
            (state->plan->inflight.generation != 0 && !hf_plan_outgrows_region(state->plan)));
}

/*
 * Once on each connection, before its first start: for a region if the epoch has none, else to see
 * how this back-end lays it out. And again when a ring is larger than that region has entries for:
 * all rings are stopped then. To ask while one runs would have the back-end drop the region it
 * uses, and yc-libvhost-server refuses it. What was asked for before is lost by none of this: the
 * region in use is ours, by its descriptor, and SET_INFLIGHT_FD follows as it does at every first
 * start.
 */
static uint64_t inflight_asked(HF_ROW_ARGS)
{
    (void)index;
    if (!tracks_inflight(state) || state->plan->inflight.absent)
        return 0;
    if (hf_script_asked_for_all(state))
        return state->session->told[HF_ROW_GET_INFLIGHT_FD];
    return hf_script_asking(state->plan->epoch, hf_script_region_size(state->plan));
}

static uint64_t inflight_there(HF_ROW_ARGS)
{
    (void)index;
    return tracks_inflight(state) ? state->plan->inflight.generation : 0;
}

static uint64_t log_on(HF_ROW_ARGS)
{
    (void)index;
    return state->plan->log.generation;
}

static uint64_t table_changed(HF_ROW_ARGS)
{
    const struct hf_plan *plan = state->plan;

    (void)index;
    if (with_slots(state, 0))
        return 0;
    if (plan->region_count == 0 && state->session->told[HF_ROW_SET_MEM_TABLE] == 0)
        return 0;
    return plan->memory_generation;
}

static uint64_t region_there(HF_ROW_ARGS)
{
    return with_slots(state, 0) ? state->plan->regions[index].generation : 0;
}

static uint64_t ring_runs(HF_ROW_ARGS)
{
    if (!may_start(state) || state->plan->rings[index].size == 0)
        return 0;
    return hf_plan_ring_generation(state->plan, index);
}

static uint64_t addresses_given(HF_ROW_ARGS)
{
    uint64_t generation = ring_runs(state, index);

    if (generation == 0)
        return 0;
    generation = hf_max_u64(generation, state->plan->rings[index].log_generation);
    return hf_max_u64(generation, state->plan->log.toggle_generation);
}

static uint64_t ring_enabled(HF_ROW_ARGS)
{
    if (!with_protocol_features(state, 0) || state->plan->rings[index].disabled)
        return 0;
    return ring_runs(state, index);
}

enum hf_row_id hf_script_beginning(const struct hf_script_state *state)
{
    return with_protocol_features(state, 0) ? HF_ROW_SET_VRING_ENABLE : HF_ROW_SET_VRING_KICK;
}

static uint64_t unconfirmed(HF_ROW_ARGS)
{
    (void)index;
    if (state->session->silent_count == state->session->silent_confirmed)
        return 0;
    return state->session->silent_count;
}

#define ROW(id) .name = #id, .request = HF_REQUEST_##id

const struct hf_row hf_script_rows[HF_ROW_COUNT] = {
    [HF_ROW_GET_FEATURES] = { ROW(GET_FEATURES), .question = true, .wanted = always,
                              .accept = hf_accept_features },
    [HF_ROW_GET_PROTOCOL_FEATURES] = { ROW(GET_PROTOCOL_FEATURES), .question = true,
                                       .wanted = with_protocol_features,
                                       .accept = hf_accept_protocol_features },
    [HF_ROW_SET_PROTOCOL_FEATURES] = { ROW(SET_PROTOCOL_FEATURES), .wanted = with_protocol_features,
                                       .fill = hf_fill_protocol_features },
    [HF_ROW_GET_QUEUE_NUM] = { ROW(GET_QUEUE_NUM), .question = true, .wanted = with_mq,
                               .accept = hf_accept_queue_num },
    [HF_ROW_GET_MAX_MEM_SLOTS] = { ROW(GET_MAX_MEM_SLOTS), .question = true, .wanted = with_slots,
                                   .accept = hf_accept_slots },
    [HF_ROW_SET_OWNER] = { ROW(SET_OWNER), .wanted = always },
    [HF_ROW_SET_BACKEND_REQ_FD] = { ROW(SET_BACKEND_REQ_FD), .wanted = channel_given,
                                    .fill = hf_fill_channel },
    [HF_ROW_GET_CONFIG] = { ROW(GET_CONFIG), .question = true, .wanted = config_asked,
                            .fill = hf_fill_config, .accept = hf_accept_config },
    [HF_ROW_SET_CONFIG] = { ROW(SET_CONFIG), .wanted = config_change_asked,
                            .fill = hf_fill_config_change },
    [HF_ROW_RESET_DEVICE] = { ROW(RESET_DEVICE), .wanted = reset_asked },
    [HF_ROW_SET_VRING_CALL] = { ROW(SET_VRING_CALL), .scope = HF_SCOPE_RING, .wanted = call_given,
                                .fill = hf_fill_call },
    [HF_ROW_SET_VRING_ERR] = { ROW(SET_VRING_ERR), .scope = HF_SCOPE_RING, .wanted = err_given,
                               .fill = hf_fill_err },
    [HF_ROW_SET_LOG_BASE] = { ROW(SET_LOG_BASE), .wanted = log_on, .fill = hf_fill_log },
    [HF_ROW_SET_FEATURES] = { ROW(SET_FEATURES), .wanted = features_acknowledged,
                              .fill = hf_fill_features },
    [HF_ROW_GET_INFLIGHT_FD] = { ROW(GET_INFLIGHT_FD), .question = true, .wanted = inflight_asked,
                                 .fill = hf_fill_get_inflight, .accept = hf_accept_inflight },
    [HF_ROW_SET_INFLIGHT_FD] = { ROW(SET_INFLIGHT_FD), .wanted = inflight_there,
                                 .fill = hf_fill_set_inflight },
    [HF_ROW_SET_MEM_TABLE] = { ROW(SET_MEM_TABLE), .wanted = table_changed, .fill = hf_fill_table },
    [HF_ROW_ADD_MEM_REG] = { ROW(ADD_MEM_REG), .undo_request = HF_REQUEST_REM_MEM_REG,
                             .scope = HF_SCOPE_REGION, .wanted = region_there,
                             .fill = hf_fill_add_region, .fill_undo = hf_fill_remove_region },
    [HF_ROW_SET_VRING_NUM] = { ROW(SET_VRING_NUM), .scope = HF_SCOPE_RING, .wanted = ring_runs,
                               .fill = hf_fill_num },
    [HF_ROW_SET_VRING_BASE] = { ROW(SET_VRING_BASE), .scope = HF_SCOPE_RING, .wanted = ring_runs,
                                .fill = hf_fill_base },
    [HF_ROW_SET_VRING_ADDR] = { ROW(SET_VRING_ADDR), .scope = HF_SCOPE_RING,
                                .wanted = addresses_given, .fill = hf_fill_addr },
    [HF_ROW_SET_VRING_KICK] = { ROW(SET_VRING_KICK), .undo_request = HF_REQUEST_GET_VRING_BASE,
                                .scope = HF_SCOPE_RING, .undo_is_question = true,
                                .wanted = ring_runs, .fill = hf_fill_kick,
                                .fill_undo = hf_fill_get_base, .accept_undo = hf_accept_base },
    [HF_ROW_SET_VRING_ENABLE] = { ROW(SET_VRING_ENABLE),
                                  .undo_request = HF_REQUEST_SET_VRING_ENABLE,
                                  .scope = HF_SCOPE_RING, .wanted = ring_enabled,
                                  .fill = hf_fill_enable, .fill_undo = hf_fill_disable },
    [HF_ROW_BARRIER] = { .name = "GET_FEATURES (barrier)",
                         .request = HF_REQUEST_GET_FEATURES,
                         .question = true,
                         .wanted = unconfirmed,
                         .accept = hf_accept_barrier },
};
