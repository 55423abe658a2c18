/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks the table: what is owed, what was sent, what an answer settles. Knows no row by itself but
 * the barrier, and no time but the deadline it is handed.
 */
#include "session/script.h"

#include "base/check.h"
#include "base/text.h"
#include "session/script_rows.h"

#include <string.h>

void hf_session_init(struct hf_session *session, uint32_t dial)
{
    memset(session, 0, sizeof(*session));
    session->dial = dial;
}

const char *hf_row_name(enum hf_row_id row)
{
    HF_CHECK((unsigned)row < HF_ROW_COUNT);
    return hf_script_rows[row].name;
}

static uint64_t *told(struct hf_session *session, enum hf_row_id row, uint16_t index)
{
    switch (hf_script_rows[row].scope) {
    case HF_SCOPE_RING:
        return &session->rings[index].generation[row];
    case HF_SCOPE_REGION:
        return &session->regions[index].generation;
    case HF_SCOPE_ONCE:
    case HF_SCOPE_COUNT:
        break;
    }
    return &session->told[row];
}

static uint16_t index_count(const struct hf_plan *plan, enum hf_row_id row)
{
    switch (hf_script_rows[row].scope) {
    case HF_SCOPE_RING:
        return plan->queue_count;
    case HF_SCOPE_REGION:
        return (uint16_t)plan->region_slots;
    case HF_SCOPE_ONCE:
    case HF_SCOPE_COUNT:
        break;
    }
    return 1;
}

/*
 * What was posted while nobody served is found in the order in which rings begin: a task management
 * request must not be answered before the requests it is about are seen. Only the message with
 * which a ring begins is sent in this order. SPDK stops and starts its session at each KICK, and
 * waits for the I/O of the rings it has: request rings kicked first would make it wait twice more.
 */
static uint16_t index_at(const struct hf_script_state *state, enum hf_row_id row, uint16_t place)
{
    return row == hf_script_beginning(state) ? hf_plan_ring_at(state->plan, place) : place;
}

bool hf_session_ring_started(const struct hf_session *session, uint16_t queue)
{
    return session->rings[queue].generation[HF_ROW_SET_VRING_KICK] != 0;
}

bool hf_session_any_started(const struct hf_session *session, const struct hf_plan *plan)
{
    for (uint16_t i = 0; i < plan->queue_count; i++) {
        if (hf_session_ring_started(session, i))
            return true;
    }
    return false;
}

uint64_t hf_session_deadline_ns(const struct hf_session *session)
{
    if (session->pending_count == 0)
        return 0;
    return session->pending[session->pending_head].deadline_ns;
}

enum hf_row_id hf_session_row(const struct hf_session *session)
{
    if (session->pending_count == 0)
        return session->last_row;
    return session->pending[session->pending_head].row;
}

static bool lies_in(const struct hf_region_told *known, const struct hf_ring_plan *ring)
{
    const uint64_t parts[] = { ring->desc_address, ring->avail_address, ring->used_address };

    for (unsigned i = 0; i < HF_ARRAY_COUNT(parts); i++) {
        if (parts[i] - known->user_address < known->size_bytes)
            return true;
    }
    return false;
}

/* A region that goes, and be it to come again from another file, is not taken from under a ring:
 * back-ends refuse that, or write to where it was. */
static bool is_taken_away(const struct hf_script_state *state, uint16_t region)
{
    const struct hf_region_told *known = &state->session->regions[region];

    if (known->generation == 0 ||
        known->generation == hf_script_rows[HF_ROW_ADD_MEM_REG].wanted(state, region))
        return false;
    for (uint16_t i = 0; i < state->plan->queue_count; i++) {
        if (hf_session_ring_started(state->session, i) && lies_in(known, &state->plan->rings[i]))
            return true;
    }
    return false;
}

bool hf_script_must_stop(const struct hf_script_state *state)
{
    const struct hf_row *kick = &hf_script_rows[HF_ROW_SET_VRING_KICK];

    for (uint16_t i = 0; i < state->plan->queue_count; i++) {
        if (hf_session_ring_started(state->session, i) &&
            kick->wanted(state, i) != *told(state->session, HF_ROW_SET_VRING_KICK, i))
            return true;
    }
    for (uint16_t i = 0; i < state->plan->region_slots; i++) {
        if (is_taken_away(state, i))
            return true;
    }
    /* A larger one is asked for, and gets what this one has. */
    return hf_plan_outgrows_region(state->plan) &&
           hf_session_any_started(state->session, state->plan);
}

