/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the relay core share. For relay*.c only. */
#ifndef HF_SESSION_RELAY_PARTS_H
#define HF_SESSION_RELAY_PARTS_H

#include "session/relay.h"
#include "session/script_rows.h"

struct hf_relay_context {
    struct hf_relay *relay;
    const struct hf_relay_event *event;
    struct hf_relay_effects *effects;
};

struct hf_relay_effect *hf_relay_emit(struct hf_relay_context *context,
                                      enum hf_relay_effect_kind kind);
/* A descriptor that a setter of the plan gave back, or nobody wants; -1: none. */
void hf_relay_close(struct hf_relay_context *context, int fd);
struct hf_plan *hf_relay_plan(const struct hf_relay *relay);
/* The rings are to run, or not: from what the VMM started and enabled. */
void hf_relay_update_run(struct hf_relay *relay);
/* What was in flight is forgotten. */
void hf_relay_end_epoch(struct hf_relay_context *context, const char *why);

/* The present request is over: 0, or -errno, and what it did to the plan is undone. */
void hf_relay_finish(struct hf_relay_context *context, int result);

/* relay_wait.c */
/* The session whose back-end knows all there is to know: what it refuses from now on is what comes
 * from now on. 0: there is none. */
uint32_t hf_relay_told_dial(const struct hf_relay *relay);
/* Ends the present request if what it waits for has come true. */
void hf_relay_look(struct hf_relay_context *context);
void hf_relay_timer(struct hf_relay_context *context);
/* Sees to it that rings that are held back after a stop are not so for ever. */
void hf_relay_linger(struct hf_relay_context *context);
/* The present request is a question to the back-end. */
void hf_relay_ask(struct hf_relay_context *context);

/* relay_ask.c: what each awaited effect of the back core does to the plan, and what is waited for
 * then. Takes the effect's descriptor. */
typedef enum hf_relay_wait hf_relay_asker(struct hf_relay_context *context,
                                          const struct hf_back_effect *effect);
hf_relay_asker *hf_relay_asker_of(enum hf_back_effect_kind kind);
/* The indices of the ring that is to start are known. */
void hf_relay_start_ring(struct hf_relay_context *context);
/* The end of a channel that the back-end is to have. */
void hf_relay_give_channel(struct hf_relay_context *context);
/* The region that the VMM handed over was looked at. */
void hf_relay_adopt(struct hf_relay_context *context);

/* relay_undo.c */
void hf_relay_remember_ring(struct hf_relay *relay, uint16_t ring);
void hf_relay_remember_memory(struct hf_relay *relay);
void hf_relay_remember_log(struct hf_relay *relay);
void hf_relay_remember_channel(struct hf_relay *relay);
/* Settled: what was replaced is not needed any more. */
void hf_relay_forget(struct hf_relay_context *context);
/* Refused: back to what was there before. */
void hf_relay_undo(struct hf_relay_context *context);

#endif
