/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relayed device as one flat record: what was promised, what is planned, the VMM's request that
 * is not answered yet, and what of its last step's effects is still to be carried out. No pointer
 * is in it. It is written before anything is acted on, so that whoever takes the device over with
 * it knows all that anybody was told:
 *
 *     hf_relay_step            the cores decide
 *     hf_relay_record_write    the record says so
 *     effect 0, 1, ...         hf_relay_record_acted after each
 *
 * What the back-end was told is not in it: its session ends with the relay, and is one more loss.
 * Descriptors are the numbers that they have where it is written; whoever takes over says which are
 * theirs now (hf_relay_record_each_fd). One is the edge's: who may still write to the rings, which
 * is not always the last back-end that was talked to.
 *
 * The layout is that of these structures in this version of the program, and is known by its
 * version and its size: another is refused, not guessed at.
 */
#ifndef HF_SESSION_RELAY_RECORD_H
#define HF_SESSION_RELAY_RECORD_H

#include "session/relay.h"

#include <stddef.h>

#define HF_RELAY_RECORD_VERSION 1u

struct hf_relay_record {
    uint64_t magic;
    uint32_t version;
    uint32_t size_bytes;
    uint16_t writing; /* not 0: who wrote it died in the midst of that */
    struct hf_relay_promise promise;
    struct hf_plan plan;
    struct hf_relay relay; /* its front: NULL */
    int writer_fd;         /* the edge's own: a pidfd of who ran rings last, or -1 */
    uint32_t acted;        /* so many of the effects were carried out */
    struct hf_relay_effects effects;
};

/* All of it: behind each step of the relay core, and when a VMM has come (hf_relay_begin; no
 * effects).
 */
void hf_relay_record_write(struct hf_relay_record *record, const struct hf_relay *relay,
                           const struct hf_relay_promise *promise,
                           const struct hf_relay_effects *effects);
/* Behind a step of the front core, which may come in the midst of the relay's effects. */
void hf_relay_record_plan(struct hf_relay_record *record, const struct hf_plan *plan);
/* That would change nothing. */
bool hf_relay_record_has(const struct hf_relay_record *record, const struct hf_plan *plan);
/* One more effect was carried out. */
void hf_relay_record_acted(struct hf_relay_record *record);

/* NULL: `bytes` are a record of this version. Else why not. */
const char *hf_relay_record_fault(const void *bytes, size_t count);

/* Visits each place of a descriptor that the device holds; a number may be in several. */
typedef void hf_relay_record_visit(void *context, int *fd);
void hf_relay_record_each_fd(struct hf_relay_record *record, hf_relay_record_visit *visit,
                             void *context);

/*
 * A relay core, and a front core that is fresh (hf_front_init), go on as the record says. If rings
 * ran, the next START of the front core has them settled first. `effects` is what is still to be
 * carried out, and what the VMM's request waits for of the edge once more. The record is sound.
 */
void hf_relay_record_restore(const struct hf_relay_record *record, struct hf_relay *relay,
                             struct hf_front *front, uint64_t now_ns,
                             struct hf_relay_effects *effects);

#endif