static bool is_question(enum hf_row_id row, bool undo)
{
    return undo ? hf_script_rows[row].undo_is_question : hf_script_rows[row].question;
}

static bool must_wait(const struct hf_session *session)
{
    if (session->pending_count == HF_PENDING_MAX || session->converting != 0)
        return true;
    for (uint32_t i = 0; i < session->pending_count; i++) {
        const struct hf_pending *pending =
            &session->pending[(session->pending_head + i) % HF_PENDING_MAX];

        if (is_question(pending->row, pending->undo))
            return true;
    }
    return false;
}

static bool undo_is_owed(const struct hf_script_state *state, struct hf_step *step)
{
    const struct hf_row *row = &hf_script_rows[step->row];
    uint64_t now = *told(state->session, step->row, step->index);

    return now != 0 && now != row->wanted(state, step->index);
}

static bool do_is_owed(const struct hf_script_state *state, struct hf_step *step)
{
    const struct hf_row *row = &hf_script_rows[step->row];

    step->generation = row->wanted(state, step->index);
    return step->generation != 0 &&
           step->generation != *told(state->session, step->row, step->index);
}

static bool find_undo(const struct hf_script_state *state, struct hf_step *step)
{
    step->undo = true;
    for (unsigned row = HF_ROW_COUNT; row-- > 0;) {
        step->row = (enum hf_row_id)row;
        if (hf_script_rows[row].undo_request == 0)
            continue;
        for (step->index = 0; step->index < index_count(state->plan, step->row); step->index++) {
            if (undo_is_owed(state, step))
                return true;
        }
    }
    return false;
}

static bool find_do(const struct hf_script_state *state, struct hf_step *step)
{
    step->undo = false;
    if (state->session->stopping)
        return false;
    for (unsigned row = 0; row < HF_ROW_COUNT; row++) {
        step->row = (enum hf_row_id)row;
        for (uint16_t i = 0; i < index_count(state->plan, step->row); i++) {
            step->index = index_at(state, step->row, i);
            if (do_is_owed(state, step))
                return true;
        }
    }
    return false;
}

static void make_message(const struct hf_script_state *state, struct hf_step *step)
{
    const struct hf_row *row = &hf_script_rows[step->row];
    bool ack = hf_session_has(state->session, HF_PROTOCOL_FEATURE(REPLY_ACK)) &&
               step->row != HF_ROW_SET_PROTOCOL_FEATURES;

    step->message = hf_message_request(step->undo ? row->undo_request : row->request);
    if (step->undo)
        row->fill_undo(state, step->index, &step->message);
    else if (row->fill != NULL)
        row->fill(state, step->index, &step->message);
    if (ack && !is_question(step->row, step->undo))
        step->message.flags |= HF_MESSAGE_NEED_REPLY;
    step->answered = is_question(step->row, step->undo) ||
                     hf_request_is_answered(hf_request_info(step->message.request), ack,
                                            state->session->protocol);
}

enum hf_script_result hf_script_next(const struct hf_script_state *state, struct hf_step *step)
{
    if (must_wait(state->session))
        return HF_SCRIPT_WAIT;
    if (find_undo(state, step) || find_do(state, step)) {
        make_message(state, step);
        return HF_SCRIPT_STEP;
    }
    return state->session->pending_count > 0 ? HF_SCRIPT_WAIT : HF_SCRIPT_DONE;
}

static void await(struct hf_session *session, const struct hf_step *step, uint64_t deadline_ns)
{
    uint32_t at = (session->pending_head + session->pending_count) % HF_PENDING_MAX;

    HF_CHECK(session->pending_count < HF_PENDING_MAX);
    session->pending[at] = (struct hf_pending){
        .row = step->row,
        .index = step->index,
        .undo = step->undo,
        .silent_count = session->silent_count,
        .deadline_ns = deadline_ns,
    };
    session->pending_count++;
}

static void remember_region(const struct hf_script_state *state, uint16_t index)
{
    const struct hf_region_plan *region = &state->plan->regions[index];

    state->session->regions[index] = (struct hf_region_told){
        .generation = region->generation,
        .guest_address = region->guest_address,
        .size_bytes = region->size_bytes,
        .user_address = region->user_address,
    };
}

