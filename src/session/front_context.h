/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the front core share: one step's context and its verbs. For front*.c only. */
#ifndef HF_SESSION_FRONT_CONTEXT_H
#define HF_SESSION_FRONT_CONTEXT_H

#include "session/front.h"

struct hf_step_context {
    struct hf_front *front;
    const struct hf_event *event;
    struct hf_effects *effects;
    enum hf_stage stage; /* before the event */
};

/* front.c */
struct hf_effect *hf_front_emit(struct hf_step_context *context, enum hf_effect_kind kind);
struct hf_report *hf_front_report(struct hf_step_context *context, enum hf_report_kind kind);
void hf_front_enter(struct hf_step_context *context, enum hf_phase phase);
struct hf_script_state hf_front_script(struct hf_front *front);
void hf_front_answer(struct hf_step_context *context, uint32_t number, int error);

/* front_dial.c: opening, losing and missing the back-end */
void hf_front_dial(struct hf_step_context *context);
void hf_front_back_off(struct hf_step_context *context, uint64_t wait_ns);
uint64_t hf_front_next_wait(struct hf_front *front);
/* What the session is at: by its phase, and in a start by the oldest message not answered. */
enum hf_stage hf_front_stage(const struct hf_front *front);
/* Nobody took the dial. */
void hf_front_miss(struct hf_step_context *context, enum hf_fault fault);
/* The session ends with a fault: hang up, fence, redial as its remedy says. effects->detail may
 * already hold what was wrong. */
void hf_front_lose(struct hf_step_context *context, enum hf_fault fault);
/* Rings run, and it is not GET_VRING_BASE that ends them: what follows is no clean stop. */
void hf_front_note_cut(struct hf_step_context *context);
/* The socket goes, whoever ends it: what was asked is answered, rings that ran are to be settled.
 */
void hf_front_part(struct hf_step_context *context);
/* At a start: rings that ran in an earlier life are to be settled. */
void hf_front_take_up(struct hf_step_context *context);
void hf_front_settled(struct hf_step_context *context);
void hf_front_timer(struct hf_step_context *context);
void hf_front_arm(struct hf_step_context *context);

/* front_flow.c: what the session owes next */
void hf_front_advance(struct hf_step_context *context);

#endif
