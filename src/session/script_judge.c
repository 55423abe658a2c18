/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether this back-end may serve this plan: everything in use must be offered, by name. */
#include "session/script_rows.h"

#include "base/checked.h"
#include "base/text.h"

static void name_bits(struct hf_text *text, uint64_t bits, const char *(*name_of)(unsigned bit))
{
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((bits & HF_BIT(bit)) == 0)
            continue;
        const char *name = name_of(bit);
        hf_text_add(text, "%s%s", text->length == 0 ? "" : ", ", name != NULL ? name : "");
        if (name == NULL)
            hf_text_add(text, "bit %u", bit);
    }
}

static enum hf_fault judge_bits(uint64_t missing, enum hf_fault fault,
                                const char *(*name_of)(unsigned bit), char *detail)
{
    if (missing == 0)
        return HF_FAULT_NONE;
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);
    name_bits(&text, missing, name_of);
    return fault;
}

static enum hf_fault judge_count(uint64_t have, uint64_t need, enum hf_fault fault, char *detail)
{
    if (have >= need)
        return HF_FAULT_NONE;
    struct hf_text text = hf_text_of(detail, HF_FAULT_DETAIL_SIZE);
    hf_text_add(&text, "%llu needed, %llu offered", (unsigned long long)need,
                (unsigned long long)have);
    return fault;
}

static bool is_known(const struct hf_session *session, enum hf_row_id row)
{
    return (session->answered & HF_BIT(row)) != 0;
}

static enum hf_fault judge_features(const struct hf_script_state *state, char *detail)
{
    uint64_t needed = state->plan->features | state->plan->promise.features;

    if (state->plan->log.generation != 0)
        needed |= HF_FEATURE(LOG_ALL);
    if (!is_known(state->session, HF_ROW_GET_FEATURES))
        return HF_FAULT_NONE;
    return judge_bits(needed & ~state->session->offered, HF_FAULT_FEATURES_LOST, hf_feature_name,
                      detail);
}

static bool protocol_is_known(const struct hf_session *session)
{
    bool has_none = is_known(session, HF_ROW_GET_FEATURES) &&
                    (session->offered & HF_FEATURE(PROTOCOL_FEATURES)) == 0;

    return has_none || is_known(session, HF_ROW_GET_PROTOCOL_FEATURES);
}

static enum hf_fault judge_protocol(const struct hf_script_state *state, char *detail)
{
    const struct hf_session *session = state->session;

    if (!protocol_is_known(session))
        return HF_FAULT_NONE;
    uint64_t needed = state->plan->promise.protocol_features;
    if (state->plan->log.generation != 0)
        needed |= HF_PROTOCOL_FEATURE(LOG_SHMFD);
    return judge_bits(needed & ~session->protocol, HF_FAULT_PROTOCOL_LOST, hf_protocol_feature_name,
                      detail);
}

/* Without MQ there is one (vhost-user "Multiple queue support"). */
static enum hf_fault judge_queues(const struct hf_script_state *state, char *detail)
{
    const struct hf_session *session = state->session;
    bool has_one = protocol_is_known(session) && !hf_session_has(session, HF_PROTOCOL_FEATURE(MQ));

    if (!has_one && !is_known(session, HF_ROW_GET_QUEUE_NUM))
        return HF_FAULT_NONE;
    return judge_count(has_one ? 1 : session->queue_count, state->plan->promise.queue_count,
                       HF_FAULT_QUEUES_LOST, detail);
}

static enum hf_fault judge_slots(const struct hf_script_state *state, char *detail)
{
    const struct hf_session *session = state->session;
    uint64_t slots = HF_REGION_COUNT_BASELINE;

    if (session->told[HF_ROW_SET_OWNER] == 0)
        return HF_FAULT_NONE;
    if (is_known(session, HF_ROW_GET_MAX_MEM_SLOTS))
        slots = session->slot_count;
    return judge_count(slots,
                       hf_max_u64(state->plan->region_count, state->plan->promise.memory_slots),
                       HF_FAULT_SLOTS_LOST, detail);
}

enum hf_fault hf_script_judge(const struct hf_script_state *state, char *detail)
{
    static enum hf_fault (*const judges[])(const struct hf_script_state *,
                                           char *) = { judge_features, judge_protocol, judge_queues,
                                                       judge_slots };
    enum hf_fault fault = HF_FAULT_NONE;

    for (unsigned i = 0; i < sizeof(judges) / sizeof(judges[0]) && fault == HF_FAULT_NONE; i++)
        fault = judges[i](state, detail);
    return fault;
}