/* RESET_DEVICE brings everything but ownership and memory back to the beginning. */
static void forget_device(struct hf_session *session)
{
    memset(session->rings, 0, sizeof(session->rings));
    session->told[HF_ROW_SET_FEATURES] = 0;
    session->told[HF_ROW_SET_LOG_BASE] = 0;
    session->told[HF_ROW_SET_INFLIGHT_FD] = 0;
}

static void mark_done(const struct hf_script_state *state, const struct hf_step *step)
{
    *told(state->session, step->row, step->index) = step->generation;
    if (step->row == HF_ROW_RESET_DEVICE)
        forget_device(state->session);
    if (step->row == HF_ROW_ADD_MEM_REG)
        remember_region(state, step->index);
    if (step->row == HF_ROW_SET_VRING_KICK)
        state->plan->rings[step->index].ran = state->plan->rings[step->index].layout_generation;
    if (step->row == HF_ROW_SET_VRING_KICK || step->row == HF_ROW_SET_VRING_CALL)
        state->session->notify_owed = true;
}

void hf_script_sent(const struct hf_script_state *state, const struct hf_step *step,
                    uint64_t deadline_ns)
{
    state->session->last_row = step->row;
    if (!step->undo)
        mark_done(state, step);
    else if (!is_question(step->row, true))
        *told(state->session, step->row, step->index) = 0;
    if (step->answered)
        await(state->session, step, deadline_ns);
    else
        state->session->silent_count++;
}

static struct hf_reply_result fault_of(struct hf_reply_result result, enum hf_fault fault)
{
    result.fault = fault;
    return result;
}

static bool take_pending(struct hf_session *session, struct hf_reply_result *result,
                         uint64_t *silent_count)
{
    if (session->pending_count == 0)
        return false;
    const struct hf_pending *pending = &session->pending[session->pending_head];
    result->row = pending->row;
    result->index = pending->index;
    result->undo = pending->undo;
    *silent_count = pending->silent_count;
    session->pending_head = (session->pending_head + 1) % HF_PENDING_MAX;
    session->pending_count--;
    return true;
}

/* The reply to a question has the body of its own; an acknowledgement is a u64 of 0. The answer to
 * SET_LOG_BASE may be empty (DPDK), or anything else its row allows. */
static enum hf_fault judge_acknowledgement(const struct hf_session *session,
                                           const struct hf_message *reply,
                                           const struct hf_reply_result *result, char *detail)
{
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);

    if (reply->kind != HF_PAYLOAD_U64 || reply->body.u64 == 0)
        return HF_FAULT_NONE;
    if (reply->request == HF_REQUEST_SET_LOG_BASE)
        return HF_FAULT_NONE;
    hf_text_add(&text, "%s", hf_request_name(reply->request));
    if (hf_script_rows[result->row].scope == HF_SCOPE_RING)
        hf_text_add(&text, " of ring %u", result->index);
    hf_text_add(&text, " answered with %llu", (unsigned long long)reply->body.u64);
    if (session->queue_count != 0 && result->index >= session->queue_count)
        hf_text_add(&text, ": it has only %llu queues", (unsigned long long)session->queue_count);
    return HF_FAULT_NAK;
}

static enum hf_fault accept(const struct hf_script_state *state, const struct hf_message *reply,
                            struct hf_reply_result *result, char *detail)
{
    const struct hf_row *row = &hf_script_rows[result->row];

    if (!is_question(result->row, result->undo))
        return judge_acknowledgement(state->session, reply, result, detail);
    if (result->undo)
        return row->accept_undo(state, reply, result, detail);
    state->session->answered |= HF_BIT(result->row);
    return row->accept(state, reply, result, detail);
}

struct hf_reply_result hf_script_reply(const struct hf_script_state *state,
                                       const struct hf_message *reply, char *detail)
{
    struct hf_reply_result result = { .fault = HF_FAULT_NONE };
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);

    uint64_t silent_count;

    if (!take_pending(state->session, &result, &silent_count)) {
        hf_text_add(&text, "%s", hf_request_name(reply->request));
        return fault_of(result, HF_FAULT_UNEXPECTED);
    }
    const struct hf_row *row = &hf_script_rows[result.row];
    enum hf_request asked = result.undo ? row->undo_request : row->request;
    if (reply->request != (uint32_t)asked) {
        hf_text_add(&text, "asked %s, answered %s", hf_request_name(asked),
                    hf_request_name(reply->request));
        return fault_of(result, HF_FAULT_UNEXPECTED);
    }
    state->session->silent_confirmed = silent_count;
    return fault_of(result, accept(state, reply, &result, detail));
}
