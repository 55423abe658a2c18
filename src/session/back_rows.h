/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the back core: one row for each request, and what the rows' functions share. Only
 * back*.c include this.
 */
#ifndef HF_SESSION_BACK_ROWS_H
#define HF_SESSION_BACK_ROWS_H

#include "session/back.h"

/* Where in its body a request names a ring. */
enum hf_back_index {
    HF_BACK_INDEX_NONE,
    HF_BACK_INDEX_STATE,
    HF_BACK_INDEX_ADDRESS,
    HF_BACK_INDEX_U64,
    HF_BACK_INDEX_COUNT
};

struct hf_back_row {
    enum hf_back_index index; /* judged before `begin`, into back->present_ring */
    /* Judges back->request and adds the effects it asks for; with a fault nothing is added. */
    enum hf_back_fault (*begin)(struct hf_back *back, struct hf_back_effects *effects);
    /* When all that was asked for is done (`done`: the last answer; NULL if nothing was asked):
     * takes it over, and fills effects->reply if it is one of its own. NULL: nothing to do. */
    void (*commit)(struct hf_back *back, const struct hf_back_event *done,
                   struct hf_back_effects *effects);
    /* Requests with a reply of their own that can say no. NULL: it cannot, the session ends. */
    void (*refuse)(struct hf_message *reply);
};

/* Tables by subject, each in its own file; an empty row (no `begin`) is a request not served. */
extern const struct hf_back_row hf_back_ring_rows[HF_REQUEST_COUNT];
extern const struct hf_back_row hf_back_memory_rows[HF_REQUEST_COUNT];
extern const struct hf_back_row hf_back_device_rows[HF_REQUEST_COUNT];
extern const struct hf_back_row hf_back_log_rows[HF_REQUEST_COUNT];

/* Appends an effect with fd -1 and the rest zero. */
struct hf_back_effect *hf_back_add(struct hf_back_effects *effects, enum hf_back_effect_kind kind,
                                   uint16_t ring);
/* The same for one that the edge must answer. */
struct hf_back_effect *hf_back_ask(struct hf_back *back, struct hf_back_effects *effects,
                                   enum hf_back_effect_kind kind);
/* The present message's descriptors go to the effect just added: its first one; -1 if it has none.
 */
int hf_back_take_fd(struct hf_back *back);

struct hf_back_ring *hf_back_present_ring(struct hf_back *back);
bool hf_back_any_started(const struct hf_back *back);

/* back_log.c: is LOG_ALL acknowledged? */
bool hf_back_logs(const struct hf_back *back);
/* May LOG_ALL come in force now? */
enum hf_back_fault hf_back_judge_log_on(const struct hf_back *back);
/* May this be the memory, as far as the log is concerned? */
enum hf_back_fault hf_back_judge_log_memory(const struct hf_back *back,
                                            const struct hf_memory *next);
/* May a ring like this be started (`served`: and enabled)? */
enum hf_back_fault hf_back_judge_log_ring(const struct hf_back *back,
                                          const struct hf_back_ring *ring, bool served);

#endif
