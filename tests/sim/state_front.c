/* SPDX-License-Identifier: BSD-3-Clause */
/* The front core's part of the number: plan, session, times. */
#include "state.h"

#include <string.h>

#define MIX_RANGE(reading, whole, first, end)                                                      \
    sim_state_mix_bytes(reading, (const uint8_t *)(whole) + (first), (end) - (first))
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

/* ---- generations: their order is all that is asked of them ------------------------------------
 */

typedef void visit_generation(struct sim_reading *reading, uint64_t *generation);

static void note(struct sim_reading *reading, uint64_t *generation)
{
    for (unsigned i = 0; i < reading->generation_count; i++)
        if (reading->generations[i] == *generation)
            return;
    if (reading->generation_count == SIM_GENERATIONS_MAX)
        reading->is_strange = true;
    else
        reading->generations[reading->generation_count++] = *generation;
}

/* 0 and 1 are always among them and keep their meaning: none, and "told without one". */
static void rank(struct sim_reading *reading, uint64_t *generation)
{
    uint64_t smaller = 0;

    for (unsigned i = 0; i < reading->generation_count; i++)
        smaller += reading->generations[i] < *generation;
    *generation = smaller;
}

static void visit_plan(struct sim_reading *reading, struct hf_plan *plan, visit_generation *visit)
{
    uint64_t *const alone[] = { &plan->features_generation, &plan->memory_generation,
                                &plan->epoch_generation,    &plan->inflight.generation,
                                &plan->log.generation,      &plan->log.toggle_generation };

    for (unsigned i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
        visit(reading, alone[i]);
    for (unsigned i = 0; i < plan->queue_count; i++) {
        struct hf_ring_plan *ring = &plan->rings[i];

        visit(reading, &ring->generation);
        visit(reading, &ring->layout_generation);
        visit(reading, &ring->call_generation);
        visit(reading, &ring->err_generation);
        visit(reading, &ring->ran);
    }
    for (unsigned i = 0; i < plan->region_slots; i++)
        visit(reading, &plan->regions[i].generation);
}

/* What of `told` is no generation is made a small number by tidy_session. */
static void visit_session(struct sim_reading *reading, struct hf_front *front,
                          visit_generation *visit)
{
    struct hf_session *session = &front->session;

    visit(reading, &session->converting);
    for (unsigned row = 0; row < HF_ROW_COUNT; row++)
        visit(reading, &session->told[row]);
    for (unsigned i = 0; i < front->plan.queue_count; i++)
        for (unsigned row = 0; row < HF_ROW_COUNT; row++)
            visit(reading, &session->rings[i].generation[row]);
    for (unsigned i = 0; i < front->plan.region_slots; i++)
        visit(reading, &session->regions[i].generation);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Of the large arrays what is in use; beyond it nothing is ever read or written. */
static void copy_front(struct hf_front *to, const struct hf_front *from)
{
    const struct hf_plan *plan = &from->plan;
    const struct hf_session *session = &from->session;
    size_t after_regions = END_OF(struct hf_plan, regions);
    size_t after_told = END_OF(struct hf_session, regions);

    memcpy(to, from, offsetof(struct hf_front, plan) + offsetof(struct hf_plan, rings));
    memcpy(to->plan.rings, plan->rings, plan->queue_count * sizeof(plan->rings[0]));
    memcpy((uint8_t *)&to->plan + END_OF(struct hf_plan, rings),
           (const uint8_t *)plan + END_OF(struct hf_plan, rings),
           offsetof(struct hf_plan, regions) - END_OF(struct hf_plan, rings));
    memcpy(to->plan.regions, plan->regions, plan->region_slots * sizeof(plan->regions[0]));
    memcpy((uint8_t *)&to->plan + after_regions, (const uint8_t *)plan + after_regions,
           sizeof(*plan) - after_regions);
    memcpy(&to->session, session, offsetof(struct hf_session, rings));
    memcpy(to->session.rings, session->rings, plan->queue_count * sizeof(session->rings[0]));
    memcpy(to->session.regions, session->regions, plan->region_slots * sizeof(session->regions[0]));
    memcpy((uint8_t *)&to->session + after_told, (const uint8_t *)session + after_told,
           sizeof(*session) - after_told);
    memcpy((uint8_t *)to + END_OF(struct hf_front, session),
           (const uint8_t *)from + END_OF(struct hf_front, session),
           sizeof(*from) - END_OF(struct hf_front, session));
}

static void mix_front(struct sim_reading *reading)
{
    const struct hf_front *front = &reading->front;
    const struct hf_plan *plan = &front->plan;
    const struct hf_session *session = &front->session;

    MIX_RANGE(reading, front, 0, offsetof(struct hf_front, plan));
    MIX_RANGE(reading, plan, 0, offsetof(struct hf_plan, rings));
    sim_state_mix_bytes(reading, plan->rings, plan->queue_count * sizeof(plan->rings[0]));
    MIX_RANGE(reading, plan, END_OF(struct hf_plan, rings), offsetof(struct hf_plan, regions));
    sim_state_mix_bytes(reading, plan->regions, plan->region_slots * sizeof(plan->regions[0]));
    MIX_RANGE(reading, plan, END_OF(struct hf_plan, regions), sizeof(*plan));
    MIX_RANGE(reading, session, 0, offsetof(struct hf_session, rings));
    sim_state_mix_bytes(reading, session->rings, plan->queue_count * sizeof(session->rings[0]));
    sim_state_mix_bytes(reading, session->regions,
                        plan->region_slots * sizeof(session->regions[0]));
    MIX_RANGE(reading, session, END_OF(struct hf_session, regions), sizeof(*session));
    MIX_RANGE(reading, front, END_OF(struct hf_front, session), sizeof(*front));
}

/* ---- what is left out, or written in another way ----------------------------------------------
 */

static void tidy_plan(struct sim_reading *reading, struct hf_plan *plan)
{
    plan->last_generation = 0; /* the next is larger than all */
    plan->epoch = 0;           /* as the VMM's, and told[GET_INFLIGHT_FD] */
    for (unsigned i = 0; i < plan->queue_count; i++) {
        struct hf_ring_plan *ring = &plan->rings[i];

        ring->base = (uint16_t)(ring->base - reading->index_base[i]);
        sim_state_shift(reading, &ring->desc_address);
        sim_state_shift(reading, &ring->avail_address);
        sim_state_shift(reading, &ring->used_address);
        sim_state_shift(reading, &ring->used_guest_address);
        sim_state_mix_fd(reading, &ring->kick_fd);
        sim_state_mix_fd(reading, &ring->call_fd);
        sim_state_mix_fd(reading, &ring->err_fd);
        SIM_CLEAR_PADDING(ring);
    }
    for (unsigned i = 0; i < plan->region_slots; i++) {
        if (plan->regions[i].generation == 0)
            memset(&plan->regions[i], 0, sizeof(plan->regions[i]));
        else
            sim_state_mix_fd(reading, &plan->regions[i].fd);
        SIM_CLEAR_PADDING(&plan->regions[i]);
    }
    sim_state_mix_fd(reading, &plan->inflight.fd);
    sim_state_mix_fd(reading, &plan->log.fd);
    SIM_CLEAR_PADDING(&plan->inflight);
    SIM_CLEAR_PADDING(&plan->log);
}

/* It is compared with the present one only, and those to come are larger. */
static uint64_t told_of(uint64_t told, uint64_t present)
{
    return present != 0 && told == present;
}

static void tidy_pending(struct sim_reading *reading, struct hf_session *session)
{
    struct hf_pending sorted[HF_PENDING_MAX];

    memset(sorted, 0, sizeof(sorted));
    for (uint32_t i = 0; i < session->pending_count; i++) {
        sorted[i] = session->pending[(session->pending_head + i) % HF_PENDING_MAX];
        sorted[i].silent_count -= session->silent_confirmed;
        sorted[i].deadline_ns = sim_state_from_now(reading, sorted[i].deadline_ns);
        SIM_CLEAR_PADDING(&sorted[i]);
    }
    memcpy(session->pending, sorted, sizeof(sorted));
    session->pending_head = 0;
}

static void tidy_session(struct sim_reading *reading, struct hf_front *front, uint64_t epoch)
{
    struct hf_session *session = &front->session;
    uint64_t silent =
        session->silent_count != session->silent_confirmed ? session->silent_count : 0;
    uint64_t *told = session->told;

    told[HF_ROW_GET_CONFIG] = told_of(told[HF_ROW_GET_CONFIG], front->asked.number);
    told[HF_ROW_RESET_DEVICE] = told_of(told[HF_ROW_RESET_DEVICE], front->asked.number);
    told[HF_ROW_GET_INFLIGHT_FD] = told_of(told[HF_ROW_GET_INFLIGHT_FD], epoch);
    told[HF_ROW_BARRIER] = told_of(told[HF_ROW_BARRIER], silent);
    tidy_pending(reading, session);
    session->silent_count -= session->silent_confirmed;
    session->silent_confirmed = 0;
    session->dial = front->last_dial - session->dial;
    for (unsigned i = 0; i < front->plan.region_slots; i++) {
        if (session->regions[i].generation == 0)
            memset(&session->regions[i], 0, sizeof(session->regions[i]));
        SIM_CLEAR_PADDING(&session->regions[i]);
    }
}

static void tidy_loss(struct hf_front *front)
{
    /* Figures of reports. */
    front->lost_ns = 0;
    front->lost_in_flight = 0;
    if (!front->lost)
        front->lost_early = false;
    if (front->suspect_strikes == 0) {
        front->suspect_counter = 0;
        front->suspect_queue = front->suspect_head = 0;
    }
}

static void tidy_times(struct sim_reading *reading, struct hf_front *front)
{
    uint64_t now_ns = reading->world->now_ns;
    bool is_old =
        front->started_ns != 0 && now_ns - front->started_ns >= front->settings.backoff_reset_ns;

    if (front->settings.outage_limit_ns == 0)
        front->away_since_ns = front->away_since_ns != 0;
    else
        front->away_since_ns = sim_state_from_now(reading, front->away_since_ns);
    front->started_ns = is_old ? 1 : sim_state_from_now(reading, front->started_ns);
    if (front->phase != HF_PHASE_BACKOFF)
        front->redial_ns = 0;
    if (front->phase != HF_PHASE_DIALING)
        front->dial_deadline_ns = 0;
    if (!hf_phase_connected(front->phase) || !front->sending)
        front->send_deadline_ns = 0;
    front->redial_ns = sim_state_from_now(reading, front->redial_ns);
    front->dial_deadline_ns = sim_state_from_now(reading, front->dial_deadline_ns);
    front->send_deadline_ns = sim_state_from_now(reading, front->send_deadline_ns);
    front->armed_ns = sim_state_from_now(reading, front->armed_ns);
}

void sim_state_read_front(struct sim_reading *reading)
{
    struct hf_front *front = &reading->front;
    uint64_t none = 0, first = 1;

    copy_front(front, &reading->world->front);
    uint64_t epoch = front->plan.epoch;
    tidy_plan(reading, &front->plan);
    tidy_session(reading, front, epoch);
    note(reading, &none);
    note(reading, &first);
    visit_plan(reading, &front->plan, note);
    visit_session(reading, front, note);
    visit_plan(reading, &front->plan, rank);
    visit_session(reading, front, rank);
    tidy_loss(front);
    tidy_times(reading, front);
    if (front->asked.number != 0)
        front->asked.number = 1 + reading->world->vmm.last_question - front->asked.number;
    front->last_dial = 0;
    mix_front(reading);
}
