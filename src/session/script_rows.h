/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of the script, for script.c only. */
#ifndef HF_SESSION_SCRIPT_ROWS_H
#define HF_SESSION_SCRIPT_ROWS_H

#include "session/script.h"

enum hf_scope {
    HF_SCOPE_ONCE,
    HF_SCOPE_RING,   /* index = queue */
    HF_SCOPE_REGION, /* index = slot of plan.regions */
    HF_SCOPE_COUNT
};

struct hf_row {
    const char *name;
    enum hf_request request;
    enum hf_request undo_request; /* 0: nothing to take back */
    enum hf_scope scope;
    bool question; /* its answer decides what comes next: nothing is sent before it is there */
    bool undo_is_question;
    /* The generation the back-end should have been told; 0: it need not be told. */
    uint64_t (*wanted)(const struct hf_script_state *state, uint16_t index);
    void (*fill)(const struct hf_script_state *state, uint16_t index, struct hf_message *message);
    void (*fill_undo)(const struct hf_script_state *state, uint16_t index,
                      struct hf_message *message);
    /* Takes what the reply says. NULL: an acknowledgement, already judged. */
    enum hf_fault (*accept)(const struct hf_script_state *state, const struct hf_message *reply,
                            struct hf_reply_result *result, char *detail);
    enum hf_fault (*accept_undo)(const struct hf_script_state *state,
                                 const struct hf_message *reply, struct hf_reply_result *result,
                                 char *detail);
};

extern const struct hf_row hf_script_rows[HF_ROW_COUNT];

/* The row whose message lets a ring begin: ENABLE, or KICK where the back-end knows no ENABLE. */
enum hf_row_id hf_script_beginning(const struct hf_script_state *state);

#define HF_ROW_ARGS const struct hf_script_state *state, uint16_t index

/* GET_INFLIGHT_FD was told: of which epoch, and for rings of how many entries. */
static inline uint64_t hf_script_asking(uint64_t epoch, uint16_t size)
{
    return epoch << 16 | size;
}

static inline uint64_t hf_script_asked_epoch(uint64_t asked)
{
    return asked >> 16;
}

static inline uint16_t hf_script_asked_size(uint64_t asked)
{
    return (uint16_t)asked;
}

/* The answer to the last one is, or will be, of this epoch and large enough. */
bool hf_script_asked_for_all(const struct hf_script_state *state);
/* Entries for each ring: of those set up now, and of others that may have requests in the region
 * that is kept. */
uint16_t hf_script_region_size(const struct hf_plan *plan);

/* script_fill.c */
void hf_fill_protocol_features(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_channel(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_config(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_config_change(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_call(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_err(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_features(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_get_inflight(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_set_inflight(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_log(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_table(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_add_region(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_remove_region(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_num(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_base(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_addr(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_kick(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_get_base(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_enable(HF_ROW_ARGS, struct hf_message *message);
void hf_fill_disable(HF_ROW_ARGS, struct hf_message *message);

/* script_accept.c */
#define HF_ACCEPT_ARGS                                                                             \
    const struct hf_script_state *state, const struct hf_message *reply,                           \
        struct hf_reply_result *result, char *detail
enum hf_fault hf_accept_features(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_protocol_features(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_queue_num(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_slots(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_config(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_inflight(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_base(HF_ACCEPT_ARGS);
enum hf_fault hf_accept_barrier(HF_ACCEPT_ARGS);

bool hf_session_has(const struct hf_session *session, uint64_t protocol_feature);

#endif
